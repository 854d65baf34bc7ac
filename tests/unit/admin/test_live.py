"""Calls in progress as they are seen, and ended by hand (O2)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event

from bench.live_calls import SECOND
from controller.admin.directory import Directory
from controller.admin.live import Live, read_asked
from controller.admin.live_shapes import LiveAsked, LiveCall, LiveLook, LiveState, LiveView
from controller.admin.model import Actor, Conflict, Forbidden, Invalid, Kind, NotFound, Unavailable
from tests.live_calls import end, put, talk
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, ACME_LOOKS, LOOKS, OTHER, two_clients

NOW = 1_800_000_000_000_000
ALL = LiveAsked()


class Switches:
    """Links to fs1; what is ended there is remembered."""

    def __init__(self) -> None:
        self.linked = True
        self.has_call = True
        self.ended: list[tuple[str, str, int]] = []

    def reaches(self, node: str) -> bool:
        return self.linked and node == "fs1"

    def hang_up(self, node: str, attempt: str, channels: int) -> bool:
        self.ended.append((node, attempt, channels))
        return self.has_call


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def account(store: Directory) -> str:
    """The account of acme's caller, with 5 USD on it; acme has extensions 100 and 101."""
    keys = two_clients(store)
    key = keys[Kind.ACCOUNT]["acme"]
    store.add_entry(ADMIN, key, {"key": "first", "amount": 5_000_000})
    return key


@pytest.fixture
def live(engine: Engine, account: str, switches: Switches) -> Live:
    def run(function: Any, /, *args: Any) -> Any:
        return function(*args)

    return Live(engine, run=run, now=lambda: NOW, switches=switches)


def look(live: Live, actor: Actor = ADMIN, asked: LiveAsked = ALL) -> LiveLook:
    return live.look(actor, asked, live.totals(actor))


def only(live: Live, actor: Actor = ADMIN, asked: LiveAsked = ALL) -> LiveCall:
    (found,) = look(live, actor, asked).calls
    return found


# --- what a call is at -------------------------------------------------------------------------


def test_o2_one_that_waits_says_until_when_and_how_the_last_try_went(
    engine: Engine, live: Live
) -> None:
    put(engine, 20, "pending", extension="100", now=NOW, outcome="busy", attempts=1, joined=2)
    found = only(live)
    assert (found.state, found.until) == (LiveState.WAITING, NOW + 20 * SECOND)
    assert (found.outcome, found.attempts, found.joined) == ("busy", 1, 2)
    assert (found.node, found.controller, found.channels) == (None, None, ())


def test_o2_one_that_rings_says_how_long_at_most(engine: Engine, live: Live) -> None:
    """30 s on each of two channels, from when it was sent."""
    put(engine, 7, "calling", extension="100", now=NOW)
    found = only(live)
    assert (found.state, found.since) == (LiveState.RINGING, NOW - 7 * SECOND)
    assert found.until == NOW - 7 * SECOND + 60 * SECOND
    assert found.channels == ("pstn", "second")
    assert (found.node, found.controller) == ("fs1", "one")


def test_o2_an_answered_one_is_in_the_menu_until_a_destination_is_called(
    engine: Engine, live: Live
) -> None:
    put(engine, 100, "menu", extension="100", now=NOW)
    found = only(live)
    assert (found.state, found.since) == (LiveState.MENU, NOW - 91 * SECOND)
    assert (found.destination, found.channels, found.until) == (None, ("pstn",), None)


def test_o2_a_destination_that_is_called_is_no_talk_yet(engine: Engine, live: Live) -> None:
    put(engine, 100, "dialling", extension="100", now=NOW)
    found = only(live)
    assert (found.state, found.since) == (LiveState.DIALLING, NOW - 80 * SECOND)
    assert found.destination == "+442000000100"


