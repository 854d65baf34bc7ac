"""Which channels take a number, in which order, and why others do not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy.channels import Channel
from controller.routing.choosing import choose
from controller.routing.model import Candidate, Choice, Passed
from tests.unit.examples import many

#: A Monday, noon.
NOW: Final = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
OPEN: Final = ("mon 08:00-18:00",)
SHUT: Final = ("tue 08:00-18:00",)
LONDON: Final = "+442079460000"


def names(choice: Choice) -> list[str]:
    """The channels, in order."""
    return [candidate.channel.name for candidate in choice.candidates]


def test_the_longest_beginning_comes_first_then_priority_then_cost_then_the_name() -> None:
    channels = [
        Channel(name="all"),
        Channel(name="plus", destinations={"+": 0}, priority=1),
        Channel(name="uk-dear", destinations={"+44": 20_000}),
        Channel(name="uk-cheap", destinations={"+44": 10_000}),
        Channel(name="uk-cheap-b", destinations={"+44": 10_000}),
        Channel(name="uk-late", destinations={"+44": 1}, priority=11),
        Channel(name="london", destinations={"+4420": 90_000, "+44": 1, "+": 0}, priority=1000),
    ]
    choice = choose(LONDON, channels, {}, NOW)
    assert names(choice) == [
        "london", "uk-cheap", "uk-cheap-b", "uk-dear", "uk-late", "plus", "all",
    ]  # fmt: skip
    assert choice.candidates[0] == Candidate(channels[-1], "+4420", 90_000)
    assert choice.candidates[-1] == Candidate(channels[0], "+", 0)
    assert choice.passed == ()


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (Channel(name="a", enabled=False, hours=SHUT, destinations={"+1": 0}), "off"),
        (Channel(name="a", hours=SHUT, destinations={"+1": 0}), "not_its_number"),
        (Channel(name="a", destinations={"+442079460001": 0, "+4420794600000": 0}),
         "not_its_number"),
        (Channel(name="a", hours=SHUT), "closed"),
        # Ten in the evening there.
        (Channel(name="a", hours=OPEN, time_zone="Asia/Vladivostok"), "closed"),
        (Channel(name="b", hours=OPEN), "down"),
    ],
)  # fmt: skip
def test_a_channel_that_is_not_used_says_why(channel: Channel, reason: str) -> None:
    choice = choose(LONDON, [channel], {"a": "failing", "b": "down"}, NOW)
    assert choice == Choice(passed=(Passed(channel.name, reason),))


def test_i4_a_channel_that_has_failed_comes_last_and_is_better_than_nothing() -> None:
    """What failed for some may work for this one; nobody can take a channel from all others."""
    first = Channel(name="a", priority=1, destinations={LONDON: 1})
    failing = Candidate(first, LONDON, 1, failing=True)
    last = Channel(name="b", priority=9)
    choice = choose(LONDON, [first, last], {"a": "failing"}, NOW)
    assert choice == Choice((Candidate(last), failing))
    assert choose(LONDON, [first], {"a": "failing"}, NOW) == Choice((failing,))


def test_the_whole_number_may_be_a_beginning() -> None:
    channel = Channel(name="a", destinations={LONDON: 7})
    assert choose(LONDON, [channel], {}, NOW).candidates == (Candidate(channel, LONDON, 7),)


# --- against a model -------------------------------------------------------------------------

beginnings = st.sampled_from(("+", "+4", "+44", "+4420", "+442079460000", "+1", "+33", "+449"))
channels = st.builds(
    Channel,
    name=st.text("ab-.9", min_size=1, max_size=3),
    enabled=st.booleans() | st.just(True),
    destinations=st.dictionaries(beginnings, st.integers(0, 2), max_size=4),
    priority=st.integers(1, 3),
    hours=st.sampled_from(((), OPEN, SHUT, SHUT + OPEN)),
)
troubles = st.dictionaries(
    st.text("ab-.9", min_size=1, max_size=3), st.sampled_from(("down", "failing"))
)


def reason_of(channel: Channel, matching: list[str], troubles: Mapping[str, str]) -> str | None:
    """Why a channel is not used, as SPEC's words have it."""
    if not channel.enabled:
        return "off"
    if channel.destinations and not matching:
        return "not_its_number"
    if channel.hours == SHUT:
        return "closed"
    return troubles.get(channel.name)


def model(number: str, some: list[Channel], troubles: Mapping[str, str]) -> Choice:
    """Sort everything, from the least of reasons to the greatest."""
    candidates, passed = [], []
    for channel in some:
        matching = [one for one in channel.destinations if number.startswith(one)]
        reason = reason_of(channel, matching, troubles)
        failing = reason == "failing"
        if reason and not failing:
            passed.append(Passed(channel.name, reason))
        elif matching:
            longest = max(matching, key=len)
            candidates.append(Candidate(channel, longest, channel.destinations[longest], failing))
        else:
            candidates.append(Candidate(channel, "+", 0, failing))
    # Python's sort is stable: the last one counts most.
    candidates.sort(key=lambda one: one.channel.name)
    candidates.sort(key=lambda one: one.cost)
    candidates.sort(key=lambda one: one.channel.priority)
    candidates.sort(key=lambda one: len(one.beginning), reverse=True)
    candidates.sort(key=lambda one: one.failing)
    passed.sort(key=lambda one: one.channel)
    return Choice(tuple(candidates), tuple(passed))


@settings(max_examples=many(300))
@given(
    st.sampled_from((LONDON, "+4930123456", "+12125550199", "+33142345678")),
    st.lists(channels, unique_by=lambda one: one.name, max_size=8),
    troubles,
    st.randoms(use_true_random=False),
)
def test_the_choice_is_that_of_the_model_in_whichever_order_channels_are_given(
    number: str, some: list[Channel], troubles: dict[str, str], rng: Random
) -> None:
    choice = choose(number, some, troubles, NOW)
    assert choice == model(number, some, troubles)
    shuffled = list(some)
    rng.shuffle(shuffled)
    assert choose(number, iter(shuffled), troubles, NOW) == choice
