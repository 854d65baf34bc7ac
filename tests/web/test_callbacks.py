"""T10, T11: callbacks over HTTP: asked for, listed, shown with why there was none, cancelled."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.callback_shapes import StopScope
from controller.admin.model import Kind
from controller.store.destinations import Called, Connected, Destinations, Over
from controller.store.plans import write_plan
from controller.store.requests import Requests
from controller.store.transcripts import TranscriptLine, Transcripts
from tests.unit.store.placed import PLAN
from tests.web.world import ADMIN, RFC_3339, Answer, World, is_problem

NUMBER = "+12025550599"
ASKED: dict[str, Any] = {"extension": "1001", "number": NUMBER}
TIMES = ("created", "due", "expires")


def ask(
    world: World, token: str = "admin", headers: dict[str, str] | None = None, **more: Any
) -> Answer:
    """Ask for a callback."""
    return world.ask("POST", "/callbacks", {**ASKED, **more}, token=token, headers=headers)


def test_t11_a_callback_is_asked_for_and_shown(world: World) -> None:
    answer = ask(world)
    assert answer.status == 201
    made = answer.json
    names = ("tries", "destinations", "legs", "totals", "transcript")
    parts: dict[str, list[Any]] = {name: [] for name in names}
    assert world.get(answer.headers["location"]).json == {**made, **parts}
    for name in TIMES:
        assert RFC_3339.match(made.pop(name))
    assert answer.headers["location"] == f"/api/v1/callbacks/{made.pop('id')}"
    assert made == {
        "extension": "1001",
        "did": "+12025550210",
        "number": NUMBER,
        "caller": NUMBER,
        "said": None,
        "state": "pending",
        "outcome": None,
        "cause": None,
        "destination": None,
        "source": "api",
        "actor": "admin",
        "key": None,
        "ended": None,
        "joined": 0,
        "attempts": 0,
        "rang_milliseconds": None,
        "channel": None,
        "node": None,
    }


def test_t11_the_dispatcher_is_told_when_it_is_due(world: World) -> None:
    ask(world, delay_seconds=60)
    assert world.due == [pytest.approx(world.now / 1e6 + 60, abs=1)]
    # Also of one that was there, and is due at another time now; not of one that is refused.
    ask(world, delay_seconds=0)
    assert world.due[1:] == [pytest.approx(world.now / 1e6, abs=1)]
    assert ask(world, number="+19005550199").json["state"] == "refused"
    assert ask(world, number="nonsense").status == 422
    assert len(world.due) == 2


def test_t11_the_same_key_again_is_the_same_callback(world: World) -> None:
    first, again = ask(world, key="web/1"), ask(world, key="web/1")
    assert (first.status, again.status) == (201, 200)
    assert (again.json, again.headers["location"]) == (first.json, first.headers["location"])
    assert first.json["key"] == "web/1"
    is_problem(ask(world, key="web/1", number="+12025550598"), 409, "conflict")
    # Another's key is another one.
    other = world.ask(
        "POST", "/callbacks", {"extension": "2001", "number": NUMBER, "key": "web/1"}, token="bolt"
    )
    assert other.status == 201
    assert other.json["id"] != first.json["id"]


def test_t11_the_header_may_stand_for_the_key(world: World) -> None:
    found = set()
    for said, status in (("k-9", 201), ('"k-9"', 200)):
        answer = ask(world, headers={"Idempotency-Key": said})
        assert (answer.status, answer.json["key"]) == (status, "k-9")
        found.add(answer.json["id"])
    assert len(found) == 1
    both = {"Idempotency-Key": "k-9"}
    assert ask(world, headers=both, key="k-9").status == 200
    problem = is_problem(ask(world, headers=both, key="k-10"), 422, "invalid")
    assert problem["field"] == "key"
    for bad in ("", " ", "a b", "x" * 65, '"'):
        answer = ask(world, headers={"Idempotency-Key": bad})
        assert is_problem(answer, 422, "invalid")["field"] == "key", bad


def test_t6_one_that_is_open_is_joined(world: World) -> None:
    first, again = ask(world), ask(world)
    assert (first.status, again.status) == (201, 200)
    assert (again.json["id"], again.json["joined"]) == (first.json["id"], 1)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"number": "123"}, "number"),
        ({"number": "anonymous"}, "number"),
        ({"number": "<script>"}, "number"),
        ({"number": 1}, "number"),
        ({"number": None}, "number"),
        ({"extension": "x"}, "extension"),
        ({"did": "+12025550220"}, "did"),
        ({"delay_seconds": 86_401}, "delay_seconds"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"caller": NUMBER}, "caller"),
        ({"actor": "somebody"}, "actor"),
    ],
)
def test_what_cannot_be_asked_for_names_its_field(
    still: World, values: dict[str, Any], field: str
) -> None:
    assert is_problem(ask(still, **values), 422, "invalid")["field"] == field


def test_what_is_no_request_is_refused(still: World) -> None:
    is_problem(still.ask("POST", "/callbacks", raw=b"{}"), 415)
    is_problem(still.ask("POST", "/callbacks", []), 400, "malformed")
    is_problem(still.ask("POST", "/callbacks?key=1", ASKED), 400, "parameter")
    for method in ("PUT", "PATCH", "DELETE"):
        is_problem(still.ask(method, "/callbacks", {}), 405)
    for method in ("PUT", "PATCH", "POST"):
        is_problem(still.ask(method, f"/callbacks/{still.acme_callback}", {}), 405)
    is_problem(ask(still, extension="9001"), 404)


def test_t10_why_there_is_none_is_told(world: World) -> None:
    for number, reason in (
        ("+19005550199", "costly_number"),
        ("+442079460000", "country_not_allowed"),
        ("+12025550210", "own_number"),
    ):
        answer = ask(world, number=number, token="acme")
        assert (answer.status, answer.json["state"], answer.json["outcome"]) == (
            201,
            "refused",
            reason,
        )
        assert RFC_3339.match(answer.json["ended"])
        shown = world.get(answer.headers["location"], token="acme").json
        assert (shown["outcome"], shown["tries"]) == (reason, [])
    assert world.due == []
    refused = world.get("/callbacks?state=refused", token="acme").json["items"]
    assert len(refused) == 3


def test_o6_what_is_stopped_is_refused(world: World) -> None:
    world.stopping.stop(ADMIN, StopScope.CLIENT, "acme")
    assert ask(world).json["outcome"] == "stopped"


def test_t10_the_tries_are_shown_and_whose_switch_it_was_to_the_operator_alone(
    world: World,
) -> None:
    requests = Requests(world.engine)
    made = ask(world, delay_seconds=0).json["id"]
    request = requests.get(made)
    assert request is not None
    requests.lease_due("a", world.now * 2, world.now * 2 + 1, 10)
    requests.begin_attempt(
        request, holder="a", node="fs1", attempt="try", until=1, channels=("pstn",), now=request.due
    )
    requests.answered(made, 1, now=world.now + 1)
    requests.finish(
        made, outcome="completed", cause="X", destination="+12025550188", now=world.now + 2
    )
    shown = world.get(f"/callbacks/{made}").json
    assert (shown["state"], shown["outcome"], shown["destination"], shown["node"]) == (
        "done",
        "completed",
        "+12025550188",
        "fs1",
    )
    (one,) = shown["tries"]
    for name in ("begun", "answered", "ended"):
        assert RFC_3339.match(one.pop(name))
    assert one == {
        "id": "try",
        "outcome": "completed",
        "cause": "X",
        "channels": ["pstn"],
        "channel": None,
        "causes": {},
        "plan": None,
        "node": "fs1",
    }
    own = world.get(f"/callbacks/{made}", token="acme").json
    assert (own["node"], own["tries"][0]["node"], own["tries"][0]["channels"]) == (None, None, [])
    assert own["tries"][0]["outcome"] == "completed"


#: The first way of the plan, as it is shown.
WAY: dict[str, Any] = {
    "channel": "pstn",
    "number": "0012125550177",
    "shown": {
        "number": "+12025550101",
        "name": "Acme",
        "hidden": False,
        "rule": "I4",
        "name_rule": "I1",
        "pool": ["+12025550101"],
    },
    "caller_id": "12025550101",
    "p_asserted": "sip:100@pstn.example",
    "p_preferred": "sip:office@example.com",
    "beginning": "+1",
    "cost": 9000,
    "tried": [
        {"rule": "I2", "said": "pstn says no true numbers"},
        {"rule": "I4", "said": "a number of pstn's"},
    ],
}


def test_i9_how_each_call_went_is_shown_and_to_a_client_what_was_seen_of_it(world: World) -> None:
    requests = Requests(world.engine)
    made = ask(world, delay_seconds=0).json["id"]
    request = requests.get(made)
    assert request is not None
    requests.lease_due("a", world.now * 2, world.now * 2 + 1, 10)
    requests.begin_attempt(
        request, holder="a", node="fs1", attempt="try", until=1, plan=PLAN, now=request.due
    )
    requests.answered(made, 1, now=world.now + 1, channel="gsm", causes={"pstn": "X"})
    at = 1_700_000_000_000_000
    Destinations(world.engine).keep(
        [
            Called(made, "leg", 1, "+12025550188", write_plan(PLAN), at),
            Connected(made, "leg", 1, "pstn", at + 1_000_000),
            Over(made, "leg", 1, "NORMAL_CLEARING", "{}", at + 2_000_000),
        ]
    )
    shown = world.get(f"/callbacks/{made}").json
    (one,) = shown["tries"]
    assert (one["channels"], one["channel"], one["causes"]) == (
        ["pstn", "gsm"],
        "gsm",
        {"pstn": "X"},
    )
    assert one["plan"]["ways"][0] == WAY
    assert one["plan"]["passed"] == [
        {"channel": "fax", "reason": "off", "tried": []},
        {
            "channel": "sat",
            "reason": "no_caller_id",
            "tried": [{"rule": "I5", "said": "of the default: none is set"}],
        },
    ]
    (called,) = shown["destinations"]
    assert called.pop("plan") == one["plan"]
    assert called == {
        "number": "+12025550188",
        "begun": "2023-11-14T22:13:20.000000Z",
        "connected": "2023-11-14T22:13:21.000000Z",
        "ended": "2023-11-14T22:13:22.000000Z",
        "cause": "NORMAL_CLEARING",
        "channel": "pstn",
        "causes": {},
    }
    own = world.get(f"/callbacks/{made}", token="acme").json
    seen = {**dict.fromkeys(WAY), "shown": WAY["shown"], "tried": []}
    assert own["destinations"][0]["plan"] == {
        "kind": "public",
        "refusal": None,
        "ways": [seen],
        "passed": [],
    }
    assert own["destinations"][0]["channel"] is None
    assert "pstn" not in str(own)


def test_t10_what_happened_on_its_calls_is_shown_in_order_to_whoever_sees_it(
    world: World,
) -> None:
    made, another = ask(world).json["id"], world.bolt_callback
    kept = Transcripts(world.engine)
    at = 1_700_000_000_000_000
    # As controllers write them: of one moment, and a later controller's first.
    kept.add(
        [
            TranscriptLine(made, at + 2_000_000, 1, "second", "called", "+12025550188"),
            TranscriptLine(another, at, 1, "third", "said", "bolt_said"),
        ]
    )
    kept.add(
        [
            TranscriptLine(made, at + 1, 8, "first", "typed", "a password"),
            TranscriptLine(made, at + 1, 7, "first", "said", "password_enter"),
        ]
    )
    for token in ("admin", "reads", "acme", "acme-reads"):
        assert world.get(f"/callbacks/{made}", token=token).json["transcript"] == [
            {"at": "2023-11-14T22:13:20.000001Z", "what": "said", "text": "password_enter"},
            {"at": "2023-11-14T22:13:20.000001Z", "what": "typed", "text": "a password"},
            {"at": "2023-11-14T22:13:22.000000Z", "what": "called", "text": "+12025550188"},
        ]
    # A list is without them; nobody hears of another's.
    assert all("transcript" not in one for one in world.get("/callbacks").json["items"])
    assert world.get(f"/callbacks/{another}", token="bolt").json["transcript"] == [
        {"at": "2023-11-14T22:13:20.000000Z", "what": "said", "text": "bolt_said"}
    ]
    is_problem(world.get(f"/callbacks/{another}", token="acme"), 404)


# --- lists -----------------------------------------------------------------------------------


def test_t10_callbacks_are_listed_the_newest_first_page_by_page(world: World) -> None:
    made = [ask(world, number=f"+1202555066{digit}").json["id"] for digit in range(5)]
    expected = [*made[::-1], world.bolt_callback, world.acme_callback]
    path, found = "/callbacks?limit=3", []
    while path:
        answer = world.get(path)
        found += answer.keys
        after = answer.json["next"]
        assert ("link" in answer.headers) == bool(after)
        path = answer.headers["link"].partition(">")[0][1:] if after else ""
        # One that is asked for meanwhile moves none.
        ask(world, number=f"+1202555067{len(found)}")
    assert found == expected


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("extension=1001", 1),
        ("extension=2001", 1),
        ("extension=9", 0),
        ("number=%2B12025550510", 1),
        ("number=+12025550510", 1),
        ("number=+12025550588", 0),
        ("state=pending", 2),
        ("state=done", 0),
        ("outcome=busy", 0),
        ("source=api", 2),
        ("source=call", 0),
        ("since=2026-11-18T11:06:40Z", 2),
        ("since=2030-01-01T00:00:00%2B02:00", 0),
        ("until=2030-01-01T00:00:00+02:00", 2),
        ("until=2026-11-18T11:06:39.999999999Z", 0),
        ("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z", 2),
        ("state=pending&extension=1001&source=api", 1),
    ],
)
def test_a_list_is_filtered(still: World, query: str, count: int) -> None:
    answer = still.get(f"/callbacks?{query}")
    assert answer.status == 200, answer.body
    assert len(answer.json["items"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=gone", "state"),
        ("source=sms", "source"),
        ("outcome=%00", "outcome"),
        ("outcome=Busy", "outcome"),
        ("extension=x", "extension"),
        ("number=2025550510", "number"),
        ("since=yesterday", "since"),
        ("since=1", "since"),
        ("since=2026-13-01T00:00:00Z", "since"),
        ("since=2026-11-18T23:59:60Z", "since"),
        ("since=0000-01-01T00:00:00Z", "since"),
        ("until=2026-11-18T11:06:40", "until"),
        ("until=2026-11-18T11:06:40%2B99:00", "until"),
        ("until=2026-11-18", "until"),
        ("after=x", "after"),
        ("after=1:2", "after"),
        ("limit=0", "limit"),
        ("client=acme", "client"),
    ],
)
def test_what_a_list_cannot_be_asked_is_named(still: World, query: str, field: str) -> None:
    problem = is_problem(still.get(f"/callbacks?{query}"), 400, "parameter")
    assert problem["field"] == field


@pytest.mark.parametrize("part", ["x", "%00", "%ff", "1" * 300, "..%2f", "00000000", "%0a"])
def test_what_can_be_no_callback_is_404(still: World, part: str) -> None:
    is_problem(still.get(f"/callbacks/{part}"), 404)
    is_problem(still.ask("DELETE", f"/callbacks/{part}"), 404)


# --- cancelling ------------------------------------------------------------------------------


def test_t11_what_is_pending_is_cancelled(world: World) -> None:
    path = f"/callbacks/{world.acme_callback}"
    answer = world.ask("DELETE", path, token="acme")
    assert (answer.status, answer.body) == (204, b"")
    shown = world.get(path, token="acme").json
    assert (shown["state"], shown["outcome"]) == ("done", "cancelled")
    problem = is_problem(world.ask("DELETE", path), 409, "conflict")
    assert problem["detail"].endswith("cannot be cancelled: it is done")


def test_o2_a_client_asks_for_his_own_alone(world: World) -> None:
    assert ask(world, token="acme").status == 201
    both = [ask(world, token="acme", extension=name) for name in ("2001", "9001")]
    for answer in both:
        is_problem(answer, 404)
    assert world.get("/callbacks", token="acme").json["next"] is None
    for token in ("reads", "acme-reads"):
        is_problem(ask(world, token=token), 403)
        is_problem(world.ask("DELETE", f"/callbacks/{world.acme_callback}", token=token), 403)
        assert world.acme_callback in world.get("/callbacks", token=token).keys


def test_o2_of_a_stop_a_client_learns_by_his_own_callbacks(world: World) -> None:
    world.directory.change(ADMIN, Kind.CLIENT, "acme", {"enabled": False})
    assert ask(world, token="acme").json["outcome"] == "disabled"


def test_o2_what_was_done_is_in_the_audit_log(world: World) -> None:
    made = ask(world, token="acme").json["id"]
    world.ask("DELETE", f"/callbacks/{made}", token="acme")
    found = world.get(f"/audit?kind=callback&key={made}").json["items"]
    assert [(one["actor"], one["action"], one["client"]) for one in found] == [
        ("acme", "change", "acme"),
        ("acme", "create", "acme"),
    ]
    assert found[0]["after"] == {"state": "done", "outcome": "cancelled"}
