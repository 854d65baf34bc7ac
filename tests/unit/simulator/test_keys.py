"""Keys outside questions: they cut sounds, come as events, and wait for whatever reads them.

As measured on 1.11.1 with RFC 2833; ``tests/replay/keys`` has recordings of it.
"""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from controller.simulator import Behaviour, HangUp, Keys, Phone
from tests.unit.simulator.peer import Bench, Peer

LONG = "silence_stream://60000"  # never ends by itself in a test
SHORT = "silence_stream://20"
DROP = "talk,**,exec:hangup,NORMAL_CLEARING,self,peer"


def pressed(text: str, what: str = LONG, **more: Any) -> Keys:
    """Keys pressed at once when something is heard."""
    return Keys(press=text, when="heard", what=what, after=0, gap=0, **more)


def called(bench: Bench, *keys: Keys, variables: str = "", **behaviour: Any) -> Peer:
    """A leg whose phone presses keys."""
    phone = Behaviour(after=0, keys=list(keys), **behaviour)
    bench.switch.phone(Phone(number="100", calls=[phone]))
    return bench.return_call(variables=",playback_terminators=any" + variables)


def press(bench: Bench, keys: str) -> None:
    """Press keys on the first leg, now."""
    for key in keys:
        bench.switch.legs["r"].dtmf(key)


def digits(peer: Peer) -> str:
    """The keys of the DTMF events so far."""
    return "".join(f.event["DTMF-Digit"] for f in peer.frames if f.kind == "DTMF")


def order(peer: Peer) -> list[str]:
    """Keys, and applications that are done, as they came."""
    return [
        frame.event.get("DTMF-Digit") or frame.event["Application-UUID"]
        for frame in peer.frames
        if frame.kind in {"DTMF", "CHANNEL_EXECUTE_COMPLETE"}
    ]


# -- sounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["1", "0", "*", "#"])
def test_any_key_cuts_a_sound_and_its_event_comes_first(bench: Bench, key: str) -> None:
    peer = called(bench, pressed(key))
    peer.execute("playback", LONG, "p")
    done = peer.done("p")
    assert order(peer) == [key, "p"]
    assert done["Application-Response"] == "FILE PLAYED"
    assert done["variable_playback_terminator_used"] == key


def test_what_is_typed_after_the_key_that_cut_comes_while_parked(bench: Bench) -> None:
    peer = called(bench, pressed("123"))
    peer.execute("playback", LONG, "p")
    peer.event("DTMF", DTMF_Digit="3")
    assert order(peer) == ["1", "p", "2", "3"]


def test_a_key_that_is_still_unread_cuts_the_next_sound_at_once(bench: Bench) -> None:
    peer = called(bench, pressed("12"))
    peer.execute("playback", LONG, "p")
    peer.execute("playback", LONG, "q")  # inside the first
    peer.done("p")
    assert order(peer) == ["1", "q", "2", "p"]


@pytest.mark.parametrize(
    ("terminators", "keys", "cutting"),
    [("none", "*#1", None), ("NONE", "*", None), ("12", "*52", "2"), ("Any", "A#", "#")],
)
def test_which_keys_cut(bench: Bench, terminators: str, keys: str, cutting: str | None) -> None:
    sound = LONG if cutting else "silence_stream://500"
    peer = called(bench, pressed(keys, "silence"))
    peer.execute("set", f"playback_terminators={terminators}")
    peer.execute("playback", sound, "p")
    done = peer.done("p")
    assert done.get("variable_playback_terminator_used") == cutting
    assert digits(peer) == keys


def test_a_key_cuts_what_is_said(bench: Bench) -> None:
    bench.switch.applications.durations["say:"] = 60.0
    peer = called(bench, pressed("5", "12.50"))
    peer.execute("say", "en currency pronounced 12.50", "s")
    assert peer.done("s")["Application-Response"] == "_none_"
    assert order(peer) == ["5", "s"]
    assert bench.switch.seen("heard", file="say:en currency pronounced 12.50")


@pytest.mark.parametrize(
    "data",
    ["en number pronounced hello", "en number pronounced 1.5", "de number pronounced 1", "en 1"],
)
def test_what_cannot_be_said_is_not_heard_and_nobody_is_told(bench: Bench, data: str) -> None:
    peer = called(bench)
    peer.execute("say", data, "s")
    assert peer.done("s")["Application-Response"] == "_none_"
    assert not bench.switch.seen("heard")


def test_what_is_said_lasts_as_long_as_its_text(bench: Bench) -> None:
    sounds = bench.switch.applications.sounds
    one = sounds.default_duration
    assert sounds.duration("say:en number iterated 1234567") == pytest.approx(7 * one)
    assert sounds.duration("say:en currency pronounced 12.50") == pytest.approx(4 * one)


