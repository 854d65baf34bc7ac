"""Extensions: the list, the page of each in its sections, and calling somebody back by hand (T11).

What numbers one shows has a page of its own besides (`assigned`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from flask import Flask, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.callback_shapes import Callback, State, Stopped, StopScope
from controller.admin.model import (
    Actor,
    Conflict,
    Invalid,
    Item,
    Kind,
    NotFound,
)
from controller.policy.endings import CAUSES
from controller.prompts.catalogue import catalogue, languages
from controller.web.pages import causes, options, outcomes
from controller.web.pages.assigned import assigned_of, pool_of
from controller.web.pages.entering import actor
from controller.web.pages.extension_sections import GROUPS
from controller.web.pages.records import RecordPages
from controller.web.pages.words import _

#: The most digits of a delay that is asked for.
_MOST_DIGITS = 6


class Essentials(msgspec.Struct, frozen=True):
    """What is to be seen of an extension at once.

    `stop`: why it makes no callbacks now; `client_off`: its client is switched off; `credit`: what
    is on its own account (`store.standings.Standing`), where it has one.
    """

    stop: Stopped | None
    client_off: bool
    credit: Any


class ExtensionPages(RecordPages):
    """The pages of extensions."""

    def register(self, app: Flask) -> None:
        """Add the views."""
        super().register(app)
        app.add_url_rule("/extensions/ask/<extension>", "extension.ask", self.ask, methods=["POST"])

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give what its page has beside its form."""
        pool = pool_of(self.desks, self._client_of(item))
        found: dict[str, Any] = {
            "groups": GROUPS,
            "pool": pool,
            # What each prompt says that is not replaced, in the extension's own language.
            "said": _said(item),
        }
        if item is None:
            return found
        return {
            **found,
            "essentials": self._essentials(item),
            "assigned": assigned_of(self.desks, item, pool),
            "may_ask": _may_ask(actor()),
            "ask_key": _key(),
        }

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        return {
            "list-clients": [] if actor().client is not None else self.names(Kind.CLIENT),
            "list-countries": options.countries(),
            "list-languages": [(name, "") for name in languages()],
            "list-zones": self.desks.run(options.time_zones),
            "list-causes": [(name, _cause(name)) for name in sorted(CAUSES)],
        }

    def begun(self) -> dict[str, Any]:
        """Give what the form of a new one begins with: what the address says."""
        return {
            name: request.args[name] for name in ("client", "country") if request.args.get(name)
        }

    # --- calling somebody back by hand --------------------------------------------------------

    def ask(self, extension: str) -> Answer:
        """Ask for a callback, and say what comes of it."""
        part = "HX-Request" in request.headers
        try:
            wanted = _asked(extension, request.form)
            given = self.desks.run(self.desks.callbacks.ask, actor(), wanted)
        except (Invalid, Conflict) as wrong:
            if not part:
                raise
            # A part of the page is to be seen, whatever it says.
            said = str(wrong)
            return make_response(
                render_template("_asked.html", error=said.partition(": ")[2] or said)
            )
        found: Callback = given.callback
        if found.state is State.PENDING:
            self.desks.on_callback(found.due / 1_000_000)
        if not part:
            return redirect(f"/callbacks/{found.id}?done=asked", 303)
        refused = outcomes.said(found.outcome or "") if found.state is State.REFUSED else ""
        return make_response(
            render_template(
                "_asked.html",
                callback=found,
                refused=refused,
                joined=not given.new,
                # The same again would be the same callback.
                ask_key=_key(),
            )
        )

    # --- parts --------------------------------------------------------------------------------

    def _client_of(self, item: Item | None) -> str | None:
        """Give whose numbers there are to choose from; None: everybody's."""
        if item is not None:
            return str(item.values["client"])
        said = request.form.get("client") or request.args.get("client") or ""
        # What cannot be a client is said beside its field; nobody's numbers are looked for then.
        return actor().client or (said.strip() if said.isprintable() else "-") or None

    def _essentials(self, item: Item) -> Essentials:
        run, desks, who = self.desks.run, self.desks, actor()
        name, client = item.key, item.values["client"]
        places = {
            (StopScope.EVERYWHERE, ""),
            (StopScope.CLIENT, client),
            (StopScope.EXTENSION, name),
        }
        stops = run(desks.stopping.stops, who)
        stop = next((one for one in stops if (one.scope, one.name) in places), None)
        try:
            owner = run(desks.directory.get, who, Kind.CLIENT, client)
            client_off = not owner.values["enabled"]
        except NotFound:
            client_off = False
        credit = run(desks.directory.credit_of_extension, who, name)
        return Essentials(stop, client_off, credit)


def _asked(extension: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Give what is asked for, of what was typed. Raises `Invalid`."""
    wanted: dict[str, Any] = {"extension": extension, "number": form.get("number", "").strip()}
    if not wanted["number"]:
        raise Invalid("number: " + _("write the number that is to be called"))
    wanted |= {name: form[name] for name in ("did", "key") if form.get(name)}
    delay = form.get("delay_seconds", "").strip()
    if delay:
        if not (delay.isascii() and delay.isdigit() and len(delay) <= _MOST_DIGITS):
            raise Invalid("delay_seconds: " + _("write a whole number of seconds"))
        wanted["delay_seconds"] = int(delay)
    return wanted


def _said(item: Item | None) -> dict[str, str]:
    spoken = catalogue("en" if item is None else item.values["language"])
    return {name: words.text for name, words in spoken.prompts.items()}


def _cause(name: str) -> str:
    found = causes.cause(name)
    return "" if found == name else found


def _may_ask(who: Actor) -> bool:
    return rights.allowed(rights.may_ask, who)


def _key() -> str:
    """Give a key of one's own for a callback: who clicks twice asks once."""
    return f"page-{secrets.token_hex(12)}"
