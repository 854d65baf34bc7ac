"""Authorised CallerIDs as CSV, in and out: those of an extension, or of several.

What spreadsheets do to a file is undone: byte order marks, semicolons, lost plus signs. A cell of
notes that a spreadsheet would take for a formula is guarded by an apostrophe on its way out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

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
from controller.admin.wording import worded
from controller.numbers.e164 import BadNumber, is_e164, parse
from controller.policy.records import AuthorisedCaller
from controller.policy.rules import plain

#: The columns, in the order in which they are written.
COLUMNS: Final = (
    "number",
    "enabled",
    "pin",
    "callback_number",
    "language",
    "speed_dials",
    "presets",
    "notes",
)
#: A column more, in a file of several extensions.
EXTENSION: Final = "extension"
#: A column more, in an export with secrets.
HASH: Final = "pin_hash"
#: In the column `pin`: there is one, which the file does not tell.
KEPT_PIN: Final = "*"
#: In the column `pin`: there is to be none.
NO_PIN: Final = "-"

_SAID: Final = {
    "on": True, "yes": True, "1": True, "true": True,
    "off": False, "no": False, "0": False, "false": False,
}  # fmt: skip
#: What people put between digits.
BETWEEN: Final = re.compile(r"[\s().\u00a0\u2010-\u2015/-]")
_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(AuthorisedCaller)}


# --- in --------------------------------------------------------------------------------------


class CallersFile:
    """A CSV file of authorised CallerIDs, read line by line as often as it is asked for."""

    #: The columns that it may have, and those that it must.
    known: tuple[str, ...] = (*COLUMNS, HASH)
    needed: tuple[str, ...] = ("number",)

    def __init__(self, path: Path, extension: str, country: str) -> None:
        self._opened: Callable[[], BinaryIO] = lambda: path.open("rb")
        self._extension = extension
        self._country = country
        #: The columns that it has, known when it was begun.
        self.columns: list[str] = []
        #: How many PINs stand in it, known when it was read once.
        self.pins = 0

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | list[Bad]]]:
        """Give each line with its number: what it says, or what is wrong. Raises `BadFile`."""
        with table(self._opened, self.known, self.needed) as found:
            self.columns = found.columns
            self.pins = 0
            for line, cells in found.rows():
                yield line, [cells] if isinstance(cells, Bad) else self._row(line, cells)

    def _row(self, line: int, cells: dict[str, str]) -> dict[str, Any] | list[Bad]:
        values: dict[str, Any] = {"extension": self._extension}
        bad = []
        for column, cell in cells.items():
            try:
                values |= self._cell(column, cell)
            except Invalid as error:
                bad.append(Bad(line, column, str(error)))
        return bad or values

    def _cell(self, column: str, cell: str) -> dict[str, Any]:
        """Read a cell. Raises `Invalid`, without the column."""
        check_utf8(cell)
        if column == "notes":
            return {column: unguarded(cell).replace("\r\n", "\n")}
        text = cell.strip()
        if column == "number":
            return {column: self._number(text)}
        if column == "pin":
            return self._pin(text)
        if not text:
            # Empty is the default.
            return {}
        if column == "callback_number":
            return {column: self._number(text)}
        if column == "enabled":
            if text.lower() not in _SAID:
                raise Invalid(f"{text[:40]!r} is neither; write on or off")
            return {column: _SAID[text.lower()]}
        if column in ("speed_dials", "presets"):
            return {column: self._pairs(column, text)}
        try:
            return {column: msgspec.convert(text, _TYPES[column])}
        except msgspec.ValidationError as error:
            raise Invalid(worded(plain(str(error)))) from error

    def _pin(self, text: str) -> dict[str, Any]:
        if not text:
            return {}
        if text == NO_PIN:
            return {"pin": None}
        if text == KEPT_PIN:
            return {"pin_set": True}
        self.pins += 1
        # Its digits are counted where every PIN's are.
        return {"pin": text}

    def _pairs(self, column: str, text: str) -> dict[str, str]:
        made: dict[str, str] = {}
        for pair in text.split("|"):
            key, equals, number = (part.strip() for part in pair.partition("="))
            if not equals:
                example = "1=+12025550100|22=+16465550100"
                raise Invalid(f"{pair[:40]!r} is no pair; write them as {example}")
            key = self._number(key) if column == "presets" else key
            if key in made:
                raise Invalid(f"{key} stands twice; only one can be meant")
            made[key] = self._number(number)
        return made

    def _number(self, text: str) -> str:
        text = text.removeprefix("'")
        if is_e164(text):
            return text
        if not text:
            raise Invalid("is missing; write a telephone number")
        if re.fullmatch(r"[0-9][.,][0-9]+[eE]\+?[0-9]+", text):
            raise Invalid(
                f"{text} was shortened by a spreadsheet; format the column as text, and write the "
                "number anew"
            )
        try:
            return parse(BETWEEN.sub("", text), self._country)
        except BadNumber as error:
            what = "has more than digits" if error.reason == "not_digits" else "is in no plan"
            raise Invalid(
                f"{text[:40]!r} is no telephone number ({what}); write it as +12025550100, or as "
                f"it is dialled in {self._country}"
            ) from error


class SeveralFile(CallersFile):
    """A file of several extensions: its column `extension` says of each line whose it is.

    `extension`: that of the lines that do not say; "": they all have to. `country_of` gives the
    country of an extension, None where there is none that may be written. A file that comes from
    elsewhere has no hashes of PINs: whoever could write one would know the PIN.
    """

    def __init__(
        self,
        opened: Callable[[], BinaryIO],
        extension: str,
        country_of: Callable[[str], str | None],
    ) -> None:
        super().__init__(Path(), extension, "")
        self._opened = opened
        self._country_of = cache(country_of)
        self.known = (EXTENSION, *COLUMNS)
        self.needed = ("number",) if extension else (EXTENSION, "number")
        self._usual = extension

    def _row(self, line: int, cells: dict[str, str]) -> dict[str, Any] | list[Bad]:
        said = cells.pop(EXTENSION, "").strip().removeprefix("'")
        problem = ""
        if said and self._usual and said != self._usual:
            problem = f"{said[:40]!r} is another than {self._usual}, which was chosen"
        elif not (said or self._usual):
            problem = "is missing; write whose number it is, such as 1001"
        else:
            country = self._country_of(said or self._usual)
            if country is None:
                problem = f"there is no extension {(said or self._usual)[:40]!r}; make it first"
            else:
                self._extension, self._country = said or self._usual, country
        if problem:
            return [Bad(line, EXTENSION, problem)]
        return super()._row(line, cells)


def load(
    importer: Importer,
    file: CallersFile,
    *,
    dry_run: bool,
    checked: Callable[[int], None] = lambda pins: None,
    told: Callable[[Any, Any], None] = lambda before, after: None,
) -> Report:
    """Import a file, if nothing is wrong with it, or say what that would do. Raises `BadFile`.

    `checked` is told, between checking and writing, how many PINs there are to hash or compare;
    `told` as of `Bulk.apply`.
    """
    return take(
        importer,
        Kind.CALLERID,
        lambda bad: _given(importer, file, bad),
        file.known,
        dry_run=dry_run,
        checked=lambda: checked(file.pins),
        told=told,
    )


def _given(
    importer: Importer, file: CallersFile, bad: Callable[[list[Bad]], None]
) -> Iterator[Given]:
    """Give the good lines as records; a column that the file has not got stays as it is stored."""

    def good() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, row in file.rows():
            if isinstance(row, list):
                bad(row)
            else:
                yield line, row

    rows = good()
    while some := list(islice(rows, BATCH)):
        missing = [name for name in COLUMNS if name not in ("pin", *file.columns)]
        priors: list[Any] = [None] * len(some)
        if missing:
            asked = [
                AuthorisedCaller(extension=row["extension"], number=row["number"])
                for _, row in some
            ]
            priors = importer.before(Kind.CALLERID, asked)
        for (line, row), prior in zip(some, priors, strict=True):
            kept: dict[str, Any] = {}
            if prior is not None:
                stored = msgspec.to_builtins(prior)
                kept = {name: stored[name] for name in missing}
            yield Given(f"line {line}", Kind.CALLERID, {**kept, **row})


# --- out -------------------------------------------------------------------------------------


def save(callers: Iterable[AuthorisedCaller], stream: TextIO, *, secrets: bool) -> None:
    """Write authorised CallerIDs; `secrets`: with the hashes of their PINs."""
    writer = csv.writer(stream)
    writer.writerow([*COLUMNS, HASH] if secrets else COLUMNS)
    for caller in callers:
        writer.writerow(_cells(caller, secrets=secrets))


def file_of(callers: Iterable[AuthorisedCaller]) -> Iterator[str]:
    """Give authorised CallerIDs of several extensions as a file, piece by piece."""
    rows = ([caller.extension, *_cells(caller, secrets=False)] for caller in callers)
    return pieces((EXTENSION, *COLUMNS), rows)


def _cells(caller: AuthorisedCaller, *, secrets: bool) -> list[str]:
    cells = [
        caller.number,
        "on" if caller.enabled else "off",
        KEPT_PIN if caller.pin_hash is not None and not secrets else "",
        caller.callback_number or "",
        caller.language or "",
        _joined(caller.speed_dials),
        _joined(caller.presets),
        guarded(caller.notes),
    ]
    return [*cells, caller.pin_hash or ""] if secrets else cells


def _joined(pairs: dict[str, str]) -> str:
    return "|".join(f"{key}={number}" for key, number in pairs.items())
