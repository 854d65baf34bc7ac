"""`callbackd rate`: what calls cost, by price list, beginning of the number, and time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.commands import completing
from controller.commands.common import (
    Context,
    Opened,
    as_json,
    opened,
    pass_context,
    reading,
)
from controller.commands.files import dry_run, echo_report, file_in, file_out
from controller.commands.records import Named, add_commands, group
from controller.commands.shown import echo_json, money, rfc3339
from controller.commands.transfer import complete
from controller.commands.types import Moment, When

if TYPE_CHECKING:
    from controller.admin.rates import FoundRate


class _NamedRate(Named):
    """A rate is named by its list, its beginning, and where there are several by its time."""

    def parameters(self, *, new: bool = False) -> list[click.Parameter]:
        """Give the arguments; a new one says since when by an option."""
        beginning = None if new else completing.names("rate", "prefix", "price_list")
        made: list[click.Parameter] = [
            click.Argument(["price_list"], shell_complete=completing.of_field("price_list")),
            click.Argument(["prefix"], shell_complete=beginning),
        ]
        if not new:
            made.append(click.Argument(["since"], required=False, type=When(), metavar="[SINCE]"))
        return made

    def key(self, store: Opened, given: dict[str, Any]) -> str:
        """Give the rate's key. Raises `ClickException` where it is not known which is meant."""
        name, prefix = given["price_list"], given["prefix"]
        if given["since"] is not None:
            return f"{name}/{prefix}/{given['since']}"
        from controller.admin.model import MOST_ITEMS, Kind

        filters = {"price_list": name, "prefix": prefix}
        page = store.directory.list(store.actor, Kind.RATE, filters, limit=MOST_ITEMS)
        found = [item for item in page.items if item.values["prefix"] == prefix]
        if len(found) != 1:
            times = ", ".join(item.values["since"] for item in found)
            raise click.ClickException(
                f"since: {prefix} has several rates in {name}; add since when: {times}"
                if found
                else f"there is no rate {name}/{prefix}"
            )
        return found[0].key


rate = group("rate", "Rates: what calls cost to numbers that begin so, from one time on.")
add_commands(
    rate,
    _NamedRate("rate", "price_list", "prefix"),
    (
        "price_list", "prefix", "per_minute", "setup_fee", "first_block", "interval", "since",
        "until", "description",
    ),
)  # fmt: skip
_list = click.option(
    "--list",
    "name",
    required=True,
    help="The price list.",
    shell_complete=completing.of_field("price_list"),
)


@rate.command("find")
@click.argument("number")
@_list
@click.option("--at", type=Moment(), help="When the call begins; by default now.")
@as_json
@pass_context
def find(context: Context, /, number: str, name: str, at: int | None, as_json: bool) -> None:
    """Say which rate a call to NUMBER (+12025550100) has, and what it costs."""
    with opened(context.settings()) as store:
        found = store.directory.find_rate(store.actor, name, number, at=at)
    if as_json:
        echo_json(_shown(found))
        return
    if found.rate is None:
        raise click.ClickException(
            f"{name} has no rate for {number} at {rfc3339(found.at)}: such calls are refused "
            f"(no_rate); add one: callbackd rate add {name} PREFIX --per-minute 0.01"
        )
    each = found.rate
    click.echo(
        f"{each.prefix} since {rfc3339(each.since)}: {money(each.per_minute, found.currency)} a "
        f"minute, {money(each.setup_fee, found.currency)} at the beginning, first block "
        f"{each.first_block} s, then every {each.interval} s"
    )
    for cost in found.costs:
        click.echo(f"{cost.seconds:>5} s  {money(cost.amount, found.currency)}")


def _shown(found: FoundRate) -> dict[str, Any]:
    import msgspec

    made: dict[str, Any] = msgspec.to_builtins(found)
    made["at"] = rfc3339(found.at)
    if found.rate is not None:
        made["rate"]["since"] = rfc3339(found.rate.since)
        until = found.rate.until
        made["rate"]["until"] = None if until is None else rfc3339(until)
    return made


@rate.command("import")
@file_in
@_list
@dry_run
@as_json
@pass_context
def import_(context: Context, /, file: Path, name: str, dry_run: bool, as_json: bool) -> None:
    """Add and change rates of a price list by a CSV FILE.

    The first line names the columns, in any order: prefix (+49, 49, or + for all numbers) and
    per_minute, and if wanted setup_fee, first_block and interval (seconds), since, until (a day, or
    2027-01-31T00:00:00Z) and description. Amounts are of the currency's unit, 0.0125, with six
    digits after the point at most.

    A line that does not say since when is left where the rate in effect says the same already;
    otherwise it begins now. Rates that have begun do not change, but for until and description.
    Rates that are not in the file stay as they are; calls in progress keep their price.

    If anything is wrong nothing is written, and every bad line is told.
    """
    with opened(context.settings()) as store, reading(file):
        report = store.directory.import_rates(
            store.actor, name, lambda: file.open("rb"), dry_run=dry_run
        )
    echo_report(file, report, dry_run=dry_run, as_json=as_json)


@rate.command("export")
@file_out
@_list
@pass_context
def export(context: Context, /, file: Path | None, name: str) -> None:
    """Write all rates of a price list as CSV, to FILE or standard output, as it is imported."""
    from controller.admin.rates_csv import file_of

    with opened(context.settings()) as store:
        rates = store.directory.export_rates(store.actor, name)
        with complete(file, private=False) as stream:
            stream.writelines(file_of(rates))
