"""Events and the reply to `connect`: typed, and nothing that a caller sent becomes more than text.

The issue's words: a value may hold anything; a forged header is never a header (G1).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl.channel_data import ChannelData, channel_data
from controller.esl.errors import BadEvent
from controller.esl.events import KINDS, Event, OtherEvent, cause, decode_event, text
from controller.esl.wire import Frame, FrameReader
from tests import abuse

from .peer import LEG
from .peer import channel_data as connect_reply

NAMED = "variable_callback_digits"


def decoded(**fields: Any) -> Event:
    """Decode an event with these fields."""
    return decode_event(json.dumps({"Event-Name": "CHANNEL_EXECUTE_COMPLETE", **fields}).encode())


def connected(*lines: str) -> ChannelData:
    """Take the reply to `connect` off the wire."""
    reader = FrameReader()
    reader.feed(connect_reply(*lines))
    frame = reader.next_frame()
    assert frame is not None
    return channel_data(frame)


# --- JSON events ---------------------------------------------------------------------------


def test_an_event_has_the_fields_that_are_used_and_none_for_the_absent() -> None:
    event = decoded(**{"Unique-ID": LEG, "Hangup-Cause": "USER_BUSY", "variable_unused": "1"})
    assert event.name == "CHANNEL_EXECUTE_COMPLETE"
    assert (event.uuid, event.hangup_cause, event.digits) == (LEG, "USER_BUSY", None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("beginning", [{}, {"Event-Subclass": "sofia::gateway_state"}])
def test_each_kind_has_its_own_fields_and_of_the_others_none(
    kind: type[Event], beginning: dict[str, str]
) -> None:
    """A module's own event begins with its subclass, all others with their name."""
    names = {f.name: f.encode_name for one in KINDS for f in msgspec.structs.fields(one)}
    own = {field.name for field in msgspec.structs.fields(kind)}
    values = {name: f"value of {name}" for name in names.values()}
    event = decode_event(
        json.dumps({**beginning, "Event-Name": kind.name, "unused": "1", **values}).encode()
    )
    assert type(event) is kind
    assert event.name == kind.name
    assert {field: getattr(event, field) for field in names} == {
        field: f"value of {name}" if field in own else None for field, name in names.items()
    }


def test_an_event_of_another_kind_has_its_name_and_its_leg() -> None:
    event = decoded(**{"Event-Name": "CHANNEL_HOLD", "Unique-ID": LEG, NAMED: "1"})
    assert (type(event), event.name, event.uuid, event.digits) == (
        OtherEvent,
        "CHANNEL_HOLD",
        LEG,
        None,
    )


@pytest.mark.parametrize("first", ["CHANNEL_BRIDGE", "CHANNEL_HOLD"])
@pytest.mark.parametrize("last", ["DTMF", "CHANNEL_BROADCAST"])
def test_of_a_name_said_twice_the_last_counts(first: str, last: str) -> None:
    """As of any field that is there twice; the switch writes a list of both."""
    event = decode_event(
        f'{{"Event-Name":"{first}","DTMF-Digit":"1","Event-Name":"{last}"}}'.encode()
    )
    assert (event.name, event.digit) == (last, "1" if last == "DTMF" else None)


def test_a_body_of_an_event_keeps_its_line_break() -> None:
    event = decoded(**{"Event-Name": "BACKGROUND_JOB", "_body": "-ERR USER_BUSY\n"})
    assert event.body == "-ERR USER_BUSY\n"


def test_a_repeated_header_is_a_list_and_no_value() -> None:
    event = decoded(**{NAMED: ["1234", "5678"]})
    assert event.digits == ["1234", "5678"]
    assert text(event.digits) is None


@pytest.mark.parametrize("odd", ["a\nb", "a\x00", "\u202e1", "a\u2028b", "a\x85b", "\ufffd"])
def test_an_odd_value_is_no_value(odd: str) -> None:
    """G1: control characters, line separators and bytes that were not UTF-8."""
    assert text(decoded(**{NAMED: odd}).digits) is None


@pytest.mark.parametrize("plain", ["", "1234", "Zoë Ω", "+1212%0Aevil: yes", "ARRAY::a"])
def test_a_plain_value_is_itself_and_nothing_in_it_is_decoded(plain: str) -> None:
    assert text(decoded(**{NAMED: plain}).digits) == plain


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("USER_BUSY", "USER_BUSY"), ("failure", "failure"), ("sip:503", "sip:503"),
        ("X" * 64, "X" * 64), ("X" * 65, None), ("", None), (None, None), ("a b", None),
        ("A\nB", None), ("${x}", None), ("A,B", None), (["A", "B"], None), ("<b>", None),
    ],
)  # fmt: skip
def test_how_something_ended_is_a_word_or_nothing(said: str | list[str], word: str | None) -> None:
    """G1: it is shown, kept and counted; the store takes no longer one."""
    assert cause(said) == word


@pytest.mark.parametrize("field", [NAMED, "variable_sip_from_display"])
def test_broken_utf_8_in_one_value_does_not_lose_the_event(field: str) -> None:
    """One caller's name cannot end the connection that carries other people's events."""
    name = "CHANNEL_EXECUTE_COMPLETE"
    body = json.dumps({"Event-Name": name, field: "X", "Unique-ID": LEG}).encode()
    event = decode_event(body.replace(b'"X"', b'"\xff\xc3("'))
    assert event.uuid == LEG
    assert text(event.digits) is None


def test_broken_utf_8_in_a_name_of_a_field_does_not_lose_the_event() -> None:
    assert decode_event(b'{"variable_\xff": "1", "Event-Name": "CUSTOM"}').name == "CUSTOM"


