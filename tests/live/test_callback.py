"""Whole callbacks: real SIP, real RTP, the real command."""

import pytest

from .conftest import Bench
from .eventsocket import Event, HangupWatch, lasted
from .messages import Message
from .net import wait_until
from .phones import Phone

DID = "12025550100"
CALLER = "12025550199"
SEEN = "12025550198"
SHOWN = "12025550111"
DESTINATION = "12125550160"
ENGAGED = "12125550161"
PIN = "1234"

ASK_PIN = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
WRONG_PIN = "ivr/ivr-pin_or_extension_is-invalid.wav"
ASK_NUMBER = "ivr/ivr-enter_destination_telephone_number.wav"
NOT_ALLOWED = "ivr/ivr-no_route_destination.wav"
BUSY = "ivr/ivr-user_busy.wav"
NO_ANSWER = "ivr/ivr-no_user_response.wav"
DISCONNECTED = "ivr/ivr-call_has_been_disconnected.wav"
GOODBYE = "voicemail/vm-goodbye.wav"

# One extension for all: X is 2 s, the callback comes 1 s after.
SETTINGS: dict[str, str | int] = {
    "did": f"+{DID}",
    "country": "US",
    "ring-seconds": 2,
    "delay-seconds": 1,
    "password": PIN,
    "dial-seconds": 30,
    "longest-call-seconds": 60,
    "caller-id": f"+{SHOWN}",
}


# How much later than it should something may be on a busy machine, and how much earlier by a clock
# that goes in ticks, seconds. Nothing that is set differs from what is not by so little.
LATE_S, EARLY_S = 3.0, 0.5


def is_about(measured: float, seconds: float) -> bool:
    """Tell whether something took as long as it was told to."""
    return seconds - EARLY_S < measured < seconds + LATE_S


def refused(caller: Phone, code: str = "486") -> None:
    """Wait until a trigger call was refused, and check that it cost nothing."""
    caller.finish()
    for message in ("SIP/2.0 180", f"SIP/2.0 {code}"):
        assert caller.messages(message)
    for costly in ("SIP/2.0 183", "SIP/2.0 200"):
        assert not caller.messages(costly)


def leg_of(legs: HangupWatch, phone: Phone) -> Event:
    """Wait for the end of a call with a phone, and give that of its leg."""
    (call,) = phone.wait_message("INVITE").headers("Call-ID")
    return legs.wait_where("variable_sip_call_id", call)


def rang(bench: Bench, caller: Phone) -> float:
    """Give how long a call from outside rang, by the switch's own clock, seconds."""
    return lasted(leg_of(bench.legs, caller), "Progress")


def shown_number(invite: Message) -> str:
    """Read the number in From."""
    return invite.headers("From")[0].partition("sip:")[2].partition("@")[0].lstrip("+")


def record(bench: Bench) -> tuple[str, str]:
    """Wait until the one callback request is over, and give its state and outcome."""

    def over() -> bool:
        return [r["state"] in {"done", "refused"} for r in bench.controllers[-1].requests()] == [
            True
        ]

    wait_until("the request is over", over, every=0.5)
    only = bench.controllers[-1].requests()[0]
    return only["state"], only["outcome"]


def dial_in(bench: Bench, phone: Phone) -> None:
    """Make the trigger call, take the return call, and enter the password."""
    refused(bench.phones.ring(DID, CALLER))
    phone.media.wait_for(ASK_PIN)
    phone.media.dial(f"{PIN}#")
    phone.media.wait_for(ASK_NUMBER)


