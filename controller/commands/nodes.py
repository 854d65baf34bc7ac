"""What commands ask of the switches: a connection to an event socket for as long as needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from controller.settings import Node

#: What asks a node: an api command and its words; gives what it printed. Raises `EslError`.
Ask = Callable[..., str]


#: How long a node may take to answer, seconds: reading a large configuration takes a while.
_SECONDS: Final = 20.0


@contextlib.contextmanager
def asking(node: Node) -> Iterator[Ask]:
    """Connect to a node for as long as it is asked. Raises `EslError`."""
    from controller.esl import commands
    from controller.esl.switch import InboundConnection

    connection = InboundConnection(node.host, node.port, node.password)

    def ask(command: str, *arguments: str) -> str:
        frame = connection.request(commands.api(command, *arguments))
        return frame.body.decode(errors="replace").rstrip("\n")

    try:
        connection.connect()
        connection.command_seconds = _SECONDS
        yield ask
    finally:
        connection.close()
