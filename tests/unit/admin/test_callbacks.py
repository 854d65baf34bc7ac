"""T10, T11: callbacks that are asked for, why one was not made, and that they can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, func, select, update

from controller.admin.audit import AuditKind
from controller.admin.callback_shapes import (
    Callback,
    CallPlan,
    CallWay,
    DestinationTry,
    State,
    StopScope,
    Try,
)
from controller.admin.callbacks import Callbacks
from controller.admin.directory import Directory
from controller.admin.model import Actor, Audited, Conflict, Invalid, Kind, NotFound
from controller.admin.stopping import Stopping
from controller.callback.asking import REASONS
from controller.callerid.model import Shown, Tried
from controller.guard.ranges import shipped
from controller.policy.records import Role
from controller.store import schema
from controller.store.destinations import Called, Connected, Destinations, Over
from controller.store.journal import Writing
from controller.store.plans import write_plan
from controller.store.requests import Requests
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, ACME_LOOKS, LOOKS, OTHER, two_clients
from tests.unit.store.asked import asking, begun, stored
from tests.unit.store.placed import FOUND, NO_WAY, PLAN

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
CALLER = "+12125550199"
ASKED: dict[str, Any] = {"extension": "100", "number": CALLER}


class Clock:
    """The time, which stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def callbacks(engine: Engine, store: Directory, clock: Clock) -> Callbacks:
    """Callbacks of two clients: acme has extensions 100 and 101, other has 200."""
    two_clients(store)
    return Callbacks(engine, now=clock, expiry_seconds=900, ranges=shipped())


@pytest.fixture
def requests(engine: Engine) -> Requests:
    return Requests(engine)


def asked(callbacks: Callbacks, actor: Actor = ADMIN, **more: Any) -> Callback:
    """Ask for a callback that was not there, and give it."""
    given = callbacks.ask(actor, {**ASKED, **more})
    assert given.new
    return given.callback


def last(store: Directory) -> Audited:
    """Give the last line of the audit log."""
    return store.audit(ADMIN, limit=1).items[0]


def count(engine: Engine) -> int:
    """Count what is kept of callbacks and of who asked for them."""
    tables = (schema.callback_request, schema.callback_key, schema.audit)
    with engine.connect() as connection:
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        )


def due(requests: Requests, now: int = NOW + 3600 * SECOND) -> list[str]:
    """Give what the dispatcher would call by then."""
    return [found.id for found in requests.lease_due("a", now, now + 30 * SECOND, 100)]


# --- asking ----------------------------------------------------------------------------------


def test_t11_what_is_asked_for_is_in_the_queue(callbacks: Callbacks, requests: Requests) -> None:
    found = asked(callbacks)
    assert found == Callback(
        id=found.id,
        extension="100",
        did="+12025550100",
        number=CALLER,
        caller=CALLER,
        said=None,
        state=State.PENDING,
        outcome=None,
        cause=None,
        destination=None,
        source="api",  # type: ignore[arg-type]
        actor=ADMIN.name,
        key=None,
        created=NOW,
        # As the extension has it.
        due=NOW + 3 * SECOND,
        expires=NOW + 903 * SECOND,
        ended=None,
        joined=0,
        attempts=0,
        rang_milliseconds=None,
        channel=None,
        node=None,
    )
    assert due(requests, NOW) == []
    assert due(requests) == [found.id]


@pytest.mark.parametrize("delay", [0, 7, 86_400])
def test_t5_a_delay_is_counted_from_now(callbacks: Callbacks, delay: int) -> None:
    assert asked(callbacks, delay_seconds=delay).due == NOW + delay * SECOND


def test_t5_it_expires_as_the_extension_says(callbacks: Callbacks, store: Directory) -> None:
    store.change(ADMIN, Kind.EXTENSION, "100", {"expiry_seconds": 60, "delay_seconds": 5})
    assert asked(callbacks).expires == NOW + 65 * SECOND


def test_t8_it_shows_one_of_the_extensions_numbers(callbacks: Callbacks, store: Directory) -> None:
    dids = ["+12025550100", "+12025550109"]
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": dids})
    assert asked(callbacks, did=dids[1]).did == dids[1]
    for did in ("+12025550200", "+12025550777"):
        with pytest.raises(Invalid, match=r"^did: \S+ does not reach extension 100; write one of"):
            callbacks.ask(ADMIN, {**ASKED, "did": did})


