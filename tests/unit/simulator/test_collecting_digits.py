"""Digits are collected as FreeSWITCH collects them."""

from collections.abc import Callable
from typing import Any

import pytest

from controller.simulator import Behaviour, HangUp, Keys, Phone
from tests.unit.simulator.peer import Bench, Peer

PROMPT = "silence_stream://60000"  # never ends by itself in a test
SHORT = "silence_stream://10"


def ask(bench: Bench, question: str, *keys: Keys, **behaviour: Any) -> tuple[Peer, dict[str, Any]]:
    """Ask one question of a phone that presses keys; the completion."""
    phone = Behaviour(after=0, keys=list(keys), **behaviour)
    bench.switch.phone(Phone(number="100", calls=[phone]))
    peer = bench.return_call()
    peer.execute("play_and_get_digits", question, "q")
    return peer, peer.done("q")


def press(text: str, after: float = 0.0, gap: float = 0.0) -> Keys:
    return Keys(press=text, after=after, gap=gap)


def test_digits_typed_during_the_prompt_count_and_stop_it(bench: Bench) -> None:
    _, done = ask(bench, rf"1 8 1 8000 # {PROMPT} {SHORT} pin \d+ 3000", press("1234#"))
    assert done["variable_pin"] == "1234"
    assert done["variable_read_result"] == "success"
    assert done["variable_read_terminator_used"] == "#"


def test_the_pause_between_digits_ends(bench: Bench) -> None:
    _, done = ask(bench, rf"1 8 1 60000 # {SHORT} {SHORT} pin \d+ 300", press("12", after=0.05))
    assert done["variable_pin"] == "12"
    assert done["variable_read_result"] == "timeout"
    assert "variable_read_terminator_used" not in done


def test_the_largest_number_of_digits_ends(bench: Bench) -> None:
    _, done = ask(bench, rf"1 3 1 60000 # {SHORT} {SHORT} pin \d+ 60000", press("12345"))
    assert done["variable_pin"] == "123"


def test_one_digit_at_most_is_taken_from_the_prompt(bench: Bench) -> None:
    _, done = ask(bench, rf"1 1 1 60000 # {PROMPT} {SHORT} choice [12] 60000", press("2"))
    assert done["variable_choice"] == "2"


def test_what_does_not_match_is_asked_again_after_the_invalid_sound(bench: Bench) -> None:
    _, done = ask(
        bench, rf"4 4 2 60000 # {SHORT} wrong.wav pin ^1\d+$ 60000", press("21111234", gap=0.02)
    )
    assert done["variable_pin"] == "1234"
    assert done["variable_pin_invalid"] == "2111"
    files = [entry.detail["file"] for entry in bench.switch.seen("heard")]
    assert files[:2] == [SHORT, "wrong.wav"]


def test_no_digits_fail_after_all_tries(bench: Bench) -> None:
    _, done = ask(bench, rf"4 8 2 10 # {SHORT} {SHORT} pin ^\d{{4}}$ 10")
    assert done["variable_read_result"] == "failure"
    assert "variable_pin" not in done
    assert len(bench.switch.seen("heard")) == 4


def test_too_few_digits_fail(bench: Bench) -> None:
    _, done = ask(bench, rf"4 8 1 60000 # {SHORT} {SHORT} pin \d+ 60000", press("12#"))
    assert done["variable_read_result"] == "failure"


def test_each_question_uses_up_one_entry_of_keys(bench: Bench) -> None:
    peer, _ = ask(bench, rf"1 9 1 60000 # {PROMPT} {SHORT} a \d+ 60000", press("1#"), press("22#"))
    peer.execute("read", f"1 9 {PROMPT} b 60000 #", "q2")
    assert peer.done("q2")["variable_b"] == "22"


