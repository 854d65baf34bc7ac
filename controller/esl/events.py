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
from collections.abc import Callable
from typing import Any, Final, Union, cast

import msgspec

from controller.esl.errors import BadEvent

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


#: What FreeSWITCH calls the fields.
_NAMES: Final = {
    "uuid": "Unique-ID",
    "application_uuid": "Application-UUID",
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
    "progress_uepoch": "variable_progress_uepoch",
    "progress_media_uepoch": "variable_progress_media_uepoch",
    "leg": "variable_callback_leg",
    "request": "variable_callback_request",
    "call": "variable_callback_call",
    "position": "variable_callback_position",
    "stage": "variable_callback_stage",
    "charged": "variable_callback_charged",
    "said": "variable_callback_said",
    "gateway": "Gateway",
    "gateway_state": "State",
    "gateway_status": "Ping-Status",
    "version": "FreeSWITCH-Version",
    "sessions": "Session-Count",
    "most_sessions": "Max-Sessions",
    "idle_cpu": "Idle-CPU",
}

#: What a field is in an event of a kind that has none of it: as if it were absent.
_NONE: Final[Field] = None


class Event(msgspec.Struct, frozen=True, gc=False, rename=_NAMES, tag_field="Event-Name"):
    """One event of FreeSWITCH: its name, the leg it is about, and what its kind has beside.

    Each kind that is asked for is a class of its own, with the fields that are read of it: a
    decoder holds each of an event's 150 names against each field, so half of the time went into
    fields that only other kinds have. Every field but the name may be absent, and whichever a kind
    does not have reads as absent.

    Attributes:
        name: the kind of event (`CHANNEL_EXECUTE_COMPLETE`).
        uuid: the leg it is about.

    """

    uuid: Field = None

    # Not annotated, so no fields; those of the kinds take their place.
    name = ""
    application_uuid = _NONE
    hangup_cause = _NONE
    job_uuid = _NONE
    body = _NONE
    other_leg_uuid = _NONE
    bridge_b_uuid = _NONE
    read_result = _NONE
    digit = _NONE
    digits = _NONE
    originate_disposition = _NONE
    bridge_hangup_cause = _NONE
    last_bridge_to = _NONE
    originate_causes = _NONE
    channel = _NONE
    start_uepoch = _NONE
    answer_uepoch = _NONE
    end_uepoch = _NONE
    progress_uepoch = _NONE
    progress_media_uepoch = _NONE
    leg = _NONE
    request = _NONE
    call = _NONE
    position = _NONE
    stage = _NONE
    charged = _NONE
    said = _NONE
    gateway = _NONE
    gateway_state = _NONE
    gateway_status = _NONE
    version = _NONE
    sessions = _NONE
    most_sessions = _NONE
    idle_cpu = _NONE


class ApplicationEnded(Event, frozen=True, gc=False, tag="CHANNEL_EXECUTE_COMPLETE"):
    """CHANNEL_EXECUTE_COMPLETE: an application on a leg has ended, or the leg it ran on has.

    Attributes:
        application_uuid: the `Event-UUID` of the command whose application this is.
        hangup_cause: there, where the leg has hung up.
        digits: what the caller typed last, from the variable that our commands name.
        originate_causes: of a bridge: `<uuid>;<cause>` of each leg that it, and any before, made.

    """

    name = "CHANNEL_EXECUTE_COMPLETE"

    application_uuid: Field = None
    hangup_cause: Field = None
    read_result: Field = None
    digits: Field = None
    originate_disposition: Field = None
    bridge_hangup_cause: Field = None
    last_bridge_to: Field = None
    originate_causes: Field = None


class LegsBridged(Event, frozen=True, gc=False, tag="CHANNEL_BRIDGE"):
    """CHANNEL_BRIDGE: the leg talks with another one."""

    name = "CHANNEL_BRIDGE"

    other_leg_uuid: Field = None
    bridge_b_uuid: Field = None
    originate_causes: Field = None


class KeyPressed(Event, frozen=True, gc=False, tag="DTMF"):
    """DTMF. `digit` is the one key, `0`-`9`, `*`, `#` or `A`-`D`."""

    name = "DTMF"

    digit: Field = None


