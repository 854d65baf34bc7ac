"""`callbackd account`: money of extensions and of authorised CallerIDs."""

from __future__ import annotations

from collections.abc import Iterator
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
)
from controller.commands.records import Named, add_commands, adding, group
from controller.commands.shown import echo_json, echo_list, micros, money, rfc3339

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
add_commands(account, _NAMED, ("owner", "currency", "balance", "unlimited", "id", "description"))
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


@account.command("top-up")
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
    _enter(context, owner, amount, "top_up", order, key, **more)


# A negative amount begins like an option.
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
    with opened(context.settings()) as store:
        item = find(store, owner)
        line, new = store.directory.add_entry(store.actor, item.key, values)
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
