"""`callbackd token`: who may use the API."""

from __future__ import annotations

from typing import Any

import click

from controller.commands.common import Context, opened
from controller.commands.fields import collect, options
from controller.commands.records import Named, add_commands, group, make
from controller.commands.shown import echo_item, echo_json, public

_NAMED = Named("token", "name")


def _add(context: Context, /, as_json: bool, **given: Any) -> None:
    values = collect("token", given)
    with opened(context.settings()) as store:
        item, secret = store.directory.issue_token(store.actor, values)
    if as_json:
        echo_json({**public(item), "secret": secret})
        return
    echo_item(item, as_json=False)
    # Alone on the last line: `tail -n 1` is the secret.
    click.echo(secret)


token = group("token", "Tokens: who may use the API, and for what.")
add_commands(token, _NAMED, ("name", "role", "client", "expires"))
token.add_command(
    make(
        "add",
        _add,
        "Add a token. Its secret is printed once, on the last line, and is stored nowhere.",
        _NAMED.parameters(new=True),
        lambda: options("token", change=False, without=("name",)),
    )
)
