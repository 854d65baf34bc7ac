"""What watchers of live calls are sent: pictures, and how one differs from the one before.

No I/O. A picture is a page of rows, as HTML, and some facts, as words; the browser puts each where
it belongs (`static/live.js`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from controller.admin.live_shapes import LiveCall

#: How long a browser waits before it connects again, milliseconds.
_RETRY: Final = b"retry: 2000\n"
#: Nothing but a sign of life. An event: of a comment a browser tells its page nothing, and a page
#: that hears nothing for long knows that nobody is there any more.
HEARTBEAT: Final = b"event: alive\ndata: {}\n\n"


class Picture(msgspec.Struct, frozen=True, eq=False):
    """What is seen at one moment.

    Attributes:
        number: counts pictures, so that a browser can say which one it saw last.
        now: when, microseconds since 1970.
        calls: what each row was made of, in order.
        rows: their HTML, by the ids of calls.
        facts: totals and other words, by where they belong.

    """

    number: int
    now: int
    calls: Mapping[str, LiveCall]
    rows: Mapping[str, str]
    facts: Mapping[str, str]


def whole(picture: Picture) -> bytes:
    """Give all of a picture, as an event."""
    return _RETRY + _event(
        "whole",
        picture,
        facts=picture.facts,
        order=list(picture.rows),
        rows=picture.rows,
    )


def change(old: Picture, new: Picture) -> bytes:
    """Give how a picture differs from an earlier one, as an event; empty where it does not."""
    said: dict[str, Any] = {}
    facts = {name: text for name, text in new.facts.items() if old.facts.get(name) != text}
    rows = {id_: html for id_, html in new.rows.items() if old.rows.get(id_) != html}
    if facts:
        said["facts"] = facts
    if rows:
        said["rows"] = rows
    if list(old.rows) != list(new.rows):
        said["order"] = list(new.rows)
    return _event("change", new, **said) if said else b""


def told(event: str) -> bytes:
    """Give an event that has nothing but its name."""
    return f"event: {event}\ndata: {{}}\n\n".encode()


def _event(name: str, picture: Picture, **said: Any) -> bytes:  # noqa: ANN401
    data = msgspec.json.encode({"now": picture.now // 1000, **said})
    # JSON has no line break in it: an event is what stands before an empty line.
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), picture.number, data)
