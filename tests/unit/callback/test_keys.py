"""D2, D3: what keys mean, whatever they are."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback.keys import (
    END,
    Dialled,
    Entry,
    dialled,
    digits_of,
    entry_of,
    is_redial,
    joined,
)
from controller.callback.limits import MAX_NUMBER_DIGITS
from controller.callback.platform import Platform
from controller.numbers.e164 import BadNumber, is_e164, parse_dialled
from controller.numbers.special import is_emergency, is_special
from controller.policy.records import AuthorisedCaller

from .given import CALLER, DESTINATION, OTHER, ahead, members, platforms

digits = st.text("0123456789", max_size=MAX_NUMBER_DIGITS - 1)
all_keys = st.text("0123456789*#", max_size=60)
countries = st.sampled_from(["US", "GB", "DE"])
#: An answer without its end.
answers = st.one_of(digits, st.text("0123456789*", max_size=40))


def said(keys: str, *, ended: bool = True, last: str = "") -> Dialled:
    """Give what keys ask for of somebody who has speed dials."""
    return dialled(Entry(keys, ended=ended), "US", OTHER, last, Platform())


@given(st.one_of(all_keys, ahead))
def test_d2_every_key_is_of_one_answer(keys: str) -> None:
    entry = entry_of(keys)
    if entry is None:
        assert END not in keys
        assert len(digits_of(keys)) < MAX_NUMBER_DIGITS
        return
    assert END not in entry.keys
    assert entry.keys + END * entry.ended + entry.rest == keys


@given(answers, all_keys)
def test_d2_the_end_ends_an_answer_and_what_follows_is_kept(answer: str, rest: str) -> None:
    assert entry_of(answer + END + rest) == Entry(answer, ended=True, rest=rest)


@given(answers)
def test_d2_an_answer_that_nothing_ended_is_complete_with_more_digits_than_any_has(
    answer: str,
) -> None:
    entry = entry_of(answer)
    assert (entry is not None) == (len(digits_of(answer)) >= MAX_NUMBER_DIGITS)
    assert entry is None or entry == Entry(answer, ended=False)


@given(st.text("0123456789*", max_size=30), digits)
def test_d2_a_star_clears_what_was_typed_before_it(before: str, after: str) -> None:
    assert digits_of(f"{before}*{after}") == after
    assert digits_of(after) == after


@given(st.text("0123456789*", max_size=30), digits.filter(lambda d: len(d) > 2), countries)
def test_d2_d3_what_was_cleared_makes_no_difference_to_a_number(
    before: str, number: str, country: str
) -> None:
    cleared = dialled(Entry(f"{before}*{number}", ended=True), country, None, "", Platform())
    assert cleared == dialled(Entry(number, ended=True), country, None, "", Platform())


@given(
    answers,
    st.booleans(),
    countries,
    st.one_of(st.none(), members),
    st.sampled_from(["", DESTINATION]),
    platforms,
)
def test_d3_an_answer_is_a_number_nothing_or_told_to_be_wrong(
    answer: str,
    ended: bool,
    country: str,
    caller: AuthorisedCaller | None,
    last: str,
    platform: Platform,
) -> None:
    found = dialled(Entry(answer, ended=ended), country, caller, last, platform)
    assert not (found.number and found.wrong)
    if found.number and found.number[0] != "+":
        assert found.number == digits_of(answer)
        assert len(found.number) in platform.internal_lengths or platform.emergency_connected
    else:
        assert not found.number or is_e164(found.number)
    assert found.wrong in {
        "",
        "number_wrong",
        "number_not_allowed",
        "emergency_not_connected",
        "speed_dial_unknown",
        "redial_unknown",
    }
    # Only where all was cleared, or nothing typed, nothing was asked for.
    assert (found == Dialled()) == (not digits_of(answer))


@given(digits.filter(lambda d: len(d) > 2), st.booleans(), countries)
def test_d3_more_than_two_digits_are_read_by_the_dial_plan(
    number: str, ended: bool, country: str
) -> None:
    expected = Dialled(wrong="number_wrong")
    if is_emergency(number, country):
        expected = Dialled(wrong="emergency_not_connected")
    elif is_special(number, country):
        expected = Dialled(wrong="number_not_allowed")
    else:
        with contextlib.suppress(BadNumber):
            expected = Dialled(number=parse_dialled(number, country))
    assert dialled(Entry(number, ended=ended), country, OTHER, CALLER, Platform()) == expected


@pytest.mark.parametrize("country", ["US", "DE", "GB", "JP"])
@pytest.mark.parametrize("number", ["112", "911"])
def test_d3_an_emergency_number_is_one_before_anything_else(number: str, country: str) -> None:
    """Also where the platform has extensions of as many digits: whoever needs help is told."""
    entry = Entry(number, ended=True)
    inside = Platform(internal_lengths=(3,))
    refused = Dialled(wrong="emergency_not_connected")
    assert dialled(entry, country, OTHER, "", inside) == refused
    connected = Platform(internal_lengths=(3,), emergency_connected=True)
    assert dialled(entry, country, OTHER, "", connected) == Dialled(number=number)


def test_d3_an_emergency_number_of_two_digits_is_one_unless_it_is_a_speed_dial() -> None:
    """15 in France; the speed dial is what its owner means."""
    refused = Dialled(wrong="emergency_not_connected")
    for ended in (True, False):
        assert dialled(Entry("15", ended=ended), "FR", OTHER, "", Platform()) == refused
    own = msgspec.structs.replace(OTHER, speed_dials={"15": DESTINATION})
    assert dialled(Entry("15", ended=True), "FR", own, "", Platform()) == Dialled(DESTINATION)


def test_d3_the_operator_adds_emergency_numbers_of_his_own() -> None:
    entry, added = Entry("1234", ended=False), Platform(emergency_numbers=("1234",))
    assert dialled(entry, "US", None, "", added) == Dialled(wrong="emergency_not_connected")
    assert dialled(entry, "US", None, "", Platform()) == Dialled(wrong="number_wrong")


def test_d3_a_special_number_is_nobody_s_telephone() -> None:
    """118 is no number that was typed wrongly; it is none that may be called."""
    refused = Dialled(wrong="number_not_allowed")
    assert dialled(Entry("116117", ended=True), "DE", None, "", Platform()) == refused


def test_d3_o4_a_number_longer_than_any_of_e164_is_wrong() -> None:
    """A plan has it, and no stage could tell the next controller of it."""
    assert dialled(Entry("020100000000000", ended=True), "DE", None, "", Platform()).number == ""


@given(st.text("0123456789", min_size=1, max_size=2))
def test_d3_a_speed_dial_is_one_only_with_its_end(short: str) -> None:
    """A pause in a number must not dial another one."""
    number = OTHER.speed_dials.get(short)
    wrong = Dialled(wrong="speed_dial_unknown")
    assert said(short) == (Dialled(number=number) if number else wrong)
    assert said(short, ended=False) == Dialled(wrong="number_wrong")
    assert dialled(Entry(short, ended=True), "US", None, "", Platform()) == wrong


@given(st.text("0123456789*", max_size=8), st.booleans())
def test_d3_redial_is_star_zero_and_its_end_where_nothing_was_typed(
    before: str, ended: bool
) -> None:
    entry = Entry(f"{before}*0", ended=ended)
    assert is_redial(entry) == (ended and not before.strip("*"))


@pytest.mark.parametrize("keys", ["*0", "**0"])
def test_d3_redial_dials_the_last_number_again_where_there_is_one(keys: str) -> None:
    assert said(keys, last=DESTINATION) == Dialled(number=DESTINATION)
    assert said(keys) == Dialled(wrong="redial_unknown")
    # `0#` is a speed dial, and so is what follows a number that was cleared.
    assert said("0", last=DESTINATION) == Dialled(wrong="speed_dial_unknown")
    assert said("5*0", last=DESTINATION) == Dialled(wrong="speed_dial_unknown")
    assert said(keys, ended=False, last=DESTINATION) == Dialled(wrong="number_wrong")


@given(st.permutations("0123456789"), st.integers(0, 10), st.integers(0, 10))
def test_a1_a_password_seen_in_part_and_read_in_part_is_whole(
    password: list[str], read_from: int, seen_to: int
) -> None:
    """A key that came just before the switch hid them may be both seen and read."""
    whole = "".join(password)
    read_from = min(read_from, seen_to)
    assert joined(whole[:seen_to], whole[read_from:]) == whole
