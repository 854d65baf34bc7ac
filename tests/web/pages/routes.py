"""Every route of the pages, with what it is asked for: whose things, and a form that would be good.

A view that is new and not told of here fails the tests that go through all of them.
"""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from werkzeug.routing import Rule
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from controller.admin.model import Kind
from controller.web.pages.application import COOKIE
from tests.sounding import recording
from tests.web.pages.site import SESSIONS, Site
from tests.web.world import ADMIN, World

#: What stands in paths, by the first part of an endpoint and the name of the argument.
NAMES: Final[dict[str, dict[str, str]]] = {
    "account": {"key": "{account}"},
    "asset": {"tag": "x", "name": "pages.css"},
    "assigned": {"extension": "{extension}"},
    "call": {"leg": "{leg}"},
    "callback": {"id": "{callback}"},
    "callbacks": {"id": "{callback}"},
    "callerid": {"key": "{extension}/{caller}"},
    "channel": {"key": "pstn"},
    "client": {"key": "{client}"},
    "extension": {"key": "{extension}", "extension": "{extension}"},
    "first": {"step": "channel"},
    "node": {"name": "fs1"},
    "number": {"key": "{number}"},
    "price_list": {"key": "retail", "name": "retail"},
    "rate": {"key": "{rate}"},
    "sound": {"key": "en/{client}", "language": "en", "name": "heard-{client}"},
    "token": {"key": "{client}"},
    # Users are called as their clients here.
    "user": {"name": "{client}"},
    "welcome": {"secret": "nobody-was-sent-this"},
}
#: What stands behind a path, where that says whose it is about, or where there is nothing without.
QUERIES: Final[dict[str, str]] = {
    "assigned.preview": "to=2125550199",
    "call.export": "extension={extension}",
    "callerid.export": "extension={extension}",
    "explain": "did={did}&number={asked}&extension={extension}&to=2125550199&caller={asked}",
    "figures": "extension={extension}",
    "find": "q={asked}",
    "first.try": "caller=%2B12025550177&to=2125550199",
    "history": "kind=extension&key={extension}",
    "price_list.find": "number=%2B4930123456",
    "price_list.import": "do=import",
    "sound.pick": "for=warning_sound&q={client}",
    "sound.upload": "filename=x.wav&version={version}",
}
#: What is sent: each a form that would be good, were it one's own.
FORMS: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "account.enter": ({},),
    "account.entered": ({"amount": "1", "kind": "top_up", "key": "taken", "sure": "1"},),
    "account.make": ({"extension": "{extension}", "caller": "{caller}", "currency": "EUR"},),
    "account.save": ({"description": "taken"},),
    "assigned.change": (
        {"number": "{free}"},
        {"remove": "{number}"},
        {"do": "choice", "caller_id_choice": "sticky"},
    ),
    "callbacks.ask": ({"extension": "{extension}", "number": "{new}"},),
    "callbacks.cancel": ({},),
    "callbacks.hang_up": ({},),
    "callerid.bulk": (
        {"action": "disable", "key": "{extension}/{caller}", "sure": "1"},
        {"action": "remove", "key": "{extension}/{caller}", "sure": "1"},
    ),
    "callerid.make": ({"extension": "{extension}", "number": "{new}"},),
    "callerid.save": ({"notes": "taken"}, {"do": "remove"}),
    "callerid.take": (
        {"extension": "{extension}", "file": "{file}", "do": "import", "tried": "{tried}"},
    ),
    "channel.make": ({"name": "taken"},),
    "channel.save": ({"description": "taken"},),
    "client.make": ({"name": "taken"},),
    "client.save": ({"contact_name": "taken"},),
    "extension.ask": ({"number": "{new}"},),
    "extension.make": (
        {
            "extension": "7001",
            "client": "{client}",
            "dids": "{new}",
            "country": "US",
            "caller_ids": "{number}",
        },
    ),
    "extension.save": ({"ring_seconds": "9"}, {"password": "123456"}),
    "first.save": ({"proxy": "sip.example.com", "key": "pstn", "version": "{of_channel}"},),
    "lockout.release": ({"key": "{lockout}"},),
    "login.enter": ({"name": "{client}", "password": "long enough to be one"},),
    "login.enter_code": ({"code": "123456"},),
    "logout": ({},),
    "me.drop": ({"code": "123456"},),
    "me.end": ({},),
    "me.password": ({"old": "x", "password": "long enough", "again": "long enough"},),
    "me.use": ({"code": "123456"},),
    "node.drain": ({"reason": "taken"},),
    "node.resume": ({},),
    "number.make": ({"number": "{new}", "channel": "pstn", "client": "{client}"},),
    "number.save": ({"description": "taken"},),
    "person.erase": ({"number": "{caller}", "with_callerid": "on", "sure": "on"},),
    "person.export": ({"number": "{asked}"},),
    "price_list.import": ({"": b"prefix,per_minute\n+44,0.0125\n"},),
    "price_list.make": ({"name": "taken", "currency": "EUR"},),
    "price_list.save": ({"description": "taken"},),
    "rate.make": ({"price_list": "retail", "prefix": "+43", "per_minute": "0.01"},),
    "rate.save": ({"do": "end"},),
    "sound.make": ({"name": "taken", "path": "/taken.wav", "client": "{client}"},),
    "sound.save": ({"description": "taken"},),
    "sound.upload": ({"": recording()},),
    "stop.resume": ({"scope": "extension", "name": "{extension}"},),
    "stop.stop": ({"scope": "extension", "name": "{extension}", "reason": "taken"},),
    "suspicion.release": ({"id": "{suspicion}"},),
    "token.make": ({"name": "taken", "role": "client", "client": "{client}"},),
    "token.save": ({"expires": "2050-01-01"},),
    "user.make": ({"name": "taken", "role": "client", "client": "{client}", "enabled": "on"},),
    "user.save": (
        {"role": "client", "client": "{client}", "enabled": "", "version": "1"},
        {"do": "link"},
        {"do": "end"},
        {"do": "remove", "version": "1"},
    ),
    "welcome.accept": (
        {"name": "taken", "password": "long enough to be one", "again": "long enough to be one"},
    ),
}
#: Routes of what is nobody's: they say the same to everybody.
NOBODYS: Final = frozenset({"asset", "start", "welcome"})
#: Routes of one's own log-in, which others cannot name.
OWN: Final = frozenset({"login", "logout", "me", "welcome"})
#: Answers that go on and on.
STREAMS: Final = frozenset({"live.events"})
#: Answers that are no page: parts of one, files, and what goes on and on.
NO_PAGES: Final = frozenset(
    {
        "account.ledger",
        "asset",
        "assigned.preview",
        "call.export",
        "callerid.export",
        "first.start",
        "history",
        "live.events",
        "node.now",
        "price_list.export",
        "price_list.find",
        "sound.audio",
        "sound.pick",
        "start",
    }
)


