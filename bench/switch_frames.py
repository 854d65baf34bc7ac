"""What a switch sends in a conversation: frames as recorded, of their size, with places to fill in.

One recording has a password read and keys pressed, another one a destination that is busy. What
differs from call to call is filled in; all else is as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bench.events import plain_text
from bench.recordings import TRACES

RECORDED: Final = TRACES / "1.11.3-dev"
COLLECTING: Final = RECORDED / "callback-happy-path.json"
CALLING: Final = RECORDED / "bridge-busy.json"

_UUID: Final = re.compile(r"11111111-2222-4333-8444-[0-9]{12}")
#: A place, in letters that neither JSON nor an URL writes in another way.
_PLACE: Final = re.compile(rb"QxQ([a-z]+)QxQ")

REPLY: Final = b"Content-Type: command/reply\nReply-Text: +OK\n\n"
BYE: Final = b"Content-Type: command/reply\nReply-Text: +OK bye\n\n"


def place(name: str) -> str:
    """Give what stands for a value that is filled in later."""
    return f"QxQ{name}QxQ"


class Mould:
    """Bytes with places in them."""

    def __init__(self, pattern: bytes) -> None:
        # Every other part is the name of a place.
        self._parts = _PLACE.split(pattern)
        self._places = [(at, self._parts[at].decode()) for at in range(1, len(self._parts), 2)]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """Give the bytes; a place that has no value stays empty."""
        parts = self._parts.copy()
        for at, name in self._places:
            parts[at] = values.get(name, b"")
        return b"".join(parts)


def as_json(event: dict[str, Any]) -> bytes:
    """Write an event as `event json` brings it."""
    return json.dumps(event, separators=(",", ":")).encode()


def as_plain(event: dict[str, Any]) -> bytes:
    """Write an event as `event plain` brings it, url-encoded."""
    return plain_text(as_json(event))[1]


def _sent(path: Path, connection: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what a switch sent on a connection: each frame's head, and the event in it, if any."""
    for frame in json.loads(path.read_text("utf-8"))["frames"]:
        if frame["dir"] == "<" and frame["conn"] == connection:
            head, _, body = _UUID.sub(place("uuid"), frame["data"]).partition("\n\n")
            yield head, json.loads(body) if body.startswith("{") else {}


def channel_data() -> Mould:
    """Give the answer to `connect`."""
    for head, _ in _sent(COLLECTING, "outbound2"):
        if head.startswith("Event-Name: CHANNEL_DATA"):
            own = f"variable_callback_leg: return\nvariable_callback_request: {place('request')}\n"
            return Mould(head.replace("Content-Type:", own + "Content-Type:", 1).encode() + b"\n\n")
    raise LookupError(f"no channel data in {COLLECTING}")


class Events:
    """Makes events, as JSON or as plain text."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._write = as_json if form == "json" else as_plain
        #: By name, and for applications by theirs too: `bridge` and what others are made of, `set`.
        self._moulds: dict[tuple[str, str], Mould] = {}
        # What both have is that of a destination that is busy.
        for path, connection in ((CALLING, "outbound1"), (COLLECTING, "outbound2")):
            for _, event in _sent(path, connection):
                self._learn(event)

    def _learn(self, event: dict[str, Any]) -> None:
        name, application = event.get("Event-Name", ""), event.get("Application", "")
        key = (name, application)
        if key in self._moulds:
            return
        own = {"variable_callback_leg": "return", "variable_callback_request": place("request")}
        if name == "DTMF":
            own = {"DTMF-Digit": place("digit")}
        elif application:
            own |= {
                "Application": place("application"),
                "Application-Data": place("argument"),
                "Application-UUID": place("step"),
                "variable_current_application": place("application"),
                "variable_current_application_data": place("argument"),
            }
        if key == ("CHANNEL_EXECUTE_COMPLETE", "play_and_get_digits"):
            del event["variable_pin"]
            own["variable_callback_digits"] = place("digits")
        self._moulds[key] = Mould(self._write(event | own))

    def make(self, name: str, application: str = "", **values: str) -> bytes:
        """Make one, as a frame."""
        mould = self._moulds.get((name, application)) or self._moulds[name, "set"]
        body = mould.fill(
            {key: self._written(value) for key, value in values.items()}
            | {"application": application.encode()}
        )
        head = f"Content-Length: {len(body)}\nContent-Type: text/event-{self._form}\n\n"
        return head.encode() + body

    def _written(self, value: str) -> bytes:
        if self._form == "json":
            return json.dumps(value)[1:-1].encode()
        return quote(value, safe="/()*!,.~_-").encode()
