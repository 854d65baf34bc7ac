"""Quiet hours: when nobody is called back, in the extension's own time zone.

A time of day that comes twice in autumn begins them the first time and ends them the second; one
that the clocks leave out in spring begins them before that hour and ends them after it: nobody is
called too early for it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from controller.policy.model import Policy

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Whether this is a time zone of the IANA's list."""
    return name in _zones()


def quiet_until(policy: Policy, at: int) -> int | None:
    """Give when the quiet hours end that `at` is in, or None where it is in none.

    Times are microseconds since 1970.
    """
    if policy.quiet_from is None or policy.quiet_until is None:
        return None
    zone = ZoneInfo(policy.time_zone)
    begins, ends = _time(policy.quiet_from), _time(policy.quiet_until)
    here = (_EPOCH + timedelta(microseconds=at)).astimezone(zone).date()
    # Those that began the day before may last into this one.
    for day in (here - timedelta(days=1), here):
        first = min(_moments(day, begins, zone))
        last_day = day if begins < ends else day + timedelta(days=1)
        last = max(_moments(last_day, ends, zone))
        if first <= at < last:
            return last
    return None


def _time(written: str) -> time:
    hours, _, minutes = written.partition(":")
    return time(int(hours), int(minutes))


def _moments(day: date, at: time, zone: ZoneInfo) -> list[int]:
    """Give the moments that a time of day may be: two on the days when clocks change (PEP 495)."""
    local = (datetime.combine(day, at.replace(fold=fold), zone) for fold in (0, 1))
    return [(one.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) for one in local]
