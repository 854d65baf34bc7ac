"""What real switches sent, as bytes, for benchmarks and for the fuzzer."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

TRACES = Path(__file__).resolve().parents[1] / "tests" / "replay" / "traces"


def framed(head: str, body: bytes) -> bytes:
    """Give a frame with the length that its body has."""
    lines = [line for line in head.split("\n") if not line.startswith("Content-Length:")]
    if body:
        lines.insert(0, f"Content-Length: {len(body)}")
    return "\n".join(lines).encode() + b"\n\n" + body


@cache
def frames() -> tuple[bytes, ...]:
    """Give every frame that a switch sent in a recording, in order.

    The recordings were made anonymous after they were taken, so the Content-Length written in
    them may be a few bytes off: it is written anew.
    """
    found: list[bytes] = []
    for path in sorted(TRACES.glob("*/*.json")):
        for frame in json.loads(path.read_text("utf-8"))["frames"]:
            if frame["dir"] == "<":
                head, _, body = frame["data"].partition("\n\n")
                found.append(framed(head, body.encode()))
    if not found:
        raise FileNotFoundError(f"no recordings in {TRACES}")
    return tuple(found)


@cache
def event_bodies() -> tuple[bytes, ...]:
    """Give the JSON of every event among them."""
    kind = b"Content-Type: text/event-json"
    split = (frame.partition(b"\n\n") for frame in frames())
    return tuple(body for head, _, body in split if kind in head)
