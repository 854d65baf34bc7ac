"""Gateways as the real switch has them, and what becomes of calls over them.

What is expected here was seen on FreeSWITCH 1.11.1, with real SIP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.esl.gateways import read_gateways
from controller.simulator import Behaviour, Phone
from tests.unit.esl.test_gateways import PLAIN, REFUSED
from tests.unit.simulator.peer import Bench, Peer

TEXT = """\
=================================================================================================
Name    \tpstn
Profile \tcallback_public
Scheme  \tDigest
Realm   \t127.0.0.1:35809
Username\tFreeSWITCH
Password\tno
From    \t<sip:FreeSWITCH@127.0.0.1:35809>
Contact \t<sip:gw+pstn@127.0.0.1:19235;transport=udp;gw=pstn>
Exten   \tFreeSWITCH
To      \tsip:FreeSWITCH@127.0.0.1:35809
Proxy   \tsip:127.0.0.1:35809
Context \tcallback_trigger
Expires \t3600
Freq    \t3600
Ping    \t0
PingFreq\t0
PingTime\t0.00
PingState\t0/0/0
State   \tNOREG
Status  \tUP
Uptime  \t13s
CallsIN \t0
CallsOUT\t0
FailedCallsIN\t0
FailedCallsOUT\t0
=================================================================================================
"""


def file(directory: Path, name: str, **params: str) -> None:
    """Write a gateway's file, as the profile includes it."""
    given = {"proxy": "127.0.0.1:35809", "register": "false", "context": "callback_trigger"}
    lines = "".join(
        f'<param name="{key.replace("_", "-")}" value="{value}"/>\n'
        for key, value in {**given, "caller-id-in-from": "true", **params}.items()
    )
    (directory / f"{name}.xml").write_text(
        f'<include>\n<gateway name="{name}">\n{lines}</gateway>\n</include>\n'
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Give the directory of gateways' files, with one in it."""
    directory = tmp_path / "gateways"
    directory.mkdir()
    file(directory, "pstn")
    return directory


@pytest.fixture
def filed(make_bench: Callable[..., Bench], files: Path) -> Bench:
    """A simulator with that directory."""
    return make_bench(gateways=files)


def same(text: str) -> str:
    """Leave out what is another value each time."""
    return re.sub(r"(usec>|Uptime  \t)\d+|127\.0\.0\.1:\d+|ping>1\d{9}|\d\.\d\d", r"\1…", text)


def command(bench: Bench, text: str) -> str:
    return bench.client.api(f"sofia {text}")


# --- what it says of them --------------------------------------------------------------------


def test_a_gateway_is_shown_as_the_switch_shows_it(filed: Bench) -> None:
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    assert same(command(filed, "xmlstatus gateway pstn")) == same(head + PLAIN)
    listed = command(filed, "xmlstatus gateway")
    assert same(listed) == same(f"{head}<gateways>\n{PLAIN}</gateways>\n")
    assert same(command(filed, "status gateway pstn")) == same(TEXT)


def test_one_that_registers_in_vain_is_shown_so(filed: Bench, files: Path) -> None:
    gives = {"username": "acct", "password": "secret", "realm": "exp", "ping": "5"}
    file(files, "regbad", register="true", expire_seconds="60", **gives)
    command(filed, "profile callback_public rescan")
    filed.switch.gateway("regbad", "down")
    shown, real = command(filed, "xmlstatus gateway regbad"), same(REFUSED)
    # Those that the real one had had in its life.
    real = re.sub(r"(calls-\w+>)\d", r"\g<1>0", real.replace("<pinging>1", "<pinging>0"))
    assert same(shown).partition("\n")[2] == real


@pytest.mark.parametrize("form", ["status", "xmlstatus"])
def test_of_a_gateway_that_is_not_there_one_line_is_said(bench: Bench, form: str) -> None:
    assert command(bench, f"{form} gateway nosuch") == "Invalid Gateway!\n"


def test_the_newest_comes_first(bench: Bench) -> None:
    found = read_gateways(command(bench, "xmlstatus gateway"))
    assert [one.name for one in found] == ["pstn2", "pstn"]
    bench.switch.gateway("new")
    found = read_gateways(command(bench, "xmlstatus gateway"))
    assert [one.name for one in found] == ["new", "pstn2", "pstn"]


@pytest.mark.parametrize(
    ("state", "status"), [("up", "UP"), ("down", "DOWN"), ("fail", "UP"), ("silent", "UP")]
)
def test_only_what_the_switch_knows_is_down(bench: Bench, state: Any, status: str) -> None:
    bench.switch.gateway("pstn", state)
    (found,) = read_gateways(command(bench, "xmlstatus gateway pstn"))
    assert found.status == status


def test_what_sofia_does_not_know_it_says(bench: Bench) -> None:
    assert command(bench, "nonsense").startswith("USAGE")
    assert command(bench, "profile other rescan") == "Invalid Profile [other]"


# --- files -----------------------------------------------------------------------------------


def test_a_new_file_is_a_new_gateway_at_once(filed: Bench, files: Path) -> None:
    file(files, "new", proxy="192.0.2.1:5070")
    assert command(filed, "xmlstatus gateway new") == "Invalid Gateway!\n"
    said = command(filed, "profile callback_public rescan")
    assert said == "Reload XML [Success]\n+OK scan complete\n"
    (found,) = read_gateways(command(filed, "xmlstatus gateway new"))
    assert (found.proxy, found.usable) == ("sip:192.0.2.1:5070", True)
    phone(filed, "1", Behaviour(after=0))
    assert originate(filed, "{origination_uuid=u}sofia/gateway/new/1") == "+OK u\n"


def test_a_changed_file_counts_when_the_gateway_was_taken_away(filed: Bench, files: Path) -> None:
    file(files, "pstn", proxy="192.0.2.1:5070")
    command(filed, "profile callback_public rescan")
    (before,) = read_gateways(command(filed, "xmlstatus gateway pstn"))
    killed = command(filed, "profile callback_public killgw pstn")
    assert killed == "+OK gateway marked for deletion.\n"
    assert originate(filed, "sofia/gateway/pstn/1") == "-ERR INVALID_GATEWAY\n"
    command(filed, "profile callback_public rescan")
    (after,) = read_gateways(command(filed, "xmlstatus gateway pstn"))
    assert (before.proxy, after.proxy) == ("sip:127.0.0.1:35809", "sip:192.0.2.1:5070")


def test_a_file_that_is_gone_leaves_its_gateway(filed: Bench, files: Path) -> None:
    (files / "pstn.xml").unlink()
    command(filed, "profile callback_public rescan")
    assert read_gateways(command(filed, "xmlstatus gateway pstn"))
    command(filed, "profile callback_public killgw pstn")
    command(filed, "profile callback_public rescan")
    assert command(filed, "xmlstatus gateway pstn") == "Invalid Gateway!\n"
    assert command(filed, "profile callback_public killgw pstn") == "-ERR no such gateway.\n"


def test_a_call_goes_on_when_its_gateway_is_taken_away(filed: Bench) -> None:
    phone(filed, "1", Behaviour(after=0))
    originate(filed, "{origination_uuid=u}sofia/gateway/pstn/1")
    command(filed, "profile callback_public killgw pstn")
    assert "u" in filed.switch.legs


def test_a_broken_file_changes_nothing_and_is_ok_all_the_same(filed: Bench, files: Path) -> None:
    file(files, "new")
    (files / "bad.xml").write_text("<include><gateway name='bad'></include>")
    said = command(filed, "profile callback_public rescan")
    assert said.startswith("Reload XML [[error near line")
    assert said.endswith("+OK scan complete\n")
    assert [one.name for one in read_gateways(command(filed, "xmlstatus gateway"))] == ["pstn"]


def test_what_the_switch_skips_is_skipped(filed: Bench, files: Path) -> None:
    file(files, "a b")
    file(files, "nobody", register="true")
    file(files, "nopassword", register="true", username="acct")
    command(filed, "profile callback_public rescan")
    assert [one.name for one in read_gateways(command(filed, "xmlstatus gateway"))] == ["pstn"]


def test_one_that_registers_is_down_until_it_is_registered(filed: Bench, files: Path) -> None:
    filed.client.command("event json CUSTOM sofia::gateway_state sofia::gateway_add")
    file(files, "new", register="true", username="acct", password="secret")
    command(filed, "profile callback_public rescan")
    (found,) = read_gateways(command(filed, "xmlstatus gateway new"))
    assert (found.state, found.status) == ("UNREGED", "DOWN")
    told = [filed.client.event("CUSTOM") for _ in range(4)]
    assert told[0]["Event-Subclass"] == "sofia::gateway_add"
    assert [(one["State"], one["Ping-Status"]) for one in told[1:]] == [
        ("TRYING", "DOWN"),
        ("REGISTER", "DOWN"),
        ("REGED", "UP"),
    ]


# --- events ----------------------------------------------------------------------------------


def test_a_change_of_state_is_told_to_whom_it_was_promised(bench: Bench) -> None:
    bench.client.command("event json BACKGROUND_JOB CUSTOM sofia::gateway_state")
    bench.switch.gateway("pstn", "down")
    event = bench.client.event("CUSTOM")
    assert (event["Event-Subclass"], event["Gateway"]) == ("sofia::gateway_state", "pstn")
    assert (event["State"], event["Ping-Status"]) == ("NOREG", "DOWN")
    assert event["Event-Calling-Function"] == "sofia_reg_fire_custom_gateway_state_event"
    bench.switch.gateway("pstn", "down")
    bench.switch.gateway("pstn", "fail")
    assert bench.client.event("CUSTOM")["Ping-Status"] == "UP"


def test_what_follows_custom_is_no_event_of_the_switch(bench: Bench) -> None:
    bench.client.command("noevents")
    bench.client.command("event json CUSTOM sofia::other BACKGROUND_JOB")
    bench.client.command("bgapi originate sofia/gateway/pstn/1 &park()")
    bench.switch.gateway("pstn", "down")
    bench.client.command("event json CUSTOM sofia::gateway_state")
    bench.switch.gateway("pstn", "up")
    frames = [frame.kind for frame in bench.client.frames]
    assert bench.client.event("CUSTOM")["Ping-Status"] == "UP"
    assert "BACKGROUND_JOB" not in frames


# --- calls: causes -----------------------------------------------------------------------------


def originate(bench: Bench, dialled: str) -> str:
    return bench.client.api(f"originate {dialled} &park()")


def phone(bench: Bench, number: str, *calls: Behaviour) -> None:
    bench.switch.phone(Phone(number=number, calls=list(calls)))


FINAL = "USER_BUSY,NO_ANSWER,ALLOTTED_TIMEOUT,CALL_REJECTED"
LIMITS = f"originate_timeout=60~leg_timeout=1~fail_on_single_reject={FINAL}"
ONE, TWO = (
    "[origination_uuid=d1,callback_channel=one{}]",
    "[origination_uuid=d2,callback_channel=two{}]",
)


def two_ways(
    first: str, second: str, own: str = "", common: str = LIMITS, number: str = "2"
) -> str:
    """Write a dial string of two channels; `own` is of each."""
    return (
        f"{{^^~sip_cid_type=none~{common}}}{ONE.format(own)}sofia/gateway/{first}/{number}"
        f"|{TWO.format(own)}sofia/gateway/{second}/{number}"
    )


def both(
    bench: Bench, calls: list[Behaviour], own: str = "", common: str = LIMITS
) -> tuple[dict[str, Any], str]:
    """Bridge to a phone and originate to another at the same time; give how both ended."""
    for number in ("2", "3"):
        phone(bench, number, *calls)
    dialled = two_ways("pstn", "pstn2", own, common, "3").replace("_uuid=d", "_uuid=o")
    bench.client.command(f"bgapi originate {dialled} &park()\nJob-UUID: j")
    done = joined(bench, two_ways("pstn", "pstn2", own, common)).done("b")
    return done, bench.client.event("BACKGROUND_JOB", Job_UUID="j")["_body"]


def joined(bench: Bench, dialled: str, prepare: str = "") -> Peer:
    phone(bench, "100", Behaviour(after=0))
    peer = bench.return_call()
    if prepare:
        peer.execute("set", prepare)
    peer.execute("bridge", dialled, "b")
    return peer


BUSY, FAILS, RINGS, SILENT = (
    Behaviour(on_call="busy", after=0),
    Behaviour(on_call="congestion", after=0),
    Behaviour(on_call="no_answer"),
    Behaviour(on_call="silent"),
)
TEMPORARY = "NORMAL_TEMPORARY_FAILURE"


@pytest.mark.parametrize(
    ("first", "second", "calls", "causes", "disposition"),
    [
        ("pstn", "pstn2", [FAILS, BUSY], [f"d1;{TEMPORARY}", "d2;USER_BUSY"], "USER_BUSY"),
        ("pstn", "pstn2", [BUSY], "d1;USER_BUSY", "USER_BUSY"),
        ("nosuch", "pstn2", [BUSY], "d2;USER_BUSY", "USER_BUSY"),
        ("pstn", "nosuch", [FAILS], f"d1;{TEMPORARY}", "INVALID_GATEWAY"),
        ("nosuch", "nosuch", [BUSY], None, "INVALID_GATEWAY"),
        ("down", "pstn2", [BUSY], "d2;USER_BUSY", "USER_BUSY"),
        ("pstn", "down", [FAILS], f"d1;{TEMPORARY}", "GATEWAY_DOWN"),
        ("fail", "pstn2", [BUSY], [f"d1;{TEMPORARY}", "d2;USER_BUSY"], "USER_BUSY"),
    ],
)
def test_each_leg_that_there_was_has_its_cause(
    bench: Bench,
    first: str,
    second: str,
    calls: list[Behaviour],
    causes: Any,
    disposition: str,
) -> None:
    for name in ("down", "fail"):
        bench.switch.gateway(name, name)
    # A gateway where nothing listens takes a call of the phone's, too.
    phone(bench, "2", *([BUSY] if first == "fail" else []), *calls)
    done = joined(bench, two_ways(first, second)).done("b")
    assert done.get("variable_originate_causes") == causes
    assert done["variable_originate_disposition"] == disposition
    assert done["variable_originate_failed_cause"] == disposition
    phone(bench, "2", *([BUSY] if first == "fail" else []), *calls)
    assert originate(bench, two_ways(first, second)) == f"-ERR {disposition}\n"


def test_each_leg_that_there_was_tells_its_end_to_the_link(bench: Bench) -> None:
    bench.client.command("noevents")
    bench.client.command("filter Event-Name BACKGROUND_JOB")
    bench.client.command("filter variable_callback_leg return")
    bench.client.command("event json BACKGROUND_JOB CHANNEL_HANGUP_COMPLETE")
    bench.switch.gateway("down", "down")
    phone(bench, "2", FAILS, BUSY)
    dialled = two_ways("pstn", "pstn2", common=f"callback_leg=return~{LIMITS}")
    bench.client.command(f"bgapi originate {dialled}|sofia/gateway/down/2 &park()\nJob-UUID: j")
    ends = [bench.client.event("CHANNEL_HANGUP_COMPLETE") for _ in range(2)]
    fields = ("Unique-ID", "variable_callback_channel", "Hangup-Cause", "variable_sip_term_status")
    assert [tuple(end[field] for field in fields) for end in ends] == [
        ("d1", "one", TEMPORARY, "503"),
        ("d2", "two", "USER_BUSY", "486"),
    ]
    assert bench.client.event("BACKGROUND_JOB")["_body"] == "-ERR USER_BUSY\n"


def test_causes_of_all_bridges_are_kept_unless_it_is_said(bench: Bench) -> None:
    phone(bench, "2", FAILS)
    peer = joined(bench, "[origination_uuid=d1]sofia/gateway/pstn/2")
    peer.done("b")
    peer.execute("bridge", "[origination_uuid=d2]sofia/gateway/pstn/2", "c")
    assert peer.done("c")["variable_originate_causes"] == [f"d1;{TEMPORARY}", f"d2;{TEMPORARY}"]
    peer.execute("set", "preserve_originated_vars=false")
    peer.execute("bridge", "[origination_uuid=d3]sofia/gateway/pstn/2", "d")
    assert peer.done("d")["variable_originate_causes"] == f"d3;{TEMPORARY}"


# --- calls: limits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "causes", "disposition", "whole"),
    [
        # Silent, and then somebody answers for himself.
        ([SILENT, BUSY], ["d1;PROGRESS_TIMEOUT", "d2;USER_BUSY"], "USER_BUSY", "PROGRESS_TIMEOUT"),
        # It rings to the end: that is the person's answer, and no other channel is tried.
        ([RINGS], "d1;ALLOTTED_TIMEOUT", "ALLOTTED_TIMEOUT", "ALLOTTED_TIMEOUT"),
        (
            [SILENT, SILENT],
            ["d1;PROGRESS_TIMEOUT", "d2;PROGRESS_TIMEOUT"],
            "PROGRESS_TIMEOUT",
            "PROGRESS_TIMEOUT",
        ),
    ],
)
def test_a_channel_that_says_nothing_is_given_up_for_the_next(
    bench: Bench, calls: list[Behaviour], causes: Any, disposition: str, whole: str
) -> None:
    common = LIMITS.replace("leg_timeout=1", "leg_timeout=2")
    done, answer = both(bench, calls, ",leg_progress_timeout=1", common)
    assert done["variable_originate_causes"] == causes
    assert done["variable_originate_disposition"] == disposition
    assert done["variable_originate_failed_cause"] == whole
    assert answer == f"-ERR {whole}\n"