def test_a_callback_from_the_first_ring_to_the_goodbye(bench: Bench) -> None:
    """T1, T8, A1, D2, I2, M5: refused unanswered, called back, checked, connected, ended."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="2000")
    caller = bench.phones.ring(DID, CALLER)
    refused(caller)
    assert is_about(rang(bench, caller), 2)
    assert bench.legs.wait("trigger")["Hangup-Cause"] == "USER_BUSY"

    assert shown_number(phone.wait_message("INVITE")) == DID
    phone.media.wait_for(ASK_PIN)
    phone.media.dial(f"{PIN}#")
    phone.media.wait_for(ASK_NUMBER)
    phone.media.dial(f"{DESTINATION[1:]}#")

    invite = far.wait_message("INVITE")
    assert invite.start.startswith(f"INVITE sip:{DESTINATION}@") or invite.start.startswith(
        f"INVITE sip:+{DESTINATION}@"
    )
    assert shown_number(invite) == SHOWN
    # I7 is off by default: no identity header of any kind.
    for name in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy"):
        assert invite.headers(name) == []
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert bench.legs.wait("destination")["Hangup-Cause"] == "NORMAL_CLEARING"
    ended = bench.legs.wait("return")
    assert ended["Hangup-Cause"] == "NORMAL_CLEARING"
    # D4: nothing else was to be asked, and the switch said goodbye without us.
    assert ended["variable_callback_said"] == "goodbye"
    assert ended["variable_cb_hops"] == "x"
    assert record(bench) == ("done", "completed")
    # O3: each leg has the one id of the call.
    legs = [bench.legs.wait(role) for role in ("trigger", "return", "destination")]
    assert len({leg["variable_callback_request"] for leg in legs}) == 1
    # M2: what talked has a record of the switch's; what nobody answered needs none.
    for role, written in (("trigger", False), ("return", True), ("destination", True)):
        uuid = bench.legs.wait(role)["Unique-ID"]
        assert any(bench.switch.records.glob(f"*{uuid}*")) is written, role


def test_a_password_wrong_three_times_ends_the_call(bench: Bench) -> None:
    """A3, A4: three tries, each told to be wrong; and the digits stay nowhere."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    refused(bench.phones.ring(DID, CALLER))
    for times in (1, 2, 3):
        phone.media.wait_for(ASK_PIN, times)
        phone.media.dial("987653#")
        phone.media.wait_for(WRONG_PIN, times)
    phone.finish()
    assert phone.media.names().count(ASK_PIN) == 3
    assert ASK_NUMBER not in phone.media.names()
    assert "987653" not in str(bench.legs.wait("return"))
    assert record(bench) == ("done", "password_failed")


def test_a_busy_phone_is_not_connected(bench: Bench) -> None:
    """T5: the return call meets a busy phone: the request knows it."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER, "busy")
    refused(bench.phones.ring(DID, CALLER))
    phone.finish()
    assert bench.legs.wait("return")["Hangup-Cause"] == "USER_BUSY"
    assert record(bench) == ("done", "busy")


def test_a_phone_that_is_not_taken_up_stops_ringing(bench: Bench) -> None:
    """T8: the return call has a ring timeout of its own."""
    bench.serve({**SETTINGS, "return-ring-seconds": 5})
    phone = bench.phones.expect(CALLER, "no_answer")
    refused(bench.phones.ring(DID, CALLER))
    phone.finish()
    assert is_about(lasted(bench.legs.wait("return"), "Created"), 5)
    assert record(bench) == ("done", "no_answer")


def test_a_return_call_with_early_media_has_its_ring_timeout_too(bench: Bench) -> None:
    """T8: a mailbox or a ring-back tone in 183 must not ring for ever."""
    bench.serve({**SETTINGS, "return-ring-seconds": 5})
    phone = bench.phones.expect(CALLER, "early_media")
    refused(bench.phones.ring(DID, CALLER))
    phone.finish()
    assert record(bench) == ("done", "no_answer")


@pytest.mark.parametrize("scenario", ["no_answer", "early_media"])
def test_a_destination_that_does_not_answer_is_given_up(bench: Bench, scenario: str) -> None:
    """D4: the caller is told, and may dial another number."""
    bench.serve({**SETTINGS, "destination-ring-seconds": 5})
    phone = bench.phones.expect(CALLER)
    silent = bench.phones.expect(ENGAGED, scenario)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    dial_in(bench, phone)
    phone.media.dial(f"{ENGAGED[1:]}#")
    silent.finish()
    phone.media.wait_for(NO_ANSWER)
    phone.media.wait_for(ASK_NUMBER, 2)
    # A phone that rings is not tried again by way of the next trunk.
    assert [carrier.called.count(ENGAGED) for carrier in bench.site.carriers] == [1, 0]
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.finish()


def test_after_a_busy_destination_another_number_is_dialled(bench: Bench) -> None:
    """D4: the caller is told, and stays."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    engaged = bench.phones.expect(ENGAGED, "busy")
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="1000")
    dial_in(bench, phone)
    phone.media.dial(f"{ENGAGED[1:]}#")
    engaged.finish()
    phone.media.wait_for(BUSY)
    phone.media.wait_for(ASK_NUMBER, 2)
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert record(bench) == ("done", "completed")


