"""The switch's own call records; those here were written by FreeSWITCH 1.11.1 (M7)."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl.errors import BadEvent
from controller.esl.events import moment
from controller.esl.records import CallRecord, decode_record

RECORDS = Path(__file__).parent / "records"
PLAIN = RECORDS / "plain.cdr.json"


@pytest.mark.parametrize("name", ["plain", "encoded"])
def test_m7_a_record_says_what_the_end_of_its_leg_says(name: str) -> None:
    """M7: with url-encoded values and without."""
    body = (RECORDS / f"{name}.cdr.json").read_bytes()
    times = json.loads(body)["callflow"][0]["times"]
    assert decode_record(body) == CallRecord(
        uuid="5b7d9d6e-1f0c-4c5e-9d4e-0a8f6f1f3b11",
        hangup_cause="ALLOTTED_TIMEOUT",
        start_uepoch=times["created_time"],
        answer_uepoch=times["answered_time"],
        end_uepoch=times["hangup_time"],
        progress_uepoch=times["progress_time"],
        progress_media_uepoch=times["progress_media_time"],
        channel="pstn.one",
        leg="destination",
        request="8f4c2a55-7d0e-4d1c-8a51-2f1f7f0a9c01",
        call="1b0c7a3e-54f4-4a35-9b3a-6f1d2f7b8d02",
        position="2",
    )


@pytest.mark.parametrize("length", [0, 1, 700, -3])
def test_m7_half_a_record_is_no_record(length: int) -> None:
    with pytest.raises(BadEvent):
        decode_record(PLAIN.read_bytes()[:length])


def test_m7_bytes_that_are_no_utf_8_do_not_lose_a_record() -> None:
    body = PLAIN.read_bytes().replace(b'"Jo ', b'"J\xff ')
    found = decode_record(body)
    assert found is not None
    assert found.leg == "destination"


@pytest.mark.parametrize("body", [b"[]", b"1", b'{"variables": []}', b'{"variables": {"uuid": 1}}'])
def test_m7_other_json_is_nobodys_record(body: bytes) -> None:
    assert decode_record(body) is None


def test_m7_a_record_of_other_calls_is_of_no_leg_of_ours() -> None:
    found = decode_record(b'{"variables": {"uuid": "a"}}')
    assert found is not None
    assert found.leg is None


@given(st.binary(max_size=200))
def test_m7_any_bytes_are_a_record_none_or_bad(body: bytes) -> None:
    with contextlib.suppress(BadEvent):
        decode_record(body)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1795935715522734", 1_795_935_715_522_734),
        ("0", None),
        ("", None),
        (None, None),
        ("-1", None),
        ("١٢", None),
        ("1" * 18, None),
        (["1", "2"], None),
    ],
)
def test_a_moment_is_a_number_of_microseconds_or_none(
    value: str | list[str] | None, expected: int | None
) -> None:
    assert moment(value) == expected
