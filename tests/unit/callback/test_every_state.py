"""Every state with every event: where it leads, that it is pure, and that it waits for something.

The sessions are generated, with counters and deadlines that no call would have.
"""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from controller.callback import conversation, trigger
from controller.callback.effects import Bridge, Effect, SetTimer
from controller.callback.events import (
    Bridged,
    CreditKnown,
    PasswordChecked,
    ReturnEvent,
    RouteFound,
    StepDone,
    TimeKnown,
    TimerFired,
    TriggerEvent,
    kind,
)
from controller.callback.machine import is_stale
from controller.callback.return_session import ReturnSession
from controller.callback.return_table import RETURN
from controller.callback.states import TRIGGER, Return, Row, Trigger
from controller.callback.trigger import TriggerSession
from tests.unit.examples import FEW, many

from .given import nows, plan, return_moments, return_sessions, trigger_moments

ReturnMoment = tuple[ReturnSession, ReturnEvent, float]
TriggerMoment = tuple[TriggerSession, TriggerEvent, float]

#: Where nobody has to wait for anything: not begun, over, or the switch has its own limit (M5).
WITHOUT_TIMER = {
    Return.NEW, Return.TALKING, Return.DETACHED, Return.ENDED, Trigger.NEW, Trigger.ENDED,
}  # fmt: skip


def check(table: Any, step: Any, moment: Any) -> None:
    """Check what holds of every step of either machine."""
    session, event, now = moment
    before = copy.deepcopy(session)
    after, effects = step(session, event, now)
    assert session == before
    assert (after, effects) == step(session, event, now)
    row = table[session.state][kind(event)]
    if is_stale(session, event) or not row.action:
        assert after is session
        assert effects == ()
        return
    assert after.state in (row.to or (session.state,))
    assert after.step >= session.step
    assert after.timer >= session.timer
    check_timer(session, after, effects, now)


def check_timer(session: Any, after: Any, effects: tuple[Effect, ...], now: float) -> None:
    """Check that whoever waits has one timer that counts, and that no old one does any more."""
    timers = [effect for effect in effects if isinstance(effect, SetTimer)]
    if after.state in WITHOUT_TIMER:
        assert timers == []
        return
    if not timers:
        # It waits on for what it waited for.
        assert (after.state, after.timer) == (session.state, session.timer)
        return
    # The last one counts: it takes the place of any before.
    assert [timer.number for timer in timers] == list(range(session.timer + 1, after.timer + 1))
    at = timers[-1].at
    assert math.isfinite(at)
    # A question whose own time is over is over at once.
    assert at > now or at == getattr(after, "deadline", None)


@given(return_moments())
@settings(max_examples=many(600))
def test_a_return_leg_goes_where_its_row_says_and_waits_for_something(
    moment: ReturnMoment,
) -> None:
    check(RETURN, conversation.step, moment)


@given(trigger_moments())
@settings(max_examples=many(600))
def test_a_trigger_leg_goes_where_its_row_says_and_waits_for_something(
    moment: TriggerMoment,
) -> None:
    check(TRIGGER, trigger.step, moment)


ROWS = [
    pytest.param(table, state, event, row, id=f"{name}-{state}-{event}")
    for name, table in (("trigger", TRIGGER), ("return", RETURN))
    for state, rows in table.items()
    for event, row in rows.items()
    if row.to
]


#: Whose a session is, and what an event is made by: the numbers that it answers.
OWN = {"leg", "request", "state", "timer", "step", "dialled", "stored"}
#: How many more are tried of each session that is generated, which takes far longer.
MIXED = 30


def mixed(session: Any, other: Any, dice: random.Random) -> Any:
    """Give a session that could have been generated too: some of it is another one's.

    Each field is drawn by itself, but for the keys and how many of them were typed ahead.
    """
    chosen = {name for name in session.__struct_fields__ if name not in OWN and dice.random() < 0.5}
    chosen -= {"ahead"} if hasattr(session, "keys") else set()
    chosen |= {"ahead"} if "keys" in chosen else set()
    return msgspec.structs.replace(session, **{name: getattr(other, name) for name in chosen})


@pytest.mark.skipif(FEW, reason="that it can be is found on one Python")
@pytest.mark.parametrize(("table", "state", "event", "row"), ROWS)
def test_every_arrow_of_the_tables_can_be_taken(
    table: Any, state: Any, event: str, row: Row
) -> None:
    machine = trigger if table is TRIGGER else conversation
    made = trigger_moments if table is TRIGGER else return_moments
    left = set(row.to)
    sessions: list[Any] = []
    dice = random.Random(0)

    def takes_the_last_one(moment: Any) -> bool:
        session, event, now = moment
        others = (mixed(session, dice.choice(sessions), dice) for _ in range(MIXED) if sessions)
        for one in (session, *others):
            after, effects = machine.step(one, event, now)
            if after is not one or effects:
                left.discard(after.state)
        sessions.append(session)
        return not left

    # Whichever moments take them will do, so none is made smaller.
    only_look = settings(max_examples=20_000, database=None, phases=[Phase.generate])
    try:
        find(made((state,), event), takes_the_last_one, settings=only_look)
    except NoSuchExample:
        pytest.fail(f"nothing leads to {left}")


@given(return_sessions(), nows, st.data())
def test_what_is_of_an_earlier_wait_question_or_destination_changes_nothing(
    session: ReturnSession, now: float, data: st.DataObject
) -> None:
    other = st.integers(-5, 100)
    stale: list[ReturnEvent] = [
        TimerFired(data.draw(other.filter(lambda n: n != session.timer))),
        StepDone(data.draw(other.filter(lambda n: n != session.step)), last_bridge_to="x"),
        PasswordChecked(data.draw(other.filter(lambda n: n != session.step)), right=True),
        CreditKnown(data.draw(other.filter(lambda n: n != session.step)), credit=None),
        TimeKnown(data.draw(other.filter(lambda n: n != session.step)), seconds=None),
        RouteFound(data.draw(other.filter(lambda n: n != session.step)), plan("one")),
        Bridged("a leg that is none of ours"),
    ]
    for event in stale:
        assert conversation.step(session, event, now) == (session, ())


@given(return_moments((Return.DESTINATION, Return.CONNECTING)))
def test_a_destination_has_legs_of_its_own_that_every_controller_can_name(
    moment: ReturnMoment,
) -> None:
    """O4: the uuids come from the leg's own, so that whoever takes it over knows them."""
    after, effects = conversation.step(*moment)
    for effect in effects:
        if isinstance(effect, Bridge):
            assert effect.legs == after.destination_legs[: len(effect.plan.ways)]
            assert len(set(effect.legs)) == len(effect.plan.ways)
            others = msgspec.structs.replace(after, dialled=after.dialled + 1)
            assert not set(effect.legs) & set(others.destination_legs)
