"""A controller stands still (SIGSTOP) in the middle of a call, and the next one goes on."""

from .conftest import Bench
from .controllers import Controller
from .net import wait_until
from .test_callback import (
    ASK_NUMBER,
    ASK_PIN,
    CALLER,
    DESTINATION,
    DID,
    GOODBYE,
    SETTINGS,
    dial_in,
    is_about,
    rang,
    record,
    refused,
)
from .test_lists import SHORT_LEASE

#: X; a little less than what the switch itself lets a trigger call ring here.
RING_S = 10


def freeze(bench: Bench, leg: str) -> tuple[Controller, Controller]:
    """Freeze the controller of a leg; give it, and the other one."""
    wait_until("its controller is known", lambda: bench.holder(leg) is not None)
    frozen = bench.holder(leg)
    assert frozen is not None
    frozen.freeze()
    (other,) = [one for one in bench.controllers if one is not frozen]
    return frozen, other


def test_o5_frozen_while_digits_are_collected(bench: Bench) -> None:
    """O4, O5: the question is asked again, the password not; thawed, it touches nothing.

    It goes on in the middle of the conversation's dialogue, and its connection of the leg stays
    open: closed, it would have the switch connect the leg anew.
    """
    bench.serve(SETTINGS, 2, SHORT_LEASE)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    dial_in(bench, phone)
    leg = bench.one_leg()
    frozen, other = freeze(bench, leg)
    phone.media.wait_for(ASK_NUMBER, 2)
    assert bench.holder(leg) is other
    frozen.thaw()
    wait_until("it knows that it stood still", lambda: bool(frozen.logged("stood_still")))
    wait_until("it knows whose the leg is", lambda: bool(frozen.logged("leg_left_to", leg=leg)))
    wait_until("it is there again", lambda: bool(other.logged("controller_not_away")))
    assert bench.holder(leg) is other
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert phone.media.names().count(ASK_PIN) == 1
    assert phone.media.names().count(ASK_NUMBER) == 2
    assert [one["leg"] for one in other.logged("leg_moved")] == [leg]
    assert record(bench) == ("done", "completed")


def test_o5_frozen_while_a_trigger_call_rings(bench: Bench) -> None:
    """O5, T1: the other refuses it when X is over, and it is called back once."""
    bench.serve({**SETTINGS, "ring-seconds": RING_S}, 2, SHORT_LEASE)
    phone = bench.phones.expect(CALLER)
    caller = bench.phones.ring(DID, CALLER)
    caller.wait_message("SIP/2.0 180")
    # What the switch lists is a moment late.
    wait_until("it is listed", lambda: bench.switch.count("channels") == 1)
    leg = bench.one_leg()
    freeze(bench, leg)
    refused(caller)
    assert is_about(rang(bench, caller), RING_S)
    phone.media.wait_for(ASK_PIN)
    bench.switch.api("hupall NORMAL_CLEARING")
    phone.finish()
    assert record(bench) == ("done", "hung_up")


def test_o5_frozen_while_people_talk(bench: Bench) -> None:
    """O5: nobody notices; when they have talked the call goes on with the other."""
    bench.serve(SETTINGS, 2, SHORT_LEASE)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="12000")
    dial_in(bench, phone)
    leg = bench.one_leg()
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.wait_message("ACK")
    _, other = freeze(bench, leg)
    wait_until("it is found out", lambda: bool(other.logged("controller_away")))
    assert bench.switch.count("channels") == 2
    far.finish()
    # It is whoever was called that has ended it.
    assert far.wait_message("BYE").sent
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert record(bench) == ("done", "completed")
