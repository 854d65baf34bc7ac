"""O4, O5: a controller dies, or is told to stop; the call goes on with another one."""

from __future__ import annotations

import signal

import gevent
import pytest

from controller.simulator import HangUp, Keys
from tests.peer.world import (
    CALLER,
    FRIEND,
    PASSWORD,
    PATIENCE,
    ROUNDED,
    World,
    answering,
    kill,
    talking,
    typed,
)

ENTER_PASSWORD = "ivr-please_enter_pin_followed_by_pound.wav"
ENTER_DESTINATION = "ivr-enter_destination_telephone_number.wav"
NOTHING = Keys(when="heard", what="enter", press="", after=0.1)


@pytest.mark.parametrize("at", ["password", "destination"])
def test_o5_killed_while_digits_are_collected_the_other_asks_again(two: World, at: str) -> None:
    """O5: SIGKILL in mid-question; the other controller asks the same question and goes on.

    After the password was given it is not asked for again (O4).
    """
    two.extension(password=PASSWORD, dial_seconds=30)
    first = two.process(0)
    two.process(1)
    if at == "password":
        keys = (NOTHING, typed(PASSWORD), typed(FRIEND))
        asked = [ENTER_PASSWORD]
    else:
        keys = (typed(PASSWORD), NOTHING, typed(FRIEND))
        asked = [ENTER_PASSWORD, ENTER_DESTINATION]
    two.phone(CALLER, answering(*keys))
    two.phone(FRIEND, talking(0.5))
    two.ring()
    two.wait(lambda: len(two.questions()) == len(asked))
    kill(first)
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "completed"
    expected = [*asked, asked[-1]]
    if at == "password":
        expected.append(ENTER_DESTINATION)
    assert two.questions() == expected
    assert len(two.switch.seen("called", role="return")) == 1


def test_o5_killed_while_a_trigger_call_rings_x_is_still_x(two: World) -> None:
    """O5, T1: the other controller refuses when the caller has rung X seconds in all, once."""
    two.extension(ring_seconds=6)
    first = two.process(0)
    two.process(1)
    two.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    two.ring()
    two.wait(lambda: two.switch.seen("ringing", role="trigger"))
    two.wait(lambda: two.switch.connections["outbound"] == 1)
    (ringing,) = two.switch.seen("ringing", role="trigger")
    two.wait(lambda: two.time() > ringing.t + 3)
    kill(first)
    killed = two.time()
    (request,) = two.ended()
    two.idle()
    assert request.joined == 0
    (refused,) = two.switch.seen("refused", role="trigger")
    assert refused.t - two.rang[refused.leg] > 6 - ROUNDED
    # Not again from the beginning: that would be X from then on.
    assert refused.t - killed < 6


def test_o5_killed_while_people_talk_nobody_notices(two: World) -> None:
    """O5: they talk on, the switch says goodbye, another controller keeps the record."""
    two.extension()
    first = two.process(0)
    two.phone(CALLER, answering(typed(FRIEND)))
    two.phone(FRIEND, answering())
    two.ring()
    two.wait(lambda: two.switch.seen("bridged", role="return"))
    two.wait(lambda: two.switch.connections["outbound"] == 0)
    two.process(1)
    kill(first)
    assert not two.switch.seen("unbridged", role="return")
    two.hang_up("destination")
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "completed"
    assert two.heard("goodbye")


def test_o5_the_caller_hangs_up_while_nobody_holds_the_leg(two: World) -> None:
    """O5: the controller of a conversation is dead; another one's link tells of its end."""
    two.extension()
    first = two.process(0)
    two.process(1)
    two.phone(CALLER, answering(typed(FRIEND)))
    two.phone(FRIEND, answering())
    two.ring()
    two.wait(lambda: two.switch.seen("bridged", role="return"))
    two.wait(lambda: two.switch.connections["outbound"] == 0)
    kill(first)
    two.hang_up()
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "completed"
    assert request.destination == "+" + FRIEND


def test_o4_sigterm_hands_a_dialogue_over(two: World) -> None:
    """O4: told to stop, it lets dialogues go on for a while, then the other one has them."""
    two.extension(dial_seconds=30)
    first = two.process(0, CALLBACKD_DRAIN_SECONDS="0.2")
    two.process(1)
    two.phone(CALLER, answering(NOTHING, typed(FRIEND)))
    two.phone(FRIEND, talking(0.5))
    two.ring()
    two.wait(lambda: len(two.questions()) == 1)
    assert kill(first, signal.SIGTERM) == 0
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "completed"
    assert two.questions() == [ENTER_DESTINATION] * 2


def test_o4_sigterm_lets_a_dialogue_end(world: World) -> None:
    """O4: with time to drain, the call in dialogue is finished by the controller that has it."""
    world.extension()
    process = world.process(0, CALLBACKD_DRAIN_SECONDS="60")
    world.phone(CALLER, answering(typed("911#", after=1.5), typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    world.wait(lambda: len(world.questions()) == 1)
    process.send_signal(signal.SIGTERM)
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    assert int(process.wait(timeout=PATIENCE)) == 0


def test_o5_with_no_controller_at_all_the_caller_hears_a_sentence(world: World) -> None:
    """O5: the dialplan gives up after its count, and no leg is left behind."""
    world.extension()
    process = world.process()
    world.phone(CALLER, answering(NOTHING))
    world.ring()
    world.wait(world.questions)
    kill(process)
    world.idle()
    assert world.heard("sorry")


def test_o5_the_link_breaks_while_the_return_call_rings(world: World) -> None:
    """O5: the call is answered on the new link, and made once."""
    world.extension()
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND), after=1.5))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    world.switch.kill_connections()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert len(world.switch.seen("called", role="return")) == 1


def test_o5_the_switch_dies_and_comes_back(world: World) -> None:
    """O5: what was being called is unknown and not called again; the next call works."""
    world.extension(return_ring_seconds=20)
    controller = world.controller()
    world.phone(CALLER, answering(after=15.0), answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    world.switch.crash()
    gevent.sleep(0)
    world.switch.restart()
    (request,) = world.ended()
    assert request.outcome == "unknown"
    assert len(world.switch.seen("called", role="return")) == 1
    for link in controller.services.links.values():
        assert link.up.wait(timeout=PATIENCE)
    world.ring()
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["unknown", "completed"]
