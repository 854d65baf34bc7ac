"""Dialling, as a caller has it: D1-D6, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

import msgspec
import pytest

from controller.callback import limits
from controller.callback.effects import (
    Bridge,
    CallConnected,
    DropKeys,
    HoldOn,
    LetGo,
    LookUpTime,
    Note,
    Record,
)
from controller.callback.said import Duration
from controller.callback.states import Return
from controller.routing.model import Plan

from .calls import at_destination, bridging, called, ends, number, policy, prompts, record
from .given import DESTINATION, DID, MEMBER, NOW, OTHER, POLICY, WITH_PASSWORD, plan
from .switch_leg import SwitchLeg

# --- D: dialling -----------------------------------------------------------------------------


def test_d3_a_national_number_is_called_as_e164_by_the_ways_that_were_found() -> None:
    leg = bridging()
    assert isinstance(leg.running, Bridge)
    assert leg.running.number == DESTINATION
    assert leg.running.plan.channels == ("one", "two")
    assert leg.running.position == 1
    # M5: the switch has its own limit.
    assert leg.running.longest_seconds == POLICY.longest_call_seconds


@pytest.mark.parametrize("typed", ["999*2125550123#", "*2125550123#", "1*2*2125550123#"])
def test_d2_star_clears_and_what_follows_counts(typed: str) -> None:
    leg = at_destination()
    leg.press(typed)
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("typed", ["2125550123*", "*", "**", "#", "**#"])
def test_d2_nothing_typed_or_all_of_it_cleared_asks_again(typed: str) -> None:
    leg = at_destination()
    leg.press(typed)
    leg.wait(limits.DIGIT_SECONDS)
    assert prompts(leg) == ("destination_enter",)


def test_d2_the_pause_after_a_key_ends_a_number_and_silence_asks_again() -> None:
    leg = at_destination()
    leg.played()
    leg.wait(limits.FIRST_DIGIT_SECONDS)
    assert prompts(leg) == ("destination_enter",)
    leg.press("2125550123", pause=1.0)
    leg.wait(limits.DIGIT_SECONDS - 1.1)
    assert leg.session.state is Return.DESTINATION
    leg.wait(0.1)
    assert number(leg) == DESTINATION


def test_d2_keys_in_a_prompt_cut_it_and_count() -> None:
    leg = at_destination()
    leg.press("2")
    assert leg.running is None
    leg.press("125550123#")
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("typed", ["1234#", "0" * 24, "*0*0#", "00*1#", "1" * 24])
def test_d3_nonsense_is_told_and_asked_again(typed: str) -> None:
    leg = at_destination()
    leg.press(typed)
    (said,) = {prompts(leg)}
    assert said[0] in ("number_wrong", "speed_dial_unknown", "redial_unknown")
    assert said[1:] == ("destination_enter",)
    assert leg.session.dialled == 0


def test_d2_what_was_typed_behind_an_error_is_dropped() -> None:
    """Whoever typed on did not know of it."""
    leg = called(WITH_PASSWORD)
    leg.press("1234#9#2125550123#")
    leg.checked(True)
    assert prompts(leg) == ("speed_dial_unknown", "destination_enter")


@pytest.mark.parametrize("typed", ["911", "112"])
def test_d3_an_emergency_number_is_answered_and_not_called(typed: str) -> None:
    """Whoever needs help is told at once that it is not to be had here, and how it is."""
    leg = at_destination()
    leg.press(f"{typed}#")
    assert prompts(leg) == ("emergency_not_connected", "destination_enter")
    assert leg.session.dialled == 0


def test_i2_a_number_to_which_there_is_no_way_is_told_and_another_one_asked_for() -> None:
    for refusal, sentence in (
        ("no_channel", "destination_unreachable"),
        ("no_caller_id", "destination_unreachable"),
        ("own_number", "number_not_allowed"),
    ):
        leg = at_destination(slow=True)
        leg.press("2125550123#")
        assert leg.session.state is Return.CONNECTING
        effects = leg.route_found(Plan(refusal=refusal))
        assert Note("decided", f"not_called {refusal}") in effects
        assert prompts(leg) == (sentence, "destination_enter")
        assert (leg.session.dialled, leg.session.unreached) == (1, 1)


def test_i4_three_numbers_without_a_way_end_the_call() -> None:
    leg = at_destination(channels=())
    for _ in range(limits.MAX_UNREACHED):
        leg.press("2125550123#")
    assert prompts(leg) == ("destination_unreachable", "goodbye")
    assert ends(leg) == "not_reached"


def test_o5_a_way_that_is_found_too_late_is_not_gone() -> None:
    """The store or Redis stood still: the caller is told, and what comes then is of no call."""
    leg = at_destination(slow=True)
    leg.press("2125550123#")
    leg.wait(limits.WAY_SECONDS)
    assert prompts(leg) == ("destination_unreachable", "destination_enter")
    assert leg.route_found() == ()
    assert leg.session.state is Return.DESTINATION


def test_d6_nobody_who_needs_help_waits_to_hear_how_long_his_credit_lasts() -> None:
    leg = at_destination(policy(say_time_left=True), slow=True)
    leg.press("2125550123#")
    leg.route_found(plan("one", kind="emergency", number="112"))
    assert isinstance(leg.running, Bridge)


@pytest.mark.parametrize(
    "typed", ["9005550123", "442079460000", "011442079460000", "00442079460000", "2025550100"]
)
def test_g2_a_premium_number_a_foreign_one_and_our_own_are_not_called(typed: str) -> None:
    leg = at_destination()
    leg.press(f"{typed}#")
    assert prompts(leg) == ("number_not_allowed", "destination_enter")
    assert leg.session.dialled == 0


def test_g2_a_country_that_the_operator_allows_is_called() -> None:
    leg = at_destination(policy(destination_countries=("US", "GB")))
    leg.press("00442079460000#")
    assert number(leg) == "+442079460000"


def test_d3_a_speed_dial_of_the_caller_is_called() -> None:
    leg = at_destination(caller=OTHER)
    leg.press("5#")
    assert number(leg) == DESTINATION
    leg = at_destination()
    leg.press("5#")
    assert prompts(leg) == ("speed_dial_unknown", "destination_enter")


def test_d3_redial_calls_the_last_number_of_this_call_or_the_one_before() -> None:
    leg = at_destination()
    leg.press("*0#")
    assert prompts(leg) == ("redial_unknown", "destination_enter")
    leg = at_destination(redial="+12125550111")
    leg.press("*0#")
    assert number(leg) == "+12125550111"
    leg.bridge_ends("USER_BUSY")
    leg.wait(1)
    leg.press("2125550123#")
    leg.bridge_ends("USER_BUSY")
    leg.wait(1)
    leg.press("*0#")
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("typed", ["204#", "204"])
def test_d3_a_number_as_long_as_the_platforms_own_is_called_there(typed: str) -> None:
    leg = at_destination(internal=(3,))
    leg.press(typed)
    leg.wait(limits.DIGIT_SECONDS)
    assert isinstance(leg.running, Bridge)
    assert (leg.running.number, leg.running.plan.channels) == ("204", ("inside",))
    assert len(leg.running.legs) == 1
    # The next controller knows it too.
    leg.bridge_ends("USER_BUSY")
    leg.hand_over()
    leg.press("*0#")
    assert number(leg) == "204"


def test_d3_where_the_platform_has_no_numbers_of_its_own_three_digits_are_wrong() -> None:
    leg = at_destination()
    leg.press("204#")
    assert prompts(leg) == ("number_wrong", "destination_enter")
    leg = at_destination(redial="204")
    leg.press("*0#")
    assert prompts(leg) == ("number_not_allowed", "destination_enter")


def test_d1_the_time_to_dial_holds_for_all_tries_and_ends_the_call() -> None:
    leg = at_destination()
    for _ in range(3):
        leg.wait(9)
        leg.press("911#")
    assert leg.session.deadline == NOW + POLICY.dial_seconds
    leg.wait(3)
    assert leg.session.state is Return.TELLING
    assert prompts(leg) == ("goodbye",)
    assert ends(leg) == "dial_time_over"


@pytest.mark.parametrize("typed", ["", "2125550123"])
def test_d1_no_question_lasts_beyond_the_time_to_dial(typed: str) -> None:
    leg = at_destination()
    leg.wait(28)
    leg.press(typed)
    leg.wait(1.9)
    assert leg.session.state is Return.DESTINATION
    leg.wait(0.1)
    assert leg.session.outcome == "dial_time_over"


def test_d1_the_time_to_dial_begins_anew_after_a_destination_that_was_not_reached() -> None:
    leg = bridging()
    leg.wait(20)
    leg.bridge_ends("USER_BUSY")
    assert leg.session.deadline == leg.now + POLICY.dial_seconds


@pytest.mark.parametrize(
    ("disposition", "sentence"),
    [
        ("USER_BUSY", "destination_busy"),
        ("NO_ANSWER", "destination_no_answer"),
        ("UNALLOCATED_NUMBER", "number_wrong"),
        ("NORMAL_TEMPORARY_FAILURE", "destination_unreachable"),
        ("whatever it may be", "destination_unreachable"),
    ],
)
def test_d4_a_destination_that_is_not_reached_is_told_and_another_asked_for(
    disposition: str, sentence: str
) -> None:
    leg = bridging()
    effects = leg.bridge_ends(disposition)
    assert effects[:2] == (HoldOn(resume=True), DropKeys(on=False))
    assert prompts(leg) == (sentence, "destination_enter")


def test_d4_three_destinations_not_reached_end_the_call() -> None:
    leg = at_destination()
    for _ in range(3):
        leg.press("2125550123#")
        leg.bridge_ends("USER_BUSY")
        leg.wait(1)
    assert prompts(leg) == ("destination_busy", "goodbye")
    leg.played()
    leg.end()
    assert record(leg) == Record("request", "not_reached", "NORMAL_CLEARING", DESTINATION)


def test_d4_a_destination_that_is_reached_begins_the_count_anew() -> None:
    leg = bridging(policy(further_calls=1))
    leg.bridge_ends("USER_BUSY")
    leg.wait(1)
    leg.press("*0#")
    leg.bridge_ends("SUCCESS", "NORMAL_CLEARING")
    assert leg.session.unreached == 0


def test_d4_what_is_typed_while_a_destination_rings_is_no_next_number() -> None:
    leg = bridging()
    leg.press("12")
    leg.bridge_ends("USER_BUSY")
    leg.press("34")
    leg.wait(limits.DEAF_SECONDS)
    leg.press("2125550123#")
    assert number(leg) == DESTINATION


def test_d4_another_number_is_dialled_after_a_conversation_as_often_as_it_is_allowed() -> None:
    leg = bridging(policy(further_calls=2))
    for _ in range(2):
        leg.joins()
        leg.hand_over("NORMAL_CLEARING")
        assert prompts(leg) == ("destination_enter",)
        assert leg.session.deadline == leg.now + POLICY.dial_seconds
        leg.press("2125550123#")
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    assert prompts(leg) == ("goodbye",)
    assert ends(leg) == "completed"


def test_d4_two_stars_drop_the_destination_where_another_may_follow() -> None:
    leg = bridging(policy(further_calls=1))
    legs = leg.session.destination_legs
    effects = leg.joins()
    assert effects[-2:] == (DropKeys(on=True, leg=legs[0]), LetGo())
    leg.hand_over("NORMAL_CLEARING")
    leg.press("2125550123#")
    # It was the last one: whoever presses them then goes on talking.
    joined = CallConnected(2, leg.session.destination_legs[0])
    assert leg.joins() == (Note("decided", "connected"), joined, LetGo())


def test_d4_who_dials_no_other_number_in_time_has_completed_his_call() -> None:
    leg = bridging(policy(further_calls=1))
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    leg.wait(POLICY.dial_seconds)
    assert prompts(leg) == ("goodbye",)
    assert ends(leg) == "completed"


# --- D5, D6: without dialling, and before connecting -----------------------------------------

PRESET = msgspec.structs.replace(MEMBER, presets={DID: DESTINATION})


def test_d5_a_preset_destination_is_connected_without_dialling() -> None:
    leg = called(WITH_PASSWORD, caller=PRESET)
    leg.type("1234")
    leg.checked(True)
    assert number(leg) == DESTINATION
    leg.bridge_ends("USER_BUSY")
    assert prompts(leg) == ("destination_busy", "goodbye")
    assert ends(leg) == "not_reached"


def test_d5_no_other_number_follows_a_preset_one() -> None:
    leg = called(policy(further_calls=5), caller=PRESET)
    joined = CallConnected(1, leg.session.destination_legs[0])
    assert leg.joins() == (Note("decided", "connected"), joined, LetGo())
    leg.hand_over("NORMAL_CLEARING")
    assert prompts(leg) == ("goodbye",)


def test_d5_g2_a_preset_number_that_the_policy_refuses_is_not_called() -> None:
    refused = msgspec.structs.replace(MEMBER, presets={DID: "+19005550100"})
    leg = called(caller=refused)
    assert prompts(leg) == ("number_not_allowed", "goodbye")
    assert ends(leg) == "not_reached"


def test_d5_c1_who_has_a_preset_number_hears_his_credit_and_dials_no_other() -> None:
    leg = called(policy(credit_query=True), caller=PRESET)
    assert prompts(leg) == ("credit_menu",)
    leg.press("2125550111#")
    assert prompts(leg) == ("number_not_allowed", "credit_menu")
    leg.press("2#")
    assert number(leg) == DESTINATION


def test_d5_a_preset_number_is_of_one_did() -> None:
    other = msgspec.structs.replace(MEMBER, presets={"+12025550199": DESTINATION})
    assert prompts(called(caller=other)) == ("destination_enter",)


def connecting() -> SwitchLeg:
    """Give a call whose destination is about to be called."""
    leg = at_destination(policy(say_time_left=True))
    leg.press("2125550123#")
    assert leg.looked_up == LookUpTime(leg.session.step, DESTINATION)
    return leg


@pytest.mark.parametrize("how", ["heard", "cut", "never ends"])
def test_d6_how_long_the_call_may_last_is_said_before_it_is_connected(how: str) -> None:
    leg = connecting()
    leg.time_known(3600)
    assert prompts(leg) == ("time_left_is", Duration(3600))
    if how == "heard":
        leg.played()
    elif how == "cut":
        leg.press("5")
    else:
        leg.wait(limits.QUESTION_SECONDS)
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("how", ["unknown", "never answered"])
def test_d6_a_time_that_nobody_knows_keeps_nobody_waiting(how: str) -> None:
    leg = connecting()
    if how == "unknown":
        leg.time_known(None)
    else:
        leg.wait(limits.LOOK_UP_SECONDS)
    assert number(leg) == DESTINATION