@pytest.mark.parametrize(
    "written",
    [
        "+12125550199", "12125550199", "2125550199", "(212) 555-0199", "+1 212 555 0199",
        "0012125550199", "01112125550199", "212.555.0199", "+1/212/555/0199",
    ],
)  # fmt: skip
def test_d3_a_number_is_read_as_it_is_dialled_in_the_extensions_country(
    callbacks: Callbacks, written: str
) -> None:
    assert asked(callbacks, number=written).number == CALLER


@pytest.mark.parametrize(
    ("number", "what"),
    [
        ("anonymous", "has more than digits"),
        ("+1212555019x", "has more than digits"),
        ("+1212\x000555", "has more than digits"),
        ("٢١٢٥٥٥٠١٩٩", "has more than digits"),
        ("sip:1001@example.com", "has more than digits"),
        ("++12125550199", "has more than digits"),
        ("123", "is in no plan"),
        ("+1", "has more than digits"),
        ("+19995550199", "is in no plan"),
        ("00000", "is in no plan"),
        ("   ", "has more than digits"),
    ],
)
def test_g1_what_is_no_number_is_refused_with_the_remedy(
    callbacks: Callbacks, engine: Engine, number: str, what: str
) -> None:
    before = count(engine)
    if len(number) < 3:
        number += "  "
    with pytest.raises(Invalid, match="is no telephone number") as caught:
        callbacks.ask(ADMIN, {**ASKED, "number": number})
    assert caught.value.field == "number"
    assert what in str(caught.value)
    assert str(caught.value).endswith("write it as +12025550100, or as it is dialled in US")
    assert count(engine) == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"number": None}, "number"),
        ({"number": ""}, "number"),
        ({"number": "1" * 41}, "number"),
        ({"number": 12125550199}, "number"),
        ({"number": "+1212\udc800199"}, "number"),
        ({"extension": "abc"}, "extension"),
        ({"extension": 100}, "extension"),
        ({"did": "2025550100"}, "did"),
        ({"delay_seconds": -1}, "delay_seconds"),
        ({"delay_seconds": 86_401}, "delay_seconds"),
        ({"delay_seconds": 1.5}, "delay_seconds"),
        ({"key": "a b"}, "key"),
        ({"key": ""}, "key"),
        ({"key": "x" * 65}, "key"),
        ({"caller": CALLER}, "caller"),
    ],
)
def test_what_cannot_be_asked_for_names_its_field(
    callbacks: Callbacks, engine: Engine, values: dict[str, Any], field: str
) -> None:
    before = count(engine)
    with pytest.raises(Invalid) as caught:
        callbacks.ask(ADMIN, {**ASKED, **values})
    assert caught.value.field == field
    for missing in ASKED:
        with pytest.raises(Invalid, match=rf"^{missing}: is missing"):
            callbacks.ask(ADMIN, {k: v for k, v in ASKED.items() if k != missing})
    assert count(engine) == before


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    # What the extension is like, and the number that is asked for.
    "disabled": ({"enabled": False}, CALLER),
    "not_authorised": ({"return_calls": "authorized"}, CALLER),
    "own_number": ({}, "+12025550200"),
    "costly_number": ({}, "+19005550199"),
    "blocked": ({"blocked_prefixes": ["+1212"]}, CALLER),
    "country_not_allowed": ({}, "+442079460000"),
    "type_not_allowed": ({"return_types": ["mobile", "fixed"]}, CALLER),
    "risky_range": ({"return_countries": ["US", "DO"]}, "+18095550199"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_t10_t11_the_rules_are_those_for_a_call_and_what_they_refuse_is_kept_with_its_reason(
    callbacks: Callbacks, store: Directory, requests: Requests, reason: str
) -> None:
    patch, number = REFUSED[reason]
    store.change(ADMIN, Kind.EXTENSION, "100", patch)
    found = asked(callbacks, number=number, key="k")
    assert (found.state, found.outcome, found.number) == (State.REFUSED, reason, number)
    assert (found.ended, found.source, found.key) == (NOW, "api", "k")
    assert reason in REASONS
    whole = callbacks.get(ADMIN, found.id)
    assert (whole.outcome, whole.tries) == (reason, ())
    assert due(requests) == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (StopScope.EVERYWHERE, ""),
        (StopScope.CLIENT, "acme"),
        (StopScope.EXTENSION, "100"),
    ],
)
def test_o6_what_is_stopped_is_refused_until_it_is_resumed(
    callbacks: Callbacks, engine: Engine, scope: StopScope, name: str
) -> None:
    stopping = Stopping(engine, now=lambda: NOW)
    stopping.stop(ADMIN, scope, name)
    assert (asked(callbacks).state, asked(callbacks).outcome) == (State.REFUSED, "stopped")
    of_other = asked(callbacks, extension="200", number="+12125550188")
    assert (of_other.outcome == "stopped") is (scope is StopScope.EVERYWHERE)
    stopping.resume(ADMIN, scope, name)
    assert asked(callbacks).state is State.PENDING


