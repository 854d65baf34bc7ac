"""G3: how many return calls there are at a time, and how much is spent, with a simulated switch."""

from __future__ import annotations

from functools import partial

import pytest

from controller.admin.model import Kind
from controller.credit import deciding
from controller.credit.model import Price
from controller.guard import at_a_time
from controller.settings import Guard
from controller.simulator.phones import JournalEntry
from controller.store.transcripts import transcript
from tests.peer.money import CENT
from tests.peer.world import CALLER, FRIEND, World, answering, talking, typed, until
from tests.seed import ADMIN, directory
from tests.unit.store.paying import account, listed

CALLERS = ("12125550191", "12125550192", "12125550193")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a place looks for one often."""
    monkeypatch.setattr(at_a_time, "AGAIN_SECONDS", 0.3)


class Alive:
    """Counts the return calls that there are, from being called to being over."""

    def __init__(self, world: World) -> None:
        self.now = self.most = 0
        world.switch.on_journal(self._note)

    def _note(self, entry: JournalEntry) -> None:
        if entry.role == "return" and entry.what in ("called", "ended"):
            self.now += 1 if entry.what == "called" else -1
            self.most = max(self.most, self.now)


def waited(world: World, whose: str) -> int:
    """Give how often a call had to wait."""
    counters = [one.metrics.too_many_calls.labels(whose) for one in world.controllers]
    return int(sum(counter._value.get() for counter in counters))


def waits_again(world: World, before: int) -> bool:
    return waited(world, "extension") > before


def test_g3_of_three_who_ring_one_at_a_time_is_called_back(two: World) -> None:
    """By two controllers; whoever is called may call others, for which nothing is counted here."""
    two.extension(concurrent_calls=1)
    alive = Alive(two)
    two.controller(0)
    two.controller(1)
    two.phone(FRIEND, talking(60), talking(60), talking(60))
    for caller in CALLERS:
        two.phone(caller, answering(typed(FRIEND)))
        two.ring("+" + caller)
    for over in range(3):
        two.wait(lambda: [leg for leg in two.switch.legs.values() if leg.role == "destination"])
        if over < 2:
            until(partial(waits_again, two, waited(two, "extension")))
        two.hang_up()
        two.ended(over + 1)
    assert {request.outcome for request in two.ended(3)} <= {"completed", "hung_up"}
    two.idle()
    assert (alive.most, alive.now) == (1, 0)


@pytest.mark.parametrize("whose", ["client", "all"])
def test_g3_t10_who_waits_for_a_place_until_he_expires_is_kept_with_the_reason(
    world: World, whose: str
) -> None:
    if whose == "client":
        directory(world.engine).change(ADMIN, Kind.CLIENT, "main", {"concurrent_calls": 1})
    world.extension(expiry_seconds=2)
    world.extension("1002", dids=("+12025550109",), expiry_seconds=2)
    alive = Alive(world)
    world.controller(guard=Guard(concurrent_calls=1 if whose == "all" else None))
    one, other = CALLERS[:2]
    world.phone(one, answering())
    world.phone(other, answering())
    world.ring("+" + one)
    world.wait(world.questions)
    world.ring("+" + other, did="12025550109")
    outcomes = [request.outcome for request in world.ended(1)]
    assert f"too_many_calls_{whose}" in outcomes
    world.hang_up()
    world.ended(2)
    assert alive.most == 1


def test_g3_a_call_that_ends_while_there_is_no_limit_has_its_place_no_longer(world: World) -> None:
    """An operator who takes a limit away and sets it again is not left with calls that are over."""
    world.extension(concurrent_calls=1)
    services = world.controller().services

    def limited(limit: int | None) -> None:
        values = {"concurrent_calls": limit}
        directory(world.engine).change(ADMIN, Kind.EXTENSION, "1001", values)
        until(lambda: getattr(services.policies.get("1001"), "concurrent_calls", 0) == limit)

    one, other = CALLERS[:2]
    world.phone(one, answering())
    world.phone(other, answering())
    world.ring("+" + one)
    world.wait(world.questions)
    limited(None)
    world.hang_up()
    world.ended(1)
    world.idle()
    limited(1)
    world.ring("+" + other)
    until(lambda: waited(world, "extension") or len(world.switch.seen("called", role="return")) > 1)
    assert waited(world, "extension") == 0
    world.wait(lambda: [leg for leg in world.switch.legs.values() if leg.role == "return"])
    world.hang_up()
    world.ended(2)


def test_g3_a_call_is_cut_where_no_more_may_be_spent_and_the_next_is_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G3, M5: as where the credit ends; what is kept says that it was not that."""
    monkeypatch.setattr(deciding, "WORTH_TALKING", 2)
    world.extension(most_spent_per_hour=3 * CENT, sound_before_disconnecting="/over.wav")
    listed(world.engine, "usual", Price("+" + CALLER, 0), Price("+1", 60 * CENT))
    account(world.engine, "account", extension="1001", unlimited=True)
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)), answering(*[typed(FRIEND)] * 3))
    world.phone(FRIEND, talking(60))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert world.heard("/over.wav")
    (ended,) = world.switch.seen("ended", role="destination")
    assert ended.detail["cause"] == "ALLOTTED_TIMEOUT"
    with world.engine.connect() as connection:
        lines = [(line.what, line.text) for line in transcript(connection, request.id)]
    assert ("decided", "spend_limit") in lines
    world.ring()
    _, second = world.ended(2)
    assert second.outcome == "spend_limit"
    assert len(world.heard("credit_too_low")) == 3
    assert len(list(world.switch.seen("called", role="destination"))) == 1