def test_sensitive_digits_are_seen_by_nobody(bench: Bench) -> None:
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0, keys=[press("1234#")] * 2)]))
    peer = bench.return_call()
    peer.execute("set", "sensitive_dtmf=true")
    peer.execute("play_and_get_digits", rf"1 8 1 9000 # {PROMPT} {SHORT} pin \d+ 9000", "q")
    assert peer.done("q")["variable_pin"] == "1234"
    assert bench.switch.seen("pressed")[0].detail == {"digits": "*****"}
    assert not [frame for frame in peer.frames if frame.kind == "DTMF"]
    peer.execute("unset", "sensitive_dtmf")
    peer.execute("play_and_get_digits", rf"1 8 1 9000 # {PROMPT} {SHORT} b \d+ 9000", "q2")
    peer.done("q2")
    assert [frame.event["DTMF-Digit"] for frame in peer.frames if frame.kind == "DTMF"] == [
        *"1234#"
    ]
    peer.execute("hangup")
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["variable_digits_dialed"] == "1234#"


def test_digits_typed_between_applications_are_only_seen_as_events(bench: Bench) -> None:
    bench.switch.phone(
        Phone(number="100", calls=[Behaviour(after=0, keys=[Keys(press="9", when="answer")])])
    )
    peer = bench.return_call()
    assert peer.event("DTMF")["DTMF-Digit"] == "9"
    peer.execute("play_and_get_digits", rf"1 8 1 10 # {SHORT} {SHORT} pin \d+ 10", "q")
    assert "variable_pin" not in peer.done("q")


def test_hanging_up_ends_the_question(bench: Bench) -> None:
    peer, done = ask(
        bench,
        rf"1 8 1 9000 # {PROMPT} {SHORT} pin \d+ 3000",
        hang_up=HangUp(when="question", after=0.05),
    )
    assert done["variable_read_result"] == "failure"
    assert done["Hangup-Cause"] == "NORMAL_CLEARING"
    complete = peer.event("CHANNEL_HANGUP_COMPLETE")
    assert complete["variable_sip_hangup_disposition"] == "recv_bye"


def test_a_star_ends_a_sound(bench: Bench) -> None:
    bench.switch.phone(
        Phone(number="100", calls=[Behaviour(after=0, keys=[Keys(press="*", when="answer")])])
    )
    peer = bench.return_call()
    peer.execute("playback", PROMPT, "p")
    assert peer.done("p")["Application-Response"] == "FILE PLAYED"


def test_a_command_sent_meanwhile_runs_inside_the_running_application(bench: Bench) -> None:
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = bench.return_call()
    peer.execute("playback", PROMPT, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    peer.execute("set", "a=1", "s")
    assert peer.done("s")["variable_a"] == "1"
    peer.execute("hangup", "NORMAL_CLEARING", "h")
    order = [peer.event("CHANNEL_EXECUTE_COMPLETE")["Application-UUID"] for _ in range(2)]
    assert order == ["h", "p"]


def test_a_locked_application_lets_nothing_in(bench: Bench) -> None:
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = bench.return_call()
    peer.execute("playback", "silence_stream://60", "p", extra="event-lock: true\n")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    peer.execute("set", "a=1", "s")
    order = [peer.event("CHANNEL_EXECUTE_COMPLETE")["Application-UUID"] for _ in range(2)]
    assert order == ["p", "s"]


@pytest.mark.parametrize(
    ("file", "seconds"),
    [
        ("ivr/other.wav", 0.3),
        ("ivr/ivr-long.wav", 7.0),
        ("tone_stream://%(200,100,500)", 0.3),
        ("tone_stream://%(200,100,500);%(50,0,300)", 0.35),
        ("silence_stream://50", 0.05),
        ("file_string://ivr-long.wav!silence_stream://500", 7.5),
    ],
)
def test_how_long_a_sound_lasts(
    make_bench: Callable[..., Bench], file: str, seconds: float
) -> None:
    sounds = make_bench().switch.applications.sounds
    sounds.durations["ivr-long"] = 7.0
    assert sounds.duration(file) == pytest.approx(seconds)