def test_of_a_chain_what_is_missing_is_passed_over(bench: Bench) -> None:
    peer = called(bench)
    bench.switch.applications.missing.add("nope")
    for chain, response in (
        (f"nope.wav!{SHORT}", "FILE PLAYED"),
        (f"{SHORT}!nope.wav", "FILE PLAYED"),
        ("nope.wav!nope2.wav", "FILE NOT FOUND"),
    ):
        peer.execute("playback", "file_string://" + chain, chain)
        assert peer.done(chain)["Application-Response"] == response


def test_a_sound_is_ended_by_a_break(bench: Bench) -> None:
    peer = called(bench)
    peer.execute("playback", LONG, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    assert peer.api("uuid_break r") == "+OK\n"
    assert "variable_playback_terminator_used" not in peer.done("p")


def test_a_break_between_two_applications_is_lost(bench: Bench) -> None:
    peer = called(bench)
    assert peer.api("uuid_break r all") == "+OK\n"
    peer.execute("playback", LONG, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    gevent.sleep(0.05)
    assert order(peer) == []


def test_what_sounds_there_are(bench: Bench) -> None:
    missing = bench.switch.applications.missing
    missing.add("ivr/ivr-user_busy")
    prefix = bench.client.api("global_getvar sound_prefix")
    assert bench.client.api(f"file_exists {prefix}/ivr/8000/ivr-user_busy.wav") == "false"
    assert bench.client.api(f"file_exists {prefix}/ivr/8000/ivr-sorry.wav") == "true"
    assert bench.client.api("file_exists ivr/ivr-sorry.wav") == "false"
    assert bench.client.api("file_exists") == "false"
    assert bench.client.api("module_exists mod_say_en") == "true"
    assert bench.client.api("module_exists mod_say_xx") == "false"
    assert bench.client.api("module_exists") == "-ERR no reply\n"


# -- nobody asks -----------------------------------------------------------------------------


def test_keys_while_parked_come_as_events(bench: Bench) -> None:
    peer = called(bench)
    press(bench, "0123456789*#")
    peer.event("DTMF", DTMF_Digit="#")
    assert digits(peer) == "0123456789*#"


def test_a_key_ends_a_pause_and_is_read_after_it(bench: Bench) -> None:
    peer = called(bench)
    peer.execute("sleep", "60000", "s")
    peer.event("CHANNEL_EXECUTE", Application_UUID="s")
    press(bench, "7")
    peer.event("DTMF")
    assert order(peer) == ["s", "7"]


def test_what_an_inner_application_answered_is_said_by_the_outer_one(bench: Bench) -> None:
    peer = called(bench)
    peer.execute("sleep", "500", "s")
    peer.execute("playback", SHORT, "p")
    assert peer.done("s")["Application-Response"] == "FILE PLAYED"


def test_sensitive_keys_between_two_applications_are_lost(bench: Bench) -> None:
    peer = called(bench, pressed("34#"))
    peer.execute("set", "sensitive_dtmf=true", "s")
    peer.done("s")
    press(bench, "12")
    gevent.sleep(0.05)
    peer.execute("play_and_get_digits", rf"1 8 1 9000 # {LONG} {SHORT} pin \d+ 9000", "q")
    assert peer.done("q")["variable_pin"] == "34"
    assert digits(peer) == ""
    assert bench.switch.seen("pressed")[0].detail == {"digits": "***"}
    peer.execute("unset", "sensitive_dtmf", "u")
    peer.done("u")
    press(bench, "9")
    assert peer.event("DTMF")["DTMF-Digit"] == "9"


# -- what a phone's script can wait for ------------------------------------------------------


def test_each_hearing_uses_up_one_entry(bench: Bench) -> None:
    peer = called(bench, pressed("1", "one"), pressed("2", "one"), pressed("3", "two"))
    for sound in ("one.wav", "two.wav", "one.wav", "one.wav"):
        peer.execute("playback", sound, sound)
        peer.done(sound)
    assert [entry.detail["digits"] for entry in bench.switch.seen("pressed")] == ["1", "3", "2"]


def test_an_entry_can_wait_for_one_hearing_of_several(bench: Bench) -> None:
    peer = called(bench, pressed("9", "a.wav", count=3), pressed("1", "a.wav"))
    for _ in range(4):
        peer.execute("playback", "a.wav", "p")
        peer.done("p")
    assert [entry.detail["digits"] for entry in bench.switch.seen("pressed")] == ["1", "9"]


def test_hanging_up_can_wait_for_a_sound(bench: Bench) -> None:
    hang_up = HangUp(when="heard", what="bye", after=0, count=2)
    peer = called(bench, hang_up=hang_up)
    peer.execute("playback", "bye.wav", "a")
    peer.done("a")
    assert not bench.switch.idle()
    peer.execute("playback", "file_string://x.wav!bye.wav", "b")
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "NORMAL_CLEARING"


def test_the_prompt_of_a_question_is_heard_too(bench: Bench) -> None:
    peer = called(bench, pressed("12#", "pin.wav"))
    peer.execute("play_and_get_digits", rf"1 8 1 9000 # pin.wav {SHORT} pin \d+ 9000", "q")
    assert peer.done("q")["variable_pin"] == "12"


# -- calls -----------------------------------------------------------------------------------


def talking(bench: Bench, action: str = DROP, **far: Any) -> Peer:
    """A leg on which ``**`` is bound, and the bridge that it waits for."""
    bench.switch.phone(Phone(number="2", calls=[Behaviour(**{"after": 0, **far})]))
    peer = called(bench, variables=",continue_on_fail=true")
    peer.execute("bind_digit_action", action)
    peer.execute("digit_action_set_realm", "talk")
    peer.execute("bridge", "{origination_uuid=d}sofia/gateway/pstn/2", "b")
    peer.event("CHANNEL_EXECUTE", Application_UUID="b")
    return peer


def keyed(bench: Bench) -> str:
    """What came to the destination's side."""
    return "".join(entry.detail["digit"] for entry in bench.switch.seen("keyed"))


def test_keys_of_a_conversation_come_as_events_and_go_to_the_other_side(bench: Bench) -> None:
    peer = talking(bench)
    peer.event("CHANNEL_BRIDGE")
    press(bench, "12")
    peer.event("DTMF", DTMF_Digit="2")
    assert (digits(peer), keyed(bench)) == ("12", "12")


def test_a_star_is_held_back_until_it_is_none_of_two(bench: Bench) -> None:
    peer = talking(bench)
    peer.event("CHANNEL_BRIDGE")
    press(bench, "*")
    gevent.sleep(0.1)
    assert (digits(peer), keyed(bench)) == ("", "")
    press(bench, "5")
    peer.event("DTMF", DTMF_Digit="5")
    assert (digits(peer), keyed(bench)) == ("*5", "*5")
    press(bench, "*")
    assert peer.event("DTMF")["DTMF-Source"] == "APP"  # 1.5 s later
    assert keyed(bench) == "*5*"


def test_two_stars_are_seen_by_nobody(bench: Bench) -> None:
    peer = talking(bench)
    peer.event("CHANNEL_BRIDGE")
    press(bench, "**")
    assert peer.done("b")["variable_bridge_hangup_cause"] == "NORMAL_CLEARING"
    assert (digits(peer), keyed(bench)) == ("", "")


def test_two_more_stars_before_the_action_is_cleared_end_the_leg(bench: Bench) -> None:
    peer = talking(bench)
    peer.event("CHANNEL_BRIDGE")
    press(bench, "**")
    peer.done("b")
    press(bench, "**")
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "NORMAL_CLEARING"


def test_an_action_that_names_its_leg_does_no_harm_twice(bench: Bench) -> None:
    peer = talking(bench, "talk,**,api:uuid_kill,d NORMAL_CLEARING")
    peer.event("CHANNEL_BRIDGE")
    press(bench, "****")
    assert peer.done("b")["variable_bridge_hangup_cause"] == "NORMAL_CLEARING"
    peer.execute("clear_digit_action", "all")
    press(bench, "1")
    assert peer.event("DTMF")["DTMF-Digit"] == "1"


def test_two_stars_while_it_rings_end_the_attempt(bench: Bench) -> None:
    peer = talking(bench, on_call="no_answer")
    bench.switch.wait(lambda: "d" in bench.switch.legs)
    press(bench, "**")
    assert peer.done("b")["variable_originate_disposition"] == "NORMAL_CLEARING"


def test_a_star_that_is_held_back_is_lost_with_the_action(bench: Bench) -> None:
    peer = talking(bench, on_call="busy", after=0.05)
    press(bench, "*")
    peer.done("b")
    peer.execute("clear_digit_action", "all", "c")
    peer.done("c")
    press(bench, "1")
    assert peer.event("DTMF")["DTMF-Digit"] == "1"
    assert digits(peer) == "1"


def test_keys_typed_while_it_rings_go_to_who_answers(bench: Bench) -> None:
    peer = talking(bench, after=0.1)
    press(bench, "45")
    peer.event("DTMF", DTMF_Digit="5")
    assert keyed(bench) == "45"
    kinds = [frame.kind for frame in peer.frames]
    assert kinds.index("CHANNEL_BRIDGE") < kinds.index("DTMF")


def test_keys_typed_while_it_rings_are_kept_where_nobody_answers(bench: Bench) -> None:
    peer = talking(bench, on_call="busy", after=0.1)
    press(bench, "45")
    peer.event("DTMF", DTMF_Digit="5")
    assert order(peer)[-3:] == ["b", "4", "5"]