def test_of_a_client_that_is_off_nobody_is_called(callbacks: Callbacks, store: Directory) -> None:
    """The policy in force counts, and not what is stored of the extension alone."""
    store.change(ADMIN, Kind.CLIENT, "acme", {"enabled": False})
    assert asked(callbacks).outcome == "disabled"


def test_t7_a_number_in_progress_for_another_extension_is_not_called(
    callbacks: Callbacks, requests: Requests
) -> None:
    other = stored(requests, CALLER, extension="200", due=1)
    assert due(requests) == [other.id]
    assert begun(requests, other)
    assert asked(callbacks).outcome == "called_elsewhere"


def test_g4_a_number_that_never_answers_is_not_called(
    callbacks: Callbacks, store: Directory, requests: Requests
) -> None:
    store.change(ADMIN, Kind.EXTENSION, "100", {"stop_after_unanswered": 1})
    before = stored(requests, CALLER, due=1)
    due(requests)
    begun(requests, before, attempt="x", now=NOW - 5)
    requests.finish(
        before.id,
        outcome="no_answer",
        cause="NO_ANSWER",
        destination=None,
        now=NOW - 1,
        attempt="x",
        counts=True,
    )
    assert asked(callbacks).outcome == "unanswered_too_often"


def test_t3_in_mode_fixed_the_fixed_number_is_called(
    callbacks: Callbacks, store: Directory
) -> None:
    fixed = "+12125550177"
    store.change(ADMIN, Kind.EXTENSION, "100", {"return_calls": "fixed", "fixed_number": fixed})
    found = asked(callbacks)
    assert (found.number, found.caller) == (fixed, CALLER)


def test_t3_in_mode_authorized_the_lists_own_callback_number_is_called(
    callbacks: Callbacks, store: Directory
) -> None:
    store.change(ADMIN, Kind.EXTENSION, "100", {"return_calls": "authorized"})
    own = {"extension": "100", "number": CALLER, "callback_number": "+12125550177"}
    store.create(ADMIN, Kind.CALLERID, own)
    assert asked(callbacks).number == "+12125550177"


# --- what is there already -------------------------------------------------------------------


def test_t6_a_second_asking_joins_the_first(callbacks: Callbacks, clock: Clock) -> None:
    first = asked(callbacks)
    clock.now += 2 * SECOND
    again = callbacks.ask(ADMIN, ASKED)
    assert (again.new, again.callback.id, again.callback.joined) == (False, first.id, 1)
    # Nobody rang: it comes no later for that, but sooner where that is asked for.
    assert again.callback.due == first.due
    assert callbacks.ask(ADMIN, {**ASKED, "delay_seconds": 0}).callback.due == clock.now < first.due


def test_t6_an_asking_joins_the_callback_of_a_call(
    callbacks: Callbacks, requests: Requests
) -> None:
    called = stored(requests, CALLER, due=NOW, now=NOW - SECOND, leg="leg-1", channel="pstn")
    again = callbacks.ask(ACME, {**ASKED, "key": "k"})
    assert (again.new, again.callback.id) == (False, called.id)
    # It is a call's still.
    assert (again.callback.source, again.callback.actor, again.callback.key) == ("call", None, None)
    kept = requests.get(called.id)
    assert kept is not None
    assert (kept.leg, kept.rang) == (called.leg, called.rang)


def test_t11_the_same_key_again_is_the_same_callback_and_changes_nothing(
    callbacks: Callbacks, engine: Engine, clock: Clock
) -> None:
    first = asked(callbacks, key="web/1")
    kept = count(engine)
    clock.now += SECOND
    for values in (
        {},
        {"number": "(212) 555-0199"},
        {"did": "+12025550100"},
        # When it is called is no part of what is asked for.
        {"delay_seconds": 60},
    ):
        again = callbacks.ask(ADMIN, {**ASKED, **values}, "web/1")
        assert (again.new, again.callback) == (False, first)
    assert count(engine) == kept


