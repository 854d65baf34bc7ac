"""`callbackd account`: money of extensions and of authorised CallerIDs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from controller.commands import completing
from controller.commands.common import (
    Context,
    Opened,
    as_json,
    limit,
    opened,
    pages,
    pass_context,
    reading,
)
from controller.commands.files import dry_run, echo_report, file_in
from controller.commands.records import Named, add_commands, adding, group
from controller.commands.shown import echo_json, echo_list, micros, money, rfc3339
from controller.commands.transfer import complete
from controller.commands.types import Moment

if TYPE_CHECKING:
    from controller.admin.model import Item


class _NamedAccount(Named):
    """An account is named by whose it is: the extension, or EXTENSION/+NUMBER; or by its id."""

    def parameters(self, *, new: bool = False) -> list[click.Parameter]:
        """Give the one argument."""
        kind, field = ("extension", "extension") if new else ("account", "owner")
        return [_owner_argument(completing.names(kind, field))]

    def key(self, store: Opened, given: dict[str, Any]) -> str:
        """Give the account's id."""
        return find(store, given["owner"]).key


def _owner_argument(complete: completing.Complete) -> click.Argument:
    return click.Argument(["owner"], metavar="EXTENSION[/+NUMBER]", shell_complete=complete)


def find(store: Opened, owner: str) -> Item:
    """Find an account by its id, or by whose it is."""
    from controller.admin.model import Kind, NotFound

    if len(owner) == 36:
        return store.directory.get(store.actor, Kind.ACCOUNT, owner)
    extension, _, caller = owner.partition("/")

    def fetch(after: Any, most: int) -> Any:
        # The name stays with an account whose owner was removed: those do not have it any more.
        return store.directory.list(
            store.actor,
            Kind.ACCOUNT,
            {"extension": extension, "owner": owner},
            after=after,
            limit=most,
        )

    for items in pages(fetch, None):
        for item in items:
            if (item.values["extension"], item.values["caller"] or "") == (extension, caller):
                found: Item = item
                return found
    raise NotFound(
        f"there is no account of {owner:.80}; make one: callbackd account add {owner:.80} "
        "--currency EUR"
    )


def _create(store: Opened, values: dict[str, Any]) -> Item:
    from controller.admin.model import Kind

    extension, slash, caller = click.get_current_context().params["owner"].partition("/")
    own = {"extension": extension, **({"caller": caller} if slash else {})}
    return store.directory.create(store.actor, Kind.ACCOUNT, {**values, **own})


account = group("account", "Accounts: credit, and the ledger that says where it came from.")
_NAMED = _NamedAccount("account", "extension", "caller")
add_commands(
    account,
    _NAMED,
    ("owner", "currency", "balance", "unlimited", "price_list", "id", "description"),
)
account.add_command(adding(_NAMED, _create))


# --- entries ---------------------------------------------------------------------------------


_owner = click.argument(
    "owner",
    metavar="EXTENSION[/+NUMBER]",
    shell_complete=completing.names("account", "owner"),
)
_key = click.option(
    "--key",
    help="The entry's own name: the same again changes nothing, so that a command that may have "
    "been carried out can be repeated. By default a new one.",
)
_notes = click.option("--notes", default="", help="For the operator.")


# A negative amount begins like an option.
@account.command("top-up", context_settings={"ignore_unknown_options": True})
@_owner
@click.argument("amount")
@click.option("--order", required=True, help="What it is in your books: the order number.")
@_key
@_notes
@as_json
@pass_context
def top_up(
    context: Context, /, owner: str, amount: str, order: str, key: str | None, **more: Any
) -> None:
    """Add AMOUNT, such as 12.50, in the account's own currency."""
    if micros(amount) < 0:
        raise click.ClickException(
            f"amount: a top-up adds; take away by: callbackd account correct {owner:.80} {amount}"
        )
    _enter(context, owner, amount, "top_up", order, key, **more)


@account.command("correct", context_settings={"ignore_unknown_options": True})
@_owner
@click.argument("amount")
@click.option("--order", default="", help="What it is in your books.")
@_key
@_notes
@as_json
@pass_context
def correct(
    context: Context, /, owner: str, amount: str, order: str, key: str | None, **more: Any
) -> None:
    """Correct an account by AMOUNT; -12.50 takes away."""
    _enter(context, owner, amount, "correction", order, key, **more)


