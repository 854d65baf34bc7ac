"""The menu and the credit, as a caller has them: C1 and C2."""

from __future__ import annotations

import pytest

from controller.callback import limits
from controller.callback.effects import (
    LookUpCredit,
)
from controller.callback.events import Credit
from controller.callback.said import Money, Prompt
from controller.callback.states import Return

from .calls import at_menu, bridging, called, ends, number, policy, prompts
from .given import DESTINATION, HASH, MEMBER, WITH_PASSWORD

# --- C: the credit ---------------------------------------------------------------------------


def test_c1_the_menu_comes_after_the_password_of_an_authorised_caller() -> None:
    wanted = policy(credit_query=True, password_hash=HASH)
    leg = called(wanted, caller=MEMBER)
    leg.type("1234")
    leg.checked(True)
    assert prompts(leg) == ("credit_menu",)
    # Who is not on the list has no credit of his own to ask for.
    leg = called(wanted)
    leg.type("1234")
    leg.checked(True)
    assert prompts(leg) == ("destination_enter",)


def test_c1_off_it_goes_straight_to_dialling() -> None:
    assert prompts(called(caller=MEMBER)) == ("destination_enter",)


@pytest.mark.parametrize("typed", ["1#", "1", "2*1#", "7*1"])
def test_c1_c2_1_says_the_credit_and_the_menu_comes_again(typed: str) -> None:
    leg = at_menu()
    leg.press(typed)
    leg.wait(limits.CHOICE_SECONDS)
    assert isinstance(leg.looked_up, LookUpCredit)
    leg.credit_known(Credit(12_340_000, "EUR"))
    assert prompts(leg) == ("credit_is", Money(12_340_000, "EUR"))
    leg.played()
    assert prompts(leg) == ("credit_menu",)


@pytest.mark.parametrize("typed", ["2#", "2"])
def test_c1_2_asks_for_the_destination(typed: str) -> None:
    leg = at_menu()
    leg.press(typed)
    leg.wait(limits.CHOICE_SECONDS)
    assert prompts(leg) == ("destination_enter",)


@pytest.mark.parametrize("typed", ["2125550123#", "2125550123", "12125550123"])
def test_c1_a_number_is_dialled_at_once_though_it_begins_as_a_choice_does(typed: str) -> None:
    leg = at_menu()
    leg.press(typed, pause=limits.CHOICE_SECONDS - 0.1)
    leg.wait(limits.DIGIT_SECONDS)
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("typed", ["#", "*", "2*"])
def test_c1_d2_nothing_typed_or_all_of_it_cleared_asks_again_what_is_wanted(typed: str) -> None:
    leg = at_menu()
    leg.press(typed)
    leg.wait(limits.DIGIT_SECONDS)
    assert prompts(leg) == ("credit_menu",)


def test_c1_d1_the_menu_lasts_as_long_as_dialling_may() -> None:
    leg = at_menu()
    for _ in range(2):
        leg.played()
        leg.wait(limits.FIRST_DIGIT_SECONDS)
        assert prompts(leg) == ("credit_menu",)
    leg.wait(10)
    assert prompts(leg) == ("goodbye",)
    assert ends(leg) == "dial_time_over"


@pytest.mark.parametrize(
    ("credit", "said"),
    [
        (None, ("credit_unknown",)),
        (Credit(0, "EUR", unlimited=True), ("credit_unlimited",)),
        (Credit(0, "EUR"), ("credit_none",)),
        (Credit(-1, "EUR"), ("credit_none",)),
        (Credit(1, "JPY"), ("credit_is", Money(1, "JPY"))),
    ],
)
def test_c2_each_credit_has_its_sentence(credit: Credit | None, said: tuple[Prompt, ...]) -> None:
    leg = at_menu()
    leg.press("1#")
    leg.credit_known(credit)
    assert prompts(leg) == said


def test_c2_a_credit_that_nobody_finds_is_said_to_be_unknown() -> None:
    leg = at_menu()
    leg.press("1#")
    leg.wait(limits.LOOK_UP_SECONDS)
    assert prompts(leg) == ("credit_unknown",)
    # When it comes after all, something else is being said.
    assert leg.credit_known(Credit(1, "EUR")) == ()


@pytest.mark.parametrize(
    ("typed", "state"),
    [
        ("2#", Return.DESTINATION),
        ("1#", Return.CREDIT),
        ("2125550123#", Return.BRIDGING),
        ("2#2125550123#", Return.BRIDGING),
    ],
)
def test_c1_what_is_typed_while_the_credit_is_looked_up_and_said_is_the_next_choice(
    typed: str, state: Return
) -> None:
    for say_time_left in (False, True):
        leg = at_menu(say_time_left=say_time_left)
        leg.press("1#")
        leg.press(typed)
        leg.credit_known(Credit(1, "EUR"))
        leg.played()
        connecting = say_time_left and state is Return.BRIDGING
        assert leg.session.state is (Return.CONNECTING if connecting else state)


def test_c1_the_credit_is_looked_up_at_once_for_who_typed_1_behind_the_password() -> None:
    leg = called(policy(credit_query=True, password_hash=HASH), caller=MEMBER)
    leg.press("1234#1#")
    leg.checked(True)
    assert isinstance(leg.looked_up, LookUpCredit)


def test_c1_a_credit_that_is_asked_for_again_and_again_is_told_no_more() -> None:
    leg = at_menu()
    for _ in range(limits.MAX_CREDIT):
        leg.press("1#")
        leg.credit_known(Credit(1, "EUR"))
        leg.played()
    leg.press("1#")
    assert prompts(leg) == ("credit_unknown", "credit_menu")


@pytest.mark.parametrize("further_calls", [0, 1])
def test_c2_the_credit_is_said_again_after_each_conversation(further_calls: int) -> None:
    leg = bridging(policy(credit_query_again=True, further_calls=further_calls), caller=MEMBER)
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    assert isinstance(leg.looked_up, LookUpCredit)
    leg.credit_known(Credit(1, "EUR"))
    assert prompts(leg) == ("credit_is", Money(1, "EUR"))
    leg.played()
    assert prompts(leg) == (("destination_enter",) if further_calls else ("goodbye",))


def test_g1_keys_without_end_typed_ahead_are_no_fault() -> None:
    """Nobody types so fast; a machine may."""
    leg = called(WITH_PASSWORD)
    leg.press("1234#")
    leg.press("#" * 2000)
    leg.press("2125550123#")
    leg.checked(True)
    assert leg.session.state is Return.DESTINATION
    leg.press("2125550123#")
    assert number(leg) == DESTINATION
