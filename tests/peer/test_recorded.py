"""O5, M7: what became of a call that nobody was told of is had from the switch's own record."""

from __future__ import annotations

import signal

from controller.simulator import Behaviour
from tests.peer.money import keep_records, reading_records
from tests.peer.world import CALLER, FRIEND, World, answering, kill, typed


def test_o5_a_conversation_that_ended_unheard_is_known_by_its_record(world: World) -> None:
    """No controller is there when they hang up, and nobody saw that they had talked."""
    world.extension()
    environment = reading_records(world, keep_records(world))
    first = world.process(0, **environment)
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.wait(lambda: world.switch.connections["outbound"] == 0)
    kill(first, signal.SIGKILL)
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    world.process(0, **environment)
    (request,) = world.ended()
    assert (request.outcome, request.destination) == ("completed", "+" + FRIEND)


def test_o5_t5_a_busy_phone_is_called_again_though_nobody_heard_that_it_was(world: World) -> None:
    """The answer went to a controller that had died: the record has it, and T5 goes on."""
    world.extension(retries_busy=1, retry_seconds=5)
    environment = reading_records(world, keep_records(world))
    first = world.process(0, **environment)
    world.phone(CALLER, Behaviour(on_call="busy", after=1.0))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    kill(first, signal.SIGKILL)
    world.wait(lambda: not world.switch.legs)
    world.process(0, **environment)
    (request,) = world.ended()
    world.idle()
    tries = world.requests.attempts_of(request.id)
    assert [(tried.outcome, tried.cause) for tried in tries] == [("busy", "USER_BUSY")] * 2
    assert request.outcome == "busy"
