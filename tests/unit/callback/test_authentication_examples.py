"""Who is there, as a caller has it: T9 and A1-A5, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.callback import limits
from controller.callback.effects import (
    Ask,
    CheckPassword,
    ForgetSecret,
    Hangup,
    Note,
    Record,
    Tell,
)
from controller.callback.states import Return
from controller.callback.transcript import Words, words

from .calls import called, ends, number, policy, prompts, record
from .given import DESTINATION, HASH, MEMBER, OTHER, WITH_PASSWORD

# --- T9: is there a human being? -------------------------------------------------------------

HUMAN = policy(human_check=True, password_hash=HASH)


def test_t9_press_1_is_said_before_anything_else() -> None:
    leg = called(HUMAN)
    assert prompts(leg) == ("human_check",)
    leg.press("1")
    assert prompts(leg) == ("password_enter",)


def test_t9_a_call_that_only_accepts_to_be_called_goes_on_at_once() -> None:
    leg = called(policy(human_check=True))
    leg.played()
    leg.wait(4)
    leg.press("1")
    assert prompts(leg) == ("destination_enter",)


@pytest.mark.parametrize("keys", ["", "0", "#", "24680*#"])
def test_t9_whoever_does_not_press_1_is_hung_up_on_without_a_word(keys: str) -> None:
    leg = called(HUMAN, sentence=2.0)
    leg.wait(1)
    leg.press(keys, pause=0.2)
    leg.wait(limits.HUMAN_SECONDS)
    assert record(leg) == Record("request", "no_human", "NORMAL_CLEARING")
    said = [e.prompts for e in leg.effects if isinstance(e, (Ask, Tell))]
    assert said == [("human_check",)] * limits.MAX_HUMAN


def test_t9_a_machine_that_talks_for_long_is_hung_up_on_too() -> None:
    leg = called(HUMAN)
    leg.wait(limits.HUMAN_SECONDS - 0.1)
    assert leg.session.state is Return.HUMAN
    leg.wait(0.2)
    assert isinstance(leg.running, Hangup)


def test_t9_a4_which_other_key_was_pressed_is_not_kept() -> None:
    """It may be of a password that is typed too soon."""
    leg = called(HUMAN)
    leg.press("7")
    leg.press("1")
    assert [e.text for e in leg.effects if isinstance(e, Note)] == ["(another key)", "1"]


# --- A: authentication -----------------------------------------------------------------------


def test_a1_the_password_is_asked_first_and_by_the_switch_itself() -> None:
    leg = called(WITH_PASSWORD)
    assert isinstance(leg.running, Ask)
    assert prompts(leg) == ("password_enter",)


def test_a1_without_a_password_none_is_asked() -> None:
    assert prompts(called()) == ("destination_enter",)


def test_a1_the_right_password_leads_to_the_destination() -> None:
    leg = called(WITH_PASSWORD)
    effects = leg.type("1234")
    # A4: what was typed leaves the switch before anything else is done with it.
    assert isinstance(effects[0], ForgetSecret)
    (check,) = [e for e in effects if isinstance(e, CheckPassword)]
    assert (check.digits.reveal(), check.password_hash, check.member) == ("1234", HASH, None)
    leg.checked(True)
    assert prompts(leg) == ("destination_enter",)


def test_d2_a_star_clears_a_password_too() -> None:
    leg = called(WITH_PASSWORD)
    leg.press("99*1234#")
    assert leg.check is not None
    assert leg.check.digits.reveal() == "1234"


OWN = msgspec.structs.replace(MEMBER, pin_hash="$argon2id$own")


@pytest.mark.parametrize(
    ("caller", "caller_passwords", "of_extension", "asked"),
    [
        (OWN, True, HASH, OWN.pin_hash),
        (OWN, True, None, OWN.pin_hash),
        # With the option off, the extension's is asked, whoever rings.
        (OWN, False, HASH, HASH),
        (OWN, False, None, None),
        # With the option on and none set, the extension's is asked; with neither, nothing is.
        (MEMBER, True, HASH, HASH),
        (MEMBER, True, None, None),
    ],
)
def test_a2_the_callers_own_password_takes_the_place_of_the_extensions(
    caller: Any, caller_passwords: bool, of_extension: str | None, asked: str | None
) -> None:
    wanted = policy(caller_passwords=caller_passwords, password_hash=of_extension)
    leg = called(wanted, caller=caller)
    if asked is None:
        assert prompts(leg) == ("destination_enter",)
        return
    leg.type("1234")
    assert leg.check is not None
    assert (leg.check.password_hash, leg.check.member) == (asked, None)


@pytest.mark.parametrize("typed", ["9999", None])
def test_a3_three_wrong_passwords_or_none_at_all_end_the_call(typed: str | None) -> None:
    leg = called(WITH_PASSWORD)
    for said in (("password_wrong", "password_enter"),) * 2 + (("password_wrong", "goodbye"),):
        leg.wait(limits.FIRST_DIGIT_SECONDS)
        leg.type(typed)
        if typed is not None:
            leg.checked(False)
        assert prompts(leg) == said
    assert ends(leg) == "password_failed"


def test_a3_what_ends_a_question_without_digits_is_forgotten_too() -> None:
    leg = called(WITH_PASSWORD)
    assert isinstance(leg.type(None)[0], ForgetSecret)


def test_a3_the_right_password_counts_after_a_wrong_one() -> None:
    leg = called(WITH_PASSWORD)
    leg.type("9999")
    leg.checked(False)
    leg.type("1234")
    leg.checked(True)
    assert leg.session.state is Return.DESTINATION


def test_a3_a_password_that_locks_out_is_the_last_one_in_this_call() -> None:
    leg = called(WITH_PASSWORD)
    leg.type("9999")
    leg.checked(False, locked=True)
    assert prompts(leg) == ("password_wrong", "locked_out", "goodbye")
    assert ends(leg) == "locked_out"


@pytest.mark.parametrize("caller_passwords", [False, True])
def test_a3_who_is_locked_out_before_the_call_is_asked_for_nothing(caller_passwords: bool) -> None:
    leg = called(policy(password_hash=HASH, caller_passwords=caller_passwords), locked=True)
    assert prompts(leg) == ("locked_out", "goodbye")
    assert ends(leg) == "locked_out"


def test_a3_where_no_password_is_asked_nobody_is_locked_out() -> None:
    assert prompts(called(locked=True)) == ("destination_enter",)


@pytest.mark.parametrize("how", ["failed", "never answered"])
def test_a1_a_check_that_cannot_be_made_lets_nobody_in(how: str) -> None:
    leg = called(WITH_PASSWORD)
    leg.type("1234")
    if how == "failed":
        leg.checked(None)
    else:
        leg.wait(limits.CHECK_SECONDS)
        assert leg.checked(True) == ()
    assert prompts(leg) == ("sorry", "goodbye")
    assert ends(leg) == "check_failed"


def test_o5_passwords_that_nobody_can_have_been_asked_for_end_the_call() -> None:
    """A sound that is missing, or a leg without media, answers at once, again and again."""
    leg = called(WITH_PASSWORD)
    for _ in range(limits.MAX_HASTY):
        leg.wait(limits.HASTY_SECONDS / 2)
        leg.type(None)
    assert prompts(leg) == ("sorry", "goodbye")
    assert ends(leg) == "prompts_unheard"


def test_o5_a_caller_who_takes_time_or_types_is_heard() -> None:
    leg = called(WITH_PASSWORD)
    leg.type(None)
    leg.wait(1)
    leg.type(None)
    assert prompts(leg) == ("password_wrong", "password_enter")
    assert leg.session.hasty == 0


def test_a1_keys_that_were_seen_before_the_switch_hid_them_begin_the_password() -> None:
    leg = called(WITH_PASSWORD)
    leg.press("1234#", early=2)
    assert leg.check is not None
    assert leg.check.digits.reveal() == "1234"


def test_a1_what_is_typed_while_a_password_is_checked_is_the_next_answer() -> None:
    leg = called(WITH_PASSWORD)
    leg.press("1234#2125550123#")
    assert leg.session.state is Return.CHECKING
    leg.checked(True)
    assert number(leg) == DESTINATION


@pytest.mark.parametrize("credit_query", [False, True])
def test_d2_what_follows_an_empty_answer_that_was_typed_ahead_counts(credit_query: bool) -> None:
    leg = called(policy(password_hash=HASH, credit_query=credit_query), caller=MEMBER)
    leg.press("1234##*#2125550123#")
    leg.checked(True)
    assert number(leg) == DESTINATION


def test_a4_a_password_that_is_typed_twice_is_written_down_nowhere() -> None:
    leg = called(WITH_PASSWORD)
    leg.press("86420#86420#")
    leg.checked(True)
    assert prompts(leg) == ("number_wrong", "destination_enter")
    assert not any("86420" in line.text for line in words(leg.effects))


def test_a3_what_was_typed_behind_a_wrong_password_is_dropped() -> None:
    leg = called(WITH_PASSWORD)
    leg.press("9999#2125550123#")
    leg.checked(False)
    assert prompts(leg) == ("password_wrong", "password_enter")
    leg.press("1234#")
    leg.checked(True)
    assert prompts(leg) == ("destination_enter",)


# --- A5: for whom somebody calls -------------------------------------------------------------

STRANGER = policy(caller_passwords=True, credit_query=True)


def test_a5_who_is_not_on_the_list_says_for_whom_he_calls_and_then_that_ones_password() -> None:
    leg = called(STRANGER)
    assert prompts(leg) == ("number_enter",)
    leg.press("2125550177#")
    assert isinstance(leg.running, Ask)
    assert prompts(leg) == ("password_enter",)
    leg.press("1234#")
    assert leg.check is not None
    assert (leg.check.member, leg.check.digits.reveal()) == (OTHER.number, "1234")
    leg.checked(True, member=OTHER)
    # From then on its credit and its speed dials count.
    assert prompts(leg) == ("credit_menu",)
    leg.press("5#")
    assert number(leg) == DESTINATION


@pytest.mark.parametrize(("typed", "member"), [("911#", ""), ("#", ""), ("2125550177", None)])
def test_a5_a3_what_is_no_number_of_the_list_sounds_like_one(
    typed: str, member: str | None
) -> None:
    leg = called(STRANGER)
    leg.press(typed)
    leg.wait(limits.DIGIT_SECONDS)
    assert prompts(leg) == ("password_enter",)
    leg.press("1234#")
    assert leg.check is not None
    assert leg.check.member == (OTHER.number if member is None else member)
    leg.checked(False)
    assert prompts(leg) == ("password_wrong", "number_enter")


def test_a5_a3_three_numbers_and_passwords_or_none_end_the_call() -> None:
    leg = called(STRANGER, sentence=2.0)
    leg.wait(12)
    leg.press("2125550177#9999#")
    leg.checked(False)
    leg.press("2125550177#")
    leg.wait(12)
    assert prompts(leg) == ("password_wrong", "goodbye")
    leg.wait(10)
    assert record(leg).outcome == "password_failed"


def test_a4_what_is_no_number_is_not_kept_in_words() -> None:
    """It may be the password, typed too soon."""
    leg = called(STRANGER)
    leg.press("86420#")
    assert Words("typed", "(no number)") in list(words(leg.effects))
    assert not any("86420" in line.text for line in words(leg.effects))