def things(world: World, client: str) -> dict[str, str]:
    """Give what a client has, by the words that stand for it here."""
    digit = "1" if client == "acme" else "2"
    extension, did = f"{digit}001", f"+120255502{digit}0"
    rang = f"+120255506{digit}0"
    rates = world.directory.list(ADMIN, Kind.RATE, limit=1)
    file = f"number\n+120255509{digit}1\n"
    return {
        "client": client,
        "extension": extension,
        "did": did,
        "number": f"+120255501{digit}0",
        "free": f"+120255501{digit}1",
        "caller": f"+120255503{digit}0",
        "asked": f"+120255505{digit}0",
        "new": f"+120255509{digit}0",
        "account": getattr(world, f"{client}_account"),
        "callback": getattr(world, f"{client}_callback"),
        "leg": getattr(world, f"{client}_leg"),
        "lockout": f"number/{extension}/{rang}",
        "suspicion": f"770000{digit}",
        "rate": rates.items[0].key,
        "version": "1",
        "of_channel": str(world.directory.get(ADMIN, Kind.CHANNEL, "pstn").version),
        "file": file,
        "tried": sha256(extension.encode() + b"\0" + file.encode()).hexdigest(),
    }


def marks(world: World, client: str) -> list[str]:
    """Give what tells of a client: his words, names and numbers; each found nowhere else."""
    known = things(world, client)
    digit = known["extension"][0]
    dialled = [f"+12025550{end}" for end in (f"4{digit}0", f"4{digit}1", f"7{digit}0")]
    named = ("number", "free", "did", "caller", "asked", "account", "callback", "leg")
    return [client, *dialled, *(known[name] for name in named)]


