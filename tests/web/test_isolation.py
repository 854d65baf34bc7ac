"""O2: a client's token never sees another client's data, on any route, nor that it is there.

Every route of the application is tried; one that is new and not told of in `BOLTS` fails here.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from werkzeug.routing import Rule

from controller.admin.model import Kind
from controller.admin.shapes import FILTERS
from controller.web.api.resources import COLLECTIONS
from tests.sounding import recording
from tests.unit.store.called import uuid
from tests.web.world import ADMIN, BASE, SINCE, Answer, World, is_problem

SCOPED: Final = ("acme", "acme-reads")
READING: Final = ("acme-reads", "reads")

#: What of each route's path is bolt's, and what is nobody's and as long.
BOLTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "client": {"name": ("bolt", "nope")},
    # Channels, prices and tokens are for those alone who see everything.
    "price_list": {"name": ("retail", "rewind")},
    "rate": {"price_list": ("retail", "rewind"), "prefix": ("+49", "+49"), "since": (SINCE, SINCE)},
    "channel": {"name": ("pstn", "nope")},
    "token": {"name": ("bolt", "nope")},
    "number": {"number": ("+12025550120", "+12025550188")},
    "extension": {"extension": ("2001", "9001")},
    "callerid": {"extension": ("2001", "9001"), "number": ("+12025550320", "+12025550388")},
    "account": {"id": ("{account}", "00000000-0000-4000-8000-000000000000")},
    "entries": {"id": ("{account}", "00000000-0000-4000-8000-000000000000")},
    "sound": {"language": ("en", "en"), "name": ("bolt", "nope")},
    "audio": {"language": ("en", "en"), "name": ("heard-bolt", "heard-nope")},
    "audit": {},
    "explain": {},
    "callback": {"id": ("{callback}", "00000000-0000-4000-8000-000000000000")},
    "call": {"leg": ("{leg}", uuid(9))},
    "stop": {"scope": ("client", "client"), "name": ("bolt", "nope")},
    "lockout": {
        "extension": ("2001", "9001"),
        "number": ("+12025550620", "+12025550688"),
        "did": ("+12025550220", "+12025550288"),
    },
    "suspicion": {"id": ("7700002", "7700099")},
    # Persons are for administrators alone; this one was called back for bolt.
    "person": {"number": ("+12025550520", "+12025550588")},
    # Switches are for those alone who see everything.
    "node": {"name": ("fs1", "fs9")},
}
#: What routes are asked that say in a query whose they are about: bolt's, and nobody's.
QUERIES: Final[dict[str, tuple[str, str]]] = {
    "rate.find": ("number=+4930123456&at=2027-01-31T12:00:00Z",) * 2,
    "explain.callerid": ("extension=2001&to=911", "extension=9001&to=911"),
    "explain.route": (
        "extension=2001&to=911&at=2027-01-31T12:00:00Z",
        "extension=9001&to=911&at=2027-01-31T12:00:00Z",
    ),
    "explain.callback": (
        "did=+12025550220&hidden=true&at=2027-01-31T12:00:00Z",
        "did=+12025550288&hidden=true&at=2027-01-31T12:00:00Z",
    ),
}
#: Routes that are over nobody's data.
NOBODYS: Final = frozenset({"openapi", "whoami"})

#: A body for each kind that would be good where it is bolt's, and a change that would be.
NEW: Final[dict[str, dict[str, Any]]] = {
    "client": {"name": "zeta"},
    "price_list": {"name": "zeta", "currency": "EUR"},
    "rate": {"prefix": "+43", "since": "2099-01-01T00:00:00Z", "per_minute": 12_500},
    "channel": {"name": "zeta"},
    "token": {"name": "zeta", "role": "client", "client": "bolt"},
    "number": {"number": "+12025550177", "channel": "pstn", "client": "bolt"},
    "extension": {
        "extension": "7001", "client": "bolt", "dids": ["+12025550277"], "country": "US",
        "caller_ids": ["+12025550121"],
    },
    "callerid": {"number": "+12025550377"},
    "account": {"extension": "2001", "caller": "+12025550320", "currency": "EUR"},
    "entries": {"key": "zeta", "amount": 1},
    "sound": {"name": "zeta", "path": "/zeta.wav", "client": "bolt"},
    "callback": {"extension": "2001", "number": "+12025550577"},
}  # fmt: skip
CHANGE: Final[dict[str, dict[str, Any]]] = {
    "client": {"description": "taken"},
    "price_list": {"description": "taken"},
    "rate": {"description": "taken"},
    "channel": {"description": "taken"},
    "token": {"expires": 1},
    "number": {"description": "taken"},
    "extension": {"ring_seconds": 60, "password": "123456"},
    "callerid": {"enabled": False, "pin": "123456", "speed_dials": {"1": None}},
    "account": {"unlimited": True},
    "sound": {"path": "/taken.wav"},
}


#: Files that are imported.
FILES: Final = {
    "rate.import": b"prefix,per_minute\n+44,0.0125\n",
    "entries.import": b"account,key,amount\n2001,zeta-2,1\n",
}
#: What is put; a file is sent as it is.
PUT: Final[dict[str, dict[str, Any] | bytes]] = {
    "stop": {"hang_up": True, "reason": "taken"},
    "audio": recording(),
    "node": {"reason": "taken"},
}


def kind_of(rule: Rule) -> str:
    """Give what a route is over: the first part of its endpoint."""
    return str(rule.endpoint).partition(".")[0]


def routes(world: World) -> list[tuple[Rule, str]]:
    """Give every route that is over somebody's data, with each of its methods but OPTIONS."""
    return [
        (rule, method)
        for rule in world.app.url_map.iter_rules()
        if kind_of(rule) not in NOBODYS
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


def named(world: World, name: str) -> str:
    """Give a name of `BOLTS` as it is in this world."""
    return name.format(account=world.bolt_account, callback=world.bolt_callback, leg=world.bolt_leg)


def path_of(world: World, rule: Rule, which: int) -> str:
    """Give the path of a route where it is bolt's (0) or nobody's (1)."""
    path: str = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<{name}>", named(world, BOLTS[kind_of(rule)][name][which]))
    query = QUERIES.get(str(rule.endpoint))
    return path if query is None else f"{path}?{query[which]}"


def is_list(rule: Rule) -> bool:
    """Whether a route says of nobody whose it is about."""
    return not rule.arguments and str(rule.endpoint) not in QUERIES


def body_of(rule: Rule, method: str) -> dict[str, Any] | bytes | None:
    """Give what would be good for a route, were it one's own."""
    bodies: dict[str, dict[str, Any]] = {"POST": NEW, "PATCH": CHANGE, "PUT": {**PUT}}
    if str(rule.endpoint) in FILES:
        return FILES[str(rule.endpoint)]
    good: dict[str, Any] | bytes | None = bodies.get(method, {}).get(kind_of(rule))
    return good


def wants_version(rule: Rule, method: str) -> bool:
    """Whether a request has to say which version it changes."""
    return method == "PATCH" or (method, kind_of(rule)) == ("PUT", "audio")


def alike(world: World, answer: Answer, which: int) -> tuple[int, str]:
    """Give an answer without the names that were asked for."""
    text = answer.whole.decode()
    for names in BOLTS.values():
        for pair in names.values():
            if pair[0] != pair[1]:
                text = text.replace(named(world, pair[which]), "…")
    return answer.status, text


def bolts(world: World) -> list[bytes]:
    """Give all that is bolt's, as an administrator sees it."""
    found = [
        world.get(path_of(world, rule, 0)).body
        for rule, method in routes(world)
        # Who was given a person's records is in the audit log.
        if method == "GET" and kind_of(rule) != "person"
    ]
    assert any(b"bolt-notes" in body for body in found)
    return [body for body in found if b'"action"' not in body]


def test_every_route_is_covered_here(still: World) -> None:
    covered = {kind_of(rule) for rule, _ in routes(still)}
    assert covered == set(BOLTS)
    for rule, method in routes(still):
        assert set(rule.arguments) <= set(BOLTS[kind_of(rule)]), rule
        if method in ("POST", "PATCH", "PUT"):
            assert body_of(rule, method), rule
    for kind in Kind:
        assert kind.value in covered


def test_the_requests_that_are_tried_here_are_good_ones(world: World) -> None:
    """Else it would prove nothing that they are refused."""
    for rule, method in routes(world):
        if method == "DELETE":
            continue
        answer = world.ask(
            method, path_of(world, rule, 0), body_of(rule, method), headers={"If-Match": "*"}
        )
        assert answer.status in (200, 201), (rule, method, answer.body)
        if b'"secret"' in answer.body:
            world.told.append(answer.json["secret"])


@pytest.mark.parametrize("token", SCOPED)
def test_what_is_bolts_is_answered_as_what_is_not_there(still: World, token: str) -> None:
    before = bolts(still)
    tried = 0
    for rule, method in routes(still):
        if is_list(rule):
            continue
        body = body_of(rule, method)
        for headers in ({}, {"If-Match": "*"}, {"If-Match": '"1"'}, {"If-None-Match": "*"}):
            both = [
                still.ask(method, path_of(still, rule, which), body, token=token, headers=headers)
                for which in (0, 1)
            ]
            assert alike(still, both[0], 0) == alike(still, both[1], 1), (rule, method)
            if wants_version(rule, method) and "If-Match" not in headers:
                assert both[0].status == 428
            else:
                assert both[0].status in (403, 404), (rule, method, both[0].body)
            if method in ("GET", "HEAD"):
                assert both[0].status == 404, (rule, method)
            tried += 1
    assert tried > 100
    assert bolts(still) == before


@pytest.mark.parametrize("token", SCOPED)
def test_what_is_bolts_cannot_be_made(still: World, token: str) -> None:
    before = bolts(still)
    for rule, method in routes(still):
        if method == "POST":
            answer = still.ask(method, path_of(still, rule, 0), body_of(rule, method), token=token)
            assert answer.status in (403, 404), (rule, answer.body)
    assert bolts(still) == before


@pytest.mark.parametrize("token", SCOPED)
def test_no_list_has_anything_of_bolts(still: World, token: str) -> None:
    for rule, method in routes(still):
        if method != "GET" or not is_list(rule):
            continue
        answer = still.ask("GET", rule.rule, token=token)
        if kind_of(rule) in ("audit", "node"):
            is_problem(answer, 403)
            continue
        assert answer.status == 200
        is_file = str(rule.endpoint) == "call.export"
        for item in () if is_file else answer.json["items"]:
            assert item.get("client", "acme") in ("acme", None), item
            # The lock of a DID is of no extension; whose it is, the marks tell.
            of_did = kind_of(rule) == "lockout" and item["kind"] == "did"
            assert item.get("extension", "1001") == (None if of_did else "1001"), item
        for mark in still.marks:
            assert mark not in answer.whole.decode(), rule
        # Nor page by page, from any place on.
        for after in (
            "0",
            "bolt",
            "2001",
            "2001/+12025550320",
            still.bolt_account,
            f"2001/{still.bolt_account}",
            "en/bolt",
            f"1795000001000000:{still.bolt_callback}",
            f"1795000001000000:{still.bolt_leg}",
        ):
            for limit in ("1", "1000"):
                page = still.ask("GET", f"{rule.rule}?after={after}&limit={limit}", token=token)
                assert page.status in (200, 400)
                said = page.whole.decode().replace(f"after={after}", "")
                for mark in still.marks:
                    assert mark not in said, (rule, after)


@pytest.mark.parametrize("token", SCOPED)
def test_no_filter_finds_what_is_bolts(still: World, token: str) -> None:
    values = {
        "client": ("bolt", "nope"),
        "number": ("%2B12025550120", "%2B12025550188"),
        "did": ("%2B12025550220", "%2B12025550288"),
        "extension": ("2001", "9001"),
        "owner": ("2001", "9001"),
        "name": ("bolt", "nope"),
        "channel": ("pstx", "nope"),
        "enabled": ("false", "false"),
        # Each of them has one.
        "pin_set": ("false", "false"),
        "role": ("admin", "admin"),
        "currency": ("USD", "CHF"),
        "price_list": ("retail", "rewind"),
        "language": ("fr", "de"),
    }
    for kind, names in FILTERS.items():
        if kind is Kind.RATE:
            # The list that they are part of is not there.
            is_problem(still.get("/price-lists/retail/rates?prefix=%2B49", token=token), 404)
            continue
        path = "/callerids" if kind is Kind.CALLERID else COLLECTIONS[kind]
        for name in names:
            both = [still.get(f"{path}?{name}={value}", token=token) for value in values[name]]
            assert both[0].status == 200, (path, name)
            assert both[0].json == {"items": [], "next": None}, (path, name)
            assert both[0].whole == both[1].whole
    values |= {"number": ("%2B12025550520", "%2B12025550588"), "outcome": ("busy", "failed")}
    for name in ("extension", "number", "outcome"):
        both = [still.get(f"/callbacks?{name}={value}", token=token) for value in values[name]]
        assert both[0].json == {"items": [], "next": None}, name
        assert both[0].whole == both[1].whole
    values |= {
        "number": ("%2B12025550720", "%2B12025550788"),
        "caller": ("%2B12025550520", "%2B12025550588"),
        "request": (still.bolt_callback, uuid(9)),
        "account": (still.bolt_account, uuid(9)),
    }
    for name in ("extension", "number", "caller", "request", "account"):
        both = [still.get(f"/calls?{name}={value}", token=token) for value in values[name]]
        assert both[0].json == {"items": [], "next": None}, name
        assert both[0].whole == both[1].whole
    is_problem(still.get("/calls?channel=pstn", token=token), 403)
    is_problem(still.get("/extensions/2001/callerids?number=%2B1202", token=token), 404)
    is_problem(still.get("/audit?key=2001", token=token), 403)


@pytest.mark.parametrize("token", READING)
def test_who_reads_changes_nothing_on_any_route(still: World, token: str) -> None:
    for rule, method in routes(still):
        if method in ("GET", "HEAD"):
            continue
        for path in (path_of(still, rule, 0), path_of(still, rule, 1)):
            answer = still.ask(
                method, path, body_of(rule, method), token=token, headers={"If-Match": "*"}
            )
            assert answer.status in (403, 404), (rule, method, answer.body)
    for path in ("/clients/acme", "/extensions/1001", "/sounds/en/acme", "/sounds/en/shared"):
        is_problem(still.patch(path, {"description": "x"}, token=token), 403)
        is_problem(still.ask("DELETE", path, token=token), 403)


def test_who_reads_everything_sees_everything_but_secrets(still: World) -> None:
    for rule, method in routes(still):
        if method == "GET":
            # What is kept about a person is handed out by administrators (O7).
            status = 403 if kind_of(rule) == "person" else 200
            assert still.ask(method, path_of(still, rule, 0), token="reads").status == status


# --- what is told by the way ---------------------------------------------------------------------


@pytest.mark.parametrize("field", ["caller_ids", "default_caller_id"])
def test_i8_a_number_of_bolts_is_refused_as_one_that_is_not_there(still: World, field: str) -> None:
    said = []
    for number in ("+12025550120", "+12025550121", "+12025550188"):
        value = [number] if field == "caller_ids" else number
        answer = still.patch("/extensions/1001", {field: value}, token="acme")
        assert answer.status in (409, 422), answer.body
        said.append(answer.whole.decode().replace(number, "…"))
    assert len(set(said)) == 1, said


def test_a_did_of_bolts_cannot_even_be_asked_for(still: World) -> None:
    said = set()
    for did in ("+12025550220", "+12025550288"):
        answer = still.patch("/extensions/1001", {"dids": [did]}, token="acme")
        is_problem(answer, 403)
        said.add(answer.whole)
    assert len(said) == 1


def test_a_sound_that_bolt_plays_is_removed_without_a_word_of_it(world: World) -> None:
    body = {"name": "mine", "path": "/bolt-end.wav", "client": "acme"}
    assert world.ask("POST", "/sounds", body, token="acme").status == 201
    answer = world.ask("DELETE", "/sounds/en/mine", token="acme")
    assert answer.status == 204, answer.body


def test_a_name_that_is_taken_says_not_whose_it_is(still: World) -> None:
    said = set()
    for name in ("bolt", "shared"):
        body = {"name": name, "path": "/x.wav", "client": "acme"}
        answer = still.ask("POST", "/sounds", body, token="acme")
        is_problem(answer, 409, "conflict")
        said.add(answer.body.replace(name.encode(), b""))
    assert len(said) == 1


def test_a_callerid_of_bolts_extension_is_not_found_to_be_there(still: World) -> None:
    said = set()
    for extension in ("2001", "9001"):
        for number in ("+12025550320", "+12025550377"):
            path = f"/extensions/{extension}/callerids"
            answer = still.ask("POST", path, {"number": number}, token="acme")
            is_problem(answer, 404)
            said.add(answer.whole.decode().replace(extension, ""))
    assert len(said) == 1


def test_what_is_everybodys_is_played_by_a_client_and_not_changed(still: World) -> None:
    assert still.get("/sounds/en/shared", token="acme").status == 200
    is_problem(still.patch("/sounds/en/shared", {"path": "/mine.wav"}, token="acme"), 403)
    is_problem(still.patch("/sounds/en/shared", {"client": "acme"}, token="acme"), 403)
    is_problem(still.ask("DELETE", "/sounds/en/shared", token="acme"), 403)
    is_problem(still.ask("POST", "/sounds", {"name": "all", "path": "/x.wav"}, token="acme"), 403)


def test_nothing_is_given_away(still: World) -> None:
    for path in ("/extensions/1001", "/sounds/en/acme"):
        is_problem(still.patch(path, {"client": "bolt"}, token="acme"), 403)


def test_what_was_acmes_and_is_bolts_now_is_acmes_no_more(world: World) -> None:
    world.make(Kind.CLIENT, name="late")
    world.directory.change(ADMIN, Kind.NUMBER, "+12025550111", {"client": "late"})
    for path in ("/numbers/+12025550111",):
        is_problem(world.get(path, token="acme"), 404)
    world.directory.change(
        ADMIN, Kind.EXTENSION, "1001", {"client": "late", "caller_ids": ["+12025550111"]}
    )
    for path in (
        "/extensions/1001",
        "/extensions/1001/callerids",
        "/extensions/1001/callerids/+12025550310",
        f"/accounts/{world.acme_account}",
        f"/accounts/{world.acme_account}/entries",
    ):
        is_problem(world.get(path, token="acme"), 404)
    for path in ("/callerids", "/accounts", "/extensions"):
        assert world.get(path, token="acme").keys == []
    assert BASE


def test_what_is_left_of_a_removed_extension_is_the_operators(world: World) -> None:
    entry = {"key": "out", "kind": "correction", "amount": -5_000_000}
    world.directory.add_entry(ADMIN, world.acme_account, entry)
    world.directory.delete(ADMIN, Kind.EXTENSION, "1001")
    is_problem(world.get(f"/accounts/{world.acme_account}", token="acme"), 404)
    is_problem(world.get(f"/accounts/{world.acme_account}/entries", token="acme"), 404)
    assert world.get("/accounts", token="acme").json["items"] == []
    assert world.get(f"/accounts/{world.acme_account}").json["owner"] == "1001"
