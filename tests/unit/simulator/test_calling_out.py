"""``originate`` and ``bridge``: causes, fail-over, identities, limits."""

import pytest

from controller.simulator import Behaviour, Keys, Phone
from tests.unit.simulator.peer import Bench, Peer


def originate(bench: Bench, dialled: str) -> str:
    return bench.client.api(f"originate {dialled} &park()")


def phone(bench: Bench, number: str, *calls: Behaviour) -> None:
    bench.switch.phone(Phone(number=number, calls=list(calls)))


@pytest.mark.parametrize(
    ("outcome", "answer", "sip"),
    [
        ("answer", "+OK u\n", ""),
        ("busy", "-ERR USER_BUSY\n", "486 Busy Here"),
        ("reject", "-ERR CALL_REJECTED\n", "603 Decline"),
        ("unreachable", "-ERR NORMAL_TEMPORARY_FAILURE\n", "503 Service Unavailable"),
        ("congestion", "-ERR NORMAL_TEMPORARY_FAILURE\n", "503 Service Unavailable"),
        ("unallocated", "-ERR UNALLOCATED_NUMBER\n", "404 Not Found"),
    ],
)
def test_what_the_phone_does_is_the_answer(
    bench: Bench, outcome: str, answer: str, sip: str
) -> None:
    phone(bench, "1", Behaviour(on_call=outcome, after=0))  # type: ignore[arg-type]
    assert originate(bench, "{origination_uuid=u}sofia/gateway/pstn/1") == answer
    assert [entry.detail["sip"] for entry in bench.switch.seen("refused")] == [sip] * bool(sip)


def test_nobody_answers_within_the_time(bench: Bench) -> None:
    phone(bench, "1", Behaviour(on_call="no_answer"))
    dialled = "{originate_timeout=1}sofia/gateway/pstn/1"
    assert originate(bench, dialled) == "-ERR NO_ANSWER\n"
    event = bench.client.event("CHANNEL_HANGUP_COMPLETE")
    assert event["variable_sip_hangup_disposition"] == "send_cancel"


def test_gateways(bench: Bench) -> None:
    phone(bench, "1", Behaviour(after=0))
    assert originate(bench, "sofia/gateway/nosuch/1") == "-ERR INVALID_GATEWAY\n"
    bench.switch.gateways["pstn"].state = "fail"
    assert originate(bench, "sofia/gateway/pstn/1") == "-ERR NORMAL_TEMPORARY_FAILURE\n"
    bench.switch.gateway("new")
    assert originate(bench, "{origination_uuid=u}sofia/gateway/new/1") == "+OK u\n"


def test_a_live_uuid_cannot_be_called_twice(bench: Bench) -> None:
    phone(bench, "1", Behaviour(after=0))
    assert originate(bench, "{origination_uuid=u}sofia/gateway/pstn/1") == "+OK u\n"
    twice = originate(bench, "{origination_uuid=u}sofia/gateway/pstn/1")
    assert twice == "-ERR DESTINATION_OUT_OF_ORDER\n"
    assert len(bench.switch.legs) == 1


def test_the_nth_call_meets_the_nth_behaviour_and_the_last_repeats(bench: Bench) -> None:
    phone(bench, "1", Behaviour(on_call="busy", after=0), Behaviour(on_call="reject", after=0))
    answers = [originate(bench, "sofia/gateway/pstn/1") for _ in range(3)]
    assert answers == ["-ERR USER_BUSY\n", *["-ERR CALL_REJECTED\n"] * 2]


def test_a_job_tells_its_result_with_its_own_id(bench: Bench) -> None:
    reply = bench.client.command("bgapi originate sofia/gateway/pstn/1 &park()\nJob-UUID: job-1")
    assert reply.headers["Job-UUID"] == "job-1"
    job = bench.client.event("BACKGROUND_JOB")
    assert (job["Job-UUID"], job["_body"]) == ("job-1", "-ERR UNALLOCATED_NUMBER\n")


def joined(bench: Bench, dialled: str, uuid: str = "b") -> Peer:
    phone(bench, "100", Behaviour(after=0))
    peer = bench.return_call()
    peer.execute("bridge", dialled, uuid)
    return peer