def group(rule: Rule) -> str:
    """Give what a route is over: the first part of its endpoint."""
    return str(rule.endpoint).partition(".")[0]


def rules(site: Site, method: str) -> list[Rule]:
    """Give all routes of a method, by their endpoints."""
    found = [rule for rule in site.app.url_map.iter_rules() if method in (rule.methods or ())]
    return sorted(found, key=lambda rule: str(rule.endpoint))


def path_of(site: Site, rule: Rule, client: str, *, query: bool = True) -> str:
    """Give the path of a route where it is a client's. Raises `KeyError` for one that is new."""
    known = things(site.world, client)
    values = {}
    for name in rule.arguments:
        values[name] = NAMES[group(rule)][name].format(**known)
    if rule.endpoint == "sound.upload":
        key = f"en/{values['name']}"
        known["version"] = str(site.world.directory.get(ADMIN, Kind.SOUND, key).version)
    built = site.app.url_map.bind("localhost").build(str(rule.endpoint), values)
    said = QUERIES.get(str(rule.endpoint), "") if query else ""
    asked = said.format(**{name: quote(value, safe="") for name, value in known.items()})
    return f"{built}?{asked}" if asked else built


def forms_of(site: Site, rule: Rule, client: str) -> list[dict[str, Any]]:
    """Give the forms of a route, filled in. Raises `KeyError` for one that is new."""
    known = things(site.world, client)
    found = []
    for form in FORMS[str(rule.endpoint)]:
        filled = {
            name: said.format(**known) if isinstance(said, str) else said
            for name, said in form.items()
        }
        filled.setdefault("version", _version(site, rule, client))
        found.append(filled)
    return found


def _version(site: Site, rule: Rule, client: str) -> str:
    """Give the version of the record that a route changes; "" where there is none."""
    try:
        kind = Kind(group(rule))
    except ValueError:
        kind = Kind.EXTENSION
    name = "extension" if group(rule) == "assigned" else "key"
    if name not in rule.arguments:
        return ""
    key = NAMES[group(rule)][name].format(**things(site.world, client))
    return str(site.world.directory.get(ADMIN, kind, key).version)


def send(
    site: Site, path: str, form: dict[str, Any], who: str | None, site_of: str = "same-origin"
) -> TestResponse:
    """Send a form, or what is no form but a file, as somebody; None: as nobody.

    `site_of`: from where, as a browser says it.
    """
    browser = Browser(site.app)
    headers = {"Sec-Fetch-Site": site_of}
    secret = ""
    if who is not None:
        browser.set_cookie(COOKIE, who)
        secret = SESSIONS[who].csrf
    if "" in form:
        headers |= {"X-CSRF-Token": secret, "Content-Type": "application/octet-stream"}
        return browser.post(path, data=form[""], headers=headers)
    data: dict[str, Any] = {"csrf": secret, **form}
    if "file" in form:
        data["file"] = (io.BytesIO(form["file"].encode()), "file.csv")
    return browser.post(path, data=data, headers=headers)