@pytest.mark.parametrize("depth", [10_000, 100_000, 1_000_000])
@pytest.mark.parametrize("field", ["Unique-ID", "variable_unused", "_body"])
@pytest.mark.parametrize("mark", ["[", '{"a":'])
def test_json_nested_beyond_reason_is_refused(depth: int, field: str, mark: str) -> None:
    body = f'{{"Event-Name": "CUSTOM", "{field}": {mark * depth}'.encode()
    with pytest.raises(BadEvent):
        decode_event(body)


@pytest.mark.parametrize("tail", ["", "]" * 100_000 + "}"])
def test_nesting_is_refused_whether_it_is_closed_or_not(tail: str) -> None:
    with pytest.raises(BadEvent):
        decode_event(('{"Event-Name": "CUSTOM", "x": ' + "[" * 100_000 + tail).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"CUSTOM"',
        b"{}",
        b'{"Event-Name": null}',
        b'{"Event-Name": 1}',
        b'{"Event-Name": ["A", "B"]}',
        b'{"Event-Name": "A", "Unique-ID": 5}',
        b'{"Event-Name": "A", "Unique-ID": {"a": "b"}}',
        b'{"Event-Name": "A", "Unique-ID": ["a", 1]}',
        b'{"Event-Name": "DTMF", "DTMF-Digit": 5}',
        b'{"Event-Name": "DTMF", "Unique-ID": 5}',
        b'{"Event-Name": "DTMF", "Event-Name": 5}',
        b'{"Event-Name": "A", "Event-Name": "DTMF", "DTMF-Digit": 5}',
        b'{"Event-Name": "A"} trailing',
        b"\xff\xfe",
        b'{"Event-Name": "\\ud800"}',
        b'{"Event-Name": "A", "variable_x": "\\x"}',
        b'{"Event-Name": "A"}}',
    ],
)
def test_what_is_no_event_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(BadEvent):
        decode_event(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_bad_event(body: bytes) -> None:
    try:
        assert decode_event(body).name
    except BadEvent:
        return


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50)), st.text(max_size=50))
def test_no_field_can_stand_in_for_another(others: dict[str, str], value: str) -> None:
    """G1: whatever other fields hold, a field is what its own name says."""
    others.pop(NAMED, None)
    name = "CHANNEL_EXECUTE_COMPLETE"
    event = decoded(**{**others, "Event-Name": name, NAMED: value})
    assert (event.name, event.digits) == (name, value)


# --- the reply to `connect` ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["variable_sip_from_user", "Caller-Caller-ID-Number"])
def test_an_encoded_line_break_forges_no_header(name: str) -> None:
    """G1: `+1212%0Avariable_evil:%20yes`, which greenswitch 0.0.19 takes for a header."""
    (number,) = (n for n in abuse.CASES["caller_id_number"] if "%0A" in n)
    data = connected(f"{name}: {number}")
    assert data.variable("evil") is None
    assert data.raw("variable_evil") is None
    assert data.get(name) is None  # decoded it holds a line break: no value
    assert data.raw(name) == number


def urlencoded(value: str) -> str:
    """Encode as the switch does, a `%` that came from outside left as it is."""
    unsafe = '\r\n "#&+:;<=>?@[\\]^`{|}'
    return "".join(
        f"%{byte:02X}" if byte > 126 or byte < 32 or chr(byte) in unsafe else chr(byte)
        for byte in value.encode()
    )


@pytest.mark.parametrize("value", abuse.CASES["caller_id_number"] + abuse.CASES["caller_id_name"])
def test_no_hostile_caller_becomes_another_header(value: str) -> None:
    plain = connected()
    data = connected(
        f"Caller-Caller-ID-Number: {urlencoded(value)}",
        f"variable_sip_from_display: {urlencoded(value)}",
    )
    assert len(data) == len(plain) + 2
    assert data.uuid == LEG
    for name in ("evil", "pin_ok"):
        assert data.variable(name) is None
    got = data.variable("sip_from_display")
    assert got is None or (got.isprintable() and got in (value, value.strip()))


@pytest.mark.parametrize("raw", ["ARRAY::a|:b", "ARRAY%3A%3Aa%7C%3Ab", "%41RRAY::x"])
def test_several_values_are_no_value(raw: str) -> None:
    assert connected(f"variable_sip_from_display: {raw}").variable("sip_from_display") is None


@pytest.mark.parametrize("raw", ["%FF", "%C3(", "a%00b", "a%0Db", "%E2%80%A8", "%E2%80%AE1"])
def test_an_odd_value_of_the_leg_is_no_value_but_is_kept_for_the_record(raw: str) -> None:
    data = connected(f"variable_x: {raw}")
    assert (data.variable("x"), data.raw("variable_x")) == (None, raw)


def test_a_value_is_decoded_once() -> None:
    assert connected("variable_x: %2541%2B1").variable("x") == "%41+1"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1795472841351721", 1795472841351721),
        *((raw, None) for raw in ("0", "", "-5", "1e9", "٣", "9" * 21, "9" * 4000, "1 2")),
    ],
)
def test_a_time_is_a_number_of_microseconds_or_none(raw: str, value: int | None) -> None:
    data = connected(f"variable_start_uepoch: {raw}")
    assert data.microseconds("variable_start_uepoch") == value
    assert data.microseconds("absent") is None


@pytest.mark.parametrize("leg", ["", "a%0Ab", "%FF"])
def test_a_reply_to_connect_without_a_leg_is_refused(leg: str) -> None:
    with pytest.raises(BadEvent):
        channel_data(Frame({"Unique-ID": leg} if leg else {}, b""))
