"""Records of legs as files: CSV for people and spreadsheets, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from controller.admin.csv_lines import guarded
from controller.credit.call_record import OPERATORS, CallRecord, written
from controller.credit.model import Price
from controller.policy import amounts

#: What a file can be written as.
FORMATS: Final = ("csv", "jsonl")

#: Of a price, a column for each field.
_PRICES: Final = {"price": "price", "cost_price": "cost"}
_AMOUNTS: Final = ("charge", "uncovered", "cost", "margin")
_FEES: Final = ("per_minute", "setup_fee")
#: What others write, and not we.
_TEXTS: Final = ("cause", "channel", "node", "shown", "client", "leg", "call", "request")
#: A number that was shown: none of these has an apostrophe before it.
_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}\Z", re.ASCII)


def _columns(*, operator: bool) -> Iterator[tuple[str, str]]:
    """Give the columns, each with the field that it is of."""
    for field in CallRecord.__struct_fields__:
        if field in OPERATORS and not operator:
            continue
        if field not in _PRICES:
            yield field, field
            continue
        for part in Price.__struct_fields__:
            yield f"{_PRICES[field]}_{part}", field


def lines(
    pages: Iterable[Sequence[CallRecord]], written_as: str, *, operator: bool
) -> Iterator[str]:
    """Give a file piece by piece; no more of it is in memory than one page of records.

    `operator`: with the columns that he alone sees.
    """
    if written_as == "jsonl":
        for page in pages:
            if page:
                yield "".join(_json(record) for record in page)
        return
    columns = tuple(_columns(operator=operator))
    yield _csv([[name for name, _ in columns]])
    for page in pages:
        if page:
            yield _csv([_cells(record, columns) for record in page])


def _json(record: CallRecord) -> str:
    return msgspec.json.encode(written(record)).decode() + "\n"


def _csv(rows: list[list[str]]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def _cells(record: CallRecord, columns: Sequence[tuple[str, str]]) -> list[str]:
    values = written(record)
    for field, head in _PRICES.items():
        price = values[field]
        for part in Price.__struct_fields__:
            value = None if price is None else getattr(price, part)
            if value is not None and part in _FEES:
                value = amounts.written(value)
            values[f"{head}_{part}"] = value
    for name in _AMOUNTS:
        if values[name] is not None:
            values[name] = amounts.written(values[name])
    for name in _TEXTS:
        if values[name] is not None and not _NUMBER.match(values[name]):
            values[name] = guarded(values[name])
    return [_cell(values[name]) for name, _ in columns]


def _cell(value: Any) -> str:  # noqa: ANN401
    return "" if value is None else str(value)
