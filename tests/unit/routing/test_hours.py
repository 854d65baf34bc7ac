"""When a channel is used: days and times of its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.policy.channels import Channel
from controller.routing.hours import is_open
from tests.unit.examples import many

MINUTE: Final = 60_000_000
DAY: Final = 24 * 60 * MINUTE


def at(text: str) -> int:
    """Microseconds since 1970 of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


# 2026-06-01 is a Monday.
@pytest.mark.parametrize(
    ("hours", "opens", "shut"),
    [
        ("mon 08:00-18:00", ["01T08:00", "01T17:59"], ["01T07:59", "01T18:00", "02T12:00"]),
        ("mon-fri 08:00-18:00", ["01T12:00", "05T12:00"], ["06T12:00", "07T12:00"]),
        # Over the end of the week.
        ("sat-mon 08:00-18:00", ["06T12:00", "07T12:00", "01T12:00"], ["02T12:00", "05T12:00"]),
        ("tue-mon 08:00-18:00", ["01T12:00", "02T12:00", "07T12:00"], ["02T18:00"]),
        ("sun-sun 08:00-18:00", ["07T12:00"], ["06T12:00", "08T07:59"]),
        # Over midnight: the night of the day on which it begins.
        ("sat 22:00-02:00", ["06T22:00", "07T01:59"], ["06T01:59", "06T21:59", "07T02:00"]),
        ("sun 22:00-02:00", ["07T23:00", "08T01:59"], ["07T01:00", "08T02:00", "08T23:00"]),
        ("fri-sat 22:00-02:00", ["05T22:00", "06T01:00", "07T01:00"], ["05T01:00", "07T22:00"]),
        # To the end of the day.
        ("mon 00:00-24:00", ["01T00:00", "01T23:59"], ["02T00:00"]),
        ("mon 22:00-00:00", ["01T23:59"], ["01T00:00", "02T00:00"]),
    ],
)
def test_hours_are_days_and_times(hours: str, opens: list[str], shut: list[str]) -> None:
    Channel(name="out", hours=(hours,)).check()
    assert all(is_open([hours], "UTC", at(f"2026-06-{when}")) for when in opens)
    assert not any(is_open([hours], "UTC", at(f"2026-06-{when}")) for when in shut)


def test_of_several_hours_any_will_do_and_without_any_it_is_always_open() -> None:
    both = ("mon 08:00-12:00", "mon 13:00-17:00")
    seen = [is_open(both, "UTC", at(f"2026-06-01T{hour:02}:30")) for hour in (11, 12, 13, 17)]
    assert seen == [True, False, True, False]
    assert is_open((), "UTC", at("2026-06-01T00:00"))


def test_hours_are_of_the_channels_time_zone() -> None:
    hours = ["mon 08:00-18:00"]
    # Kathmandu is 5:45 ahead, Los Angeles 7 behind in summer.
    assert is_open(hours, "Asia/Kathmandu", at("2026-06-01T02:15"))
    assert not is_open(hours, "Asia/Kathmandu", at("2026-06-01T02:14"))
    assert is_open(hours, "America/Los_Angeles", at("2026-06-02T00:59"))
    assert not is_open(hours, "America/Los_Angeles", at("2026-06-02T01:00"))


# --- against a model -------------------------------------------------------------------------

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Berlin, by hand: an hour ahead, and two from the last Sunday of March to that of October.
SUMMER: Final = (at("2026-03-29T01:00"), at("2026-10-25T01:00"))


def open_minutes(hours: str) -> set[int]:
    """Give the minutes of the week that are open, by walking through them; 0 is Monday, 00:00."""
    days, times = hours.split(" ")
    first, last = (days.split("-") * 2)[:2] if "-" not in days else days.split("-")
    begins, ends = times.split("-")
    minutes = set()
    day = DAYS.index(first)
    while True:
        time = int(begins[:2]) * 60 + int(begins[3:])
        closing = int(ends[:2]) * 60 + int(ends[3:])
        minute = day * 1440 + time
        while True:
            minutes.add(minute % (7 * 1440))
            minute += 1
            # 24:00 is the midnight that comes next, as 00:00 is.
            if minute % 1440 == closing % 1440:
                break
        if DAYS[day % 7] == last:
            return minutes
        day += 1


times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 1, 30, 59)))
written = st.builds(
    "{}{} {}-{}".format,
    st.sampled_from(DAYS),
    st.just("") | st.sampled_from([f"-{day}" for day in DAYS]),
    times,
    times | st.just("24:00"),
).filter(lambda hours: hours[-11:-6] != hours[-5:])


def berlin(now: int) -> datetime:
    """Give what the clocks say in Berlin."""
    ahead = 2 if SUMMER[0] <= now < SUMMER[1] else 1
    return datetime(1970, 1, 1) + timedelta(hours=ahead, microseconds=now)  # noqa: DTZ001


def check_minute_by_minute(hours: list[str], begins: int) -> None:
    """Check every minute of some days."""
    minutes = set[int]().union(*map(open_minutes, hours))
    for now in range(begins, begins + 2 * DAY, MINUTE):
        here = berlin(now)
        minute = here.weekday() * 1440 + here.hour * 60 + here.minute
        assert is_open(hours, "Europe/Berlin", now) == (minute in minutes), here


@settings(max_examples=many(60))
@given(
    st.lists(written, min_size=1, max_size=3),
    # The days on which the clocks are changed, and any others of that year.
    st.sampled_from((at("2026-03-28T12:00"), at("2026-10-24T12:00")))
    | st.integers(0, 362).map(lambda days: at("2026-01-01T00:00") + days * DAY),
)
@example(["sun 02:15-02:45"], at("2026-10-24T12:00"))
@example(["sat 22:00-02:30"], at("2026-03-28T12:00"))
@example(["sun 02:30-07:00"], at("2026-03-28T12:00"))
def test_hours_are_what_the_clocks_say_minute_by_minute(hours: list[str], begins: int) -> None:
    check_minute_by_minute(hours, begins)


def test_an_hour_that_comes_twice_is_open_twice_and_one_that_is_left_out_never_is() -> None:
    """Berlin: 02:30 comes at 00:30 and 01:30 UTC in autumn, and not at all in spring."""
    hours = ["sun 02:00-03:00"]

    def seen(day: str) -> list[int]:
        begins = at(day)
        return [
            minute
            for minute in range(1440)
            if is_open(hours, "Europe/Berlin", begins + minute * MINUTE)
        ]

    assert seen("2026-10-25T00:00") == list(range(120))
    assert seen("2026-03-29T00:00") == []
