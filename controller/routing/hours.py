"""Working hours: whether a channel is used now, by the clocks of its own time zone.

What counts is what the clocks say. An hour that comes twice in autumn is open both times or neither
time; one that they leave out in spring does not come, and who opens in it opens with the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Hours(msgspec.Struct, frozen=True):
    """Days on which it opens, 0 is Monday; minutes since midnight at which it opens and closes."""

    days: frozenset[int]
    opens: int
    closes: int

    def is_open(self, day: int, minute: int) -> bool:
        if self.opens < self.closes:
            return day in self.days and self.opens <= minute < self.closes
        # Into the night: until then it is still the day before's.
        return (day in self.days and minute >= self.opens) or (
            (day - 1) % 7 in self.days and minute < self.closes
        )


def is_open(hours: Sequence[str], time_zone: str, now: int) -> bool:
    """Whether `now`, microseconds since 1970, is in any of these hours; without any it always is.

    They are written as `policy.fields.WorkingHours`: `mon-fri 08:00-18:00`. Days may go on over the
    end of the week (`sat-mon`), times over midnight: `sat 22:00-02:00` is Saturday's night, and
    ends on Sunday. `24:00` is the end of the day.
    """
    if not hours:
        return True
    here = (_EPOCH + timedelta(microseconds=now)).astimezone(ZoneInfo(time_zone))
    day, minute = here.weekday(), here.hour * 60 + here.minute
    return any(_read(written).is_open(day, minute) for written in hours)


@lru_cache(maxsize=1024)
def _read(written: str) -> _Hours:
    days, _, times = written.partition(" ")
    first, _, last = days.partition("-")
    begins = _DAYS.index(first)
    count = (_DAYS.index(last or first) - begins) % 7 + 1
    opens, _, closes = times.partition("-")
    return _Hours(
        days=frozenset((begins + further) % 7 for further in range(count)),
        opens=_minutes(opens),
        closes=_minutes(closes),
    )


def _minutes(written: str) -> int:
    hours, _, minutes = written.partition(":")
    return int(hours) * 60 + int(minutes)