def test_a_channel_may_be_silent_whoever_is_called(bench: Bench) -> None:
    bench.switch.gateway("mute", "silent")
    phone(bench, "2", Behaviour(after=0))
    peer = joined(bench, two_ways("mute", "pstn2", ",leg_progress_timeout=1"))
    event = peer.event("CHANNEL_BRIDGE")
    assert event["variable_originate_causes"] == ["d1;PROGRESS_TIMEOUT", "d2;NONE"]


def test_silence_that_is_final_ends_the_whole(bench: Bench) -> None:
    phone(bench, "2", SILENT)
    common = f"fail_on_single_reject={FINAL},PROGRESS_TIMEOUT"
    done = joined(bench, two_ways("pstn", "pstn2", ",leg_progress_timeout=1", common)).done("b")
    assert done["variable_originate_causes"] == "d1;PROGRESS_TIMEOUT"


@pytest.mark.parametrize("calls", [[SILENT], [RINGS]])
def test_one_limit_for_all_and_for_each_leg_says_other_things(
    bench: Bench, calls: list[Behaviour]
) -> None:
    """Who originates hears no ringing: all phones are silent to him."""
    common = f"originate_timeout=1~leg_timeout=1~fail_on_single_reject={FINAL}"
    done, answer = both(bench, calls, common=common)
    assert done["variable_originate_causes"] == "d1;ALLOTTED_TIMEOUT"
    assert done["variable_originate_disposition"] == "NO_ANSWER"
    assert answer == "-ERR PROGRESS_TIMEOUT\n"