def test_t11_the_same_key_for_something_else_is_a_conflict(
    callbacks: Callbacks, store: Directory, engine: Engine
) -> None:
    dids = ["+12025550100", "+12025550109"]
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": dids})
    asked(callbacks, key="k")
    kept = count(engine)
    for values in (
        {"number": "+12125550188"},
        {"extension": "101"},
        {"did": dids[1]},
    ):
        with pytest.raises(Conflict, match=r"^key: k stands for another callback of yours"):
            callbacks.ask(ADMIN, {**ASKED, "key": "k", **values})
    assert count(engine) == kept


def test_t11_a_key_is_its_actors_own(callbacks: Callbacks) -> None:
    first = asked(callbacks, key="k")
    second = asked(callbacks, OTHER, extension="200", number="+12125550188", key="k")
    assert first.id != second.id
    assert (first.actor, second.actor) == (ADMIN.name, OTHER.name)


def test_t11_the_same_key_is_the_same_callback_when_that_is_over(
    callbacks: Callbacks, requests: Requests
) -> None:
    """Whoever heard no answer and asks again must not have anybody called twice."""
    first = asked(callbacks, key="k")
    callbacks.cancel(ADMIN, first.id)
    again = callbacks.ask(ADMIN, {**ASKED, "key": "k"})
    assert (again.new, again.callback.id, again.callback.state) == (False, first.id, State.DONE)
    assert due(requests) == []


def test_t11_so_is_that_of_whoever_joined_one(callbacks: Callbacks, requests: Requests) -> None:
    called = stored(requests, CALLER, due=NOW)
    joining = {**ASKED, "key": "k"}
    first = callbacks.ask(ACME, joining)
    assert (first.new, first.callback.id, first.callback.joined) == (False, called.id, 1)
    # It is counted once.
    assert callbacks.ask(ACME, joining).callback.joined == 1
    with pytest.raises(Conflict, match=r"^key: k stands for another"):
        callbacks.ask(ACME, {**joining, "number": "+12125550188"})
    callbacks.cancel(ADMIN, called.id)
    again = callbacks.ask(ACME, joining)
    assert (again.new, again.callback.id) == (False, called.id)
    assert due(requests) == []
    # With another one, or none, it is another.
    assert asked(callbacks, ACME).id != called.id


def test_t11_so_is_one_that_was_refused(callbacks: Callbacks, store: Directory) -> None:
    store.change(ADMIN, Kind.EXTENSION, "100", {"enabled": False})
    first = asked(callbacks, key="k")
    store.change(ADMIN, Kind.EXTENSION, "100", {"enabled": True})
    again = callbacks.ask(ADMIN, {**ASKED, "key": "k"})
    assert (again.new, again.callback.id, again.callback.outcome) == (False, first.id, "disabled")


def test_without_a_key_none_is_kept(callbacks: Callbacks, engine: Engine) -> None:
    asked(callbacks)
    callbacks.ask(ADMIN, ASKED)
    with engine.connect() as connection:
        assert connection.execute(select(schema.callback_request.c.key)).scalars().all() == [None]
        assert connection.execute(select(schema.callback_key)).all() == []