def _enter(
    context: Context,
    owner: str,
    amount: str,
    kind: str,
    order: str,
    key: str | None,
    *,
    notes: str,
    as_json: bool,
) -> None:
    import uuid

    values = {
        "key": key or str(uuid.uuid4()),
        "kind": kind,
        "amount": micros(amount),
        "order_number": order,
        "notes": notes,
    }
    settings = context.settings()
    with opened(settings) as store:
        item = find(store, owner)
        line, new = store.directory.add_entry(store.actor, item.key, values)
    if settings.credit.engine:
        click.echo(
            f"calls are charged by {settings.credit.engine} (credit.engine): what is on this "
            "account pays for nothing",
            err=True,
        )
    if as_json:
        echo_json(_shown(line))
        return
    if not new:
        click.echo(f"entry {line.key} was made before; nothing changed", err=True)
    currency = item.values["currency"]
    unlimited = ", unlimited" if item.values["unlimited"] else ""
    click.echo(
        f"{item.values['owner']}: {money(line.amount, currency)}, "
        f"left {money(line.left_after, currency)}{unlimited}"
    )


@account.command("entries")
@_owner
@limit
@as_json
@pass_context
def entries(context: Context, /, owner: str, limit: int | None, as_json: bool) -> None:
    """List the entries of an account, in order."""
    with opened(context.settings()) as store:
        item = find(store, owner)

        def fetch(after: Any, most: int) -> Any:
            return store.directory.entries(store.actor, item.key, after=after or 0, limit=most)

        _echo(fetch, item, limit, as_json=as_json)


@account.command("history")
@_owner
@click.option("--kind", type=click.Choice(["top_up", "correction", "call"]), help="Of it alone.")
@click.option("--since", type=Moment(), help="Made then or later.")
@click.option("--until", type=Moment(), help="Made before.")
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it as CSV to this file; - is standard output.",
)
@limit
@as_json
@pass_context
def history(
    context: Context,
    /,
    owner: str,
    file: Path | None,
    limit: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Give what was entered on an account, in order: order number, date, amount, left after, who.

    The CSV has one line for each entry, with its key; of what a call has cost, which one.
    """
    from controller.admin.entries_csv import file_of
    from controller.policy.records import EntryKind

    if file is not None and as_json:
        raise click.UsageError("--csv and --json contradict each other; say one of them")
    filters = {**given, "kind": EntryKind(given["kind"]) if given["kind"] else None}
    with opened(context.settings()) as store:
        item = find(store, owner)
        if file is not None:
            lines = store.directory.history(store.actor, item.key, **filters)
            with complete(None if str(file) == "-" else file, private=False) as stream:
                some = itertools.islice(lines, limit)
                stream.writelines(file_of(some, item.values["owner"], item.values["currency"]))
            return

        def fetch(after: Any, most: int) -> Any:
            return store.directory.entries(
                store.actor, item.key, after=after or 0, limit=most, **filters
            )

        _echo(fetch, item, limit, as_json=as_json)


@account.command("import")
@file_in
@dry_run
@as_json
@pass_context
def import_(context: Context, /, file: Path, dry_run: bool, as_json: bool) -> None:
    """Add top-ups and corrections by a CSV FILE, to any accounts.

    The first line names the columns, in any order: account (an id, EXTENSION or EXTENSION/+NUMBER),
    key (the entry's own name) and amount (12.50, in the account's currency), and if wanted kind
    (top_up, correction), order_number, notes and currency, which then has to be the account's.

    If anything is wrong nothing is written, and every bad line is told. An entry whose key is there
    already is not entered again: the same FILE a second time changes nothing.
    """
    with opened(context.settings()) as store, reading(file):
        report = store.directory.import_entries(
            store.actor, lambda: file.open("rb"), dry_run=dry_run
        )
    echo_report(file, report, dry_run=dry_run, as_json=as_json)


def _echo(fetch: Any, item: Item, limit: int | None, *, as_json: bool) -> None:
    found: Iterator[list[dict[str, Any]]] = (
        [_shown(line) for line in lines] for lines in pages(fetch, limit)
    )
    if not as_json:
        currency = item.values["currency"]
        found = ([_told(line, currency) for line in page] for page in found)
    columns = ("created", "kind", "amount", "left_after", "order_number", "actor", "notes")
    echo_list(found, columns, as_json=as_json)


def _shown(line: Any) -> dict[str, Any]:
    return {**msgspec.structs.asdict(line), "created": rfc3339(line.created)}


def _told(line: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        **line,
        "amount": money(line["amount"], currency),
        "left_after": money(line["left_after"], currency),
    }