def test_o2_people_talk_since_they_were_connected(engine: Engine, live: Live, account: str) -> None:
    put(engine, 100, "talking", extension="100", now=NOW, account=account)
    found = only(live)
    assert (found.state, found.since) == (LiveState.TALKING, NOW - 75 * SECOND)
    assert found.destination == "+442000000100"
    assert (found.currency, found.held, found.left) == ("USD", 250_000, 4_750_000)
    # 300 s are held for, since the answer.
    assert found.paid_until == NOW - 75 * SECOND + 300 * SECOND


def test_o2_what_an_earlier_try_left_open_is_none_of_this_one(engine: Engine, live: Live) -> None:
    """A switch died in a talk, and nobody told its end: the next try is in the menu."""
    id_ = put(engine, 100, "menu", extension="100", now=NOW)
    talk(engine, id_, 100, NOW - 300 * SECOND)
    assert only(live).state is LiveState.MENU


def test_o2_what_is_over_is_seen_while_it_settles(engine: Engine, live: Live, account: str) -> None:
    for which, settled in ((100, False), (101, True)):
        id_ = put(engine, which, "talking", extension="100", now=NOW, account=account)
        end(engine, id_, NOW - SECOND, settled=settled)
    assert look(live).calls == ()
    settling = LiveAsked(view=LiveView.SETTLING)
    found = only(live, asked=settling)
    assert (found.state, found.since) == (LiveState.SETTLING, NOW - SECOND)
    assert look(live, asked=settling).count == 1


def test_m9_who_has_no_limit_is_not_said_to_run_out(
    engine: Engine, live: Live, store: Directory, account: str
) -> None:
    store.change(ADMIN, Kind.ACCOUNT, account, {"unlimited": True})
    put(engine, 100, "talking", extension="100", now=NOW, account=account)
    found = only(live)
    assert found.unlimited
    assert found.paid_until is None


# --- totals and pages --------------------------------------------------------------------------


def test_o2_totals_count_what_somebody_may_see(engine: Engine, live: Live, account: str) -> None:
    for which, state in enumerate(("pending", "calling", "menu", "talking", "talking"), 50):
        put(engine, which, state, extension="100", now=NOW, account=account)
    put(engine, 60, "talking", extension="200", now=NOW)
    put(engine, 61, "done", extension="100", now=NOW)
    everybody, own = live.totals(ADMIN), live.totals(ACME)
    assert (everybody.waiting, everybody.ringing, everybody.answered) == (1, 1, 4)
    assert (everybody.talking, own.talking, own.answered) == (3, 2, 3)
    assert [(one.currency, one.amount, one.calls) for one in own.held] == [("USD", 1_000_000, 4)]
    assert live.totals(OTHER).held == ()


def test_o2_pages_hold_fifty_the_latest_first(engine: Engine, live: Live) -> None:
    ids = [put(engine, which, "menu", extension="100", now=NOW) for which in range(1, 121)]
    first, third = look(live), look(live, asked=LiveAsked(page=3))
    assert [call.id for call in first.calls] == ids[:50]
    assert [call.id for call in third.calls] == ids[100:]
    assert (first.count, first.more, third.first, third.more) == (120, True, 100, False)


