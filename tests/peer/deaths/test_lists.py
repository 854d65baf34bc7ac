"""O4: the switch is told of the controllers that are there, and calls are spread over them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import gevent
import pytest

from controller.app import Controller
from controller.guard.lists import SLOTS
from controller.guard.members import SERVING
from controller.runtime.controllers_list import VARIABLE
from controller.settings import Listen, Presence
from tests.peer.forking import Forks
from tests.peer.world import (
    CALLER,
    FRIEND,
    PASSWORD,
    World,
    answering,
    talking,
    typed,
    until,
)
from tests.proxies import black_hole

#: A controller that dies is known to be dead so soon.
LEASE_SECONDS = 2


def lists(world: World) -> dict[str, list[str]]:
    """The names in the list of each slot, in order."""
    found = {slot: world.switch.global_value(VARIABLE + slot) for slot in SLOTS}
    return {
        slot: [one.rpartition("/")[2] for one in text.split("|") if one]
        for slot, text in found.items()
    }


def named(world: World, *names: str) -> bool:
    """Whether each list has these controllers, and no others."""
    return all(sorted(one) == sorted(names) for one in lists(world).values())


def is_alone(controller: Controller) -> bool:
    """Whether a controller knows of no other one that takes calls."""
    members = controller.services.standing.members
    return all(m.name == controller.services.name or m.state != SERVING for m in members)


def called(world: World) -> set[str]:
    """The controllers that legs are with now; each is with the first one of its list."""
    by_slot = lists(world)
    found = {}
    for leg in world.switch.legs.values():
        if leg.role == "trigger" and leg.controlled:
            found[leg.uuid] = leg.get("socket_path") or ""
    assert all(by_slot[uuid[-1]][0] == name for uuid, name in found.items())
    return set(found.values())


@pytest.fixture
def pair(spread: World) -> tuple[Controller, Controller]:
    """Two controllers of this process that are in the lists."""
    spread.extension(ring_seconds=60)
    both = spread.controller(0), spread.controller(1)
    until(partial(named, spread, "controller0", "controller1"))
    return both


def test_o4_calls_are_spread_over_all_controllers(
    spread: World, pair: tuple[Controller, Controller]
) -> None:
    """O4: each gets the legs of its slots, whatever order the switch's own list has."""
    assert (
        sorted(one[0] for one in lists(spread).values())
        == ["controller0"] * 8 + ["controller1"] * 8
    )
    until(lambda: all(one.lists.is_right("sim1") for one in pair))
    for number in range(100):
        spread.ring(f"+1212555{number:04}")
        gevent.sleep(0.05)
        if called(spread) == {"controller0", "controller1"}:
            break
    until(lambda: called(spread) == {"controller0", "controller1"})
    until(lambda: all(len(one.services.legs) for one in pair))
    spread.switch.api.run("hupall")
    spread.idle()


def test_o4_who_leaves_gets_no_more_calls(
    spread: World, pair: tuple[Controller, Controller]
) -> None:
    """O4: it is out of the lists before it refuses anybody, and in them when it is back."""
    first, second = pair
    first.drain()
    assert named(spread, "controller1")
    first.close()
    spread.controllers.remove(first)
    spread.ring()
    until(lambda: called(spread) == {"controller1"})
    spread.controller(0)
    until(partial(named, spread, "controller0", "controller1"))
    second.drain()
    assert named(spread, "controller0")


def test_o4_the_last_one_that_leaves_takes_the_lists_with_it(
    spread: World, pair: tuple[Controller, Controller]
) -> None:
    """O4: the switch's own list counts then: it may name one of a release that knows no lists."""
    first, second = pair
    first.drain()
    first.close()
    # Their Redis was the first one's, and went with it: who is there is to be known again.
    until(lambda: named(spread, second.services.name) and is_alone(second))
    second.drain()
    assert named(spread)


def test_o4_o5_a_restarted_switch_is_told_again(
    spread: World, pair: tuple[Controller, Controller]
) -> None:
    """O4, O5: the variables are gone with the switch, and there again with the first link."""
    spread.switch.crash()
    assert named(spread)
    spread.switch.restart()
    until(partial(named, spread, "controller0", "controller1"))
    until(lambda: all(one.lists.is_right("sim1") for one in pair))


def test_o4_o5_who_is_dead_is_in_no_list(spread: World, forks: Forks) -> None:
    """O4, O5: until it is known to be dead, the next one of the list is tried, and takes the call.

    That it is known takes a lease; from then on nobody tries it.
    """
    spread.extension(password=PASSWORD)
    spread.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    spread.phone(FRIEND, talking(0.3))
    spread.controller(1, presence=Presence(lease_seconds=LEASE_SECONDS))
    dead = forks.run(spread.config(0), CALLBACKD_PRESENCE__LEASE_SECONDS=str(LEASE_SECONDS))
    until(partial(named, spread, "controller0", "controller1"))
    forks.kill(dead)
    spread.ring()
    (request,) = spread.ended()
    assert request.outcome == "completed"
    until(partial(named, spread, "controller1"))


@pytest.fixture
def hole() -> Iterator[str]:
    """The address of a host that swallows whatever is sent to it."""
    with black_hole() as made:
        yield f"127.0.0.1:{made.getsockname()[1]}"


def test_o4_a_call_gets_past_a_host_that_swallows_it(spread: World, hole: str) -> None:
    """O4: the switch gives up in a while (`tcp_syn_retries`), and takes the next of the list."""
    spread.extension(password=PASSWORD)
    spread.switch.connect_seconds = 0.5
    lost = Listen(port=spread.ports[0], advertise=hole)
    spread.controller(0, listen=lost)
    spread.controller(1)
    until(partial(named, spread, "controller0", "controller1"))
    assert hole in spread.switch.global_value(VARIABLE + "0")
    spread.phone(FRIEND, *[talking(0.2)] * 100)
    first: set[str] = set()
    callers = [f"1212555{number:04}" for number in range(100)]
    for caller in callers:
        spread.phone(caller, answering(typed(PASSWORD), typed(FRIEND)))
        uuid = spread.ring("+" + caller)
        first.add(lists(spread)[uuid[-1]][0])
        if first == {"controller0", "controller1"}:
            break
    assert first == {"controller0", "controller1"}
    requests = spread.ended(callers.index(caller) + 1)
    assert {one.outcome for one in requests} == {"completed"}
    spread.idle()


def test_o4_where_a_controller_cannot_be_reached_for_sure_the_switchs_own_list_counts(
    two: World,
) -> None:
    """O4: both listen on every address; readiness says what is to be done."""
    two.extension(ring_seconds=60)
    first, second = two.controller(0), two.controller(1)
    until(lambda: len(first.services.standing.members) == 2)
    until(lambda: "listen.advertise" in str(first.lists.fault))
    assert named(two)
    two.ring()
    until(lambda: len(first.services.legs) == 1)
    assert two.holder("trigger") == ""
    assert len(second.services.legs) == 0


def test_o4_who_is_told_where_he_is_reached_is_in_the_lists(two: World) -> None:
    """O4: `listen.advertise`, where a controller listens on every address."""
    for index in (0, 1):
        port = two.ports[index]
        two.controller(
            index, listen=Listen(host="0.0.0.0", port=port, advertise=f"localhost:{port}")
        )
    until(partial(named, two, "controller0", "controller1"))
    two.extension(ring_seconds=60)
    two.ring()
    until(lambda: two.holder("trigger"))
    until(lambda: len(called(two)) == 1)
