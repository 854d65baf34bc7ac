"""The switch of `bench.fuzz_calls`: it reads what is sent to a leg, and says what the input says.

It stands at the other end of a session's socket. Every command is taken apart as the simulator
takes it, and judged (`fuzz_judge`) before it is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from bench.recordings import framed
from controller.simulator.listener import Command, Disconnected, Listener

EVENT: Final = "Content-Type: text/event-json"
OK: Final = b"Content-Type: command/reply\nReply-Text: +OK\n\n"
#: What a leg's connection ends with where it does not linger.
NOTICE: Final = b"Content-Type: text/disconnect-notice\nContent-Disposition: disconnect\n\n"


@cache
def _readable() -> int:
    """Give a descriptor that always has something to read."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    return reading


class _Bytes:
    """What `Listener.read` reads."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int) -> bytes:
        """Give all of it, once."""
        data, self._data = self._data, b""
        return data


def commands_in(data: bytes) -> list[Command]:
    """Take what was sent apart, as the switch does. Raises `ValueError` where it ends half-way."""
    reader = Listener(cast("Any", None), cast("Any", _Bytes(data)))
    found: list[Command] = []
    while True:
        try:
            found.append(reader.read())
        except Disconnected:
            if reader._buffer:  # what is left is the rest of a command
                raise ValueError(f"half a command: {reader._buffer!r}") from None
            return found


class Switch:
    """A socket of one leg.

    `judge` is told each command; `tell` is what happens next where nothing more is to be read:
    bytes, or None at the end. `events` gives what comes of an application.
    """

    def __init__(
        self,
        judge: Callable[[Command], None],
        tell: Callable[[], bytes | None],
        events: Callable[[str, str, str], list[dict[str, Any]]],
    ) -> None:
        self._judge = judge
        self._tell = tell
        self._events = events
        self._inbox: list[bytes] = []
        self.over = self._lingers = False
        self.commands = 0
        self.reply: bytes = OK

    def setsockopt(self, *options: object) -> None:
        """Take an option."""

    def fileno(self) -> int:
        """Give what can always be read from."""
        return _readable()

    def close(self) -> None:
        """Take the end."""
        self.over = True

    def send(self, data: bytes, flags: int, timeout: float) -> int:
        """Take commands, all of them, and answer them."""
        for command in commands_in(data):
            self.commands += 1
            self._judge(command)
            self._inbox += self._answer(command)
        return len(data)

    def _answer(self, command: Command) -> list[bytes]:
        word = command.line.partition(" ")[0]
        if word == "connect":
            return [self.reply]
        if word == "exit":
            self.over = True
            return [OK]
        if word != "sendmsg":
            self._lingers = self._lingers or word == "linger"
            return [OK]
        if command.headers["call-command"] == "hangup":
            if not self._lingers:
                self.over = True
                return [OK, NOTICE]
            ends = self._events("hangup", command.headers["hangup-cause"], "")
            return [OK, *(event(**said) for said in ends)]
        event_uuid = command.headers["event-uuid"]
        name, argument = command.headers["execute-app-name"], command.argument()
        return [OK, *(event(**said) for said in self._events(name, argument, event_uuid))]

    def recv(self, size: int) -> bytes:
        """Give what there is to be read; where there is nothing, something happens."""
        while not self._inbox:
            if self.over:
                return b""
            told = self._tell()
            if told is None:
                return b""
            if told:
                return told
        data = b"".join(self._inbox)
        self._inbox.clear()
        return data


def event(**fields: object) -> bytes:
    """Write an event as the switch does: a value may hold bytes that are no UTF-8."""
    body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return framed(EVENT, body)
