"""G3: what looks like fraud is not called, until an operator releases it."""

from __future__ import annotations

from controller.admin.suspicions import Suspecting
from controller.settings import Guard
from controller.simulator import Behaviour, HangUp
from controller.store.suspicions import Suspicions
from tests.peer.world import World, answering, until
from tests.seed import ADMIN

#: Of one block.
ROBOTS = [f"121255501{n:02}" for n in range(1, 7)]


def called(world: World) -> list[str]:
    """Give who was called back, in order."""
    return [entry.number.lstrip("+") for entry in world.switch.seen("called", role="return")]


def ring(world: World, caller: str, count: int) -> str | None:
    """Have somebody ring, and give how his callback ended; `count`: how many there are by then."""
    before = {request.id for request in world.requests.all()}
    world.ring("+" + caller)
    ended = world.ended(count)
    world.idle()
    (own,) = [request for request in ended if request.id not in before]
    return own.outcome


def test_g3_of_numbers_in_sequence_no_more_are_called_until_an_operator_releases_it(
    world: World,
) -> None:
    """With the settings' defaults; who is the one too many is not called either."""
    world.extension(on_sequential_numbers="block")
    world.controller()
    hanging_up = answering(hang_up=HangUp(when="heard", what="enter", after=0.1))
    for robot in ROBOTS:
        world.phone(robot, hanging_up)
    for robot in ROBOTS[:4]:
        world.ring("+" + robot)
    assert [request.outcome for request in world.ended(4)] == ["hung_up"] * 4
    assert ring(world, ROBOTS[4], 5) == "suspicion_sequential_numbers"
    assert ring(world, ROBOTS[5], 6) == "suspicion_sequential_numbers"
    assert sorted(called(world)) == ROBOTS[:4]
    suspecting = Suspecting(world.engine, now=world.controllers[0].services.clock.micros)
    (found,) = suspecting.list(ADMIN, {"open": True}).items
    assert (found.subject, found.blocks) == ("1001/+121255501", True)
    suspecting.release(ADMIN, found.id)
    # As soon as that is read, and not what was seen before.
    suspicions = world.controllers[0].services.suspicions
    until(lambda: not suspicions.get().open)
    assert ring(world, ROBOTS[5], 7) == "hung_up"
    assert called(world)[4:] == [ROBOTS[5]]


def test_g3_a_number_that_answers_and_hangs_up_at_once_is_not_called_again(world: World) -> None:
    """It is the switch's own times that say so, as its leg is settled."""
    world.extension(on_short_answers="block")
    world.controller(guard=Guard(short_answers=2))
    world.phone(ROBOTS[0], Behaviour(on_call="answer", hang_up=HangUp(when="answer", after=1.0)))
    assert ring(world, ROBOTS[0], 1) == "hung_up"
    assert ring(world, ROBOTS[0], 2) == "hung_up"
    watched = Suspicions(world.engine, now=world.controllers[0].services.clock.micros)
    key = f"short_answers:1001/+{ROBOTS[0]}"
    until(lambda: watched.known().open == {key: True})
    assert ring(world, ROBOTS[0], 3) == "suspicion_short_answers"
    assert called(world) == ROBOTS[:1] * 2