@pytest.mark.parametrize("moment", ["store", "refuse", "cancel"])
def test_o5_what_is_not_audited_is_not_done(
    callbacks: Callbacks,
    store: Directory,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    first = asked(callbacks, number="+12125550188")
    store.change(ADMIN, Kind.EXTENSION, "100", {"enabled": moment != "refuse"})
    kept = count(engine)

    class BrokenError(Exception):
        pass

    def fail(*_: object) -> None:
        raise BrokenError

    monkeypatch.setattr(Writing, "note", fail)
    action: Callable[[], object] = (
        (lambda: callbacks.cancel(ADMIN, first.id))
        if moment == "cancel"
        else (lambda: callbacks.ask(ADMIN, {**ASKED, "key": "k"}))
    )
    with pytest.raises(BrokenError):
        action()
    assert count(engine) == kept
    assert callbacks.get(ADMIN, first.id).state is State.PENDING


# --- looking ---------------------------------------------------------------------------------


def test_t10_a_callback_is_shown_with_its_tries(callbacks: Callbacks, requests: Requests) -> None:
    found = asked(callbacks, delay_seconds=0)
    for number, outcome in enumerate(("busy", "no_answer")):
        at = NOW + number * 100
        due(requests)
        kept = requests.get(found.id)
        assert kept is not None
        begun(requests, kept, attempt=f"try-{number}", channels=("pstn", "gsm"), now=at)
        requests.retry(
            found.id,
            attempt=f"try-{number}",
            outcome=outcome,
            cause="X",
            counts=True,
            due=NOW,
            now=at + 10,
        )
    whole = callbacks.get(ADMIN, found.id)
    assert (whole.state, whole.outcome, whole.attempts) == (State.PENDING, "no_answer", 2)
    assert [
        (one.begun, one.answered, one.ended, one.outcome, one.cause) for one in whole.tries
    ] == [
        (NOW, None, NOW + 10, "busy", "X"),
        (NOW + 100, None, NOW + 110, "no_answer", "X"),
    ]
    assert {(one.node, one.channels) for one in whole.tries} == {("fs1", ("pstn", "gsm"))}
    assert whole.node == "fs1"
    # Trunks and switches are none of a client's business.
    own = callbacks.get(ACME, found.id)
    assert (own.node, own.channel) == (None, None)
    assert [(one.node, one.channels, one.outcome) for one in own.tries] == [
        (None, (), "busy"),
        (None, (), "no_answer"),
    ]


@pytest.fixture
def placed(callbacks: Callbacks, requests: Requests, engine: Engine) -> str:
    """A callback that was answered at the second channel, and called two destinations."""
    found = asked(callbacks, delay_seconds=0)
    due(requests)
    kept = requests.get(found.id)
    assert kept is not None
    begun(requests, kept, attempt="try", plan=PLAN, now=NOW)
    requests.answered(
        found.id, NOW + SECOND, now=NOW + 5, attempt="try", channel="gsm", causes={"pstn": "X"}
    )
    plan = write_plan(PLAN)
    Destinations(engine).keep(
        [
            Called(found.id, "leg", 1, "+12025550177", plan, NOW + 10),
            Over(found.id, "leg", 1, "USER_BUSY", '{"pstn": "USER_BUSY"}', NOW + 15),
            Called(found.id, "leg", 2, "+12025550188", write_plan(NO_WAY), NOW + 20),
            Over(found.id, "leg", 2, "no_channel", "{}", NOW + 20),
            Called(found.id, "leg", 3, "+12025550199", plan, NOW + 30),
            Connected(found.id, "leg", 3, "pstn", NOW + 35),
        ]
    )
    return found.id


def test_i9_the_operator_sees_over_which_channels_each_call_went_and_why(
    callbacks: Callbacks, placed: str
) -> None:
    for actor in (ADMIN, LOOKS):
        whole = callbacks.get(actor, placed)
        (one,) = whole.tries
        assert (one.channels, one.channel, one.causes) == (("pstn", "gsm"), "gsm", {"pstn": "X"})
        assert one.plan is not None
        assert (one.plan.kind, one.plan.refusal) == ("public", None)
        assert _reasons(one.plan) == [("fax", "off", ()), ("sat", "no_caller_id", FOUND)]
        for way, planned in zip(one.plan.ways, PLAN.ways, strict=True):
            for name in CallWay.__struct_fields__:
                assert getattr(way, name) == getattr(planned, name), name
        busy, refused, talks = whole.destinations
        assert busy.plan == talks.plan == one.plan
        assert (busy.number, busy.begun, busy.connected, busy.ended, busy.cause) == (
            "+12025550177", NOW + 10, None, NOW + 15, "USER_BUSY",
        )  # fmt: skip
        assert (busy.channel, busy.causes) == (None, {"pstn": "USER_BUSY"})
        assert refused.plan is not None
        assert (refused.plan.refusal, refused.plan.ways) == ("no_channel", ())
        assert _reasons(refused.plan) == [("fax", "down", ())]
        assert (talks.channel, talks.connected, talks.ended) == ("pstn", NOW + 35, None)


def test_i9_o2_a_client_sees_what_was_shown_and_no_channel_and_no_price(
    callbacks: Callbacks, placed: str
) -> None:
    for actor in (ACME, ACME_LOOKS):
        whole = callbacks.get(actor, placed)
        (one,) = whole.tries
        busy, refused, talks = whole.destinations
        # What was shown where the call went: at the second channel, and at the first.
        assert [_all_shown(call.plan) for call in (one, busy, refused, talks)] == [
            [PLAN.ways[1].shown],
            [PLAN.ways[0].shown],
            [],
            [PLAN.ways[0].shown],
        ]
        assert refused.plan is not None
        assert refused.plan.refusal == "no_channel"
        calls: tuple[Try | DestinationTry, ...] = (one, *whole.destinations)
        for call in calls:
            assert (call.channel, call.causes) == (None, {})
            assert call.plan is not None
            assert call.plan.passed == ()
            for way in call.plan.ways:
                others = {name for name in CallWay.__struct_fields__ if name != "shown"}
                assert {getattr(way, name) for name in others} == {None, ()}
        # No name of a channel, and no number as a trunk is sent it, anywhere.
        said = repr(whole)
        for secret in ("pstn", "gsm", "fax", "sat", "0012125550177", "example"):
            assert secret not in said, secret


def test_i9_a_client_sees_once_what_several_channels_showed(
    callbacks: Callbacks, requests: Requests
) -> None:
    """T8: the return call shows the same everywhere; of how many channels is not to be told."""
    same = msgspec.structs.replace(PLAN.ways[1], shown=PLAN.ways[0].shown)
    plan = msgspec.structs.replace(PLAN, ways=(PLAN.ways[0], same))
    found = asked(callbacks, delay_seconds=0)
    due(requests)
    kept = requests.get(found.id)
    assert kept is not None
    begun(requests, kept, attempt="try", plan=plan, now=NOW)
    (one,) = callbacks.get(ACME, found.id).tries
    assert _all_shown(one.plan) == [PLAN.ways[0].shown]
    requests.finish(
        found.id, outcome="failed", cause="X", destination=None, now=NOW,
        causes={"pstn": "X", "gsm": "Y"},
    )  # fmt: skip
    (one,) = callbacks.get(ACME, found.id).tries
    assert _all_shown(one.plan) == [PLAN.ways[0].shown]


def _reasons(plan: CallPlan) -> list[tuple[str, str, tuple[Tried, ...]]]:
    return [(one.channel, one.reason, one.tried) for one in plan.passed]


def _all_shown(plan: CallPlan | None) -> list[Shown]:
    return [] if plan is None else [way.shown for way in plan.ways]


@pytest.mark.parametrize("actor", [ADMIN, ACME])
def test_i9_a_plan_that_cannot_be_read_is_none_and_the_rest_is_shown(
    callbacks: Callbacks, engine: Engine, placed: str, actor: Actor
) -> None:
    with engine.begin() as connection:
        for table in (schema.callback_attempt, schema.callback_destination):
            connection.execute(update(table).values(plan='{"ways": 5}', causes="x"))
    whole = callbacks.get(actor, placed)
    calls: tuple[Try | DestinationTry, ...] = (*whole.tries, *whole.destinations)
    assert [(call.plan, call.causes) for call in calls] == [(None, {})] * 4
    assert [call.number for call in whole.destinations] == [
        "+12025550177",
        "+12025550188",
        "+12025550199",
    ]


@pytest.fixture
def many(callbacks: Callbacks, requests: Requests, clock: Clock) -> list[str]:
    """Callbacks in several states, the newest first."""
    made = []
    for number in range(6):
        clock.now += SECOND
        extension = ("100", "101", "200")[number % 3]
        found = asked(callbacks, extension=extension, number=f"+1212555010{number}")
        made.append(found.id)
    callbacks.cancel(ADMIN, made[0])
    clock.now += SECOND
    made.append(requests.refuse(asking(None, extension="100", now=clock.now), "hidden").id)
    return made[::-1]


def ids(callbacks: Callbacks, actor: Actor = ADMIN, **filters: Any) -> list[str]:
    """Give the ids of a list."""
    return [found.id for found in callbacks.list(actor, filters).items]


def test_t10_callbacks_and_calls_that_got_none_are_listed_the_newest_first(
    callbacks: Callbacks, many: list[str]
) -> None:
    assert ids(callbacks) == many
    hidden = callbacks.list(ADMIN, limit=1).items[0]
    assert (hidden.state, hidden.outcome, hidden.number) == (State.REFUSED, "hidden", None)


def test_a_list_is_filtered(callbacks: Callbacks, requests: Requests, many: list[str]) -> None:
    for filters, expected in (
        ({"extension": "200"}, [many[1], many[4]]),
        ({"number": "+12125550102"}, [many[4]]),
        ({"number": "+12125550777"}, []),
        ({"state": "done"}, [many[6]]),
        ({"state": "pending", "extension": "100"}, [many[3]]),
        ({"outcome": "cancelled"}, [many[6]]),
        ({"outcome": "hidden"}, [many[0]]),
        ({"source": "call"}, [many[0]]),
        ({"source": "api", "extension": "100"}, [many[3], many[6]]),
        # From then on; before.
        ({"since": NOW + 5 * SECOND}, many[:3]),
        ({"until": NOW + 5 * SECOND}, many[3:]),
        ({"since": NOW + 2 * SECOND, "until": NOW + 3 * SECOND}, [many[5]]),
    ):
        assert ids(callbacks, **filters) == expected, filters
    # Also by who asked, where another number is called.
    fixed = stored(requests, "+12125550155", extension="101", now=1)
    assert ids(callbacks, number="+12125550155") == [fixed.id]


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"colour": "red"}, "colour: callbacks have no such filter; there are: extension, number"),
        ({"number": "2125550199"}, "number: write it as E.164"),
        ({"outcome": "\x00"}, "outcome: cannot be read"),
        ({"outcome": "\udcff"}, "outcome: cannot be read"),
        ({"since": "yesterday"}, "since: write microseconds since 1970"),
        ({"state": 1}, "state: cannot be read"),
    ],
)
def test_a_filter_that_cannot_be_is_named(
    callbacks: Callbacks, filters: dict[str, Any], says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        callbacks.list(ADMIN, filters)
    assert str(caught.value).startswith(says)


def test_pages_have_each_once_whatever_comes_and_goes(
    callbacks: Callbacks, requests: Requests, many: list[str], clock: Clock
) -> None:
    found: list[str] = []
    after = None
    for turn in range(10):
        page = callbacks.list(ADMIN, after=after, limit=2)
        found += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
        # Some are asked for meanwhile: one of the same moment as what was there.
        clock.now += 1
        asked(callbacks, number=f"+1212555020{turn}")
        requests.refuse(asking(None, now=NOW + 7 * SECOND), "hidden")
    new = set(found) - set(many)
    assert [one for one in found if one not in new] == many
    assert len(found) == len(set(found))
    # Of the same moment some may come behind the place, none before it.
    assert len(new) <= 10


def test_pages_go_on_among_those_of_one_moment(callbacks: Callbacks, requests: Requests) -> None:
    made = {requests.refuse(asking(None, now=NOW), "hidden").id for _ in range(7)}
    found: list[str] = []
    after = None
    while True:
        page = callbacks.list(ADMIN, after=after, limit=3)
        found += [one.id for one in page.items]
        after = page.next
        if after is None:
            break
    assert sorted(found) == sorted(made)


@pytest.mark.parametrize(
    "after", ["", "x", "1:", "1:2", ":", f"1:{'0' * 37}", f"{'9' * 19}:{'0' * 36}", "\x00", "٣:x"]
)
def test_a_place_that_is_none_is_said_to_be_none(callbacks: Callbacks, after: str) -> None:
    with pytest.raises(Invalid, match=r"^after: is no place to go on from"):
        callbacks.list(ADMIN, after=after)


@pytest.mark.parametrize(
    "name", ["", "x", "00000000-0000-4000-8000-000000000000", "\x00" * 36, "\udcff", "0" * 36]
)
def test_what_is_not_there_is_not_found(callbacks: Callbacks, name: str) -> None:
    for action in (callbacks.get, callbacks.cancel):
        with pytest.raises(NotFound, match=r"^there is no callback"):
            action(ADMIN, name)


# --- cancelling ------------------------------------------------------------------------------


def test_t11_what_is_pending_is_cancelled_and_never_made(
    callbacks: Callbacks, requests: Requests
) -> None:
    found = asked(callbacks)
    gone = callbacks.cancel(ADMIN, found.id)
    assert (gone.state, gone.outcome, gone.ended) == (State.DONE, "cancelled", NOW)
    assert due(requests) == []
    # The next asking is a new one.
    assert asked(callbacks).id != found.id


def test_t11_what_somebody_is_about_to_call_is_cancelled_all_the_same(
    callbacks: Callbacks, requests: Requests
) -> None:
    found = asked(callbacks)
    kept = requests.get(found.id)
    assert kept is not None
    assert due(requests) == [found.id]
    callbacks.cancel(ADMIN, found.id)
    assert not begun(requests, kept)


def test_t11_what_is_under_way_or_over_is_not_cancelled_and_it_says_why(
    callbacks: Callbacks, requests: Requests, engine: Engine
) -> None:
    found = asked(callbacks, delay_seconds=0)
    due(requests)
    kept = requests.get(found.id)
    assert kept is not None

    def refused(callback: str) -> str:
        before = count(engine)
        with pytest.raises(Conflict) as caught:
            callbacks.cancel(ADMIN, callback)
        assert count(engine) == before
        return str(caught.value).removeprefix(f"callback {callback} cannot be cancelled: ")

    begun(requests, kept)
    assert refused(found.id) == "it is calling now"
    requests.answered(found.id, NOW + SECOND, now=NOW)
    assert refused(found.id) == "it was answered, and goes on"
    requests.finish(found.id, outcome="completed", cause="", destination=None, now=NOW)
    assert refused(found.id) == "it is done"
    hidden = requests.refuse(asking(None), "hidden")
    assert refused(hidden.id) == "it was refused, and is never made"


# --- who may ---------------------------------------------------------------------------------


def test_o2_each_role_does_what_it_may_and_no_more(callbacks: Callbacks, many: list[str]) -> None:
    of_acme = [many[0], *many[2:4], *many[5:]]
    for actor, sees in (
        (ADMIN, many),
        (LOOKS, many),
        (ACME, of_acme),
        (ACME_LOOKS, of_acme),
        (OTHER, [many[1], many[4]]),
    ):
        assert ids(callbacks, actor) == sees
        for one in many:
            if one in sees:
                assert callbacks.get(actor, one).id == one
            else:
                with pytest.raises(NotFound):
                    callbacks.get(actor, one)
    for actor in (LOOKS, ACME_LOOKS):
        for action in (
            lambda: callbacks.ask(actor, ASKED),  # noqa: B023
            lambda: callbacks.cancel(actor, many[3]),  # noqa: B023
        ):
            with pytest.raises(Exception, match=r"^a token of role `read_only` changes nothing$"):
                action()
    assert callbacks.ask(ACME, ASKED).new
    assert callbacks.cancel(ACME, many[3]).outcome == "cancelled"


def test_o2_what_is_anothers_cannot_be_told_from_what_is_not_there(
    callbacks: Callbacks, engine: Engine
) -> None:
    of_other = asked(callbacks, extension="200", key="k")
    kept = count(engine)
    for extension in ("200", "777"):
        with pytest.raises(NotFound, match=rf"^there is no extension {extension}$"):
            callbacks.ask(ACME, {**ASKED, "extension": extension, "key": "k"})
    nobodys = "00000000-0000-4000-8000-000000000000"
    for callback in (of_other.id, nobodys):
        for action in (callbacks.get, callbacks.cancel):
            with pytest.raises(NotFound, match=rf"^there is no callback {callback}$"):
                action(ACME, callback)
    for filters in ({"extension": "200"}, {"number": CALLER}):
        assert ids(callbacks, ACME, **filters) == []
    assert count(engine) == kept
    assert callbacks.get(ADMIN, of_other.id).state is State.PENDING


def test_what_is_left_of_a_removed_extension_is_the_operators(
    callbacks: Callbacks, store: Directory, requests: Requests
) -> None:
    found = asked(callbacks, extension="101")
    nobodys = requests.refuse(asking(extension="", now=1), "unknown_did")
    store.delete(ADMIN, Kind.EXTENSION, "101")
    assert ids(callbacks, ACME) == []
    assert set(ids(callbacks)) == {found.id, nobodys.id}
    for one in (found.id, nobodys.id):
        with pytest.raises(NotFound):
            callbacks.get(ACME, one)
    assert callbacks.cancel(ADMIN, found.id).outcome == "cancelled"


# --- the audit log ---------------------------------------------------------------------------


def test_o2_who_asked_who_joined_and_who_cancelled_is_in_the_audit_log(
    callbacks: Callbacks, store: Directory
) -> None:
    found = asked(callbacks, ACME)
    said = last(store)
    assert (said.actor, said.action, said.kind, said.key) == (
        ACME.name,
        "create",
        "callback",
        found.id,
    )
    assert (said.at, said.client, said.before) == (NOW, "acme", None)
    assert said.after == {
        "extension": "100",
        "did": "+12025550100",
        "caller": CALLER,
        "number": CALLER,
        "state": "pending",
        "outcome": None,
    }
    callbacks.ask(ADMIN, ASKED)
    said = last(store)
    assert (said.actor, said.action, said.key) == (ADMIN.name, "change", found.id)
    assert (said.before, (said.after or {})["joined"]) == ({"joined": 0}, 1)
    callbacks.cancel(Actor(name="cli:root", role=Role.ADMIN), found.id)
    said = last(store)
    assert (said.actor, said.action, said.key, said.client) == (
        "cli:root",
        "change",
        found.id,
        "acme",
    )
    assert said.before == {"state": "pending", "outcome": None}
    assert said.after == {"state": "done", "outcome": "cancelled"}


def test_o2_the_audit_log_can_be_asked_for_every_kind() -> None:
    assert {kind.value for kind in AuditKind} == {
        *Kind, "callback", "stop", "lockout", "suspicion", "node", "user", "person",
    }  # fmt: skip