def test_each_channel_has_the_whole_time_to_ring(bench: Bench) -> None:
    phone(bench, "2", SILENT, Behaviour(after=1.5))
    common = LIMITS.replace("leg_timeout=1", "leg_timeout=2")
    peer = joined(bench, two_ways("pstn", "pstn2", ",leg_progress_timeout=1", common))
    assert peer.event("CHANNEL_BRIDGE")["Bridge-B-Unique-ID"] == "d2"


# --- calls: variables and identities -----------------------------------------------------------


@pytest.mark.parametrize(("clobber", "value"), [("", "common"), ("local_var_clobber=true~", "own")])
def test_of_two_values_that_of_all_legs_counts(bench: Bench, clobber: str, value: str) -> None:
    phone(bench, "2", BUSY)
    dialled = f"{{^^~{clobber}sip_h_X-A=common~origination_caller_id_number=1}}" + (
        "[sip_h_X-A=own,origination_caller_id_number=2]sofia/gateway/pstn/2"
    )
    originate(bench, dialled)
    (seen,) = bench.switch.seen("called")
    assert seen.detail["invite"].endswith(f"X-A: {value}")
    assert seen.detail["caller_id_number"] == "2"


HIDDEN = (
    ",origination_caller_id_number=anonymous,origination_caller_id_name=Anonymous,"
    "sip_from_uri=sip:anonymous@anonymous.invalid,sip_h_Privacy=id"
)


