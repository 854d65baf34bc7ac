"""What the machine makes of money: who is told what, which limits are set, how calls end."""

from __future__ import annotations

import pytest

from controller.callback.effects import (
    Bridge,
    Effect,
    HoldOn,
    Identified,
    MoveLimit,
    NotCalled,
    Tell,
)
from controller.callback.events import LegEnded
from controller.callback.said import Duration
from controller.callback.states import Return
from controller.credit.model import Granted
from controller.routing.model import Plan

from .calls import at_destination, called, ends, number, policy, prompts, record
from .given import HASH, MEMBER, OTHER, POLICY, WITH_PASSWORD
from .switch_leg import SwitchLeg

GRANTED = Granted(
    charged=True, return_seconds=200, destination_seconds=60, lasts=500, more=True, serial=3
)


def asking(**settings: object) -> SwitchLeg:
    """Give a call for whose destination a way is being found."""
    leg = at_destination(policy(**settings), slow=True)
    leg.press("2125550123#")
    return leg


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("no_credit", "credit_too_low"),
        ("spend_limit", "credit_too_low"),
        ("no_rate", "number_not_allowed"),
    ],
)
def test_m4_what_cannot_be_paid_is_not_called_and_another_number_may_be(
    reason: str, sentence: str
) -> None:
    leg = asking()
    leg.route_found(Plan(refusal=reason))
    assert leg.session.state is Return.DESTINATION
    assert prompts(leg) == (sentence, "destination_enter")
    leg.press("2125550124#")
    leg.route_found()
    assert number(leg) == "+12125550124"


@pytest.mark.parametrize("reason", ["no_credit", "no_rate", "spend_limit"])
def test_m4_a_call_that_ends_by_it_says_so(reason: str) -> None:
    leg = asking()
    for _ in range(2):
        leg.route_found(Plan(refusal=reason))
        leg.press("2125550123#")
    leg.route_found(Plan(refusal=reason))
    assert ends(leg) == reason


def test_m5_both_limits_are_there_before_anybody_is_called() -> None:
    leg = asking()
    effects = leg.route_found(granted=GRANTED)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(MoveLimit) < kinds.index(HoldOn) < kinds.index(Bridge)
    assert MoveLimit(200, 3) in effects
    assert isinstance(leg.running, Bridge)
    assert leg.running.longest_seconds == 60


def test_m5_a_limit_that_stays_is_not_moved() -> None:
    leg = asking()
    free = Granted(charged=True, return_seconds=0, destination_seconds=10_000, more=False)
    effects = leg.route_found(granted=free)
    assert not any(isinstance(effect, MoveLimit) for effect in effects)
    assert isinstance(leg.running, Bridge)
    # G3: no longer than the policy lets it be.
    assert leg.running.longest_seconds == POLICY.longest_call_seconds


def test_d6_it_says_how_long_all_the_credit_lasts() -> None:
    leg = asking(say_time_left=True)
    leg.route_found(granted=GRANTED)
    assert leg.session.time_left == 500
    leg.time_known(leg.session.time_left)
    assert isinstance(leg.running, Tell)
    assert prompts(leg) == ("time_left_is", Duration(500))


def test_d6_without_credit_it_is_the_policys_longest() -> None:
    leg = asking(say_time_left=True)
    leg.route_found()
    assert leg.session.time_left == POLICY.longest_call_seconds


def test_m4_what_was_granted_for_one_destination_is_not_for_the_next() -> None:
    leg = asking()
    leg.route_found(granted=GRANTED)
    leg.bridge_ends("USER_BUSY")
    leg.wait(1)
    leg.press("2125550124#")
    leg.route_found()
    assert isinstance(leg.running, Bridge)
    assert leg.running.longest_seconds == POLICY.longest_call_seconds


def test_m4_what_is_held_for_one_that_nobody_answers_is_released() -> None:
    leg = asking()
    leg.route_found(granted=GRANTED)
    assert NotCalled(1) in leg.bridge_ends("USER_BUSY")


