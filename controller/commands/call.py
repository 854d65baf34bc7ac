"""`callbackd call`: legs that are over: how long they lasted, why they ended, what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import Context, as_json, opened, pages, pass_context
from controller.commands.files import file_out
from controller.commands.shown import clock, echo_json, echo_list, money, plain
from controller.commands.transfer import complete
from controller.commands.types import Moment

if TYPE_CHECKING:
    from controller.credit.call_record import CallRecord, CallTotal
    from controller.credit.model import Price

_COLUMNS: Final = (
    "begun", "leg", "side", "extension", "caller", "number", "seconds", "charge", "cause",
)  # fmt: skip
_TIMES: Final = ("begun", "answered", "ended", "kept")
#: Amounts, and the field that says in which currency.
_AMOUNTS: Final = {
    "charge": "currency",
    "uncovered": "currency",
    "cost": "cost_currency",
    "margin": "currency",
}


@click.group()
def call() -> None:
    """Calls: each leg that is over, with its times, its cause and its cost."""


_OPTIONS: Final = (
    click.option(
        "--extension",
        shell_complete=completing.names("extension", "extension"),
        help="Those of this one.",
    ),
    click.option("--caller", help="Those of callbacks that this number asked for."),
    click.option("--number", help="Those that called this number."),
    click.option(
        "--side", type=click.Choice(["return", "destination"]), help="Return legs, or the others."
    ),
    click.option(
        "--channel",
        shell_complete=completing.names("channel", "name"),
        help="Those over this one.",
    ),
    click.option("--account", help="Those that this account (its id) paid for."),
    click.option("--callback", "request", help="Those of this callback."),
    click.option("--cause", help="Those that ended so, as the switch says it."),
    click.option("--since", type=Moment(), help="Those that began then or later."),
    click.option("--until", type=Moment(), help="Those that began before."),
    click.option("--charged/--not-charged", default=None, help="Those that were charged, or not."),
    click.option(
        "--uncovered/--covered",
        default=None,
        help="Those that cost more than was held and charged, or not.",
    ),
)


def _filters(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _given(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


@call.command("list")
@_filters
@click.option("--oldest", is_flag=True, help="The oldest first.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@as_json
@pass_context
def list_(context: Context, /, oldest: bool, limit: int, as_json: bool, **given: Any) -> None:
    """List legs that are over, the newest first."""
    from controller.admin.call_records import CallRecords
    from controller.credit.call_record import written

    filters = _given(given)
    with opened(context.settings()) as store:
        calls = CallRecords(store.engine)

        def fetch(after: Any, most: int) -> Any:
            return calls.list(
                store.actor, filters, after=after, limit=most, newest_first=not oldest
            )

        show = written if as_json else _read
        found: Iterator[list[dict[str, Any]]] = (
            [show(one) for one in page] for page in pages(fetch, limit)
        )
        echo_list(found, _COLUMNS, as_json=as_json)


@call.command("show")
@click.argument("leg")
@as_json
@pass_context
def show(context: Context, /, leg: str, as_json: bool) -> None:
    """Show a leg: by which rate it was charged, what it cost, and what is left of that."""
    from controller.admin.call_records import CallRecords
    from controller.credit.call_record import written

    with opened(context.settings()) as store:
        found = CallRecords(store.engine).get(store.actor, leg)
    if as_json:
        echo_json(written(found))
        return
    for name, value in _read(found).items():
        click.echo(f"{name:<14} {'-' if value == '' else plain('', value, {})}")


@call.command("export")
@file_out
@_filters
@click.option("--newest", is_flag=True, help="The newest first.")
@click.option(
    "--format",
    "written_as",
    type=click.Choice(["csv", "jsonl"]),
    help="By default what the file's suffix says, otherwise csv; jsonl: a record in each line.",
)
@pass_context
def export(
    context: Context, /, file: Path | None, newest: bool, written_as: str | None, **given: Any
) -> None:
    """Write legs that are over to FILE or standard output, the oldest first.

    In CSV amounts are of the currency's unit, in JSON lines millionths of it, as in the API.
    """
    from controller.admin.call_files import lines
    from controller.admin.call_records import CallRecords

    suffix = "" if file is None else file.suffix.lower()
    chosen = written_as or ("jsonl" if suffix == ".jsonl" else "csv")
    with opened(context.settings()) as store, complete(file, private=False) as stream:
        each = CallRecords(store.engine).each(store.actor, _given(given), newest_first=newest)
        for piece in lines(each, chosen, operator=True):
            stream.write(piece)


# --- as people read it -----------------------------------------------------------------------


def _read(record: CallRecord) -> dict[str, Any]:
    """Give a record with times and amounts as people read them."""
    from msgspec.structs import asdict

    made = asdict(record)
    made |= {name: clock(made[name]) for name in _TIMES if made[name] is not None}
    for name, currency in _AMOUNTS.items():
        amount = made[name]
        known = made[currency]
        # Where nobody pays there is no currency.
        made[name] = None if amount is None or known is None else money(amount, known)
    for name, currency in (("price", "currency"), ("cost_price", "cost_currency")):
        made[name] = priced(made[name], made[currency])
    return made


def priced(price: Price | None, currency: str | None) -> str | None:
    """Put a rate in a line; None where there is none."""
    if price is None or currency is None:
        return None
    fee = f", {money(price.setup_fee, currency)} at the beginning" if price.setup_fee else ""
    steps = (
        f", {price.first_block} s at least, then every {price.interval} s"
        if (price.first_block, price.interval) != (1, 1)
        else ""
    )
    return f"{price.prefix} at {money(price.per_minute, currency)} a minute{fee}{steps}"


def told(record: CallRecord) -> str:
    """Put a leg in a line, as part of its callback."""
    values = _read(record)
    answered = f"answered {values['answered']}, " if values["answered"] else ""
    over = f" over {record.channel}" if record.channel else ""
    shown = f" showing {record.shown}" if record.shown else ""
    price = f" by {values['price']}" if values["price"] else ""
    cost = f", cost {values['cost']}" if values["cost"] else ""
    uncovered = f", {values['uncovered']} uncovered" if record.uncovered else ""
    paid = f"{values['charge']}{price}" if values["charge"] else "nobody pays"
    return (
        f"{values['begun']} {record.number}{over}{shown}: {answered}{record.cause or '-'} "
        f"{values['ended']}, {record.seconds} s: {paid}{uncovered}{cost}"
    )


def summed(total: CallTotal) -> str:
    """Put what legs came to in a currency in a line."""
    currency = total.currency
    made = money(total.charge, currency)
    for name, amount in (
        ("uncovered", total.uncovered or None),
        ("cost", total.cost),
        ("margin", total.margin),
    ):
        if amount is not None:
            made += f", {name} {money(amount, currency)}"
    return made
