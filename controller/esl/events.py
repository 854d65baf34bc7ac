"""What FreeSWITCH says, typed: only the fields that are used, decoded from JSON.

Events are asked for as JSON (`event json …`): a value can then hold any byte without becoming a
header, and msgspec passes over the hundred fields that nobody reads. Three things need care:

- A header pushed more than once comes as a list (switch_event.c, switch_event_serialize_json_obj).
  A caller can cause that too, with a display name that begins with `ARRAY::`. A list where one
  value is expected is no value: `text` gives None for it.
- A body can hold bytes that are no UTF-8, because SIP headers are passed on as they came. Such a
  body is decoded once more with the bad bytes replaced, so that one caller's name cannot end
  the connection that carries other people's events.
- `_body` is the event's own body, with its line break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import msgspec

from controller.esl.errors import BadEvent
from controller.esl.wire import Frame

#: What a byte that was not UTF-8 became when it was decoded.
_REPLACEMENT: Final = "\ufffd"

#: Hang-up causes and dispositions by FreeSWITCH's names; the store keeps no longer ones.
_CAUSE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z", re.ASCII)
#: Digits of a moment: what is longer fits into no database, and is a time of no switch.
_LONGEST_MOMENT: Final = 17

#: One value, or the values of a header that was pushed several times.
Field = str | list[str] | None


def text(value: Field) -> str | None:
    """Give a field's value where it is one plain text; None where it is absent, repeated or odd.

    Odd is: control characters, line separators, or bytes that were not UTF-8. Nothing of that
    kind is ever used as a value.
    """
    if isinstance(value, str) and value.isprintable() and _REPLACEMENT not in value:
        return value
    return None


def cause(value: Field) -> str | None:
    """Give the word for how something ended (`USER_BUSY`, `failure`); None: absent, or no word."""
    plain = text(value)
    return plain if plain is not None and _CAUSE.match(plain) else None


def moment(value: Field) -> int | None:
    """Read a time of the switch's clock, microseconds since 1970; None where it never was."""
    plain = text(value) or ""
    if not (plain.isascii() and plain.isdigit()) or len(plain) > _LONGEST_MOMENT:
        return None
    return int(plain) or None


