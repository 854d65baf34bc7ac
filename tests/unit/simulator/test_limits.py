"""Limits of calls and warnings, as the switch keeps them (M5, M6); seen on 1.11.1."""

from typing import Any

import pytest

from controller.simulator import Behaviour, Phone
from tests.unit.simulator.peer import Bench, Peer

COMMON = "callback_leg=destination,callback_call=c,callback_position=2"


def phone(bench: Bench, number: str, *calls: Behaviour) -> None:
    bench.switch.phone(Phone(number=number, calls=list(calls)))


def talking(bench: Bench, *, limit: int = 60) -> Peer:
    """Join the return leg `r` and the destination's `d`, which has a limit of its own."""
    phone(bench, "100", Behaviour(after=0))
    phone(bench, "2", Behaviour(after=0))
    peer = bench.return_call()
    cut = f"execute_on_answer='sched_hangup +{limit} ALLOTTED_TIMEOUT'"
    peer.execute("bridge", f"{{{COMMON},{cut},origination_uuid=d}}sofia/gateway/pstn/2", "b")
    peer.event("CHANNEL_BRIDGE")
    return peer


def end_of(bench: Bench, uuid: str) -> dict[str, Any]:
    while True:
        event = bench.client.event("CHANNEL_HANGUP_COMPLETE")
        if event["Unique-ID"] == uuid:
            return event


def test_a_limit_is_moved_as_often_as_one_likes(bench: Bench) -> None:
    peer = talking(bench)
    api = bench.client.api
    for serial, seconds in ((1, 50), (2, 40), (3, 1)):
        new = f"sched_api +{seconds} limit_d_{serial} uuid_kill d ALLOTTED_TIMEOUT"
        assert api(new).startswith("+OK Added: ")
        before = "d" if serial == 1 else f"limit_d_{serial - 1}"
        assert api(f"sched_del {before}") == "+OK Deleted: 1\n"
        assert api(f"sched_del {before}") == "+OK Deleted: 0\n"
    done = peer.done("b")
    assert done["variable_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert done["variable_last_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert end_of(bench, "d")["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert "r" in bench.switch.legs


def test_the_end_of_the_return_leg_is_the_plain_end_of_the_destinations(bench: Bench) -> None:
    peer = talking(bench)
    bench.client.api("sched_api +1 limit_r_1 uuid_kill r ALLOTTED_TIMEOUT")
    assert peer.done("b")["variable_bridge_hangup_cause"] == "NORMAL_CLEARING"
    ends = {(e := bench.client.event("CHANNEL_HANGUP_COMPLETE"))["Unique-ID"]: e for _ in "rd"}
    assert ends["r"]["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
    assert ends["d"]["Hangup-Cause"] == "NORMAL_CLEARING"
    assert ends["d"]["variable_last_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"


def test_the_limit_that_came_with_the_answer_goes_with_the_leg_and_others_stay(
    bench: Bench,
) -> None:
    talking(bench)
    api = bench.client.api
    api("sched_api +60 limit_d_1 uuid_kill d ALLOTTED_TIMEOUT")
    api("uuid_kill d")
    end_of(bench, "d")
    assert api("sched_del d") == "+OK Deleted: 0\n"
    assert api("sched_del LIMIT_d_1") == "+OK Deleted: 0\n"
    assert api("sched_del limit_d_1") == "+OK Deleted: 1\n"


def test_what_is_no_time_is_run_at_once(bench: Bench) -> None:
    talking(bench)
    assert bench.client.api("sched_api soon limit_d_1 uuid_kill d").startswith("+OK Added: ")
    assert end_of(bench, "d")["Hangup-Cause"] == "NORMAL_CLEARING"


def test_a_sound_mixed_in_is_heard_by_that_leg_alone_and_no_application(bench: Bench) -> None:
    """M6: `uuid_displace`; the conversation goes on, and may end while it is heard."""
    peer = talking(bench)
    bench.client.api("sched_api +1 warn_r uuid_displace r start tone_stream://%(300,0,600) 0 mux")
    bench.switch.wait(lambda: bench.switch.seen("heard"))
    assert [entry.role for entry in bench.switch.seen("heard")] == ["return"]
    bench.client.api("uuid_kill d ALLOTTED_TIMEOUT")
    assert peer.done("b")["variable_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert bench.client.api("uuid_displace r stop tone_stream://x") == "+OK Success\n"


def test_a_file_that_is_not_there_is_not_mixed_in(bench: Bench) -> None:
    bench.switch.applications.missing.add("nosuch.wav")
    talking(bench)
    answer = bench.client.api("uuid_displace r start nosuch.wav 0 mux")
    assert answer == "-ERR Cannot displace session!\n"


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [("busy", "USER_BUSY"), ("congestion", "NORMAL_TEMPORARY_FAILURE"), ("answer", None)],
)
def test_the_end_of_every_leg_tells_its_moments_and_whose_it_is(
    bench: Bench, outcome: str, cause: str | None
) -> None:
    """M7: to the microsecond, and the same in both places; 0: it was not answered."""
    phone(bench, "2", Behaviour(on_call=outcome, after=0))  # type: ignore[arg-type]
    bench.client.api(f"originate {{{COMMON},origination_uuid=d}}sofia/gateway/pstn/2 &park()")
    bench.client.api("uuid_kill d ALLOTTED_TIMEOUT")
    event = end_of(bench, "d")
    assert event["Hangup-Cause"] == (cause or "ALLOTTED_TIMEOUT")
    for field, variable in (("Created", "start"), ("Answered", "answer"), ("Hangup", "end")):
        assert event[f"Caller-Channel-{field}-Time"] == event[f"variable_{variable}_uepoch"]
    answered, ended = (int(event[f"variable_{name}_uepoch"]) for name in ("answer", "end"))
    assert (answered == 0) == (cause is not None)
    assert int(event["variable_billusec"]) == (ended - answered if answered else 0)
    whose = [event[f"variable_callback_{name}"] for name in ("leg", "call", "position")]
    assert whose == ["destination", "c", "2"]


def test_the_limit_of_the_return_leg_cuts_a_question(bench: Bench) -> None:
    """M5: the question ends, then the socket, then the leg."""
    phone(bench, "100", Behaviour(after=0))
    peer = bench.return_call()
    bench.client.api("sched_api +1 limit_r_1 uuid_kill r ALLOTTED_TIMEOUT")
    peer.execute("play_and_get_digits", "1 5 1 60000 # ask.wav no.wav res \\d+", "q")
    done = peer.done("q")
    assert (done["Answer-State"], done["Hangup-Cause"]) == ("hangup", "ALLOTTED_TIMEOUT")
    assert "variable_res" not in done
    assert peer.event("CHANNEL_EXECUTE_COMPLETE")["Application"] == "socket"
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "ALLOTTED_TIMEOUT"
