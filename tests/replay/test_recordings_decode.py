"""Every frame that a real switch sent, in every recording, is understood.

Read with the framing and the event types of `controller.esl`, byte for byte, and held against a
plain reading of the same JSON.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.esl.channel_data import channel_data
from controller.esl.events import KINDS as KINDS_OF_EVENTS
from controller.esl.events import Event, decode_event, text
from controller.esl.wire import Frame, FrameReader

RECORDINGS = sorted((Path(__file__).parent / "traces").glob("*/*.json"))
OURS = sorted((Path(__file__).parent / "keys").glob("*/*.json"))
KINDS = {
    "auth/request",
    "command/reply",
    "api/response",
    "text/event-json",
    "text/disconnect-notice",
}
each_recording = pytest.mark.parametrize(
    "path", RECORDINGS + OURS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


def true_length(data: str) -> bytes:
    """Give a frame's bytes with the length that its body has.

    The recordings were made anonymous after they were taken, which changed some bodies by a few
    bytes and left the Content-Length of the time.
    """
    head, _, body = data.partition("\n\n")
    encoded = body.encode()
    lines = [
        f"Content-Length: {len(encoded)}" if line.startswith("Content-Length:") else line
        for line in head.split("\n")
    ]
    return "\n".join(lines).encode() + b"\n\n" + encoded


def streams(path: Path) -> dict[str, list[bytes]]:
    """Give what the switch sent on each connection of a recording, frame by frame."""
    found: dict[str, list[bytes]] = {}
    for frame in json.loads(path.read_text("utf-8"))["frames"]:
        if frame["dir"] == "<":
            found.setdefault(frame["conn"], []).append(true_length(frame["data"]))
    return found


def read(chunks: Iterable[bytes]) -> list[Frame]:
    """Read a connection to its end."""
    reader = FrameReader()
    frames: list[Frame] = []
    for chunk in chunks:
        reader.feed(chunk)
        while (frame := reader.next_frame()) is not None:
            frames.append(frame)
    reader.end()
    return frames


def plain(frames: list[Frame]) -> list[tuple[dict[str, str], bytes]]:
    """Give frames as values that can be compared."""
    return [(frame.headers, frame.body) for frame in frames]


def as_event(frame: Frame) -> tuple[Event, dict[str, Any]]:
    """Give an event as we type it, and as it stands there."""
    return decode_event(frame.body), json.loads(frame.body)


def test_there_are_recordings_of_two_versions() -> None:
    assert {path.parent.name for path in RECORDINGS} == {"1.10.12", "1.11.3-dev"}
    assert len(RECORDINGS) >= 30


@each_recording
def test_every_frame_of_the_switch_is_a_frame_of_a_known_kind(path: Path) -> None:
    for sent in streams(path).values():
        frames = read([b"".join(sent)])
        assert len(frames) == len(sent)
        assert {frame.content_type for frame in frames} <= KINDS


@each_recording
def test_every_event_is_typed_with_the_values_that_it_has(path: Path) -> None:
    events = 0
    for sent in streams(path).values():
        for frame in read([b"".join(sent)]):
            if frame.content_type == "text/event-json":
                events += 1
                event, raw = as_event(frame)
                assert type(event) in KINDS_OF_EVENTS
                assert event.name == raw["Event-Name"]
                for field in msgspec.structs.fields(event):
                    assert getattr(event, field.name) == raw.get(field.encode_name)
                # A job belongs to no leg; all else that we ask for does.
                owner = event.job_uuid if event.name == "BACKGROUND_JOB" else event.uuid
                assert text(owner)
    assert events or "duplicate" in path.stem or "unknown-gateway" in path.stem


@each_recording
def test_every_answer_to_connect_names_its_leg(path: Path) -> None:
    for conn, sent in streams(path).items():
        answers = [frame for frame in read(sent) if "Channel-State" in frame.headers]
        assert len(answers) == conn.startswith("outbound")
        for answer in answers:
            data = channel_data(answer)
            assert data.uuid == data.variable("uuid")
            assert len(data) > 150
            assert data.microseconds("Caller-Channel-Created-Time")


@each_recording
def test_a_recording_split_anywhere_is_read_the_same(path: Path) -> None:
    chance = random.Random(path.name)
    for sent in streams(path).values():
        stream = b"".join(sent)
        whole = plain(read([stream]))
        for most in (3, 200, 5000):
            chunks, at = [], 0
            while at < len(stream):
                size = chance.randint(1, most)
                chunks.append(stream[at : at + size])
                at += size
            assert plain(read(chunks)) == whole
