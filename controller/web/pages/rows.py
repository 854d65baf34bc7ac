"""What is typed in rows or in a form of its own: working hours, pairs, prices, times.

No I/O. Each is read from what was typed, or written as it is to be typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from controller.admin.callers_csv import BETWEEN
from controller.policy.moments import canonical, counted, written
from controller.web.pages.fields import Wrong
from controller.web.pages.words import N_, _

#: The days of working hours (`policy.fields.WorkingHours`), with their words.
DAYS: Final = (
    ("mon", N_("Monday")),
    ("tue", N_("Tuesday")),
    ("wed", N_("Wednesday")),
    ("thu", N_("Thursday")),
    ("fri", N_("Friday")),
    ("sat", N_("Saturday")),
    ("sun", N_("Sunday")),
)
#: What working hours are typed into: from which day, to which day, from when, to when.
HOURS_PARTS: Final = 4

_HOURS: Final = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? ([0-9:]{5})-([0-9:]{5})\Z")
_CLOCK: Final = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]|24:00", re.ASCII)
#: Never a mere space between: `+49 1` may be a beginning as well as a price.
_PRICED: Final = re.compile(r"(\+[0-9 ()/-]*?)\s*[=;\t]\s*([0-9]+(?:[.,][0-9]+)?)\Z", re.ASCII)
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:(?:T|\s+)([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]{1,6})?)?)?"
    r"\s*(Z|UTC|[+-][0-9]{2}:[0-9]{2})?\Z",
    re.ASCII,
)


def hours_rows(hours: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Give working hours as rows: `mon-fri 08:00-18:00` is mon, fri, 08:00, 18:00."""
    found = []
    for text in hours:
        parts = _HOURS.match(text)
        found.append(tuple(part or "" for part in parts.groups()) if parts else (text, "", "", ""))
    return tuple(found)


def hours_words(row: Sequence[str]) -> str:
    """Write a row of working hours to be read: `Monday to Friday 08:00-18:00`."""
    names = dict(DAYS)
    first, last, begins, ends = row
    days = _(names.get(first, first))
    if last:
        days = _("%(first)s to %(last)s") % {"first": days, "last": _(names.get(last, last))}
    return f"{days} {begins}-{ends}" if begins else days


def hours_of(rows: Iterable[Sequence[str]]) -> list[str]:
    """Give rows as working hours. Raises `Wrong`."""
    found = []
    for first, last, begins, ends in rows:
        if not (first and begins and ends):
            raise Wrong(_("write a day and both times in each row, such as Monday, 08:00, 18:00"))
        days = f"{first}-{last}" if last and last != first else first
        found.append(f"{days} {_clock(begins)}-{_clock(ends)}")
    return found


def _clock(text: str) -> str:
    """Give a time of day as it is kept: `8:00` is 08:00. Raises `Wrong`."""
    if not _CLOCK.fullmatch(text):
        raise Wrong(_("%(text)s is no time of day; write one such as 08:00") % {"text": text})
    return text.rjust(5, "0")


def pairs_of(rows: Iterable[Sequence[str]]) -> dict[str, str]:
    """Give rows of two as what stands for what. Raises `Wrong` where one stands twice."""
    found: dict[str, str] = {}
    for name, value in rows:
        if name in found:
            raise Wrong(_("%(name)s stands twice; write it once") % {"name": name or '""'})
        found[name] = value
    return found


def priced(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Read lines of a beginning and what a minute costs: `+49 = 0.0125`; nothing is 0.

    The amounts are not read. Raises `Wrong`.
    """
    found: dict[str, str] = {}
    for line in lines:
        parts = _PRICED.match(line)
        name, amount = (BETWEEN.sub("", parts[1]), parts[2]) if parts else (line, "0")
        if not re.fullmatch(r"\+[0-9]*", name, re.ASCII):
            raise Wrong(_("write one on each line, with what a minute costs: +49 = 0.0125"))
        if name in found:
            raise Wrong(_("%(name)s stands twice; write it once") % {"name": name})
        found[name] = amount
    return list(found.items())


def moment_words(text: str) -> str:
    """Give a time of RFC 3339 as it is typed, UTC: `2027-01-31 12:00:00`."""
    try:
        at = canonical(text)
    except ValueError:
        return text
    return at.removesuffix("Z").removesuffix(".000000").replace("T", " ")


def moment_of(text: str) -> str:
    """Read a time as RFC 3339 has it; a day is its beginning, UTC. Raises `Wrong`."""
    parts = _MOMENT.match(text)
    if parts is None:
        raise Wrong(_("write a time (UTC), such as 2027-01-31 12:00, or a day: 2027-01-31"))
    day, minutes, seconds, zone = parts.groups()
    zone = "Z" if zone in (None, "UTC") else zone
    try:
        return canonical(f"{day}T{minutes or '00:00'}{seconds or ':00'}{zone}")
    except ValueError:
        raise Wrong(_("there is no such time; write one such as 2027-01-31 12:00")) from None


def instant_words(value: int) -> str:
    """Give seconds since 1970 as a time that is typed."""
    try:
        return moment_words(written(value * 1_000_000))
    except OverflowError:
        return str(value)


def instant_of(text: str) -> int:
    """Read a time as seconds since 1970. Raises `Wrong`."""
    return counted(moment_of(text)) // 1_000_000


def filled(lists: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Give the rows of columns that were sent, but for those that nothing stands in."""
    rows = (tuple(cell.strip() for cell in row) for row in zip(*lists, strict=False))
    return tuple(row for row in rows if any(row))