def held_for(effects: tuple[Effect, ...]) -> list[int]:
    """Give the destinations that nothing is held for any more."""
    return [effect.position for effect in effects if isinstance(effect, NotCalled)]


def test_m4_who_hangs_up_while_it_rings_has_nothing_held() -> None:
    leg = asking()
    leg.route_found(granted=GRANTED)
    assert held_for(leg.end()) == [1]


def test_m4_who_hangs_up_while_he_hears_how_long_it_lasts_has_nothing_held() -> None:
    leg = asking(say_time_left=True)
    leg.route_found(granted=GRANTED)
    leg.time_known(60)
    assert held_for(leg.end()) == [1]


def test_m7_what_was_talked_is_held_until_it_is_paid() -> None:
    leg = asking()
    leg.route_found(granted=GRANTED)
    leg.joins()
    assert held_for(leg.end()) == []


def test_m7_a_leg_that_is_gone_without_a_word_may_have_talked() -> None:
    """M7: the link was down; its record, or an estimate, says what it costs."""
    leg = asking()
    leg.route_found(granted=GRANTED)
    assert held_for(leg.tell(LegEnded("UNKNOWN"))) == []


def test_m4_o4_what_a_controller_held_that_is_gone_is_released() -> None:
    """M4, O4: it died while the caller heard how long he can talk; he is asked once more."""
    leg = asking(say_time_left=True)
    leg.route_found(granted=GRANTED)
    leg.time_known(60)
    leg.effects.clear()
    leg.hand_over()
    assert held_for(tuple(leg.effects)) == [1]


def test_m7_o4_whoever_takes_over_after_a_conversation_releases_nothing() -> None:
    leg = asking(further_calls=1)
    leg.route_found(granted=GRANTED)
    leg.joins()
    leg.hand_over(cause="NORMAL_CLEARING", disposition="SUCCESS")
    leg.effects.clear()
    leg.hand_over()
    assert held_for(tuple(leg.effects)) == []


def test_m9_whoever_is_right_pays_from_then_on() -> None:
    leg = called(WITH_PASSWORD, caller=MEMBER)
    leg.type("1234")
    assert Identified(MEMBER.number) in leg.checked(True)


def test_m9_of_a_member_it_is_his_account() -> None:
    leg = called(policy(caller_passwords=True, password_hash=HASH))
    leg.members[OTHER.number] = OTHER
    leg.press("2125550177#")
    leg.type("1234")
    assert Identified(OTHER.number) in leg.checked(True, member=OTHER)


def test_m9_who_is_on_no_list_leaves_it_to_the_extension() -> None:
    leg = called(WITH_PASSWORD)
    leg.type("1234")
    assert Identified("") in leg.checked(True)


def test_m9_who_is_wrong_pays_nothing() -> None:
    leg = called(WITH_PASSWORD, caller=MEMBER)
    leg.type("1234")
    assert not any(isinstance(effect, Identified) for effect in leg.checked(False))


@pytest.mark.parametrize(
    ("cause", "charged", "outcome"),
    [
        ("ALLOTTED_TIMEOUT", True, "credit_over"),
        ("ALLOTTED_TIMEOUT", False, "hung_up"),
        ("NORMAL_CLEARING", True, "hung_up"),
    ],
)
def test_m5_a_dialogue_that_is_cut_says_that_the_credit_was_over(
    cause: str, charged: bool, outcome: str
) -> None:
    leg = at_destination()
    leg.tell(LegEnded(cause, stage=leg.stage, charged=charged))
    assert record(leg).outcome == outcome


@pytest.mark.parametrize(
    ("cause", "outcome"), [("ALLOTTED_TIMEOUT", "spend_limit"), ("NORMAL_CLEARING", "hung_up")]
)
def test_g3_a_dialogue_that_is_cut_says_that_the_extension_may_spend_no_more(
    cause: str, outcome: str
) -> None:
    leg = at_destination()
    leg.tell(LegEnded(cause, stage=leg.stage, charged=True, spend_limit=True))
    assert record(leg).outcome == outcome
