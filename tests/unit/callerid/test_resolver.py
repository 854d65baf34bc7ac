"""What is shown: in the issue's three cases, on calls that are not destinations', and why (I9)."""

from __future__ import annotations

import pytest

from controller.callerid.model import Numbers, Rang, Shown, Tried
from controller.callerid.resolver import for_emergency, for_internal, for_return_call
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.routing.choosing import choose
from controller.routing.model import Plan
from controller.routing.planning import plan_destination
from tests.unit.callerid.given import CONTACT, DESTINATION, NOBODY, OTHER, OUT, dice, policy, shown

A, B, C = "+12025550101", "+12025550102", "+12025550103"
D, E = "+442079460001", "+442079460002"


def planned(by: Policy, channels: dict[str, str], *names: str, seed: int = 0) -> Plan:
    """Plan a call that these channels take, in this order."""
    choice = choose(
        DESTINATION,
        [Channel(name=name, priority=place) for place, name in enumerate(names, 1)],
        {},
        0,
    )
    return plan_destination(
        DESTINATION,
        choice.candidates,
        choice.passed,
        policy=by,
        numbers=Numbers(channels),
        rang=NOBODY,
        domain="",
        pick=dice(seed).randrange,
    )


# --- the three worked cases ------------------------------------------------------------------


def test_i3_three_numbers_on_the_routing_channel_one_of_them_at_random() -> None:
    by = policy(A, B, C)
    seen = set()
    for seed in range(50):
        (way,) = planned(by, {A: OUT, B: OUT, C: OUT}, OUT, seed=seed).ways
        assert way.shown.rule == "I3"
        assert way.shown.pool == (A, B, C)
        seen.add(way.shown.number)
    assert seen == {A, B, C}


def test_i4_numbers_on_two_channels_that_of_the_routing_channel_also_after_fail_over() -> None:
    by = policy(A, D)
    channels = {A: OUT, D: OTHER}
    for order in ((OUT, OTHER), (OTHER, OUT)):
        ways = planned(by, channels, *order).ways
        assert [way.channel for way in ways] == list(order)
        shows = {way.channel: (way.shown.number, way.shown.rule) for way in ways}
        assert shows == {OUT: (A, "I4"), OTHER: (D, "I4")}


def test_i5_a_routing_channel_without_numbers_the_default_of_another() -> None:
    by = policy(D, E, default=E)
    (way,) = planned(by, {D: OTHER, E: OTHER}, OUT).ways
    assert (way.channel, way.shown.number, way.shown.rule) == (OUT, E, "I5")


# --- what is left ----------------------------------------------------------------------------


def test_i2_a_custom_number_that_was_sold_refuses_the_call() -> None:
    by = policy(A, number_from="custom", caller_id_number=B)
    assert shown(by, {A: OUT}).shown is None
    plan = planned(by, {A: OUT}, OUT, OTHER)
    assert plan.refusal == "no_caller_id"
    assert [(one.channel, one.reason) for one in plan.passed] == [
        (OUT, "no_caller_id"),
        (OTHER, "no_caller_id"),
    ]
    # I9: also why.
    assert {one.tried[-1].said for one in plan.passed} == {
        f"custom: {B} is not the client's any more, and none is shown in its place"
    }


def test_i2_a_number_that_the_policy_still_names_and_no_channel_does_is_never_shown() -> None:
    assert shown(policy(A, B), {}).shown is None
    decision = shown(policy(A, B), {B: OUT})
    assert decision.shown is not None
    assert decision.shown.number == B


def test_i2_an_extension_that_owns_a_did_may_show_it_as_custom() -> None:
    by = policy(number_from="custom", caller_id_number="+12025550100")
    assert shown(by, {}, own=("+12025550100",)).shown == Shown(
        "+12025550100", CONTACT, rule="I2", name_rule="I1"
    )
    assert shown(by, {}).shown is None


def test_t4_who_hides_his_number_has_no_name_either() -> None:
    by = policy(A, name_from="equipment")
    decision = shown(by, {A: OUT}, rang=Rang("", "Bob", trusted=True))
    assert decision.shown is not None
    assert decision.shown.name == CONTACT


def test_t8_the_return_call_shows_the_number_that_was_rung_even_where_others_see_none() -> None:
    by = policy(A, hide_caller_id=True)
    assert for_return_call(by, D) == Shown(D, CONTACT, rule="T8", name_rule="I1")


def test_an_extension_of_the_platform_sees_who_calls() -> None:
    by = policy(A, hide_caller_id=True)
    assert for_internal(by, "+12125550199") == Shown("+12125550199", rule="internal")
    assert for_internal(by, "") == Shown("100", rule="internal")


def test_an_emergency_call_shows_the_number_that_is_set_for_it() -> None:
    assert for_emergency(A) == Shown(A, rule="emergency")


@pytest.mark.parametrize(
    ("by", "rang", "tried"),
    [
        (
            policy(A, hide_caller_id=True),
            NOBODY,
            [("I6", "no CallerID is sent: nothing is shown")],
        ),
        (
            policy(A, B),
            NOBODY,
            [
                ("I6", "a CallerID is sent"),
                ("I2", "server: one of the assigned numbers"),
                ("I3", f"{A}, at random, of the 2 numbers on out"),
                ("I1", "custom: the name that is set, or the contact name"),
            ],
        ),
        (
            policy(D, number_from="equipment", name_from="equipment"),
            Rang("+12125550199", "Bob"),
            [
                ("I6", "a CallerID is sent"),
                (
                    "I2",
                    "equipment: the channel that it rang over is not trusted with numbers; "
                    "as server",
                ),
                ("I5", f"no number is on out: the default, {D} on other"),
                ("I1", "equipment: no name that may be shown came; the contact name"),
            ],
        ),
        (
            policy(E),
            NOBODY,
            [
                ("I6", "a CallerID is sent"),
                ("I2", "server: one of the assigned numbers"),
                (
                    "I5",
                    f"no number is on out, and of the default: {E} is not the client's any more",
                ),
            ],
        ),
        (
            policy(number_from="custom", caller_id_number=E),
            NOBODY,
            [
                ("I6", "a CallerID is sent"),
                (
                    "I2",
                    f"custom: {E} is not the client's any more, and none is shown in its place",
                ),
            ],
        ),
    ],
)
def test_i9_each_rule_that_was_asked_says_what_it_found(
    by: Policy, rang: Rang, tried: list[tuple[str, str]]
) -> None:
    decision = shown(by, {A: OUT, B: OUT, D: OTHER}, rang=rang)
    assert list(decision.tried) == [Tried(*one) for one in tried]
