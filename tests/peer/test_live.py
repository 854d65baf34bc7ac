"""O2: calls in progress as real controllers write them, seen and ended by any of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.admin.live import Live
from controller.admin.live_shapes import LiveAsked, LiveCall, LiveState
from controller.admin.model import Conflict
from controller.app import Controller
from controller.simulator import Behaviour
from controller.switchboard import Switchboard
from tests.peer.world import CALLER, FRIEND, World, answering, typed, until
from tests.seed import ADMIN


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, controllers=2)
    yield made
    made.close()


def desk(world: World, controller: Controller) -> Live:
    """The desk of live calls of a controller."""

    def run(function: Any, /, *args: Any) -> Any:
        return function(*args)

    return Live(
        world.engine,
        run=run,
        now=lambda: time.time_ns() // 1000,
        switches=Switchboard(controller.services),
    )


def seen(live: Live) -> LiveCall | None:
    """Give the one call that there is."""
    look = live.look(ADMIN, LiveAsked(), live.totals(ADMIN))
    assert len(look.calls) <= 1
    return look.calls[0] if look.calls else None


def test_o2_a_talk_is_seen_and_ended_by_a_controller_that_does_not_hold_it(world: World) -> None:
    world.extension()
    one, two = world.controller(0), world.controller(1)
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    # Named by the lists, or, where they were not there yet, by the calls that each has.
    holder = world.holder() or next(c.services.name for c in (one, two) if c.services.legs)
    (other,) = (made for made in (one, two) if made.services.name != holder)
    live = desk(world, other)

    def talks() -> bool:
        found = seen(live)
        return found is not None and found.state is LiveState.TALKING

    # Whom he talks with is written within a second, by who holds the call.
    until(talks)
    call = seen(live)
    assert call is not None
    assert (call.number, call.destination) == ("+" + CALLER, "+" + FRIEND)
    assert (call.node, call.channels) == ("sim1", ("pstn",))
    assert call.controller == holder
    live.hang_up(ADMIN, call.id)
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    (ended,) = world.switch.seen("ended", role="return")
    assert ended.detail["cause"] == "MANAGER_REQUEST"
    assert seen(live) is None
    with pytest.raises(Conflict, match="is over"):
        live.hang_up(ADMIN, call.id)


def test_o2_one_that_rings_is_ended_for_good(world: World) -> None:
    """Neither another channel nor another time is tried."""
    world.extension(retries_failed=5, retries_no_answer=5)
    live = desk(world, world.controller())
    world.phone(CALLER, Behaviour(on_call="no_answer"))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    call = seen(live)
    assert call is not None
    assert (call.state, call.channels) == (LiveState.RINGING, ("pstn", "pstn2"))
    assert call.until is not None
    live.hang_up(ADMIN, call.id)
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.cause) == ("stopped", "MANAGER_REQUEST")
    assert len(world.switch.seen("ringing", role="return")) == 1
