"""How records are printed: aligned for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

if TYPE_CHECKING:
    from controller.admin.model import Item

#: Amounts of money of records that say nothing of their currency.
_AMOUNTS: Final = frozenset(
    {
        "setup_fee",
        "per_minute",
        "minimum_credit",
        "return_call_exposure",
        "most_spent_per_hour",
        "most_spent_per_day",
    }
)


# --- times and money -------------------------------------------------------------------------


def rfc3339(micros: int) -> str:
    """Give a time as RFC 3339, UTC, to the microsecond."""
    from controller.policy.moments import written

    return written(micros)


def clock(micros: int) -> str:
    """Give a time as people read it, UTC, to the second."""
    return _read(rfc3339(micros))


def _read(when: str) -> str:
    return when.partition(".")[0].replace("T", " ")


def micros(amount: str) -> int:
    """Read an amount of money, `12.50`, as micro-units, exactly."""
    from controller.policy.amounts import counted

    try:
        return counted(amount)
    except ValueError as error:
        raise click.ClickException(f"amount: {error}") from error


def money(amount: int, currency: str) -> str:
    """Give micro-units as an amount of a currency: `12.50 EUR`, finer only where it is finer."""
    from controller.policy.amounts import written
    from controller.policy.fields import currency_digits

    return f"{written(amount, currency_digits(currency))} {currency}"


# --- records ---------------------------------------------------------------------------------


def public(item: Item) -> dict[str, Any]:
    """Give a record as the API shows it."""
    from controller.admin.shapes import VIEWS

    values = {
        **item.values,
        "version": item.version,
        "created": rfc3339(item.created),
        "changed": rfc3339(item.changed),
    }
    ordered = {name: values.pop(name) for name in VIEWS[item.kind].__struct_fields__}
    return {**ordered, **values}


def told(found: msgspec.Struct, times: Iterable[str]) -> dict[str, Any]:
    """Give what is no record as the API shows it; `times`: which of its fields are times."""
    made = msgspec.structs.asdict(found)
    return made | {name: rfc3339(made[name]) for name in times if made.get(name) is not None}


def echo_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(value))


def echo_item(item: Item, *, as_json: bool) -> None:
    """Print a record."""
    values = public(item)
    if as_json:
        echo_json(values)
        return
    for name, value in values.items():
        text = "-" if value in (None, "") or value == [] else plain(name, value, values)
        click.echo(f"{name:<28} {text}")


def plain(name: str, value: Any, record: dict[str, Any]) -> str:
    """Give one value of a record as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return ("on" if value else "off") if name == "enabled" else ("yes" if value else "no")
    if name == "balance":
        return money(value, record["currency"])
    if name in _AMOUNTS:
        from controller.policy.amounts import written

        return written(value)
    if name == "low_credit":
        return money(value, record["currency"])
    if name == "expires":
        return clock(value * 1_000_000)
    if name in ("since", "until") and "price_list" in record:
        # To the microsecond: by that it is named.
        return str(value).replace(".000000Z", "Z")
    if name in ("created", "changed", "at"):
        return _read(value)
    if isinstance(value, dict):
        value = [f"{key}={inner}" for key, inner in value.items() if inner is not None]
    if isinstance(value, list | tuple):
        value = " ".join(str(inner) for inner in value)
    # What a terminal would act on is not printed.
    return "".join(letter if letter.isprintable() else " " for letter in str(value)) or "-"


# --- lists -----------------------------------------------------------------------------------


def echo_list(
    pages: Iterator[Sequence[dict[str, Any]]], columns: Sequence[str], *, as_json: bool
) -> None:
    """Print records page by page, never more of them in memory.

    The first page is read before anything is printed: where reading fails, nothing is.
    """
    first = next(pages, ())
    if as_json:
        _echo_array(_chained(first, pages))
        return
    if not first:
        return
    heads = [name.replace("_", " ") for name in columns]
    widths = [len(head) for head in heads]
    pending = [heads]
    for page in _again(first, pages):
        rows = [[plain(name, record[name], record) for name in columns] for record in page]
        widths = [
            max([width, *(len(row[column]) for row in rows)]) for column, width in enumerate(widths)
        ]
        for row in pending + rows:
            click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
        pending = []


def _again(first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield first
    yield from rest


def _chained(first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Any]:
    for page in _again(first, rest):
        yield from page


def _echo_array(records: Iterable[Any]) -> None:
    begin = "["
    for record in records:
        click.echo(begin + msgspec.json.encode(record).decode(), nl=False)
        begin = ",\n"
    click.echo("[]" if begin == "[" else "]")
