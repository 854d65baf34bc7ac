"""`callbackd audit`: who changed what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from controller.commands.common import Context, as_json, limit, opened, pages, pass_context
from controller.commands.shown import echo_list, rfc3339


@click.group()
def audit() -> None:
    """The audit log: who changed what, from what to what."""


@audit.command("list")
@click.option(
    "--kind",
    type=click.Choice(
        [
            "client", "price_list", "rate", "channel", "number", "extension", "callerid", "account",
            "sound", "token", "callback", "stop", "lockout", "suspicion", "node", "user",
            "person",
        ]
    ),
    help="Changes of this kind of record; callbacks that were asked for or cancelled; stops; "
    "lock-outs and suspicions that were released; nodes that were drained or resumed; persons that "
    "were exported or erased.",
)  # fmt: skip
@click.option("--key", help="Changes of this record: 1001, 1001/+12025550100.")
@click.option("--actor", help="Changes that this one made: a token's name, or cli:USER.")
@click.option(
    "--action",
    type=click.Choice(["create", "change", "delete", "enter", "export", "erase"]),
    help="Changes of this sort; `enter` is an entry of an account, the last two are of persons.",
)
@limit
@as_json
@pass_context
def audit_list(context: Context, /, as_json: bool, limit: int | None, **given: str | None) -> None:
    """List changes, the newest first."""
    filters = {name: value for name, value in given.items() if value is not None}
    with opened(context.settings()) as store:

        def fetch(before: Any, most: int) -> Any:
            return store.directory.audit(store.actor, filters, before=before, limit=most)

        found: Iterator[list[dict[str, Any]]] = (
            [{**msgspec.structs.asdict(line), "at": rfc3339(line.at)} for line in lines]
            for lines in pages(fetch, limit)
        )
        if not as_json:
            found = ([_told(line) for line in page] for page in found)
        echo_list(found, ("at", "actor", "action", "kind", "key", "what"), as_json=as_json)


def _told(line: dict[str, Any]) -> dict[str, Any]:
    """Put a change in a few words: `ring_seconds: 5 -> 7`."""
    before, after = line["before"], line["after"]
    if line["action"] in ("change", "enter") and before is not None and after is not None:
        what = ", ".join(
            f"{name}: {_word(before[name])} -> {_word(after.get(name))}" for name in before
        )
    else:
        what = ""
    return {**line, "what": what}


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value) or "-"
    return "-" if value in (None, "") else str(value)
