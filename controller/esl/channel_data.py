"""What the switch answers to `connect`: the leg and its variables, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from controller.esl.errors import BadEvent
from controller.esl.events import text
from controller.esl.wire import Frame


class ChannelData:
    """The reply to `connect`: the leg and its variables, as plain text with url-encoded values.

    The block was split into lines before anything was decoded; a value is decoded when it is
    read, since of some 170 values we read a dozen.
    """

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[str, str]) -> None:
        self._raw = raw

    def get(self, name: str) -> str | None:
        """Give the value of a header or `variable_…` as one printable text, else None.

        None is also what an odd value gives: control characters, bytes that are not UTF-8, or
        FreeSWITCH's form for several values, `ARRAY::a|:b`.
        """
        raw = self._raw.get(name)
        if raw is None or raw.startswith("ARRAY::"):
            return None
        value = text(unquote(raw, errors="replace") if "%" in raw else raw)
        return None if value is None or value.startswith("ARRAY::") else value

    def raw(self, name: str) -> str | None:
        """Give a value as it came, for the record only: it may hold anything, url-encoded."""
        return self._raw.get(name)

    def variable(self, name: str) -> str | None:
        """Give a channel variable; see `get`."""
        return self.get("variable_" + name)

    def microseconds(self, name: str) -> int | None:
        """Give a time of the switch's clock, microseconds since 1970; None if there is none."""
        value = self.get(name)
        if value is None or not (value.isascii() and value.isdigit()) or len(value) > 20:
            return None
        return int(value) or None

    @property
    def uuid(self) -> str | None:
        """The leg's uuid."""
        return self.get("Unique-ID")

    def only(self, names: Iterable[str]) -> ChannelData:
        """Give of the data what has these names."""
        return ChannelData({name: self._raw[name] for name in names if name in self._raw})

    def __len__(self) -> int:
        return len(self._raw)


def channel_data(frame: Frame) -> ChannelData:
    """Read the reply to `connect`. Raises `BadEvent` where it is no channel's data."""
    data = ChannelData(frame.headers)
    if data.uuid is None:
        raise BadEvent("the reply to connect names no channel")
    return data
