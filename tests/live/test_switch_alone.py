"""What the files of fs-config/ do by themselves, while no controller is there."""

import socket

import pytest

from .conftest import TRIGGER_LIMIT_S, Bench
from .net import HOST
from .test_callback import EARLY_S, LATE_S, leg_of, rang, refused

DID = "12025550100"
CALLER = "12025550199"
SORRY = "ivr/ivr-im_sorry.wav"
GOODBYE = "voicemail/vm-goodbye.wav"


def test_a_trigger_call_is_refused_as_busy_when_no_controller_is_there(bench: Bench) -> None:
    """T1, O5: it rings, is never answered, and does not ring on for ever."""
    caller = bench.phones.ring(DID, CALLER)
    refused(caller)
    # The loop of the dialplan, and not its last resort.
    assert 4 < rang(bench, caller) < TRIGGER_LIMIT_S - 1 - EARLY_S
    assert bench.legs.wait("trigger")["Hangup-Cause"] == "USER_BUSY"


def test_a_trigger_call_has_a_last_resort_when_the_controller_is_frozen(bench: Bench) -> None:
    """T1, O5: one that accepts and says nothing is not seen as dead by the switch."""
    with socket.create_server((HOST, bench.site.controller_ports[0])):
        caller = bench.phones.ring(DID, CALLER)
        refused(caller)
    # The switch's scheduler counts whole seconds of the clock: up to one second early.
    assert TRIGGER_LIMIT_S - 1 - EARLY_S < rang(bench, caller) < TRIGGER_LIMIT_S + LATE_S


def test_a_return_call_without_any_controller_ends_with_a_sentence(bench: Bench) -> None:
    """O5: the person who was called back hears something, and no leg is left behind."""
    phone = bench.phones.expect(CALLER)
    said = bench.switch.api(
        "originate {callback_leg=return,origination_caller_id_number=12025550100}"
        f"sofia/gateway/pstn/{CALLER} return_call XML callback"
    )
    assert said.startswith("+OK")
    phone.finish()
    # The phone sends no RTP at all: without the soft timer nothing would be heard.
    assert phone.media.names() == [SORRY, GOODBYE]
    assert bench.legs.wait("return")["variable_cb_hops"] == "x" * 21


@pytest.mark.parametrize(
    ("cause", "sounds", "heard"),
    [
        ("ALLOTTED_TIMEOUT", f"callback_farewell={GOODBYE},callback_goodbye={SORRY}", [GOODBYE]),
        ("NORMAL_CLEARING", f"callback_farewell={SORRY},callback_goodbye={GOODBYE}", [GOODBYE]),
        # Several, as one.
        ("NORMAL_CLEARING", f"callback_goodbye=file_string://{SORRY}!{GOODBYE}", [SORRY, GOODBYE]),
    ],
)
def test_the_last_words_after_a_conversation_need_no_controller(
    bench: Bench, cause: str, sounds: str, heard: list[str]
) -> None:
    """M5, D4: the controller has left them on the leg, and is gone or not asked."""
    phone = bench.phones.expect(CALLER)
    said = bench.switch.api(
        "originate {callback_leg=return,origination_caller_id_number=12025550100,"
        f"last_bridge_to=somebody,bridge_hangup_cause={cause},{sounds},"
        "app_disable_expand_variables=true}"
        f"sofia/gateway/pstn/{CALLER} return_call XML callback"
    )
    assert said.startswith("+OK")
    phone.finish()
    assert phone.media.names() == heard
    leg = bench.legs.wait("return")
    assert leg["Hangup-Cause"] == "NORMAL_CLEARING"
    # It came to none of the loop that waits for a controller.
    assert "variable_cb_hops" not in leg
    word = "time_over" if cause == "ALLOTTED_TIMEOUT" else "goodbye"
    assert leg["variable_callback_said"] == word


def test_a_return_call_can_only_be_entered_by_the_controllers_own_legs(bench: Bench) -> None:
    """G1: a leg that strays into the context is ended at once."""
    phone = bench.phones.expect(CALLER)
    bench.switch.api(f"originate sofia/gateway/pstn/{CALLER} return_call XML callback")
    phone.finish()
    leg = leg_of(bench.legs, phone)
    assert leg["Hangup-Cause"] == "CALL_REJECTED"
    # It came to no controller, and to none of the loop that waits for one.
    assert "variable_cb_hops" not in leg
    assert phone.media.names() == []


@pytest.mark.parametrize(
    "did", ["return_call", "gw+pstn", "$%7Bhostname%7D", "1234", "12025550100x"]
)
def test_what_is_no_did_is_unknown(bench: Bench, did: str) -> None:
    """G1: no name of the dialplan, no gateway and no expansion can be dialled from outside."""
    caller = bench.phones.ring(
        did,
        CALLER,
        "stranger",
        method="INVITE",
        answer="404",
        extra_headers="Content-Type: application/sdp\n",
        body=SDP,
    )
    caller.finish()


SDP = (
    "v=0\no=x 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 40000 RTP/AVP 8\na=rtpmap:8 PCMA/8000"
)


@pytest.mark.parametrize(
    ("method", "answer", "header"),
    [
        ("SUBSCRIBE", "405", "Event: presence"),
        ("PUBLISH", "405", "Event: presence"),
        ("REGISTER", "405", "Expires: 60"),
        ("REFER", "405", "Refer-To: <sip:return_call@127.0.0.1>"),
        ("NOTIFY", "481", "Event: presence"),
        # Dropped without being read: there is no setting that refuses it.
        ("MESSAGE", "202", "Content-Type: text/plain"),
    ],
)
def test_the_profile_takes_nothing_but_calls(
    bench: Bench, method: str, answer: str, header: str
) -> None:
    """G1: presence, registration, transfer and messages end at the door."""
    stranger = bench.phones.ring(
        DID, CALLER, "stranger", method=method, answer=answer, extra_headers=f"{header}\n", body="x"
    )
    stranger.finish()
