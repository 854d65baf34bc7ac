"""A controller is told to stop in the middle of calls, and nobody on the telephone notices."""

from threading import Thread

from .conftest import Bench
from .net import wait_until
from .test_callback import (
    ASK_NUMBER,
    ASK_PIN,
    CALLER,
    DESTINATION,
    DID,
    GOODBYE,
    PIN,
    SETTINGS,
    is_about,
    rang,
    record,
    refused,
)
from .test_lists import legs, listed


def test_o4_told_to_stop_it_hands_over_before_the_next_question(bench: Bench) -> None:
    """O4: the password is asked for by one, the number by the other, and each of them once."""
    both = bench.serve(SETTINGS, 2)
    wait_until("both are listed", lambda: listed(bench, *both))
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="1500")
    refused(bench.phones.ring(DID, CALLER))
    phone.media.wait_for(ASK_PIN)
    first = bench.one_holder()
    (other,) = [one for one in both if one is not first]
    stopping = Thread(target=first.stop)
    stopping.start()
    wait_until("the other one alone is listed", lambda: listed(bench, other))
    phone.media.dial(f"{PIN}#")
    phone.media.wait_for(ASK_NUMBER)
    stopping.join()
    assert '"how": "unasked"' in first.tail()
    assert bench.one_holder() is other
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert [phone.media.names().count(name) for name in (ASK_PIN, ASK_NUMBER, GOODBYE)] == [1, 1, 1]
    bench.controllers.sort(key=lambda one: one is other)
    assert record(bench) == ("done", "completed")


def test_o4_t1_told_to_stop_it_hands_a_trigger_call_over_that_rings_on(bench: Bench) -> None:
    """O4, T1: refused by the other one, after X in all."""
    both = bench.serve({**SETTINGS, "ring-seconds": 8}, 2)
    wait_until("both are listed", lambda: listed(bench, *both))
    phone = bench.phones.expect(CALLER)
    caller = bench.phones.ring(DID, CALLER)
    caller.wait_message("SIP/2.0 180")
    names = {one.name for one in both}
    wait_until("a controller has it", lambda: bool(names & set(legs(bench).values())))
    first = bench.one_holder()
    first.stop()
    assert not caller.messages("SIP/2.0 486")
    refused(caller)
    assert is_about(rang(bench, caller), 8)
    phone.media.wait_for(ASK_PIN)
    assert bench.one_holder() is not first
