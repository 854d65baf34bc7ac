"""Ranges of numbers that are known for fraud (G2): who has them called shares in what it costs.

They come from a file: the one that is shipped (`ranges.toml`), or one of the operator's in its
place. `parse` reads its text, `Ranges` finds the range that a number is in. Nothing here opens the
operator's file; that is done once, at start.
"""

from __future__ import annotations

import calendar
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

#: A beginning of E.164 numbers; `policy.fields.Prefix`, which errors are told of in lines here.
_PREFIX: Final = re.compile(r"\+[1-9][0-9]{0,14}\Z", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?\Z", re.ASCII)
_DAY: Final = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])-([0-9]{2})\Z", re.ASCII)
_HEADER: Final = re.compile(r"\s*\[\[\s*range\s*\]\]", re.ASCII)

Text = Annotated[str, Meta(min_length=1, max_length=400)]


class RangesError(ValueError):
    """A file of ranges that cannot be used; the message names the line and what to write."""


class RangeKind(StrEnum):
    """For what a range is known."""

    SATELLITE = "satellite"
    GLOBAL = "global"
    PREMIUM = "premium"
    REVENUE_SHARE = "revenue_share"
    ONE_RING = "one_ring"


#: What each kind is called where somebody asks why.
KNOWN_FOR: Final[dict[RangeKind, str]] = {
    RangeKind.SATELLITE: "of satellite telephones",
    RangeKind.GLOBAL: "of global services",
    RangeKind.PREMIUM: "of premium services",
    RangeKind.REVENUE_SHARE: "known for revenue-share fraud",
    RangeKind.ONE_RING: "known for one-ring scams",
}


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who says so. `dated`: of when it is: a year, a month or a day; empty: it does not say."""

    title: Text
    url: Text
    dated: str = ""


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers that begin so, and why they are not called.

    Attributes:
        abroad: they are a whole country's, known for what they cost from elsewhere: for an
            extension in that country they are numbers like any other.

    """

    prefix: str
    why: RangeKind
    source: Source
    abroad: bool = False

    @property
    def said(self) -> str:
        """What is known of it, and who says so, for people."""
        source = self.source
        dated = f", {source.dated}" if source.dated else ""
        return f"{KNOWN_FOR[self.why]} ({source.title}{dated}: {source.url})"


class Ranges:
    """The ranges of one file, ready to be asked.

    Attributes:
        dated: when the list was made, ISO 8601; empty: there is none.

    """

    def __init__(self, ranges: Iterable[Range] = (), *, dated: str = "") -> None:
        self.dated = dated
        self._by_prefix = {one.prefix: one for one in ranges}
        lengths = {len(prefix) for prefix in self._by_prefix}
        self._lengths = tuple(sorted(lengths, reverse=True))

    def __len__(self) -> int:
        """Give how many ranges there are."""
        return len(self._by_prefix)

    def __iter__(self) -> Iterator[Range]:
        """Give all of them, as the file has them."""
        return iter(self._by_prefix.values())

    def __eq__(self, other: object) -> bool:
        """Whether both are the same ranges of the same day."""
        if not isinstance(other, Ranges):
            return NotImplemented
        return (self.dated, self._by_prefix) == (other.dated, other._by_prefix)

    def __hash__(self) -> int:
        """Give what the same ranges have in common."""
        return hash((self.dated, self._lengths))

    def of(self, number: str) -> Range | None:
        """Give the narrowest range that an E.164 number is in: the longest beginning; or None."""
        for length in self._lengths:
            found = self._by_prefix.get(number[:length])
            if found is not None:
                return found
        return None


#: Where nothing is known for anything.
NO_RANGES: Final = Ranges()


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ranges of one kind and one source, as the file has them."""

    why: RangeKind
    source: str
    prefixes: Annotated[tuple[str, ...], Meta(min_length=1)]
    abroad: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    dated: str
    sources: Mapping[str, Source] = {}
    range: tuple[_Group, ...] = ()


def parse(text: str) -> Ranges:
    """Read a file of ranges. Raises `RangesError`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RangesError(f"is not TOML: {error}") from error
    lines = text.splitlines()
    try:
        # A day need not be quoted in TOML.
        file = msgspec.convert({**tree, "dated": str(tree["dated"])}, _File)
    except KeyError:
        raise RangesError('line 1: dated is missing; write dated = "2026-01-31"') from None
    except msgspec.ValidationError as error:
        raise RangesError(_plain(str(error), lines)) from error
    if not _is_day(file.dated):
        line = _line_of(lines, "dated")
        raise RangesError(f"line {line}: dated: {file.dated!r} is no day; write 2026-01-31")
    for name, source in file.sources.items():
        if source.dated and not _DATE.match(source.dated):
            line = _line_of(lines, f"[sources.{name}]")
            raise RangesError(
                f"line {line}: sources.{name}: dated: {source.dated!r} is no date; write 2026, "
                "2026-01 or 2026-01-31"
            )
    return Ranges(_ranges(file, lines), dated=file.dated)


def _is_day(text: str) -> bool:
    found = _DAY.match(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    return 1 <= day <= calendar.monthrange(year, month)[1]


def _ranges(file: _File, lines: list[str]) -> list[Range]:
    found: dict[str, Range] = {}
    for place, group in enumerate(file.range):
        source = file.sources.get(group.source)
        if source is None:
            raise RangesError(
                f"line {_header(lines, place)}: there is no source {group.source!r}; write "
                f"[sources.{group.source}] with its title, url and dated, or name another"
            )
        for prefix in group.prefixes:
            if not _PREFIX.match(prefix):
                raise RangesError(
                    f"line {_line_of(lines, prefix)}: {prefix!r} is no beginning of numbers; write "
                    "a plus and 1 to 15 digits: +1900"
                )
            if prefix in found:
                line = _line_of(lines, f'"{prefix}"', last=True)
                raise RangesError(f"line {line}: {prefix} stands twice; name each once")
            found[prefix] = Range(prefix=prefix, why=group.why, source=source, abroad=group.abroad)
    return list(found.values())


_KIND: Final = re.compile(r"invalid enum value (.*)\Z", re.DOTALL)
_PLACE: Final = re.compile(r"\$\.range\[([0-9]+)\]")


def _plain(message: str, lines: list[str]) -> str:
    """Turn what msgspec says into the line first, as far as it is known."""
    text, _, path = message.partition(" - at `")
    text = f"{text[:1].lower()}{text[1:]}"
    place = _PLACE.match(path)
    where = path.strip("`").removeprefix("$.")
    wrong = _KIND.match(text)
    if wrong is not None:
        text = f"{wrong[1]} is none; write one of: {', '.join(RangeKind)}"
    if place is not None:
        return f"line {_header(lines, int(place[1]))}: {where}: {text}"
    return f"{where}: {text}" if where and where != "$" else text


def _header(lines: list[str], place: int) -> int:
    """Give the line on which a group begins; 1 where groups are written otherwise."""
    headers = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    return headers[place] if place < len(headers) else 1


def _line_of(lines: list[str], text: str, *, last: bool = False) -> int:
    """Give the line on which a text stands first, or last; 1 where it is written otherwise."""
    found = [number for number, line in enumerate(lines, 1) if text in line.partition("#")[0]]
    return (found[-1] if last else found[0]) if found else 1


@lru_cache(maxsize=1)
def shipped() -> Ranges:
    """Give the ranges that are shipped."""
    return parse((Path(__file__).parent / "ranges.toml").read_text(encoding="utf-8"))
