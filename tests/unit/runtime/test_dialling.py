"""What is sent to call somebody: the dial strings, as the switch reads them."""

from __future__ import annotations

import msgspec
import pytest

from controller.callback.effects import Bridge
from controller.callback.uuids import leg_uuids
from controller.callerid.model import Shown
from controller.credit.model import Granted
from controller.policy.endings import CAUSES
from controller.policy.model import Policy
from controller.routing.causes import CHANNEL_CAUSES, means_person
from controller.routing.model import MOST_WAYS, Plan, Way
from controller.runtime.dialling import (
    FINAL_CAUSES,
    bridge_command,
    longest_return_leg,
    originate_command,
)
from controller.simulator.dialstring import DialString, parse

POLICY = Policy(
    extension="1001",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550101",),
    default_caller_id="+12025550101",
)
ONE = Way(
    "one", "+4930123456", Shown("+12025550101", "Acme Ltd", rule="I4"), "12025550101",
    p_asserted="sip:1001@example.com", p_preferred="sip:main@example.com", progress_seconds=5,
)  # fmt: skip
TWO = Way("two", "004930123456", Shown("+12025550102", rule="I5"), "+12025550102")
#: Nobody pays.
FREE = Granted(charged=False, return_seconds=0)
HIDDEN = Way("one", "4930123456", Shown(hidden=True, rule="I6"))


def bridge(*ways: Way) -> DialString:
    """Give the dial string of a destination."""
    effect = Bridge(
        step=3,
        position=1,
        number="+4930123456",
        plan=Plan(ways),
        legs=tuple(f"leg-{index}" for index, _ in enumerate(ways)),
        ring_seconds=20,
        longest_seconds=60,
    )
    sent = bridge_command(effect, "step-3", call="a", request="r")
    head, _, body = sent.partition(b"\n\n")
    assert b"execute-app-name: bridge" in head
    return parse(body.decode())


def originate(*ways: Way, policy: Policy = POLICY, granted: Granted = FREE) -> DialString:
    """Give the dial string of a return call."""
    sent = originate_command(
        policy=policy, request="r", attempt="a", plan=Plan(ways), granted=granted,
        extension="return_call", context="callback",
    ).decode()  # fmt: skip
    line, _, job = sent.partition("\n")
    assert job == "Job-UUID: a\n\n"
    return parse(line.removeprefix("bgapi originate ").rpartition(" return_call XML callback")[0])


def test_i4_each_channel_has_a_callerid_a_format_and_a_leg_of_its_own() -> None:
    dialled = bridge(ONE, TWO)
    (first,), (second,) = dialled.groups
    assert (first.gateway, first.number) == ("one", "+4930123456")
    assert (second.gateway, second.number) == ("two", "004930123456")
    assert first.variables == {
        "origination_uuid": "leg-0",
        "callback_channel": "one",
        "leg_progress_timeout": "5",
        "origination_caller_id_number": "12025550101",
        "origination_caller_id_name": "Acme Ltd",
        "sip_h_P-Asserted-Identity": "<sip:1001@example.com>",
        "sip_h_P-Preferred-Identity": "<sip:main@example.com>",
    }
    assert second.variables == {
        "origination_uuid": "leg-1",
        "callback_channel": "two",
        "leg_progress_timeout": "15",
        "origination_caller_id_number": "+12025550102",
        # Without a name the switch would show one of its own.
        "origination_caller_id_name": "+12025550102",
    }
    # No variable of a channel is one of all: what stands in the braces would go before it.
    for way in (first, second):
        assert not set(way.variables) & set(dialled.variables)


def test_i1_a_name_with_a_slash_is_shown_whole() -> None:
    """The switch takes what stands before the last slash for a path, but in this variable."""
    way = msgspec.structs.replace(ONE, shown=msgspec.structs.replace(ONE.shown, name="A/B c/o D"))
    ((dialled,),) = bridge(way).groups
    assert dialled.variables["origination_caller_id_name"] == "A/B c/o D"
    assert dialled.variables["sip_from_display"] == "A/B c/o D"


def test_i6_a_hidden_number_is_in_no_part_of_what_is_sent() -> None:
    ((way,),) = bridge(HIDDEN).groups
    assert way.variables == {
        "origination_uuid": "leg-0",
        "callback_channel": "one",
        "leg_progress_timeout": "15",
        "origination_caller_id_number": "anonymous",
        "origination_caller_id_name": "Anonymous",
        "sip_from_uri": "sip:anonymous@anonymous.invalid",
        "sip_h_Privacy": "id",
    }


