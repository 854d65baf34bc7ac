"""I9: `callbackd explain`: the answer first, then each rule; status 1 where there is no call."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from prometheus_client import CollectorRegistry

from controller.admin.explained import ExplainedCallback, ExplainedCallerId, ExplainedRoute
from controller.cache.counts import Counts
from controller.guard.locking import Rules
from controller.guard.often import Limit, OftenKind

from .running import Run, ok, redis_of, refused, said

DID, CALLEE, SHOWN = "+12025550100", "+12125550199", "+12025550111"


def no_call(result: Result) -> str:
    """Give what was printed where there would be no call."""
    assert result.exit_code == 1, result.output
    assert result.stderr == ""
    return result.stdout


def test_i9_what_is_seen_comes_first_and_then_each_rule(stocked: Run) -> None:
    printed = ok(stocked("explain", "callerid", "100", "--to", "212 555 0199"))
    assert printed.splitlines() == [
        f"{SHOWN}, by I4",
        f"D3: 2125550199 is read as {CALLEE}",
        f"G2: {CALLEE} is in US, where calls may go",
        f"T7: {CALLEE} is none of our own DIDs",
        f"pstn: {SHOWN}, written {SHOWN[1:]}",
        "  I6: a CallerID is sent",
        "  I2: server: one of the assigned numbers",
        f"  I4: {SHOWN}, the only number on pstn",
        "  I1: custom: the name that is set, or the contact name",
    ]


def test_i3_i6_i7_what_goes_with_it_is_told(stocked: Run) -> None:
    more = "+12025550112"
    ok(stocked("number", "add", more, "--channel", "pstn", "--client", "main"))
    ok(stocked("extension", "set", "100", "--caller-id", SHOWN, "--caller-id", more,
               "--caller-id-name", "Desk", "--p-asserted-identity"))  # fmt: skip
    lines = ok(stocked("explain", "callerid", "100", "--to", CALLEE)).splitlines()
    assert lines[0] == f'one of 2 numbers at random, such as {SHOWN} "Desk", by I3'
    assert f'of {SHOWN} {more}, "Desk", P-Asserted-Identity sip:100@localhost' in lines[4]
    ok(stocked("extension", "set", "100", "--hide-caller-id"))
    lines = ok(stocked("explain", "callerid", "100", "--to", CALLEE)).splitlines()
    assert (lines[0], lines[4]) == ("Anonymous, by I6", "pstn: Anonymous")


def test_i2_the_trigger_call_is_described_by_options(stocked: Run) -> None:
    ok(stocked("channel", "set", "pstn", "--trust-callers"))
    ok(stocked("extension", "set", "100", "--caller-id-number-from", "equipment",
               "--caller-id-name-from", "equipment"))  # fmt: skip
    ask = ("explain", "callerid", "100", "--to", CALLEE, "--caller", "2125550177", "--name", "Bob")
    assert ok(stocked(*ask, "--over", "pstn")).startswith('+12125550177 "Bob", by I2\n')
    assert ok(stocked(*ask)).startswith(f"{SHOWN}, by I4\n")


def test_i4_a_route_has_its_channels_and_those_passed_over(stocked: Run) -> None:
    ok(stocked("channel", "add", "far", "--destination", "+44=5"))
    ok(stocked("channel", "add", "near", "--destination", "+1212=1000", "--priority", "3"))
    result = stocked("explain", "route", "100", "--to", CALLEE)
    assert ok(result).splitlines() == [
        f"{CALLEE} is called over near, then pstn",
        f"D3: {CALLEE} is an international number",
        f"G2: {CALLEE} is in US, where calls may go",
        f"T7: {CALLEE} is none of our own DIDs",
        "I4: it goes over near, then pstn",
        f"1. near: dials {CALLEE[1:]}, for +1212, priority 3, cost 1000",
        f"2. pstn: dials {CALLEE[1:]}, for +, priority 10, cost 0",
        "-  far: not_its_number: It does not take this number.",
        "(the health of channels is not looked at; the running service knows it: /api/v1/explain)",
    ]


@pytest.mark.parametrize(
    ("to", "first"),
    [
        ("+442079460000", "no call: country_not_allowed, by G2: +442079460000 is in GB; "),
        ("911", "no call: emergency, by D3: 911 is an emergency number"),
        (DID, f"no call: own_number, by T7: {DID} is one of our own DIDs"),
    ],
)
def test_i9_where_there_is_no_call_the_status_is_1(stocked: Run, to: str, first: str) -> None:
    for name in ("callerid", "route"):
        assert no_call(stocked("explain", name, "100", "--to", to)).startswith(first)
        found = msgspec.json.decode(no_call(stocked("explain", name, "100", "--to", to, "--json")))
        assert (found["answer"], found["channels" if name == "callerid" else "orders"]) == (
            False, [],
        )  # fmt: skip


def test_i9_a_callback_is_told_by_each_rule(stocked: Run) -> None:
    lines = ok(stocked("explain", "callback", "--did", DID, "--caller", CALLEE)).splitlines()
    assert lines[0] == f"{CALLEE} is called back 3 seconds after the call"
    assert lines[1].startswith("due 20")
    assert [line.split(":")[0] for line in lines[2:16]] == [
        "did", "O6", "off", "T4", "T3", "G2", "T7", "G4", "T5", "T6", "A3", "T8", "I4", "G3",
    ]  # fmt: skip
    assert lines[16] == f"1. pstn: dials {CALLEE[1:]}, for +, priority 10, cost 0"
    hidden = no_call(stocked("explain", "callback", "--did", DID, "--hidden")).splitlines()
    assert hidden[0] == "nobody is called back: hidden, by T4: the caller hides his number"
    assert hidden[-1] == "T4: the caller hides his number"
    unknown = no_call(stocked("explain", "callback", "--did", "+12025550999", "--hidden"))
    assert unknown.startswith("nobody is called back: unknown_did")


def test_t5_it_is_asked_of_any_time(stocked: Run) -> None:
    ok(stocked("extension", "set", "100", "--quiet-from", "11:00", "--quiet-until", "12:10"))
    at = ("--at", "2027-01-31T12:00:00Z")
    found = said(stocked("explain", "callback", "--did", DID, "--caller", CALLEE, *at, "--json"))
    assert (found["at"], found["due"]) == (
        "2027-01-31T12:00:00.000000Z",
        "2027-01-31T12:10:00.000000Z",
    )
    route = said(stocked("explain", "route", "100", "--to", CALLEE, *at, "--json"))
    assert route["at"] == found["at"]


@pytest.mark.parametrize(
    ("arguments", "struct"),
    [
        (("callerid", "100", "--to", CALLEE), ExplainedCallerId),
        (("route", "100", "--to", CALLEE), ExplainedRoute),
        (("callback", "--did", DID, "--caller", CALLEE), ExplainedCallback),
    ],
)
def test_i9_json_is_as_the_api_has_it(
    stocked: Run, arguments: tuple[str, ...], struct: type[Any]
) -> None:
    found = said(stocked("explain", *arguments, "--json"))
    assert tuple(found) == struct.__struct_fields__
    assert found["answer"] is True


def test_a3_g3_what_is_counted_in_redis_is_looked_at_where_that_is(
    stocked: Run, data: Path
) -> None:
    limits = ("--callbacks-per-number", "hour=2", "--unanswered-per-block", "hour=9")
    ok(stocked("extension", "set", "100", "--password", "2468", *limits))
    ask = ("explain", "callback", "--did", DID, "--caller", CALLEE)
    assert "A3: whether he is locked out was not looked at" in ok(stocked(*ask))
    assert "G3: how many were made was not looked at" in ok(stocked(*ask))
    with redis_of(data) as (redis, lineage):
        counts = Counts(redis, lineage, rules=Rules(), now=time.time, registry=CollectorRegistry())
        locks, often = counts.lockouts, counts.often
        hourly = Limit(OftenKind.NUMBER, f"100:{CALLEE}", 3_600, 2)
        often.count("one", [hourly])
        said_of_g3 = "G3: not too often: 1 of 2 to the number in an hour, 0 of 9 to its block that"
        for _ in range(2):
            assert said_of_g3 in ok(stocked(*ask))
        often.count("two", [hourly])
        refusal = stocked(*ask)
        assert refusal.exit_code == 1
        assert "G3: as many as there may be: 2 of 2 to the number in an hour" in refusal.stdout
        ok(stocked("extension", "set", "100", "--reset", "callbacks-per-number"))
        assert "A3: he is not locked out by then" in ok(stocked(*ask))
        for _ in range(3):
            locks.failed("100", (CALLEE,), DID)
        assert "A3: too many passwords were wrong" in ok(stocked(*ask))
        assert said(stocked(*ask, "--json"))["locked_until"] is not None
        # Nothing is counted by looking.
        assert locks.locked("100", (CALLEE,), DID).kind == "number"


def test_i9_nothing_is_written_by_it(stocked: Run, data: Path) -> None:
    before = said(stocked("audit", "list", "--json"))
    ok(stocked("explain", "callback", "--did", DID, "--caller", CALLEE))
    ok(stocked("explain", "callerid", "100", "--to", CALLEE))
    no_call(stocked("explain", "callback", "--did", DID, "--hidden"))
    assert said(stocked("callback", "list", "--json")) == []
    assert said(stocked("audit", "list", "--json")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("callerid", "999", "--to", CALLEE), "there is no extension 999"),
        (("callerid", "100", "--to", "999999"), "to: '999999' is no telephone number"),
        (("route", "100", "--to", "1"), "no speed dial"),
        (("route", "100", "--to", CALLEE, "--over", "nope"), "over: there is no channel nope"),
        (("callback", "--did", DID), "caller: say either"),
        (("callback", "--did", "x", "--hidden"), "did: 'x' is no telephone number"),
        (("route", "100", "--to", CALLEE, "--at", "2300-01-01"), "at: write a time between"),
    ],
)
def test_what_cannot_be_asked_is_told(stocked: Run, arguments: tuple[str, ...], says: str) -> None:
    refused(stocked("explain", *arguments), says)


def test_a_question_says_of_what(stocked: Run) -> None:
    for arguments in (("callerid", "100"), ("route", "100"), ("callback", "--hidden")):
        assert stocked("explain", *arguments).exit_code == 2


def test_g1_a_terminal_is_told_nothing_that_it_acts_on(stocked: Run) -> None:
    printed = no_call(stocked("explain", "callback", "--did", DID, "--caller", "\x1b[31mred"))
    assert "\x1b" not in printed
