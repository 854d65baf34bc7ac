"""A controller dies in the middle of a call, and the next one goes on."""

from .conftest import Bench
from .test_callback import (
    ASK_NUMBER,
    ASK_PIN,
    CALLER,
    DESTINATION,
    GOODBYE,
    SETTINGS,
    dial_in,
    record,
)


def test_another_controller_asks_the_current_question_again(bench: Bench) -> None:
    """O4, O5: SIGKILL while digits are collected; neither the call nor the answers are lost."""
    bench.serve(SETTINGS, 2)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="1500")
    dial_in(bench, phone)
    bench.one_holder().kill()
    phone.media.wait_for(ASK_NUMBER, 2)
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    # The password was not asked again: who the caller is had been settled.
    assert phone.media.names().count(ASK_PIN) == 1
    assert record(bench) == ("done", "completed")


def test_a_conversation_outlives_the_controllers(bench: Bench) -> None:
    """O4, O5: bridged calls need no controller; the next one takes over at their end."""
    bench.serve(SETTINGS, 2)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="3000")
    dial_in(bench, phone)
    holder = bench.one_holder()
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.wait_message("ACK")
    holder.kill()
    far.finish()
    # It is whoever was called that has ended it.
    assert far.wait_message("BYE").sent
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert record(bench) == ("done", "completed")