def test_the_second_channel_is_tried_with_its_own_caller_id(bench: Bench) -> None:
    phone(bench, "2", Behaviour(on_call="busy", after=0), Behaviour(after=0))
    peer = joined(
        bench,
        "{sip_cid_type=none}[origination_uuid=d1,origination_caller_id_number=11]"
        "sofia/gateway/pstn/2|[origination_uuid=d2,origination_caller_id_number=22]"
        "sofia/gateway/pstn2/2",
    )
    event = peer.event("CHANNEL_BRIDGE")
    assert event["Bridge-B-Unique-ID"] == "d2"
    assert event["variable_originate_causes"] == ["d1;USER_BUSY", "d2;NONE"]
    shown = [entry.detail["caller_id_number"] for entry in bench.switch.seen("called", number="2")]
    assert shown == ["11", "22"]


def test_one_uuid_for_two_channels_fails_the_second(bench: Bench) -> None:
    phone(bench, "2", Behaviour(on_call="busy", after=0))
    peer = joined(bench, "{origination_uuid=r}sofia/gateway/pstn/2|sofia/gateway/pstn2/2")
    assert peer.done("b")["variable_originate_disposition"] == "DESTINATION_OUT_OF_ORDER"


@pytest.mark.parametrize(
    ("stop", "calls"), [("true", 1), ("USER_BUSY", 1), ("CALL_REJECTED,NO_ANSWER", 2)]
)
def test_a_named_cause_stops_the_fail_over(bench: Bench, stop: str, calls: int) -> None:
    phone(bench, "2", Behaviour(on_call="busy", after=0))
    dialled = f"{{fail_on_single_reject='{stop}'}}sofia/gateway/pstn/2|sofia/gateway/pstn2/2"
    done = joined(bench, dialled).done("b")
    assert (done["variable_DIALSTATUS"], len(bench.switch.seen("called", number="2"))) == (
        "BUSY",
        calls,
    )


def test_the_first_of_two_that_ring_at_once_wins(bench: Bench) -> None:
    phone(bench, "2", Behaviour(on_call="no_answer"))
    phone(bench, "3", Behaviour(after=0.02))
    peer = joined(bench, "sofia/gateway/pstn/2,[origination_uuid=w]sofia/gateway/pstn/3")
    assert peer.event("CHANNEL_BRIDGE")["Bridge-B-Unique-ID"] == "w"
    bench.switch.wait(lambda: bench.switch.seen("ended", number="2", cause="LOSE_RACE"))


def test_a_caller_who_hangs_up_stops_the_calling(bench: Bench) -> None:
    phone(bench, "2", Behaviour(on_call="no_answer"))
    peer = joined(bench, "sofia/gateway/pstn/2|sofia/gateway/pstn2/2")
    bench.switch.wait(lambda: bench.switch.seen("ringing", number="2"))
    bench.client.api("uuid_kill r")
    peer.done("b")
    bench.switch.wait()
    assert bench.switch.seen("ended", number="2")[0].detail == {"cause": "ORIGINATOR_CANCEL"}
    assert len(bench.switch.seen("called", number="2")) == 1


def test_without_continue_on_fail_the_caller_is_ended_too(bench: Bench) -> None:
    phone(bench, "2", Behaviour(on_call="busy", after=0))
    phone(bench, "100", Behaviour(after=0))
    peer = bench.return_call()
    peer.execute("unset", "continue_on_fail")
    peer.execute("bridge", "sofia/gateway/pstn/2", "b")
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "USER_BUSY"