class LegOver(Event, frozen=True, gc=False, tag="CHANNEL_HANGUP_COMPLETE"):
    """CHANNEL_HANGUP_COMPLETE, or a call record (`controller.esl.records`): a leg is over.

    Attributes:
        channel: the channel that it went out over, as our dial strings set it.
        start_uepoch, answer_uepoch, end_uepoch: when it was made, answered and hung up,
            microseconds since 1970 by the switch's clock; 0 where it never was.
        progress_uepoch, progress_media_uepoch: when it rang, and sent sound of its own; likewise.
        leg: `trigger`, `return` or `destination`, as our dialplan and dial strings set it.
        call, position: which call it belongs to, and the how-manieth destination of it it is.
        charged: there, where somebody pays for the call, as our dial strings set it.
        said: which last sentence our dialplan has said on it, before it hung up.

    """

    name = "CHANNEL_HANGUP_COMPLETE"

    hangup_cause: Field = None
    bridge_hangup_cause: Field = None
    last_bridge_to: Field = None
    originate_causes: Field = None
    channel: Field = None
    start_uepoch: Field = None
    answer_uepoch: Field = None
    end_uepoch: Field = None
    progress_uepoch: Field = None
    progress_media_uepoch: Field = None
    leg: Field = None
    request: Field = None
    call: Field = None
    position: Field = None
    stage: Field = None
    charged: Field = None
    said: Field = None


class JobAnswered(Event, frozen=True, gc=False, tag="BACKGROUND_JOB"):
    """BACKGROUND_JOB: what came of a `bgapi` command.

    Attributes:
        job_uuid: the `Job-UUID` that the command named.
        body: `+OK <uuid>` or `-ERR <cause>`, with a line break.

    """

    name = "BACKGROUND_JOB"

    job_uuid: Field = None
    body: Field = None


class GatewayTold(Event, frozen=True, gc=False, tag="CUSTOM"):
    """CUSTOM of `gateways`: which gateway it is about, and its state, where that is another now."""

    name = "CUSTOM"

    gateway: Field = None
    gateway_state: Field = None
    gateway_status: Field = None


class Heartbeat(Event, frozen=True, gc=False, tag="HEARTBEAT"):
    """HEARTBEAT: how the switch does.

    Attributes:
        version: its release.
        sessions, most_sessions: the legs that it has, and may have.
        idle_cpu: how much of its machine's time is idle, percent: `40.366667`.

    """

    name = "HEARTBEAT"

    version: Field = None
    sessions: Field = None
    most_sessions: Field = None
    idle_cpu: Field = None


class OtherEvent(
    Event, frozen=True, gc=False, kw_only=True, rename={"name": "Event-Name"}, tag=False
):
    """An event of a kind that nobody asks for: what it has beside is not read."""

    name: str


def _plain(name: str) -> type[Event]:
    """Make a kind of which only the leg is read."""
    options: dict[str, Any] = {"frozen": True, "gc": False, "tag": name}
    kind: Any = msgspec.defstruct(name, [], bases=(Event,), namespace={"name": name}, **options)
    return cast("type[Event]", kind)


#: The kinds that are asked for, and those of a leg that a script's `myevents` brings beside: an
#: event of any other kind is decoded at the second try.
KINDS: Final[tuple[type[Event], ...]] = (
    ApplicationEnded,
    LegsBridged,
    KeyPressed,
    LegOver,
    JobAnswered,
    GatewayTold,
    Heartbeat,
    _plain("CHANNEL_CREATE"),
    _plain("CHANNEL_STATE"),
    _plain("CHANNEL_ANSWER"),
    _plain("CHANNEL_PARK"),
    _plain("CHANNEL_UNPARK"),
    _plain("CHANNEL_EXECUTE"),
    _plain("CHANNEL_UNBRIDGE"),
    _plain("CHANNEL_HANGUP"),
)
_NAMED: Final = frozenset(kind.name for kind in KINDS)
_KIND: Final[Any] = Union[KINDS]  # noqa: UP007  (made of a tuple)
_decode: Final[Callable[[bytes], Event]] = msgspec.json.Decoder(_KIND).decode
_decode_other: Final = msgspec.json.Decoder(OtherEvent).decode

#: The variable that every digit collection of ours writes to; `ApplicationEnded.digits` reads it.
DIGITS_VARIABLE: Final = "callback_digits"


def decode_event(body: bytes) -> Event:
    """Decode the JSON body of a `text/event-json` frame, as the kind that its name says.

    Raises `BadEvent` where it is no JSON, no object, nested beyond reason, or has no name.
    """
    try:
        try:
            return _decode(body)
        except msgspec.ValidationError:
            event = _decode_other(body)
            if event.name not in _NAMED:
                return event
            # It is no event of its kind, or says its name twice: then, as of any field, the last.
            said: Event = msgspec.convert(msgspec.json.decode(body), _KIND)
            return said
    except msgspec.ValidationError as error:
        raise BadEvent(f"not an event: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        repaired = body.decode(errors="replace").encode()
        if repaired == body:
            raise BadEvent(f"not JSON: {error}") from error
        return decode_event(repaired)
    except RecursionError as error:
        raise BadEvent("JSON nested beyond reason") from error
