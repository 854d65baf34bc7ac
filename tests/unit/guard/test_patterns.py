"""G3: what looks like fraud, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.patterns import (
    HISTORY_MICROS,
    LEAST_HISTORY_MICROS,
    LEAST_LEGS,
    REASONS,
    History,
    Known,
    Pattern,
    Seen,
    Sighting,
    Spent,
    Subject,
    added,
    blocking,
    is_short,
    is_sudden,
    rings,
    sighting,
    spend_sighting,
    subjects_of,
)
from controller.policy.fields import OnPattern
from tests.unit.policy.given import policy

CALLER, NUMBER = "+12125550199", "+442079460000"
NOW = 1_795_000_000_000_000
DAY = 86_400_000_000
SEQUENTIAL = Subject(Pattern.SEQUENTIAL_NUMBERS, "1001/+121255501")
MANY = Subject(Pattern.MANY_EXTENSIONS, CALLER)
SHORT = Subject(Pattern.SHORT_ANSWERS, f"1001/{NUMBER}")
SPEND = Subject(Pattern.SUDDEN_SPEND, "1001")


def having(**values: str) -> Any:
    """Give the policy of 1001, by what it does about patterns."""
    return policy(extension="1001", **values)


def test_g3_an_extension_tells_of_patterns_and_blocks_nothing_unless_it_says_so() -> None:
    """An honest company has a block of numbers too."""
    assert [pattern.on(having()) for pattern in Pattern] == [OnPattern.FLAG] * len(Pattern)
    assert len(set(REASONS)) == len(Pattern)
    # As outcomes are kept.
    assert all(len(reason) <= 32 for reason in REASONS)


def test_g3_a_callback_may_be_suspected_by_who_rang_whom_it_calls_and_its_extension() -> None:
    assert subjects_of(having(), CALLER, NUMBER) == [SPEND, SHORT, SEQUENTIAL, MANY]
    assert subjects_of(having(), None, NUMBER) == [SPEND, SHORT]
    # What a row can hold.
    longest = subjects_of(policy(extension="1" * 10), "+" + "9" * 15, "+" + "8" * 15)
    assert all(len(one.name) <= 40 for one in longest)


def test_g3_a_ring_counts_by_its_number_and_by_its_extension() -> None:
    known = Known(released={MANY.key: NOW - 5})
    seen = rings(having(), CALLER, NOW, known)
    assert seen == (Seen(SEQUENTIAL, CALLER, NOW), Seen(MANY, "1001", NOW, NOW - 5))
    quiet = having(on_sequential_numbers="ignore", on_many_extensions="ignore")
    assert rings(quiet, CALLER, NOW, known) == ()


@pytest.mark.parametrize("on", ["flag", "block"])
def test_g3_as_many_as_the_settings_say_are_suspicious(on: str) -> None:
    made = having(on_sequential_numbers=on)
    seen = Seen(SEQUENTIAL, CALLER, NOW, NOW - 7)
    assert sighting(seen, 4, 5, made) is None
    assert sighting(seen, 5, 5, made) == Sighting(
        subject=SEQUENTIAL, blocks=on == "block", extension="1001", client=made.client, at=NOW,
        said="5 numbers of the block +121255501 rang 1001 within an hour", since=NOW - 7,
    )  # fmt: skip


def test_g3_a_number_that_rings_through_many_extensions_is_the_operators() -> None:
    found = sighting(Seen(MANY, "1001", NOW), 4, 4, having(on_many_extensions="block"))
    assert found is not None
    assert (found.extension, found.client, found.blocks) == (None, None, True)
    assert found.said == f"{CALLER} rang 4 extensions within an hour"
    short = sighting(Seen(SHORT, "leg", NOW), 3, 3, having())
    assert short is not None
    assert (short.extension, short.blocks) == ("1001", False)
    assert short.said == f"3 return calls to {NUMBER} were over at once within an hour"


@pytest.mark.parametrize(
    ("answered", "ended", "short"),
    [(None, NOW, False), (NOW, NOW + 4_999_999, True), (NOW, NOW + 5_000_000, False)],
)
def test_g3_g4_a_call_is_short_that_was_answered_and_over_within_a_moment(
    answered: int | None, ended: int, short: bool
) -> None:
    assert is_short(answered, ended) is short


@pytest.mark.parametrize("subject", [SEQUENTIAL, SHORT, SPEND])
def test_g3_what_was_blocked_stays_so_until_it_is_released_or_ignored(subject: Subject) -> None:
    field = f"on_{subject.pattern.value}"
    subjects = subjects_of(having(), CALLER, NUMBER)
    assert blocking(having(), subjects, {}) is None
    assert blocking(having(), subjects, {subject.key: False}) is None
    for on in ("flag", "block"):
        assert blocking(having(**{field: on}), subjects, {subject.key: True}) == subject
    assert blocking(having(**{field: "ignore"}), subjects, {subject.key: True}) is None


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("on", ["ignore", "flag", "block"])
def test_g3_of_a_number_on_many_extensions_the_one_that_is_rung_decides(
    on: str, blocks: bool
) -> None:
    made = having(on_many_extensions=on)
    found = blocking(made, subjects_of(made, CALLER, NUMBER), {MANY.key: blocks})
    assert found == (MANY if on == "block" else None)
    assert blocking(made, subjects_of(made, "+12125550198", NUMBER), {MANY.key: True}) is None


# --- spending --------------------------------------------------------------------------------

OLD = NOW - LEAST_HISTORY_MICROS


@pytest.mark.parametrize(
    ("amount", "legs", "first", "hours", "sudden"),
    [
        (101, 5, OLD, (10, 10), True),
        (100, 5, OLD, (10, 10), False),  # no more than ten times the average
        (101, 4, OLD, (10, 10), False),  # too few legs
        (101, 5, OLD + 1, (10, 10), False),  # too new
        (101, 5, OLD, (), False),  # nothing is usual there
        (101, 5, None, (10,), False),
        (101, 5, OLD, (1, 1, 101), False),  # it has been so once
        (102, 5, OLD, (1,) * 40 + (101,), True),
    ],
)
def test_g3_sudden_is_more_than_ten_times_the_average_hour_and_than_any(
    amount: int, legs: int, first: int | None, hours: tuple[int, ...], sudden: bool
) -> None:
    assert is_sudden(Spent("1001", "USD", amount, legs), History(first, hours), 10, NOW) is sudden
    assert LEAST_LEGS == 5
    assert HISTORY_MICROS == 28 * DAY


@given(
    hours=st.lists(st.integers(1, 10**12), min_size=1, max_size=50),
    amount=st.integers(0, 10**13),
    times=st.integers(2, 1000),
    scale=st.integers(1, 10**6),
)
def test_g3_no_currency_makes_it_more_sudden(
    hours: list[int], amount: int, times: int, scale: int
) -> None:
    """An honest extension that spends as before is never told of, whatever money is worth there."""

    def sudden(amount: int, by: int) -> bool:
        history = History(OLD, tuple(hour * by for hour in hours))
        return is_sudden(Spent("1001", "USD", amount * by, 9), history, times, NOW)

    assert sudden(amount, 1) is sudden(amount, scale)
    assert not sudden(max(hours), 1)
    if sudden(amount, 1):
        assert amount > times * min(hours)
        assert sudden(amount + 1, 1)


def test_g3_what_was_spent_is_said_in_money() -> None:
    spent, history = Spent("1001", "USD", 45_678_901, 7), History(OLD, (3_000_000, 1_000_000))
    found = spend_sighting(spent, history, having(on_sudden_spend="block"), NOW, 3)
    assert (found.subject, found.blocks, found.since) == (SPEND, True, 3)
    assert found.said == "45.67 USD were spent within an hour, on 7 calls; 2.00 is usual"


# --- sightings together ------------------------------------------------------------------------


def sightings() -> st.SearchStrategy[Sighting]:
    """Give sightings of few subjects, as many controllers or callbacks may have them."""
    return st.builds(
        Sighting,
        subject=st.sampled_from([SEQUENTIAL, SHORT]),
        blocks=st.booleans(),
        extension=st.just("1001"),
        client=st.just("main"),
        at=st.integers(0, 5),
        said=st.sampled_from(["", "x"]),
        since=st.integers(0, 5),
        times=st.integers(1, 3),
        opens=st.booleans(),
    )


@given(st.lists(sightings(), max_size=8))
def test_g3_sightings_of_one_subject_are_one(seen: list[Sighting]) -> None:
    together = added(seen)
    assert [one.subject.key for one in together] == sorted({one.subject.key for one in seen})
    for one in together:
        alike = [other for other in seen if other.subject == one.subject]
        assert one.times == sum(other.times for other in alike)
        assert one.blocks == any(other.blocks for other in alike)
        assert one.opens == any(other.opens for other in alike)
        assert one.at == max(other.at for other in alike)
        assert bool(one.said) == any(other.said for other in alike)
        if one.opens:
            assert one.since == min(other.since for other in alike if other.opens)
