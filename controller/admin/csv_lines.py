"""CSV files from outside: read line by line, imported as a whole or not at all.

What spreadsheets do to a file is undone: byte order marks, semicolons, an apostrophe that keeps a
cell from being a formula. Whatever is wrong is told with its line and its column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, BinaryIO, Final

import msgspec

from controller.admin.bulk import Applied
from controller.admin.document import Given
from controller.admin.importing import Importer
from controller.admin.model import Invalid, Kind
from controller.admin.rehearsal import Seen

#: So many rows of a file that is given are one piece of it.
ROWS: Final = 500
#: What a spreadsheet takes for a formula, and an apostrophe before it that was there already.
#: Some take the full-width signs for one too.
_FORMULA: Final = re.compile("'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]")


class BadFile(ValueError):
    """A file that cannot be read as such CSV at all; the message says why."""


class Bad(msgspec.Struct, frozen=True):
    """What is wrong with a line; `column` is empty where it is the line as a whole."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        column = f", {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.message}"


class Report(msgspec.Struct, frozen=True):
    """What an import did, or would do to the lines that are good."""

    applied: Applied
    bad: tuple[Bad, ...]


@contextmanager
def table(
    opened: Callable[[], BinaryIO], known: Collection[str], needed: Collection[str]
) -> Iterator[Table]:
    """Open a file, read its first line, which names the columns, and give the rest.

    Raises `BadFile`.
    """
    # What is no UTF-8 is read all the same, so that its line can be told.
    with (
        opened() as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        delimiter, columns = _header(text.readline(), known, needed)
        yield Table(text, delimiter, columns)


def _header(first: str, known: Collection[str], needed: Collection[str]) -> tuple[str, list[str]]:
    if first.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        raise BadFile("is UTF-16; save it as CSV UTF-8")
    delimiter = max(",;\t", key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    columns = [name.strip().lower() for name in names]
    for name in columns:
        if name not in known:
            raise BadFile(
                f"there is no column {name[:40]!r}; the first line names them, of these: "
                f"{', '.join(known)}"
            )
        if columns.count(name) > 1:
            raise BadFile(f"the column {name} stands twice; name each once")
    for name in needed:
        if name not in columns:
            raise BadFile(f"the column {name} is missing; the first line names the columns")
    return delimiter, columns


class Table:
    """What comes after the first line."""

    def __init__(self, text: io.TextIOWrapper, delimiter: str, columns: list[str]) -> None:
        self._text = text
        self._delimiter = delimiter
        self.columns = columns

    def rows(self) -> Iterator[tuple[int, dict[str, str] | Bad]]:
        """Give each line with its number: its cells by column, or what is wrong with it all."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            try:
                cells = next(reader, None)
            except csv.Error as error:
                # Where a quote is not closed nobody knows what is a line from here on.
                yield line, Bad(line, "", f"is no CSV ({error}); look for a stray quote")
                return
            if cells is None:
                return
            if not any(cells):
                continue
            if len(cells) != len(self.columns):
                yield (
                    line,
                    Bad(
                        line,
                        "",
                        f"has {len(cells)} cells where the header has {len(self.columns)}; put "
                        "what holds a separator in quotes",
                    ),
                )
            else:
                yield line, dict(zip(self.columns, cells, strict=True))


def check_utf8(cell: str) -> None:
    """Check that a cell could be read. Raises `Invalid`."""
    if not cell.isascii() and any("\udc80" <= letter <= "\udcff" for letter in cell):
        raise Invalid("is not UTF-8; save the file as CSV UTF-8")


def unguarded(cell: str) -> str:
    """Give a text as it was before it was guarded from being a formula."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def guarded(text: str) -> str:
    """Give a text such that no spreadsheet takes it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def pieces(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Give a file piece by piece, its first line in the first; no more of it is in memory."""
    left = chain([head], rows)
    while some := list(islice(left, ROWS)):
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows(some)
        yield stream.getvalue()


def take(
    importer: Importer,
    kind: Kind,
    given: Callable[[Callable[[list[Bad]], None]], Iterable[Given]],
    columns: Collection[str],
    *,
    dry_run: bool,
    checked: Callable[[], None] = lambda: None,
    told: Callable[[Any, Any], None] = lambda before, after: None,
) -> Report:
    """Import records from lines, if nothing is wrong with any, or say what that would do.

    `given` goes through the file, tells what is wrong with lines, and gives the records of the good
    ones, each with its place (`line 3`); it is asked twice. `checked` is told in between. `told`:
    as of `Bulk.apply`.
    """
    bad: list[Bad] = []
    for problem in importer.check(kind, given(bad.extend), Seen()):
        column, colon, message = problem.message.partition(": ")
        known = colon and column in columns
        bad.append(
            Bad(
                int(problem.place.removeprefix("line ")),
                column if known else "",
                message if known else problem.message,
            )
        )
    bad.sort(key=lambda found: found.line)
    if bad and not dry_run:
        return Report(Applied(), tuple(bad))
    checked()
    wrong = {f"line {found.line}" for found in bad}
    good = (one for one in given(lambda _: None) if one.place not in wrong)
    return Report(importer.apply(kind, good, dry_run=dry_run, told=told), tuple(bad))
