"""Return calls as a caller has them, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

import msgspec
import pytest

from controller.callback import conversation, limits
from controller.callback import stage as stages
from controller.callback.conversation import record_of_unseen_end
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    ForgetSecret,
    Hangup,
    HoldOn,
    Kill,
    LetGo,
    Record,
    Release,
    Tell,
)
from controller.callback.events import LegEnded
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.policy.model import Policy

from .given import DESTINATION, HASH, NOW, POLICY, WITH_PASSWORD
from .switch_leg import SwitchLeg


def at_destination(
    policy: Policy = POLICY, gateways: tuple[str, ...] = ("one", "two")
) -> SwitchLeg:
    """Give a call at the question for the destination."""
    leg = SwitchLeg(policy, gateways)
    leg.attach()
    if policy.password_hash is not None:
        leg.type("1234")
        leg.checked(True)
    assert leg.session.state is Return.DESTINATION
    return leg


def bridging(policy: Policy = POLICY) -> SwitchLeg:
    """Give a call whose destination is being called."""
    leg = at_destination(policy)
    leg.type("2125550123")
    assert leg.session.state is Return.BRIDGING
    return leg


def prompts(leg: SwitchLeg) -> tuple[str, ...]:
    """Give what is being said."""
    assert isinstance(leg.running, (Ask, Tell))
    return leg.running.prompts


def record(leg: SwitchLeg) -> Record:
    """Give the one record of a call that is over."""
    (found,) = [e for e in leg.effects if isinstance(e, Record)]
    return found


# --- A: authentication -----------------------------------------------------------------------


def test_a1_the_password_is_asked_first_and_secretly() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    assert isinstance(leg.running, Ask)
    assert leg.running.secret
    assert prompts(leg) == ("password_enter",)


def test_a1_without_a_password_none_is_asked() -> None:
    leg = SwitchLeg(POLICY)
    leg.attach()
    assert prompts(leg) == ("destination_enter",)


def test_a1_the_right_password_leads_to_the_destination() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    effects = leg.type("1234")
    # A4: what was typed leaves the switch before anything else is done with it.
    assert isinstance(effects[0], ForgetSecret)
    (check,) = [e for e in effects if isinstance(e, CheckPassword)]
    assert (check.digits.reveal(), check.password_hash) == ("1234", HASH)
    leg.checked(True)
    assert prompts(leg) == ("destination_enter",)


@pytest.mark.parametrize("typed", ["9999", None])
def test_a3_three_wrong_passwords_or_none_at_all_end_the_call(typed: str | None) -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    for said in (("password_wrong", "password_enter"),) * 2 + (("password_wrong", "goodbye"),):
        leg.wait(limits.FIRST_DIGIT_SECONDS)
        leg.type(typed)
        if typed is not None:
            leg.checked(False)
        assert prompts(leg) == said
    leg.played()
    assert isinstance(leg.running, Hangup)
    leg.end()
    assert record(leg).outcome == "password_failed"


def test_a3_what_ends_a_question_without_digits_is_forgotten_too() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    assert isinstance(leg.type(None)[0], ForgetSecret)


def test_a3_the_right_password_counts_after_a_wrong_one() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.type("9999")
    leg.checked(False)
    leg.type("1234")
    leg.checked(True)
    assert leg.session.state is Return.DESTINATION


@pytest.mark.parametrize("how", ["failed", "never answered"])
def test_a1_a_check_that_cannot_be_made_lets_nobody_in(how: str) -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.type("1234")
    if how == "failed":
        leg.checked(None)
    else:
        leg.wait(limits.CHECK_SECONDS)
        assert leg.checked(True) == ()
    assert prompts(leg) == ("sorry", "goodbye")
    leg.played()
    leg.end()
    assert record(leg).outcome == "check_failed"


@pytest.mark.parametrize("policy", [POLICY, WITH_PASSWORD])
def test_o5_questions_that_nobody_can_have_heard_end_the_call(policy: Policy) -> None:
    """A sound that is missing, or a leg without media, answers at once, again and again."""
    leg = SwitchLeg(policy)
    leg.attach()
    for _ in range(limits.MAX_HASTY):
        leg.wait(limits.HASTY_SECONDS / 2)
        leg.type(None)
    assert prompts(leg) == ("sorry", "goodbye")
    leg.played()
    leg.end()
    assert record(leg).outcome == "prompts_unheard"


def test_o5_a_caller_who_takes_time_or_types_is_heard() -> None:
    leg = SwitchLeg(POLICY)
    leg.attach()
    for typed in (None, None, "*", None, None):
        leg.type(typed)
        assert prompts(leg) == ("destination_enter",)
    leg.wait(1)
    leg.type(None)
    assert prompts(leg) == ("destination_enter",)


# --- D: dialling -----------------------------------------------------------------------------


def test_d3_i5_a_national_number_is_called_as_e164_and_shows_the_default_number() -> None:
    leg = bridging()
    assert isinstance(leg.running, Bridge)
    assert leg.running.number == DESTINATION
    assert leg.running.caller_id_number == POLICY.default_caller_id
    assert leg.running.caller_id_name == "Acme"
    assert leg.running.gateways == ("one", "two")
    # M5: the switch has its own limit.
    assert leg.running.longest_seconds == POLICY.longest_call_seconds


@pytest.mark.parametrize("typed", ["999*2125550123", "*2125550123", "1*2*2125550123"])
def test_d2_star_clears_and_what_follows_counts(typed: str) -> None:
    leg = at_destination()
    leg.type(typed)
    assert isinstance(leg.running, Bridge)
    assert leg.running.number == DESTINATION


@pytest.mark.parametrize("typed", ["2125550123*", "*", "**", "", None])
def test_d2_nothing_typed_or_all_of_it_cleared_asks_again(typed: str | None) -> None:
    leg = at_destination()
    leg.type(typed)
    assert prompts(leg) == ("destination_enter",)


@pytest.mark.parametrize(
    "typed", ["A", "911", "1234D", "0" * 42, "*0#*0#*0#", "00", "\uff12\uff11\uff12"]
)
def test_d3_nonsense_is_told_and_asked_again(typed: str) -> None:
    leg = at_destination()
    leg.type(typed)
    assert prompts(leg) == ("number_wrong", "destination_enter")
    assert leg.session.dialled == 0


@pytest.mark.parametrize(
    "typed", ["9005550123", "442079460000", "011442079460000", "00442079460000", "2025550100"]
)
def test_g2_a_premium_number_a_foreign_one_and_our_own_are_not_called(typed: str) -> None:
    leg = at_destination()
    leg.type(typed)
    assert prompts(leg) == ("number_not_allowed", "destination_enter")
    assert leg.session.dialled == 0


def test_g2_a_country_that_the_operator_allows_is_called() -> None:
    leg = at_destination(msgspec.structs.replace(POLICY, destination_countries=("US", "GB")))
    leg.type("00442079460000")
    assert isinstance(leg.running, Bridge)
    assert leg.running.number == "+442079460000"


def test_d1_the_time_to_dial_holds_for_all_tries_and_ends_the_call() -> None:
    leg = at_destination()
    for _ in range(3):
        leg.wait(9)
        leg.type("911")
    assert leg.session.deadline == NOW + POLICY.dial_seconds
    leg.wait(3)
    assert leg.session.state is Return.TELLING
    assert prompts(leg) == ("goodbye",)
    leg.played()
    leg.end()
    assert record(leg).outcome == "dial_time_over"


def test_d1_no_question_lasts_beyond_the_time_to_dial() -> None:
    leg = at_destination()
    leg.wait(28)
    leg.type("911")
    assert isinstance(leg.running, Ask)
    assert leg.running.timeout == leg.running.digit_timeout == 2


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
    assert effects[0] == HoldOn(resume=True)
    assert prompts(leg) == (sentence, "destination_enter")


def test_d4_three_destinations_not_reached_end_the_call() -> None:
    leg = at_destination()
    for _ in range(3):
        leg.type("2125550123")
        leg.bridge_ends("USER_BUSY")
    assert prompts(leg) == ("destination_busy", "goodbye")
    leg.played()
    leg.end()
    assert record(leg) == Record("request", "not_reached", "NORMAL_CLEARING", DESTINATION)


# --- M: the switch ends the conversation -----------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "said"), [(None, "time_over"), ("/sounds/over.wav", "sound:/sounds/over.wav")]
)
def test_m5_who_is_cut_off_hears_the_extensions_sound_and_the_call_ends(
    sound: str | None, said: str
) -> None:
    leg = bridging(msgspec.structs.replace(POLICY, sound_before_disconnecting=sound))
    assert leg.joins() == (LetGo(),)
    assert leg.session.state is Return.TALKING
    leg.wait(POLICY.longest_call_seconds)
    leg.hand_over("ALLOTTED_TIMEOUT")
    assert prompts(leg) == (said,)
    leg.played()
    leg.end()
    assert record(leg) == Record("request", "completed", "NORMAL_CLEARING", DESTINATION)


def test_m5_who_was_not_cut_off_hears_goodbye() -> None:
    leg = bridging()
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    assert prompts(leg) == ("goodbye",)


def test_m5_a_conversation_that_ended_before_we_heard_of_it_counts() -> None:
    leg = bridging()
    leg.bridge_ends("SUCCESS", "ALLOTTED_TIMEOUT")
    assert prompts(leg) == ("time_over",)
    assert leg.session.outcome == "completed"


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
def test_t10_a_caller_who_hangs_up_is_recorded_with_what_came_of_it(answered: bool) -> None:
    leg = bridging()
    if answered:
        leg.joins()
    assert [type(e) for e in leg.end("ORIGINATOR_CANCEL")] == [Record, Release]
    outcome = "completed" if answered else "hung_up"
    assert record(leg) == Record("request", outcome, "ORIGINATOR_CANCEL", DESTINATION)


def test_o5_a_conversation_that_only_the_legs_end_tells_of_counts() -> None:
    """The controller heard of no answer, but the leg's variables name the destination's leg."""
    leg = bridging()
    leg.joined_with = leg.session.destination_legs[1]
    leg.end()
    assert record(leg).outcome == "completed"


def test_o5_a_leg_that_answers_nothing_is_hung_up_and_then_killed() -> None:
    leg = bridging()
    leg.wait(POLICY.destination_ring_seconds * 2 + limits.BRIDGE_SLACK_SECONDS)
    assert isinstance(leg.running, Hangup)
    leg.wait(limits.GONE_SECONDS)
    leg.wait(limits.GONE_SECONDS)
    assert [type(e) for e in leg.effects].count(Kill) == 2
    leg.end()
    assert record(leg).outcome == "stuck"


def detached() -> ReturnSession:
    """Give the session of a controller whose connection to a leg broke."""
    leg = at_destination()
    leg.hand_over()
    after, effects = conversation.step(leg.followers[0], LegEnded("X", leg.stage), leg.now)
    assert (after.state, effects) == (Return.ENDED, (Release(),))
    return leg.followers[0]


def test_o4_who_lost_a_leg_records_its_end_only_if_nobody_went_on() -> None:
    session = detached()
    own = stages.write(stages.Stage(Return.DESTINATION, step=session.step))
    for stage in (own, None, "no stage of ours"):
        _, effects = conversation.step(session, LegEnded("NORMAL_CLEARING", stage), NOW)
        assert effects == (Record("request", "hung_up", "NORMAL_CLEARING"), Release())


def test_o5_the_end_of_a_leg_that_nobody_held_is_recorded_by_what_its_variables_say() -> None:
    session = ReturnSession("leg", "request", POLICY, ("one",))
    legs = msgspec.structs.replace(session, dialled=1).destination_legs
    stage = stages.write(stages.Stage(Return.BRIDGING, step=3, dialled=1, destination=DESTINATION))
    over = stages.write(stages.Stage(Return.ENDING, step=3, outcome="password_failed"))
    for ended, outcome, destination in (
        (LegEnded("X"), "no_controller", None),
        (LegEnded("X", "no stage of ours"), "no_controller", None),
        (LegEnded("X", stage), "hung_up", DESTINATION),
        (LegEnded("X", stage, "another leg"), "hung_up", DESTINATION),
        (LegEnded("X", stage, legs[0]), "completed", DESTINATION),
        (LegEnded("X", over), "password_failed", None),
    ):
        said = record_of_unseen_end(session, ended)
        assert said == Record("request", outcome, "X", destination)
