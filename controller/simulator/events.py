"""Events: their fields, their sizes, and the two ways they are written on the wire.

A field of an event comes from one of four places, in this order: the switch itself
(``Core-UUID`` …), the channel's state, the caller profiles (``Caller-``, ``Other-Leg-``), and the
channel variables. What each kind of leg has at each moment is in ``templates.json``, taken from
recordings. FreeSWITCH: ``switch_event_prep_for_delivery_detailed`` in ``src/switch_event.c``,
``switch_channel_event_set_data`` in ``src/switch_channel.c``.
"""

import json
import math
import re
import time
from functools import lru_cache
from importlib import resources
from typing import Final

import msgspec

Value = str | list[str]
Event = dict[str, Value]

# src/include/switch_utils.h, SWITCH_URL_UNSAFE
_UNSAFE: Final = b'\r\n #&+:;<=>?@[\\]^`{|}"'
#: What is encoded: that, all that is not printed, and ``%`` where nothing encoded follows.
_ENCODED: Final = re.compile(
    rb"[^\x20-\x7e]|[" + re.escape(_UNSAFE) + rb"]|%(?![0-9A-F]{2})", re.DOTALL
)

# What "myevents" subscribes to, of the kinds made here: mod_event_socket.c, parse_command.
MY_EVENTS: Final = frozenset(
    {
        "CHANNEL_ANSWER",
        "CHANNEL_BRIDGE",
        "CHANNEL_CREATE",
        "CHANNEL_DATA",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_PARK",
        "CHANNEL_PROGRESS",
        "CHANNEL_STATE",
        "CHANNEL_UNBRIDGE",
        "CHANNEL_UNPARK",
        "DTMF",
    }
)
_CUSTOM: Final = "CUSTOM "
KINDS: Final = MY_EVENTS | {"BACKGROUND_JOB", "CUSTOM", "HEARTBEAT", "ALL"}


class Outbound(msgspec.Struct):
    """The variables an outgoing leg gets when it is made, when it rings and when it is answered."""

    create: dict[str, str]
    ringing: dict[str, str]
    answer: dict[str, str]


class Templates(msgspec.Struct):
    """The data taken from the recordings; ``{name}`` stands for what differs per leg."""

    core: dict[str, str]
    calling: dict[str, tuple[str, str, dict[str, str]]]
    media: dict[str, str]
    trigger: dict[str, str]
    outbound: Outbound
    rtp: dict[str, str]


@lru_cache(maxsize=1)
def templates() -> Templates:
    """The templates, read once."""
    data = resources.files("controller.simulator").joinpath("templates.json").read_bytes()
    return msgspec.json.decode(data, type=Templates)


def micros() -> int:
    """Now, in microseconds of the wall clock, as FreeSWITCH counts."""
    return time.time_ns() // 1000


def whole_seconds(seconds: float) -> float:
    """How long until the clock's whole seconds have moved on by so many."""
    now = time.time()
    return max(0.0, math.floor(now) + seconds - now)


def stamp(when: int) -> str:
    """Microseconds as ``2026-11-23 22:38:36``; the switch's clock is set to UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when / 1_000_000))


@lru_cache(maxsize=8)
def _dates(second: int) -> tuple[str, str]:
    clock = time.gmtime(second)
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", clock),
        time.strftime("%a, %d %b %Y %H:%M:%S GMT", clock),
    )


class Head:
    """Makes the first fields of every event, and numbers the events of one switch."""

    def __init__(self, core_uuid: str, node: str, version: str) -> None:
        self._core = {**templates().core, "Core-UUID": core_uuid}
        self.core_uuid = core_uuid
        self._core["FreeSWITCH-Hostname"] = self._core["FreeSWITCH-Switchname"] = node
        self._calling = {
            kind: (file, function, lines.get(version) or next(iter(lines.values())))
            for kind, (file, function, lines) in templates().calling.items()
        }
        self._sequence = 0

    def skip(self) -> None:
        """Count an event that nobody listens to."""
        self._sequence += 1

    def make(self, kind: str) -> Event:
        """The fields that every event of this kind begins with; ``CUSTOM <name>`` is a module's."""
        self._sequence += 1
        now = micros()
        local, gmt = _dates(now // 1_000_000)
        file, function, line = self._calling[kind]
        event: Event = {}
        if kind.startswith(_CUSTOM):
            event["Event-Subclass"] = kind.removeprefix(_CUSTOM)
        event["Event-Name"] = kind.partition(" ")[0]
        event.update(self._core)
        event["Event-Date-Local"] = local
        event["Event-Date-GMT"] = gmt
        event["Event-Date-Timestamp"] = str(now)
        event["Event-Calling-File"] = file
        event["Event-Calling-Function"] = function
        event["Event-Calling-Line-Number"] = line
        event["Event-Sequence"] = str(self._sequence)
        return event


def url_encode(value: str) -> str:
    """Encode as FreeSWITCH does: what already looks encoded (``%0A``) is left as it is.

    FreeSWITCH: ``switch_url_encode`` in ``src/switch_utils.c``.
    """
    raw = value.encode("utf-8", "surrogateescape")
    return _ENCODED.sub(lambda found: b"%%%02X" % found[0][0], raw).decode("ascii")


def array(value: Value) -> str:
    """A value as one string: several values of one name become ``ARRAY::a|:b``."""
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


def plain_block(event: Event) -> bytes:
    """The event as header lines with url-encoded values, as ``connect`` is answered."""
    lines = [f"{name}: {url_encode(array(value))}\n" for name, value in event.items()]
    return ("".join(lines) + "\n").encode("ascii", "replace")


def plain_frame(event: Event) -> bytes:
    """The event as a ``text/event-plain`` frame.

    FreeSWITCH: ``read_packet`` in ``mod_event_socket.c``, which writes both kinds of head alike.
    """
    return _framed(b"plain", plain_block(event))


def json_frame(event: Event) -> bytes:
    """The event as a ``text/event-json`` frame."""
    try:
        body = msgspec.json.encode(event)
    except UnicodeEncodeError:  # bytes that are no UTF-8 go out as they came in
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogateescape"
        )
    return _framed(b"json", body)


def _framed(kind: bytes, body: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-%b\n\n%b" % (len(body), kind, body)
