"""`callbackd suspicion`: what looks like fraud, and its release (G3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import (
    Context,
    Opened,
    as_json,
    limit,
    now,
    opened,
    pages,
    pass_context,
)
from controller.commands.shown import echo_json, echo_list, told

if TYPE_CHECKING:
    from controller.admin.suspicions import Suspecting

_COLUMNS: Final = ("id", "pattern", "subject", "blocks", "times", "last", "said", "released")
_TIMES: Final = ("first", "last", "released")


def _suspecting(store: Opened) -> Suspecting:
    from controller.admin.suspicions import Suspecting

    return Suspecting(store.engine, now=now)


@click.group()
def suspicion() -> None:
    """What looks like fraud (G3), and whether calls are blocked for it."""


@suspicion.command("list")
@click.option(
    "--open/--all", "is_open", default=True, help="Those that nobody has released; or all of them."
)
@click.option(
    "--pattern",
    type=click.Choice(["sequential_numbers", "many_extensions", "short_answers", "sudden_spend"]),
    help="Those where this was seen.",
)
@click.option(
    "--extension",
    shell_complete=completing.names("extension", "extension"),
    help="Those of this one; a number that rings through many extensions is of none.",
)
@limit
@as_json
@pass_context
def list_(
    context: Context,
    /,
    is_open: bool,
    pattern: str | None,
    extension: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List what looks like fraud, the newest first: what was seen, how often, and when last.

    `blocks`: no calls are made for it, until it is released; the extension's --on-… say so.
    """
    wanted: dict[str, str | bool | None] = {
        "open": is_open or None, "pattern": pattern, "extension": extension,
    }  # fmt: skip
    filters = {name: value for name, value in wanted.items() if value is not None}
    with opened(context.settings()) as store:
        suspecting = _suspecting(store)

        def fetch(after: Any, most: int) -> Any:
            return suspecting.list(store.actor, filters, after=after, limit=most)

        found = ([told(one, _TIMES) for one in page] for page in pages(fetch, limit))
        columns = _COLUMNS[:-1] if is_open else _COLUMNS
        echo_list(found, columns, as_json=as_json)


@suspicion.command("release")
@click.argument("id_", metavar="ID", type=int, shell_complete=completing.suspicions)
@as_json
@pass_context
def release(context: Context, /, id_: int, as_json: bool) -> None:
    """Release what looks like fraud, by its ID in the list.

    Running controllers block nothing for it any more within a second. It does not come back by
    what was seen before; sudden spending is not looked for there for a day.
    """
    with opened(context.settings()) as store:
        gone = _suspecting(store).release(store.actor, id_)
    if as_json:
        echo_json(told(gone, _TIMES))
        return
    blocked = "blocked calls" if gone.blocks else "blocked nothing"
    click.echo(f"released {gone.id}, {gone.pattern} {gone.subject}: it {blocked}")
