"""T5: what a hang-up cause means, and when a number is called again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy.endings import CAUSES, ENDINGS, ending_of, is_final, next_try
from controller.policy.fields import Again
from tests.unit.callback.given import POLICY

SECOND = 1_000_000
NOW = 1_795_475_771 * SECOND
LATER = NOW + 3600 * SECOND


def policy(**values: Any) -> Any:
    """A policy with other retries."""
    return msgspec.structs.replace(POLICY, **values)


TRIES = policy(retries_busy=2, retries_no_answer=1, retries_failed=5, retry_seconds=60)


@pytest.mark.parametrize(
    ("cause", "outcome", "retries", "counts"),
    [
        ("USER_BUSY", "busy", 2, True),
        ("NO_ANSWER", "no_answer", 1, True),
        ("NO_USER_RESPONSE", "no_answer", 1, True),
        ("ALLOTTED_TIMEOUT", "no_answer", 1, True),
        ("PROGRESS_TIMEOUT", "failed", 5, False),
        ("NORMAL_TEMPORARY_FAILURE", "failed", 5, False),
        ("SWITCH_CONGESTION", "failed", 5, False),
        ("GATEWAY_DOWN", "failed", 5, False),
        # Never again.
        ("UNALLOCATED_NUMBER", "unallocated", 0, True),
        ("CALL_REJECTED", "rejected", 0, True),
        # Of what nobody has thought of, once is enough.
        ("COMMAND_REFUSED", "failed", 0, False),
        ("", "failed", 0, False),
    ],
)
def test_t5_the_cause_says_how_often_it_is_tried_again(
    cause: str, outcome: str, retries: int, counts: bool
) -> None:
    ending = ending_of(cause, TRIES)
    assert (ending.outcome, ending.counts) == (outcome, counts)
    due = [next_try(ending, TRIES, tried=n, now=NOW, expires=LATER) for n in range(1, 8)]
    assert due == [NOW + 60 * SECOND] * retries + [None] * (7 - retries)


def test_t5_what_nobody_wants_is_never_tried_again_by_no_setting() -> None:
    final = {cause for cause in CAUSES if is_final(cause)}
    assert {"CALL_REJECTED", "DECLINE", "UNALLOCATED_NUMBER", "MANAGER_REQUEST"} <= final
    for cause in final:
        assert ENDINGS[cause].again is Again.NEVER
    assert "USER_BUSY" not in final


def test_t5_no_extension_tries_again_unless_it_is_told_to() -> None:
    for cause in ENDINGS:
        ending = ending_of(cause, POLICY)
        assert next_try(ending, POLICY, tried=1, now=NOW, expires=LATER) is None


def test_t5_an_extension_may_have_a_cause_count_otherwise() -> None:
    own = policy(
        retries_busy=1,
        retry_causes={"SUBSCRIBER_ABSENT": Again.BUSY, "USER_BUSY": Again.NEVER},
    )
    assert ending_of("SUBSCRIBER_ABSENT", own).again is Again.BUSY
    # What it is called stays.
    assert ending_of("SUBSCRIBER_ABSENT", own).outcome == "no_answer"
    assert ending_of("USER_BUSY", own).again is Again.NEVER
    assert ending_of("NO_ANSWER", own) == ending_of("NO_ANSWER", None)


def test_t5_what_would_come_after_the_expiry_is_not_tried() -> None:
    busy = ending_of("USER_BUSY", TRIES)
    due = NOW + 60 * SECOND
    assert next_try(busy, TRIES, tried=1, now=NOW, expires=due) == due
    assert next_try(busy, TRIES, tried=1, now=NOW, expires=due - 1) is None


def test_t5_a_retry_waits_for_the_end_of_the_quiet_hours() -> None:
    """23:56:11 UTC of the day; it is quiet from midnight to one."""
    night = policy(retries_busy=1, retry_seconds=300, quiet_from="00:00", quiet_until="01:00")
    midnight = NOW - NOW % (86_400 * SECOND) + 86_400 * SECOND
    now = midnight - 60 * SECOND
    busy = ending_of("USER_BUSY", night)
    one = midnight + 3600 * SECOND
    assert next_try(busy, night, tried=1, now=now, expires=one) == one
    assert next_try(busy, night, tried=1, now=now, expires=one - 1) is None


@given(
    st.sampled_from([*ENDINGS, "UNHEARD_OF"]),
    st.integers(1, 30),
    st.integers(0, 20),
    st.integers(-(10**12), 10**12),
)
def test_t5_no_try_is_made_beyond_its_number_and_none_before_its_time(
    cause: str, tried: int, retries: int, left: int
) -> None:
    own = policy(retries_busy=retries, retries_no_answer=retries, retries_failed=retries)
    due = next_try(ending_of(cause, own), own, tried=tried, now=NOW, expires=NOW + left)
    if due is not None:
        assert tried <= retries
        assert NOW + own.retry_seconds * SECOND <= due <= NOW + left
