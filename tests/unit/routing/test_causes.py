"""T5, I4: which causes mean a channel, and which the person behind it."""

from __future__ import annotations

import pytest

from controller.policy.endings import CAUSES, ENDINGS
from controller.routing.causes import (
    CHANNEL_CAUSES,
    PERSON_CAUSES,
    group_of,
    means_channel,
    means_person,
)


def test_each_is_a_cause_of_the_switch_and_means_one_thing() -> None:
    assert CHANNEL_CAUSES.keys() <= CAUSES
    assert PERSON_CAUSES <= CAUSES
    assert not PERSON_CAUSES & CHANNEL_CAUSES.keys()
    assert set(CHANNEL_CAUSES.values()) == {"down", "silent", "failed", "full", "refused"}


@pytest.mark.parametrize("cause", sorted(CHANNEL_CAUSES))
def test_what_means_the_channel_says_nothing_of_the_person(cause: str) -> None:
    """G4: a person is not called less for a trunk's trouble."""
    assert means_channel(cause)
    assert not means_person(cause)
    assert group_of(cause) == CHANNEL_CAUSES[cause]
    assert cause not in ENDINGS or not ENDINGS[cause].counts


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (486, "USER_BUSY"), (600, "USER_BUSY"), (480, "NO_USER_RESPONSE"),
        (404, "UNALLOCATED_NUMBER"), (410, "NUMBER_CHANGED"), (484, "INVALID_NUMBER_FORMAT"),
        (607, "UNWANTED"),
    ],
)  # fmt: skip
def test_what_a_person_says_means_that_the_channel_works(answer: int, cause: str) -> None:
    assert means_person(cause), answer
    assert not means_channel(cause)
    assert group_of(cause) is None


@pytest.mark.parametrize(
    "cause",
    [
        # 603 is a person's, 403 a trunk's, and one looks like the other.
        "CALL_REJECTED",
        # It may have rung to the end, or not at all.
        "NO_ANSWER", "ALLOTTED_TIMEOUT",
        # What the switch says of a uuid that is alive, and of our own end.
        "DESTINATION_OUT_OF_ORDER", "ORIGINATOR_CANCEL", "MANAGER_REQUEST", "LOSE_RACE",
        "", "NO_SUCH_CAUSE",
    ],
)  # fmt: skip
def test_what_may_mean_either_means_nothing(cause: str) -> None:
    assert not means_channel(cause)
    assert not means_person(cause)


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("503, or nothing listens", "NORMAL_TEMPORARY_FAILURE"),
        ("no answer to an INVITE", "RECOVERY_ON_TIMER_EXPIRE"),
        ("nothing heard in time", "PROGRESS_TIMEOUT"),
        ("502", "NETWORK_OUT_OF_ORDER"),
        ("503 with Q.850 34", "NORMAL_CIRCUIT_CONGESTION"),
        ("our password is wrong", "NORMAL_UNSPECIFIED"),
        ("488", "INCOMPATIBLE_DESTINATION"),
        ("no such gateway", "INVALID_GATEWAY"),
        ("the gateway's status", "GATEWAY_DOWN"),
    ],
)
def test_what_was_seen_on_the_switch_means_the_channel(what: str, cause: str) -> None:
    assert means_channel(cause), what