class Event(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "name": "Event-Name",
        "uuid": "Unique-ID",
        "timestamp": "Event-Date-Timestamp",
        "application": "Application",
        "application_uuid": "Application-UUID",
        "application_response": "Application-Response",
        "hangup_cause": "Hangup-Cause",
        "job_uuid": "Job-UUID",
        "body": "_body",
        "other_leg_uuid": "Other-Leg-Unique-ID",
        "bridge_b_uuid": "Bridge-B-Unique-ID",
        "read_result": "variable_read_result",
        "digit": "DTMF-Digit",
        "digits": "variable_callback_digits",
        "originate_disposition": "variable_originate_disposition",
        "bridge_hangup_cause": "variable_bridge_hangup_cause",
        "last_bridge_to": "variable_last_bridge_to",
        "originate_causes": "variable_originate_causes",
        "channel": "variable_callback_channel",
        "start_uepoch": "variable_start_uepoch",
        "answer_uepoch": "variable_answer_uepoch",
        "end_uepoch": "variable_end_uepoch",
        "leg": "variable_callback_leg",
        "request": "variable_callback_request",
        "call": "variable_callback_call",
        "position": "variable_callback_position",
        "stage": "variable_callback_stage",
        "charged": "variable_callback_charged",
        "gateway": "Gateway",
        "gateway_state": "State",
        "gateway_status": "Ping-Status",
        "version": "FreeSWITCH-Version",
        "sessions": "Session-Count",
        "most_sessions": "Max-Sessions",
        "idle_cpu": "Idle-CPU",
    },
):
    """One event of FreeSWITCH. Every field but the name may be absent.

    Attributes:
        name: the kind of event (`CHANNEL_EXECUTE_COMPLETE`).
        uuid: the leg it is about.
        timestamp: microseconds since 1970, the switch's clock.
        application_uuid: the `Event-UUID` of the command whose application this is.
        job_uuid: of a BACKGROUND_JOB: the `Job-UUID` that the command named.
        body: of a BACKGROUND_JOB: `+OK <uuid>` or `-ERR <cause>`, with a line break.
        digit: of a DTMF: the one key, `0`-`9`, `*`, `#` or `A`-`D`.
        digits: what the caller typed last, from the variable that our commands name.
        originate_causes: of a bridge: `<uuid>;<cause>` of each leg that it, and any before, made.
        channel: the channel that it goes out over, as our dial strings set it.
        start_uepoch, answer_uepoch, end_uepoch: of a leg that is over, when it was made, answered
            and hung up, microseconds since 1970 by the switch's clock; 0 where it never was.
        leg: `trigger`, `return` or `destination`, as our dialplan and dial strings set it.
        call, position: which call a leg belongs to, and the how-manieth destination of it it is.
        charged: there, where somebody pays for the call, as our dial strings set it.
        gateway: of a CUSTOM event of `gateways`: which gateway it is about.
        gateway_state, gateway_status: its state, where that is another one now.
        version: of a HEARTBEAT: the switch's release.
        sessions, most_sessions: of a HEARTBEAT: the legs that it has, and may have.
        idle_cpu: of a HEARTBEAT: how much of its machine's time is idle, percent: `40.366667`.

    """

    name: str
    uuid: Field = None
    timestamp: Field = None
    application: Field = None
    application_uuid: Field = None
    application_response: Field = None
    hangup_cause: Field = None
    job_uuid: Field = None
    body: Field = None
    other_leg_uuid: Field = None
    bridge_b_uuid: Field = None
    read_result: Field = None
    digit: Field = None
    digits: Field = None
    originate_disposition: Field = None
    bridge_hangup_cause: Field = None
    last_bridge_to: Field = None
    originate_causes: Field = None
    channel: Field = None
    start_uepoch: Field = None
    answer_uepoch: Field = None
    end_uepoch: Field = None
    leg: Field = None
    request: Field = None
    call: Field = None
    position: Field = None
    stage: Field = None
    charged: Field = None
    gateway: Field = None
    gateway_state: Field = None
    gateway_status: Field = None
    version: Field = None
    sessions: Field = None
    most_sessions: Field = None
    idle_cpu: Field = None


#: The variable that every digit collection of ours writes to; `Event.digits` reads it.
DIGITS_VARIABLE: Final = "callback_digits"

_decode = msgspec.json.Decoder(Event).decode


def decode_event(body: bytes) -> Event:
    """Decode the JSON body of a `text/event-json` frame.

    Raises `BadEvent` where it is no JSON, no object, nested beyond reason, or has no name.
    """
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise BadEvent(f"not an event: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        repaired = body.decode(errors="replace").encode()
        if repaired == body:
            raise BadEvent(f"not JSON: {error}") from error
        return decode_event(repaired)
    except RecursionError as error:
        raise BadEvent("JSON nested beyond reason") from error


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

    def __len__(self) -> int:
        return len(self._raw)


def channel_data(frame: Frame) -> ChannelData:
    """Read the reply to `connect`. Raises `BadEvent` where it is no channel's data."""
    data = ChannelData(frame.headers)
    if data.uuid is None:
        raise BadEvent("the reply to connect names no channel")
    return data


#: What the switch says of a leg that was answered, among the causes of those that were not.
_ANSWERED: Final = "NONE"


def failed_legs(value: Field) -> tuple[tuple[str, str], ...]:
    """Read `originate_causes`: of each leg that came to nothing, its uuid and its cause.

    The switch adds to it with each bridge: those of earlier destinations are among them
    (switch_ivr_originate.c, switch_ivr_originate: `<uuid>;<cause>`, several as a list).
    """
    return tuple(_pairs([value] if isinstance(value, str) else value or []))


def failed_legs_of(data: ChannelData) -> tuple[tuple[str, str], ...]:
    """Read the same of a leg that connects, whose variables are plain text."""
    raw = unquote(data.raw("variable_originate_causes") or "", errors="replace")
    return tuple(_pairs(raw.removeprefix("ARRAY::").split("|:")))


def _pairs(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        leg, _, said = (text(value) or "").partition(";")
        why = cause(said)
        if why is not None and why != _ANSWERED:
            yield leg, why
