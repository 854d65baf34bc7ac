"""How a number is called: as each channel wants it, over so many of them, and when it is not."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from controller.callerid.model import Numbers, Shown
from controller.policy.channels import Channel, HiddenIdentity, NumberFormat
from controller.policy.model import Policy, PolicyError
from controller.routing.model import MOST_WAYS, Candidate, Passed, Plan
from controller.routing.planning import (
    plan_destination,
    plan_emergency,
    plan_internal,
    plan_return,
    refused,
)
from tests.unit.callerid.given import NOBODY, policy

BERLIN: Final = "+4930123456"
LONDON: Final = "+442079460000"
DID: Final = "+12025550100"
A: Final = "+4930555010"


def planned(by: Policy, *channels: Channel, passed: tuple[Passed, ...] = ()) -> Plan:
    """Plan a call to Berlin; the one number is on the channel `out`."""
    return plan_destination(
        BERLIN,
        [Candidate(channel, "+49", 100) for channel in channels],
        passed,
        policy=by,
        numbers=Numbers({A: "out"}),
        rang=NOBODY,
        domain="example.com",
        pick=lambda _: 0,
    )


@pytest.mark.parametrize(
    ("values", "number", "caller_id"),
    [
        ({}, "4930123456", "4930555010"),
        ({"number_format": "plus"}, "+4930123456", "4930555010"),
        ({"caller_id_format": "plus"}, "4930123456", "+4930555010"),
        ({"number_format": "national", "country": "DE"}, "030123456", "4930555010"),
        (
            {"number_format": "national", "caller_id_format": "national", "country": "US"},
            "0114930123456",
            "0114930555010",
        ),
        ({"dial_prefix": "9"}, "94930123456", "4930555010"),
        (
            {"dial_prefix": "77", "number_format": "national", "country": "DE"},
            "77030123456",
            "4930555010",
        ),
    ],
)
def test_numbers_are_written_as_the_channel_wants_them(
    values: dict[str, Any], number: str, caller_id: str
) -> None:
    channel = msgspec.convert({"name": "out", **values}, Channel)
    channel.check()
    (way,) = planned(policy(A), channel).ways
    assert (way.number, way.caller_id) == (number, caller_id)
    # What is shown is told in E.164 whatever is sent.
    assert way.shown.number == A


def test_nothing_is_put_before_a_plus() -> None:
    """Brazil's callers choose a carrier by the prefix: such a channel cannot be set up so."""
    channel = Channel(
        name="out", country="BR", number_format=NumberFormat.NATIONAL, dial_prefix="77"
    )
    with pytest.raises(PolicyError, match=r"^dial_prefix: .*BR"):
        channel.check()
    (way,) = planned(policy(A), channel).ways
    assert way.number == "+4930123456"
    msgspec.structs.replace(channel, dial_prefix="").check()


def test_a_way_says_by_what_it_was_chosen_and_how_long_it_may_say_nothing() -> None:
    (way,) = planned(policy(A), Channel(name="out", progress_seconds=7)).ways
    assert (way.channel, way.beginning, way.cost, way.progress_seconds) == ("out", "+49", 100, 7)
    assert [tried.rule for tried in way.tried] == ["I6", "I2", "I4", "I1"]


def test_i6_a_way_that_hides_its_number_sends_none() -> None:
    by = policy(A, hide_caller_id=True, p_asserted_identity=True)
    open_, private = (
        Channel(name="out"),
        Channel(name="private", hidden_identity=HiddenIdentity.PRIVATE),
    )
    ways = planned(by, open_, private).ways
    assert [way.caller_id for way in ways] == ["", ""]
    assert [way.shown for way in ways] == [Shown(hidden=True, rule="I6")] * 2
    assert [way.p_asserted for way in ways] == ["", "sip:100@example.com"]


def test_i2_a_channel_on_which_nothing_can_be_shown_is_passed_for_the_next() -> None:
    by = policy(A, "+4930555011", default="+4930555011")
    plan = planned(by, Channel(name="first"), Channel(name="out"), passed=(Passed("x", "off"),))
    assert plan.channels == ("out",)
    assert plan.refusal == ""
    assert [(one.channel, one.reason) for one in plan.passed] == [
        ("x", "off"),
        ("first", "no_caller_id"),
    ]
    assert [tried.rule for tried in plan.passed[1].tried] == ["I6", "I2", "I5"]