def test_o2_filters_are_by_state_extension_and_number(engine: Engine, live: Live) -> None:
    put(engine, 50, "pending", extension="100", now=NOW)
    two = put(engine, 51, "menu", extension="101", now=NOW, caller="+12125550177")
    for asked in (
        LiveAsked(view=LiveView.ANSWERED),
        LiveAsked(extension="101"),
        LiveAsked(number="+12125550177"),
        LiveAsked(number="+12000000051"),
        LiveAsked(view=LiveView.ANSWERED, extension="101", number="+12125550177"),
    ):
        found = look(live, asked=asked)
        assert [call.id for call in found.calls] == [two], asked
        assert found.count == 1
    assert look(live, asked=LiveAsked(view=LiveView.WAITING, extension="101")).calls == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [("view", "dead"), ("number", "' OR 1=1"), ("extension", "1\x00"), ("page", "0"),
     ("page", "9" * 400), ("page", "-1")],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_told_with_its_field(field: str, value: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_asked({field: value})
    assert raised.value.field == field


def test_a_number_may_be_written_with_what_people_put_in_between() -> None:
    assert read_asked({"number": "+1 (202) 555-0100"}).number == "+12025550100"


def test_a_look_reads_no_more_statements_when_there_are_more_calls(
    engine: Engine, live: Live, account: str
) -> None:
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    counts = []
    for which in range(1, 61):
        put(engine, which, "talking", extension="100", now=NOW, account=account, amount=1)
        if which in (1, 60):
            said.clear()
            look(live)
            counts.append(len([one for one in said if one.lstrip().startswith("SELECT")]))
    assert counts[0] == counts[1] <= 14


# --- whose they are ----------------------------------------------------------------------------


def test_o2_a_client_sees_his_own_and_neither_switch_nor_channel(
    engine: Engine, live: Live
) -> None:
    put(engine, 50, "talking", extension="100", now=NOW)
    put(engine, 51, "talking", extension="200", now=NOW)
    for actor in (ACME, ACME_LOOKS):
        found = only(live, actor)
        assert found.extension == "100"
        assert (found.node, found.controller, found.channels) == (None, None, ())
        assert look(live, actor, LiveAsked(extension="200")).calls == ()
        assert look(live, actor, LiveAsked(number="+12000000051")).count == 0


# --- ending one --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["calling", "menu", "talking"])
def test_o2_a_call_is_ended_on_its_switch_and_that_is_noted(
    engine: Engine, live: Live, store: Directory, switches: Switches, state: str
) -> None:
    id_ = put(engine, 100, state, extension="100", now=NOW)
    live.hang_up(ACME, id_)
    ((node, attempt, channels),) = switches.ended
    assert (node, channels) == ("fs1", 2)
    assert attempt != id_
    (noted,) = store.audit(ADMIN, {"kind": "callback", "key": id_}).items
    assert (noted.action, noted.actor, noted.client) == ("hang_up", ACME.name, "acme")
    assert noted.before == {"state": "calling" if state == "calling" else "answered"}


def test_o2_nobody_ends_what_is_not_his_to_end(
    engine: Engine, live: Live, store: Directory, switches: Switches
) -> None:
    id_ = put(engine, 100, "talking", extension="100", now=NOW)
    for actor in (LOOKS, ACME_LOOKS):
        with pytest.raises(Forbidden):
            live.hang_up(actor, id_)
    for wrong in (id_, "00000000-0000-4000-8000-00000000ffff", "x' OR 1=1", "\x00"):
        with pytest.raises(NotFound):
            live.hang_up(OTHER, wrong)
    assert switches.ended == []
    assert store.audit(ADMIN, {"action": "hang_up"}).items == ()


@pytest.mark.parametrize(("state", "why"), [("pending", "cancel"), ("done", "is over")])
def test_o2_what_is_not_under_way_is_not_ended(
    engine: Engine, live: Live, switches: Switches, state: str, why: str
) -> None:
    id_ = put(engine, 100, state, extension="100", now=NOW)
    with pytest.raises(Conflict, match=why):
        live.hang_up(ADMIN, id_)
    assert switches.ended == []


def test_o2_without_a_link_to_the_switch_nothing_is_done_or_noted(
    engine: Engine, live: Live, store: Directory, switches: Switches
) -> None:
    id_ = put(engine, 100, "talking", extension="100", now=NOW)
    switches.linked = False
    with pytest.raises(Unavailable, match="no link"):
        live.hang_up(ADMIN, id_)
    assert store.audit(ADMIN, {"action": "hang_up"}).items == ()
    switches.linked, switches.has_call = True, False
    with pytest.raises(Conflict, match="no such call"):
        live.hang_up(ADMIN, id_)