def test_i7_what_a_hidden_call_asserts_is_sent_with_privacy() -> None:
    private = msgspec.structs.replace(HIDDEN, p_asserted="sip:1001@example.com")
    ((way,),) = bridge(private).groups
    assert way.variables["sip_h_P-Asserted-Identity"] == "<sip:1001@example.com>"
    assert way.variables["sip_h_Privacy"] == "id"


@pytest.mark.parametrize("made", [bridge, originate])
def test_i4_only_a_channels_own_failure_leads_to_the_next(made: object) -> None:
    """A person who is busy is not rung again; a channel that says nothing is given up."""
    assert callable(made)
    variables = made(ONE, TWO).variables
    final = set(variables["fail_on_single_reject"].split(","))
    assert final == set(FINAL_CAUSES)
    # The switch looks for a cause's name anywhere in the text (switch_ivr_originate.c).
    said = variables["fail_on_single_reject"]
    assert not [cause for cause in CHANNEL_CAUSES if cause in said]
    assert {cause for cause in CAUSES if means_person(cause)} - {"NONE"} <= final
    # Ringing to the end is told from a channel that says nothing by which of the two comes first.
    assert int(variables["originate_timeout"]) > int(variables["leg_timeout"])


@pytest.mark.parametrize(("ring", "silence"), [(5, "3"), (6, "4"), (17, "15"), (120, "15")])
def test_i4_a_channel_is_given_up_before_a_phone_is(ring: int, silence: str) -> None:
    """Else a dead channel is somebody who does not answer, and no other one is tried."""
    policy = msgspec.structs.replace(POLICY, return_ring_seconds=ring)
    ((way,),) = originate(TWO, policy=policy).groups
    assert way.variables["leg_progress_timeout"] == silence


def test_m5_an_emergency_call_is_not_cut_short() -> None:
    plan = Plan((msgspec.structs.replace(ONE, number="911"),), kind="emergency")
    effect = Bridge(
        step=3, position=1, number="911", plan=plan, legs=("leg",), ring_seconds=20,
        longest_seconds=60,
    )  # fmt: skip
    assert b"sched_hangup +3600 " in bridge_command(effect, "step-3", call="a", request="r")


@pytest.mark.parametrize("made", [bridge, originate])
def test_g1_whoever_is_called_sends_our_call_nowhere_else(made: object) -> None:
    """G1, G2: a 302 would be followed to any number, at our cost."""
    assert callable(made)
    assert made(ONE).variables["outbound_redirect_fatal"] == "true"


def test_i7_no_header_of_the_return_leg_goes_along_to_a_destination() -> None:
    """The switch copies `sip_h_*` from leg to leg, unless the first one says otherwise."""
    assert originate(ONE).variables["sip_copy_custom_headers"] == "false"


def test_m5_each_leg_carries_its_limit() -> None:
    assert bridge(ONE).variables["execute_on_answer"] == "sched_hangup +60 ALLOTTED_TIMEOUT"
    limit = longest_return_leg(POLICY)
    said = originate(ONE).variables["execute_on_answer"]
    assert said == f"sched_hangup +{limit} ALLOTTED_TIMEOUT"


def test_m3_what_is_granted_is_the_return_legs_limit() -> None:
    granted = Granted(charged=True, return_seconds=120)
    variables = originate(ONE, granted=granted).variables
    assert variables["execute_on_answer"] == "sched_hangup +120 ALLOTTED_TIMEOUT"
    assert variables["callback_charged"] == "120"
    assert "callback_charged" not in originate(ONE).variables
    # Who pays without a limit is limited by the policy.
    unlimited = originate(ONE, granted=Granted(charged=True, return_seconds=0)).variables
    assert unlimited["callback_charged"] == "0"
    assert unlimited["execute_on_answer"] == originate(ONE).variables["execute_on_answer"]


def test_m7_each_leg_says_of_which_call_it_is() -> None:
    """M7, O3: whoever hears of its end knows what is to be charged."""
    names = ("callback_leg", "callback_call", "callback_request")
    assert [originate(ONE).variables[name] for name in names] == ["return", "a", "r"]
    variables = bridge(ONE).variables
    assert [variables[name] for name in names] == ["destination", "a", "r"]
    assert variables["callback_position"] == "1"


def test_o5_the_legs_of_an_attempt_are_known_from_its_own_name() -> None:
    dialled = originate(ONE, TWO)
    uuids = tuple(group[0].variables["origination_uuid"] for group in dialled.groups)
    assert uuids == leg_uuids("a", 2) == leg_uuids("a")[:2]
    assert len(set(leg_uuids("a"))) == MOST_WAYS
