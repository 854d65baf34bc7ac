"""Entries of accounts as CSV (M8): what was recharged, out; top-ups and corrections, in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Final

import msgspec

from controller.admin.csv_lines import Bad, check_utf8, guarded, pieces, table, unguarded
from controller.admin.model import Invalid, Line
from controller.policy import amounts
from controller.policy.moments import written

#: The columns of what comes in.
COLUMNS: Final = ("account", "key", "amount", "kind", "order_number", "notes", "currency")
_NEEDED: Final = ("account", "key", "amount")
#: The columns of what goes out, in the order in which they are written.
HISTORY: Final = (
    "order_number",
    "date",
    "amount",
    "left_after",
    "who",
    "notes",
    "kind",
    "key",
    "call",
    "account",
    "currency",
)


class Row(msgspec.Struct, frozen=True):
    """A line: the entry, and which account it is of; `currency` None: it does not say."""

    account: str
    currency: str | None
    values: dict[str, Any]


class EntriesFile:
    """A CSV file of entries, read line by line as often as it is asked for."""

    def __init__(self, opened: Callable[[], BinaryIO]) -> None:
        self._opened = opened

    def rows(self) -> Iterator[tuple[int, Row | list[Bad]]]:
        """Give each line with its number: what it says, or what is wrong. Raises `BadFile`."""
        with table(self._opened, COLUMNS, _NEEDED) as found:
            for line, cells in found.rows():
                yield line, [cells] if isinstance(cells, Bad) else _row(line, cells)


def _row(line: int, cells: dict[str, str]) -> Row | list[Bad]:
    values: dict[str, Any] = {}
    bad = []
    for column, cell in cells.items():
        try:
            check_utf8(cell)
            value = _cell(column, cell)
            if value is not None:
                values[column] = value
        except Invalid as error:
            bad.append(Bad(line, column, str(error)))
    if bad:
        return bad
    account, currency = values.pop("account"), values.pop("currency", None)
    return Row(account, currency, values)


def _cell(column: str, cell: str) -> Any:  # noqa: ANN401
    """Read a cell; None is the default. Raises `Invalid`, without the column."""
    if column in ("order_number", "notes"):
        return unguarded(cell).replace("\r\n", "\n") or None
    text = cell.strip().removeprefix("'")
    if not text:
        if column in _NEEDED:
            raise Invalid(_MISSING[column])
        return None
    if column == "account" and (not text.isprintable() or len(text) > 80):
        raise Invalid("is no account; write its id, or whose it is: 1001, or 1001/+12025550100")
    if column != "amount":
        return text
    try:
        return amounts.counted(text)
    except ValueError as error:
        raise Invalid(str(error)) from error


_MISSING: Final = {
    "account": "is missing; write its id, or whose it is: 1001, or 1001/+12025550100",
    "key": "is missing; each entry has its own, by which it is known if the file is given again",
    "amount": "is missing; write an amount: 12.50",
}


def file_of(lines: Iterable[Line], account: str, currency: str) -> Iterator[str]:
    """Give entries of an account as a file, piece by piece; it is named as its owner is."""
    return pieces(
        HISTORY,
        (
            (
                guarded(line.order_number),
                written(line.created),
                amounts.written(line.amount),
                amounts.written(line.left_after),
                line.actor,
                guarded(line.notes),
                line.kind,
                guarded(line.key),
                line.call or "",
                account,
                currency,
            )
            for line in lines
        ),
    )