def test_a_destination_that_is_not_allowed_is_not_called(bench: Bench) -> None:
    """G2: deny by default; the caller is told, and may dial another number."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    dial_in(bench, phone)
    phone.media.dial("011442079460000#")
    phone.media.wait_for(NOT_ALLOWED)
    phone.media.wait_for(ASK_NUMBER, 2)
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.finish()
    assert [carrier.called for carrier in bench.site.carriers] == [[CALLER, DESTINATION], []]


def test_a_trunk_that_fails_is_replaced_by_the_next(bench: Bench) -> None:
    """I4: fail-over to the second channel, for the return call and for the destination."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    bench.site.carriers[0].refuses = "503 Service Unavailable"
    dial_in(bench, phone)
    phone.media.dial(f"{DESTINATION[1:]}#")
    assert shown_number(far.wait_message("INVITE")) == SHOWN
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    both = [CALLER, DESTINATION]
    assert [carrier.called for carrier in bench.site.carriers] == [both, both]
    assert record(bench) == ("done", "completed")


def test_the_switch_cuts_the_call_and_the_caller_hears_why(bench: Bench) -> None:
    """M5: the limit is counted from the destination's answer; then the sound, to the caller."""
    bench.serve({**SETTINGS, "longest-call-seconds": 4})
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION)
    dial_in(bench, phone)
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    cut = bench.legs.wait("destination")
    assert cut["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    # The switch's scheduler counts whole seconds of the clock: up to one second early.
    assert 4 - 1 - EARLY_S < lasted(cut, "Answered") < 4 + LATE_S
    phone.media.wait_for(DISCONNECTED)
    phone.finish()
    # To the caller alone.
    assert far.media.names() == []
    assert record(bench) == ("done", "completed")


def test_a_caller_who_hangs_up_while_asked_leaves_nothing_behind(bench: Bench) -> None:
    """D1, O5: no destination is called, and the request says what happened."""
    bench.serve(SETTINGS)
    phone = bench.phones.expect(CALLER, "answer_and_hang_up", talk_ms="2500")
    refused(bench.phones.ring(DID, CALLER))
    phone.media.wait_for(ASK_PIN)
    phone.finish()
    assert bench.legs.wait("return")["Hangup-Cause"] == "NORMAL_CLEARING"
    assert bench.legs.legs("destination") == []
    assert record(bench) == ("done", "hung_up")


def test_a_trigger_call_that_hangs_up_early_is_ignored(bench: Bench) -> None:
    """T2: the default."""
    bench.serve({**SETTINGS, "ring-seconds": 10})
    caller = bench.phones.ring(DID, CALLER, "trigger_cancelled", ring_ms="700")
    caller.finish()
    ended = bench.legs.wait("trigger")
    assert ended["Hangup-Cause"] == "ORIGINATOR_CANCEL"
    assert ended["variable_sip_hangup_disposition"] == "recv_cancel"
    assert record(bench) == ("refused", "hung_up_early")
    assert bench.site.carriers[0].called == []


@pytest.mark.parametrize(
    ("from_", "headers"),
    [
        (
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            f"P-Asserted-Identity: <sip:+{CALLER}@127.0.0.1>\nPrivacy: id\n",
        ),
        (
            f"<sip:{CALLER}@127.0.0.1>",
            f"Remote-Party-ID: <sip:{CALLER}@127.0.0.1>;party=calling;privacy=full\n",
        ),
    ],
    ids=["Privacy", "Remote-Party-ID"],
)
def test_a_hidden_caller_is_refused_and_not_called_back(
    bench: Bench, from_: str, headers: str
) -> None:
    """T4, T10: even when an identity header names the number; and the reason is kept."""
    bench.serve(SETTINGS)
    refused(bench.phones.ring(DID, CALLER, from_=from_, extra_headers=headers))
    assert record(bench) == ("refused", "hidden")
    # Whoever rings after him is.
    phone = bench.phones.expect(SEEN, "busy")
    refused(bench.phones.ring(DID, SEEN))
    phone.finish()
    assert bench.site.carriers[0].called == [SEEN]