def test_a_call_tries_so_many_channels_and_no_more() -> None:
    channels = [Channel(name=f"c{n}") for n in range(MOST_WAYS + 2)]
    plan = planned(policy(A), *channels)
    assert plan.channels == tuple(f"c{n}" for n in range(MOST_WAYS))
    assert plan.passed == (Passed(f"c{MOST_WAYS}", "beyond"), Passed(f"c{MOST_WAYS + 1}", "beyond"))


def test_a_call_without_a_way_says_why() -> None:
    shut = (Passed("a", "closed"),)
    assert planned(policy(A), passed=shut) == Plan(passed=shut, refusal="no_channel")
    assert planned(policy("+4930555011"), Channel(name="out")).refusal == "no_caller_id"
    assert refused("own_number") == Plan(refusal="own_number")
    assert refused("special_number", iter(shut)).passed == shut


def test_t8_a_return_call_goes_by_the_same_ways_and_shows_the_did() -> None:
    channels = [
        Channel(name="one", dial_prefix="9", caller_id_format=NumberFormat.PLUS),
        Channel(name="two", domain="trunk.example"),
    ]
    by = policy(
        A, hide_caller_id=True, p_asserted_identity=True, p_preferred_identity="sip:desk@e.example"
    )
    plan = plan_return(
        LONDON,
        [Candidate(channel) for channel in channels],
        [Passed("z", "down")],
        policy=by,
        did=DID,
        domain="example.com",
    )
    assert [(way.number, way.caller_id) for way in plan.ways] == [
        ("9442079460000", "+12025550100"),
        ("442079460000", "12025550100"),
    ]
    assert {way.shown.rule for way in plan.ways} == {"T8"}
    assert [way.p_asserted for way in plan.ways] == [
        "sip:100@example.com",
        "sip:100@trunk.example",
    ]
    assert {way.p_preferred for way in plan.ways} == {"sip:desk@e.example"}
    assert plan.passed == (Passed("z", "down"),)
    assert plan.kind == "public"
    nowhere = plan_return(LONDON, [], [], policy=by, did=DID, domain="")
    assert nowhere.refusal == "no_channel"


@pytest.mark.parametrize(
    ("number", "dialled", "caller", "caller_id"),
    [
        ("200", "200", "+12125550199", "12125550199"),
        ("+4930555010", "4930555010", "+12125550199", "12125550199"),
        # Who hides his number calls as the extension that he called.
        ("200", "200", "", "100"),
    ],
)
def test_i7_an_internal_call_has_one_way_and_no_identity(
    number: str, dialled: str, caller: str, caller_id: str
) -> None:
    by = policy(
        A, hide_caller_id=True, p_asserted_identity=True, p_preferred_identity="sip:desk@e.example"
    )
    plan = plan_internal(number, "pbx", policy=by, caller=caller)
    (way,) = plan.ways
    assert (plan.kind, plan.refusal) == ("internal", "")
    assert (way.channel, way.number, way.caller_id) == ("pbx", dialled, caller_id)
    assert way.shown == Shown(caller or "100", rule="internal")
    assert (way.p_asserted, way.p_preferred) == ("", "")


def test_an_emergency_call_is_dialled_as_it_is_and_shows_the_number_set_for_it() -> None:
    channel = Channel(
        name="sos",
        country="DE",
        dial_prefix="9",
        number_format=NumberFormat.PLUS,
        caller_id_format=NumberFormat.NATIONAL,
        progress_seconds=5,
    )
    plan = plan_emergency("112", channel, A)
    (way,) = plan.ways
    assert plan.kind == "emergency"
    assert (way.channel, way.number, way.caller_id) == ("sos", "112", "030555010")
    assert way.shown == Shown(A, rule="emergency")
    assert (way.p_asserted, way.p_preferred, way.progress_seconds) == ("", "", 5)


def test_a_plan_is_kept_as_json_and_read_again() -> None:
    by = policy(A, "+4930555011", default="+4930555011")
    plan = planned(by, Channel(name="first"), Channel(name="out"))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
