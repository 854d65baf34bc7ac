"""T5: quiet hours, in the extension's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy.model import Policy
from controller.policy.quiet import is_time_zone, quiet_until
from tests.unit.policy.given import policy


def at(text: str) -> int:
    """Microseconds since 1970 of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def quiet(begins: str, ends: str, zone: str = "UTC") -> Policy:
    """A policy with quiet hours."""
    return policy(quiet_from=begins, quiet_until=ends, time_zone=zone)


NIGHT = quiet("22:00", "07:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # In winter Berlin is an hour ahead.
        ("2026-01-10T20:59:59", None),
        ("2026-01-10T21:00:00", "2026-01-11T06:00:00"),
        ("2026-01-11T00:30:00", "2026-01-11T06:00:00"),
        ("2026-01-11T05:59:59", "2026-01-11T06:00:00"),
        ("2026-01-11T06:00:00", None),
        # In summer two.
        ("2026-07-10T20:00:00", "2026-07-11T05:00:00"),
        # The night in which the clocks go forward, and back.
        ("2026-03-28T21:30:00", "2026-03-29T05:00:00"),
        ("2026-10-24T20:30:00", "2026-10-25T06:00:00"),
    ],
)
def test_t5_it_is_quiet_from_one_time_of_day_to_another(now: str, until: str | None) -> None:
    assert quiet_until(NIGHT, at(now)) == (None if until is None else at(until))


def test_t5_quiet_hours_may_be_in_one_day() -> None:
    noon = quiet("12:00", "14:00")
    assert quiet_until(noon, at("2026-01-10T11:59:59")) is None
    assert quiet_until(noon, at("2026-01-10T13:00:00")) == at("2026-01-10T14:00:00")
    assert quiet_until(noon, at("2026-01-10T14:00:00")) is None


def test_t5_an_hour_that_comes_twice_is_quiet_twice() -> None:
    """Berlin, the end of summer time: 02:30 comes at 00:30 and again at 01:30 UTC."""
    twice = quiet("02:15", "02:45", "Europe/Berlin")
    assert quiet_until(twice, at("2026-10-25T00:15:00")) == at("2026-10-25T01:45:00")
    assert quiet_until(twice, at("2026-10-25T00:14:59")) is None
    assert quiet_until(twice, at("2026-10-25T01:45:00")) is None


def test_t5_an_hour_that_is_left_out_calls_nobody_too_early() -> None:
    """Berlin, the beginning of summer time: after 01:59 (00:59 UTC) comes 03:00."""
    ends = quiet("22:00", "02:30", "Europe/Berlin")
    assert quiet_until(ends, at("2026-03-29T01:00:00")) == at("2026-03-29T01:30:00")
    begins = quiet("02:30", "07:00", "Europe/Berlin")
    assert quiet_until(begins, at("2026-03-29T00:29:59")) is None
    assert quiet_until(begins, at("2026-03-29T01:00:00")) == at("2026-03-29T05:00:00")


def test_t5_without_quiet_hours_it_never_is() -> None:
    assert quiet_until(policy(), at("2026-01-10T03:00:00")) is None


TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"])


@given(TIMES, TIMES, ZONES, st.integers(0, 4_000_000_000_000_000))
def test_t5_the_end_of_quiet_hours_is_to_come_and_is_not_quiet(
    begins: str, ends: str, zone: str, now: int
) -> None:
    if begins == ends:
        return
    hours = quiet(begins, ends, zone)
    until = quiet_until(hours, now)
    if until is not None:
        assert 0 < until - now <= timedelta(hours=26) / timedelta(microseconds=1)
        assert quiet_until(hours, until) is None


def test_a_time_zone_is_one_of_the_list() -> None:
    assert is_time_zone("Europe/Berlin")
    assert not any(map(is_time_zone, ["", "Europe", "../etc/passwd", "CET+5", "europe/berlin"]))