def test_the_switch_itself_cuts_the_destination(bench: Bench) -> None:
    phone(bench, "2", Behaviour(after=0))
    peer = joined(
        bench,
        "{execute_on_answer='sched_hangup +1 ALLOTTED_TIMEOUT',origination_uuid=d}"
        "sofia/gateway/pstn/2",
    )
    assert peer.done("b")["variable_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert bench.client.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == "d"
    assert "r" in bench.switch.legs


def test_a_limit_can_be_moved(bench: Bench) -> None:
    phone(bench, "2", Behaviour(after=0))
    limit = "execute_on_answer='sched_hangup +60 ALLOTTED_TIMEOUT'"
    peer = joined(bench, f"{{{limit},origination_uuid=d}}sofia/gateway/pstn/2")
    peer.event("CHANNEL_BRIDGE")
    assert bench.client.api("sched_del d") == "+OK Deleted: 1\n"
    assert bench.client.api("sched_hangup +1 d ALLOTTED_TIMEOUT") == "+OK\n"
    assert peer.done("b")["variable_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"


def test_two_stars_drop_the_destination_alone(bench: Bench) -> None:
    phone(bench, "100", Behaviour(after=0, keys=[Keys(press="**", when="bridge")]))
    phone(bench, "2", Behaviour(after=0))
    peer = bench.return_call()
    peer.execute("bind_digit_action", "talk,**,exec:hangup,NORMAL_CLEARING,self,peer")
    peer.execute("digit_action_set_realm", "talk")
    peer.execute("bridge", "sofia/gateway/pstn/2", "b")
    assert peer.done("b")["Answer-State"] == "answered"
    peer.execute("clear_digit_action", "all", "c")
    peer.done("c")
    assert set(bench.switch.legs) == {"r"}


def test_a_warning_is_heard_by_the_caller_alone(bench: Bench) -> None:
    phone(bench, "2", Behaviour(after=0))
    peer = joined(bench, "sofia/gateway/pstn/2")
    peer.event("CHANNEL_BRIDGE")
    assert bench.client.api("uuid_broadcast r warn.wav aleg") == "+OK Message sent\n"
    bench.switch.wait(lambda: bench.switch.seen("heard", file="warn.wav"))
    assert [entry.role for entry in bench.switch.seen("heard", file="warn.wav")] == ["return"]


@pytest.mark.parametrize(
    ("variables", "lines"),
    [
        (
            "a=1",
            [
                'From: "N" <sip:55@127.0.0.1>',
                'Remote-Party-ID: "N" <sip:55@127.0.0.1>;party=calling;screen=yes;privacy=off',
            ],
        ),
        (
            "sip_cid_type=pid",
            [
                'From: "N" <sip:55@127.0.0.1>',
                'P-Asserted-Identity: "N" <sip:55@127.0.0.1>',
                "Privacy: none",
            ],
        ),
        (
            "sip_cid_type=pid,origination_privacy=hide_name:hide_number",
            [
                'From: "N" <sip:55@127.0.0.1>',
                'P-Preferred-Identity: "N" <sip:55@127.0.0.1>',
                "Privacy: id",
            ],
        ),
        ("sip_cid_type=none", ['From: "N" <sip:55@127.0.0.1>']),
        (
            "sip_cid_type=none,sip_from_uri=sip:anonymous@anonymous.invalid,sip_h_Privacy=id",
            ['From: "N" <sip:anonymous@anonymous.invalid>', "Privacy: id"],
        ),
        (
            "sip_cid_type=none,sip_h_P-Asserted-Identity=<sip:1@a>,"
            "sip_h_P-Preferred-Identity='\"x, y\" <sip:2@a>'",
            [
                'From: "N" <sip:55@127.0.0.1>',
                "P-Asserted-Identity: <sip:1@a>",
                'P-Preferred-Identity: "x, y" <sip:2@a>',
            ],
        ),
        (
            "sip_cid_type=pid,sip_h_P-Asserted-Identity=<sip:1@a>",
            [
                'From: "N" <sip:55@127.0.0.1>',
                'P-Asserted-Identity: "N" <sip:55@127.0.0.1>',
                "Privacy: none",
                "P-Asserted-Identity: <sip:1@a>",
            ],
        ),
    ],
)
def test_the_headers_that_leave(bench: Bench, variables: str, lines: list[str]) -> None:
    own = "origination_caller_id_name=N,origination_caller_id_number=55"
    originate(bench, f"{{{own},{variables}}}sofia/gateway/pstn/1")
    assert bench.switch.seen("called")[0].detail["invite"].split("\n") == lines
