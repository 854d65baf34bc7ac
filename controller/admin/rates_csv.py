"""The rates of a price list as CSV, in and out (M2).

Amounts are of the currency's unit (`0.0125`) and become micro-units exactly; nothing is rounded,
and nothing is guessed of numbers: they begin with their country's code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Final

import msgspec

from controller.admin.csv_lines import (
    Bad,
    Report,
    check_utf8,
    guarded,
    pieces,
    table,
    take,
    unguarded,
)
from controller.admin.document import Given
from controller.admin.importing import BATCH, Importer
from controller.admin.model import Invalid, Kind
from controller.policy import amounts
from controller.policy.moments import canonical, written
from controller.policy.prices import CallRate

#: The columns, in the order in which they are written.
COLUMNS: Final = (
    "prefix",
    "per_minute",
    "setup_fee",
    "first_block",
    "interval",
    "since",
    "until",
    "description",
)
_NEEDED: Final = ("prefix", "per_minute")
_AMOUNTS: Final = ("per_minute", "setup_fee")
_PREFIX: Final = re.compile(r"\+?[1-9][0-9]{0,14}\Z|\+\Z", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_SHORTENED: Final = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]+\Z", re.ASCII)
_DEFAULTS: Final = {
    field.name: field.default
    for field in msgspec.structs.fields(CallRate)
    if field.default is not msgspec.NODEFAULT
}

#: Gives the rates of a list that are in effect at a time, by exactly these beginnings.
Current = Callable[[str, Iterable[str], int], dict[str, CallRate]]


class RatesFile:
    """A CSV file of rates, read line by line as often as it is asked for.

    `opened` opens it; `now`, microseconds since 1970, is when a rate begins that does not say.
    """

    def __init__(self, opened: Callable[[], BinaryIO], price_list: str, now: int) -> None:
        self._opened = opened
        self.price_list = price_list
        self.now = now
        #: The columns that it has, known when it was begun.
        self.columns: list[str] = []

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | list[Bad]]]:
        """Give each line with its number: what it says, or what is wrong. Raises `BadFile`."""
        with table(self._opened, COLUMNS, _NEEDED) as found:
            self.columns = found.columns
            #: Beginnings that do not say since when.
            undated: set[str] = set()
            for line, cells in found.rows():
                if isinstance(cells, Bad):
                    yield line, [cells]
                    continue
                row = self._row(line, cells)
                if isinstance(row, dict) and "since" not in row:
                    if row["prefix"] in undated:
                        again = "stands twice without `since`; only one can be meant"
                        row = [Bad(line, "prefix", again)]
                    else:
                        undated.add(row["prefix"])
                yield line, row

    def _row(self, line: int, cells: dict[str, str]) -> dict[str, Any] | list[Bad]:
        values: dict[str, Any] = {"price_list": self.price_list}
        bad = []
        for column, cell in cells.items():
            try:
                check_utf8(cell)
                value = _cell(column, cell)
                if value is not None:
                    values[column] = value
            except Invalid as error:
                bad.append(Bad(line, column, str(error)))
        return bad or values


def _cell(column: str, cell: str) -> Any:  # noqa: ANN401
    """Read a cell; None is the default. Raises `Invalid`, without the column."""
    if column == "description":
        return unguarded(cell).strip() or None
    text = cell.strip().removeprefix("'")
    if column == "prefix":
        return _prefix(text)
    if not text:
        if column in _NEEDED:
            raise Invalid("is missing; write an amount, 0 where it costs nothing")
        return None
    if column in _AMOUNTS:
        return amount(text)
    if column in ("since", "until"):
        return moment(text)
    if not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        raise Invalid(f"{text[:40]!r} is no number of seconds; write 1 to 3600")
    return int(text)


def _prefix(text: str) -> str:
    if not text:
        raise Invalid("is missing; write how numbers begin, +49, or + for all of them")
    if _SHORTENED.match(text):
        raise Invalid(
            f"{text[:40]} was shortened by a spreadsheet; format the column as text, and write it "
            "anew"
        )
    if not _PREFIX.match(text):
        raise Invalid(
            f"{text[:40]!r} is no beginning of numbers; write their country's code and what "
            "follows, at most 15 digits and no zeros before: +49, 4930, or + for all of them"
        )
    return f"+{text.removeprefix('+')}"


def amount(text: str) -> int:
    """Read an amount that is not negative, as micro-units. Raises `Invalid`."""
    try:
        value = amounts.counted(text)
    except ValueError as error:
        raise Invalid(str(error)) from error
    if value < 0:
        raise Invalid(f"{text[:40]} is less than nothing; write 0 or more")
    return value


def moment(text: str) -> str:
    """Read a time of RFC 3339, or a day: its beginning, UTC. Raises `Invalid`."""
    try:
        return canonical(f"{text}T00:00:00Z" if _DAY.match(text) else text)
    except ValueError as error:
        raise Invalid(
            f"{text[:40]!r} is no time; write 2027-01-31T00:00:00Z, or a day: 2027-01-31"
        ) from error


def load(importer: Importer, file: RatesFile, current: Current, *, dry_run: bool) -> Report:
    """Import a file, if nothing is wrong with it, or say what that would do. Raises `BadFile`."""
    return take(
        importer,
        Kind.RATE,
        lambda bad: _given(importer, file, current, bad),
        COLUMNS,
        dry_run=dry_run,
    )


def _given(
    importer: Importer, file: RatesFile, current: Current, bad: Callable[[list[Bad]], None]
) -> Iterator[Given]:
    """Give the good lines as records.

    A column that the file has not got stays as it is stored. A line that does not say since when is
    the rate that is in effect, where that says the same already; else one that begins now.
    """

    def good() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, row in file.rows():
            if isinstance(row, list):
                bad(row)
            else:
                yield line, row

    rows = good()
    while some := list(islice(rows, BATCH)):
        undated = [row["prefix"] for _, row in some if "since" not in row]
        there = current(file.price_list, undated, file.now) if undated else {}
        for _, row in some:
            if "since" not in row:
                row["since"] = _since(file, row, there.get(row["prefix"]))
        missing = [name for name in COLUMNS if name not in file.columns]
        priors: list[Any] = [None] * len(some)
        if missing:
            asked = [
                CallRate(
                    price_list=file.price_list, prefix=row["prefix"], since=row["since"],
                    per_minute=0,
                )
                for _, row in some
            ]  # fmt: skip
            priors = importer.before(Kind.RATE, asked)
        for (line, row), prior in zip(some, priors, strict=True):
            kept = {} if prior is None else {name: getattr(prior, name) for name in missing}
            yield Given(f"line {line}", Kind.RATE, {**kept, **row})


def _since(file: RatesFile, row: dict[str, Any], there: CallRate | None) -> str:
    told = [name for name in file.columns if name != "since"]
    if there is not None and all(
        getattr(there, name) == row.get(name, _DEFAULTS.get(name)) for name in told
    ):
        return there.since
    return written(file.now)


# --- out -------------------------------------------------------------------------------------


def file_of(rates: Iterable[CallRate]) -> Iterator[str]:
    """Give rates as a file, piece by piece: what is given is imported as it is."""
    return pieces(COLUMNS, map(_cells, rates))


def _cells(rate: CallRate) -> list[object]:
    values = {name: getattr(rate, name) for name in COLUMNS}
    values |= {name: amounts.written(values[name]) for name in _AMOUNTS}
    values["description"] = guarded(values["description"])
    return ["" if values[name] is None else values[name] for name in COLUMNS]