def test_i6_one_leg_hides_and_the_other_shows(bench: Bench) -> None:
    phone(bench, "2", FAILS)
    shows = (
        ",origination_caller_id_number=1002,origination_caller_id_name='Ben Cole',"
        "sip_h_P-Asserted-Identity=<sip:1002@example.com>,"
        "sip_h_P-Preferred-Identity=<sip:y@example.com>"
    )
    originate(
        bench,
        f"{{sip_cid_type=none}}{ONE.format(HIDDEN)}sofia/gateway/pstn/2"
        f"|{TWO.format(shows)}sofia/gateway/pstn2/2",
    )
    assert [seen.detail["invite"].split("\n") for seen in bench.switch.seen("called")] == [
        ['From: "Anonymous" <sip:anonymous@anonymous.invalid>', "Privacy: id"],
        [
            'From: "Ben Cole" <sip:1002@127.0.0.1>',
            "P-Asserted-Identity: <sip:1002@example.com>",
            "P-Preferred-Identity: <sip:y@example.com>",
        ],
    ]


@pytest.mark.parametrize(
    ("params", "own", "sender"),
    [
        ({}, "", '"N" <sip:55@127.0.0.1>'),
        ({"caller_id_in_from": "false"}, "", '"N" <sip:FreeSWITCH@127.0.0.1:35809>'),
        ({"from_domain": "sip.example.com"}, "", '"N" <sip:55@sip.example.com>'),
        (
            {"from_domain": "sip.example.com"},
            HIDDEN,
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
        ),
        ({"caller_id_in_from": "false"}, HIDDEN, '"Anonymous" <sip:anonymous@anonymous.invalid>'),
    ],
)
def test_i6_a_gateway_has_a_say_in_from_and_hiding_has_the_last(
    filed: Bench, files: Path, params: dict[str, str], own: str, sender: str
) -> None:
    file(files, "new", **params)
    command(filed, "profile callback_public rescan")
    own = own or ",origination_caller_id_name=N,origination_caller_id_number=55"
    originate(filed, f"{{sip_cid_type=none}}[a=1{own}]sofia/gateway/new/1")
    assert filed.switch.seen("called")[0].detail["invite"].split("\n")[0] == f"From: {sender}"


@pytest.mark.parametrize(
    ("prepare", "leaks"),
    [("sip_h_X-A=leak", True), ("sip_copy_custom_headers=false", False)],
)
def test_i7_headers_of_one_leg_go_on_to_the_next_unless_it_is_said(
    bench: Bench,
    prepare: str,
    leaks: bool,
) -> None:
    phone(bench, "2", BUSY)
    phone(bench, "100", Behaviour(after=0))
    peer = bench.return_call()
    for value in ("sip_h_Privacy=id", "sip_h_P-Asserted-Identity=<sip:1@a.example>", prepare):
        peer.execute("set", value)
    own = "sip_cid_type=none,sip_h_P-Asserted-Identity=<sip:2@a.example>"
    peer.execute("bridge", f"{{{own}}}sofia/gateway/pstn/2", "b")
    peer.done("b")
    invite = bench.switch.seen("called", number="2")[0].detail["invite"].split("\n")[1:]
    assert ("Privacy: id" in invite) is leaks
    assert invite.count("P-Asserted-Identity: <sip:2@a.example>") == 1
    assert "P-Asserted-Identity: <sip:1@a.example>" not in invite
