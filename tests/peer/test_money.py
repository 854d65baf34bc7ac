"""Calls on credit, with a simulated switch: what is held, the limits it gets, what is heard."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from controller.credit.model import Price
from controller.runtime import metering
from controller.settings import Credit, Dispatcher
from controller.simulator import Behaviour
from controller.store.charging import SqlCharging
from tests.peer.money import CENT, Money
from tests.peer.world import (
    CALLER,
    FRIEND,
    OTHER,
    PASSWORD,
    World,
    answering,
    talking,
    typed,
)
from tests.unit.store.paying import account, add, listed


def charged(world: World, cents: int, *, password: str | None = None, **settings: Any) -> None:
    """Add the extension, whose calls cost a cent a second; those to its caller cost nothing."""
    world.extension(password=password, **settings)
    free = Price("+" + CALLER, 0)
    listed(world.engine, "usual", free, Price("+" + OTHER, 60 * CENT), Price("+1", 60 * CENT))
    account(world.engine, "account", cents * CENT, extension="1001")


def paid(world: World, cents: int, **settings: Any) -> None:
    """The same, where a call to the caller costs as much."""
    world.extension(**settings)
    listed(world.engine, "usual", Price("+1", 60 * CENT))
    account(world.engine, "account", cents * CENT, extension="1001")


def test_m3_without_credit_nobody_is_called_back(world: World) -> None:
    paid(world, 10)
    world.controller()
    world.phone(CALLER, answering())
    world.ring()
    (request,) = world.ended()
    assert (request.state, request.outcome) == ("done", "no_credit")
    assert list(world.switch.seen("called", role="return")) == []


def test_m3_of_thirty_who_ring_at_once_on_the_credit_of_one_one_is_called_back(two: World) -> None:
    """M3, M4: what is held for one call is there for no other, on no controller."""
    # As much as a dialogue is held for at first.
    money = Money(two, cents=120, dial_seconds=300)
    two.controller(0)
    two.controller(1)
    callers = [f"1212555{last:04}" for last in range(30)]
    for caller in callers:
        two.phone(caller, answering())
    for caller in callers:
        two.ring("+" + caller)
    two.ended(29)
    two.wait(two.questions)
    two.hang_up()
    outcomes = Counter(request.outcome for request in two.ended(30))
    assert outcomes == {"no_credit": 29, "hung_up": 1}
    two.idle()
    (row,) = money.settled(1)
    assert row.charge == CENT * row.seconds
    money.check()


def test_m2_nobody_is_called_back_at_no_price(world: World) -> None:
    world.extension()
    listed(world.engine, "usual", Price("+44", 60 * CENT))
    account(world.engine, "account", 1000 * CENT, extension="1001")
    world.controller()
    world.ring()
    (request,) = world.ended()
    assert request.outcome == "no_rate"


def test_m4_who_has_too_little_is_told_and_may_dial_another_number(world: World) -> None:
    """M4: of ten seconds that a call is worth, nine are there."""
    charged(world, 9)
    world.controller()
    world.phone(CALLER, answering(*[typed(number) for number in (FRIEND, OTHER, FRIEND)]))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert len(world.heard("credit_too_low")) == 3
    assert list(world.switch.seen("called", role="destination")) == []
    assert request.outcome == "no_credit"


def test_m5_the_destination_is_cut_and_the_caller_hears_why(world: World) -> None:
    """M4, M5: no more can be had than the three seconds that a call may last at most."""
    charged(world, 3, longest_call_seconds=3, sound_before_disconnecting="/over.wav")
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(60))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert world.heard("/over.wav")
    (ended,) = world.switch.seen("ended", role="destination")
    assert ended.detail["cause"] == "ALLOTTED_TIMEOUT"


def test_m3_a_dialogue_that_nobody_is_known_in_is_cut(world: World) -> None:
    """M3, M5: before the password no more is spent than is set."""
    world.extension(password=PASSWORD, minimum_credit=1, return_call_exposure=2 * CENT)
    listed(world.engine, "usual", Price("+1", 60 * CENT))
    account(world.engine, "account", 1000 * CENT, extension="1001")
    world.controller()
    world.phone(CALLER, answering())
    world.ring()
    (request,) = world.ended()
    assert request.outcome == "credit_over"
    (ended,) = world.switch.seen("ended", role="return")
    assert ended.detail["cause"] == "ALLOTTED_TIMEOUT"


def test_m4_what_is_not_used_is_not_held(world: World) -> None:
    """M3: a return call that nobody answers costs nothing."""
    paid(world, 1000)
    controller = world.controller()
    world.switch.gateway("pstn", "fail")
    world.switch.gateway("pstn2", "fail")
    world.ring()
    world.ended()
    credit = controller.services.charging.credit("1001", None)
    world.wait(lambda: _left(controller) == 1000 * CENT)
    assert credit is not None


def test_m4_who_hangs_up_while_it_rings_has_nothing_held(world: World) -> None:
    """M4, M7: he may call again at once; no node need be asked for that."""
    charged(world, 1000)
    controller = world.controller(dispatcher=Dispatcher(reconcile_seconds=3600))
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="no_answer"))
    world.ring()
    world.wait(lambda: [h for h in controller.services.charging.overdue(10**17) if h.position])
    world.wait(lambda: list(world.switch.seen("called", role="destination")))
    world.hang_up()
    world.ended()
    world.wait(lambda: _left(controller) == 1000 * CENT)


def test_m7_d4_each_destination_of_a_call_is_charged_by_itself(world: World) -> None:
    """M4, M7, D4: one that nobody answers is in between, and costs nothing."""
    money = Money(world, further_calls=1)
    world.controller(dispatcher=Dispatcher(reconcile_seconds=3600))
    world.phone(CALLER, answering(typed(FRIEND), typed(OTHER), typed(FRIEND)))
    world.phone(FRIEND, talking(1.2), talking(0.2))
    world.phone(OTHER, Behaviour(on_call="busy", after=0.1))
    world.ring()
    (request,) = world.ended()
    assert request.outcome == "completed"
    rows = money.settled(4)
    charged = [(row.position, row.charge > 0) for row in rows]
    assert sorted(charged) == [(0, True), (1, True), (2, False), (3, True)]
    world.idle()
    money.check()


def test_m6_a_call_runs_on_while_there_is_credit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M4, M6: held in slices; the limits are moved in the switch, and a warning is heard."""
    monkeypatch.setattr(metering, "LEAST_MARGIN_SECONDS", 25)
    charged(world, 31, warning_seconds=27, warning_sound="/warn.wav")
    world.controller(credit=Credit(slice_seconds=30))
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(60))
    world.ring()
    world.wait(lambda: world.heard("/warn.wav"))
    add(world.engine, "account", 10 * CENT, "more")
    charging = SqlCharging(world.engine)
    world.wait(lambda: any(h.destination_seconds > 31 for h in charging.overdue(10**17)))
    world.hang_up()
    (request,) = world.ended()
    assert request.outcome == "completed"


def _left(controller: Any) -> int | None:
    found = controller.services.charging.credit("1001", None)
    return None if found is None else int(found.micros)
