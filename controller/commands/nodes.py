"""Which switches commands ask, and how: a connection to an event socket while it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Final

import click

from controller.settings import Node, Settings

#: What asks a node: an api command and its words; gives what it printed. Raises `EslError`.
Ask = Callable[..., str]


#: How long a node may take to answer, seconds: reading a large configuration takes a while.
_SECONDS: Final = 20.0


def chosen(settings: Settings, names: Collection[str]) -> list[Node]:
    """Give the nodes of the settings that `--node` names; without any name all of them."""
    known = [node.name for node in settings.nodes]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"no node of the settings is called {name}; there are: "
                f"{', '.join(known) or 'none'}",
                param_hint="--node",
            )
    return [node for node in settings.nodes if node.name in names or not names]


@contextlib.contextmanager
def asking(node: Node) -> Iterator[Ask]:
    """Connect to a node for as long as it is asked. Raises `EslError`."""
    from controller.esl import commands
    from controller.esl.switch import InboundConnection

    connection = InboundConnection(node.host, node.port, node.password)

    def ask(command: str, *arguments: str) -> str:
        return connection.request(commands.api(command, *arguments)).text

    try:
        connection.connect()
        connection.command_seconds = _SECONDS
        yield ask
    finally:
        connection.close()
