"""Events decoded per second, bytes to typed event, against how greenswitch and Genesis parse.

Ours starts from the bytes of the connection (`FrameReader`, `decode_event`). greenswitch's
`ESLEvent` gets the same events as it would have asked for them, in plain text and url-encoded, and
is spared the reading: it is handed the text of each frame. So is what reads frames in Genesis.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from greenswitch.esl import ESLEvent

from bench.processes import GENESIS
from bench.recordings import event_bodies, framed
from controller.esl.events import decode_event
from controller.esl.wire import FrameReader

RUNS: Final = 7
#: How often all recordings come in one run. The same bytes each time: what a socket has just given
#: is near the processor, as these are, and as 50 MB of copies would not be.
TIMES: Final = 20
#: Times what greenswitch does.
GOAL: Final = 15
BARE: Final = "greenswitch 0.0.19 ESLEvent"
#: What one read of a socket brings at most.
CHUNK: Final = 64 * 1024


def plain_text(body: bytes) -> tuple[bytes, bytes]:
    """Give an event as `event plain` would bring it: the frame's head, and its body."""
    lines = []
    inner = ""
    for name, value in json.loads(body).items():
        if name == "_body":
            inner = value
            continue
        one = "ARRAY::" + "|:".join(value) if isinstance(value, list) else value
        lines.append(f"{name}: {quote(one, safe='/()*!,.~_-')}\n")
    text = ("".join(lines) + "\n" + inner).encode()
    return b"Content-Length: %d\nContent-Type: text/event-plain\n" % len(text), text


def ours(chunks: list[bytes]) -> int:
    """Decode every event, as often as is measured; give how many there were."""
    reader = FrameReader()
    count = 0
    for chunk in chunks * TIMES:
        reader.feed(chunk)
        while (frame := reader.next_frame()) is not None:
            decode_event(frame.body)
            count += 1
    return count


def theirs(events: list[tuple[bytes, bytes]]) -> int:
    """Parse every event as greenswitch does: the frame's head, then its body into it."""
    for head, body in events:
        event = ESLEvent(head.decode())
        event.parse_data(body.decode())
    return len(events)


def rate(work: Callable[[], int]) -> float:
    """Give how many events a second one run of this does."""
    begin = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - begin)


def genesis(events: list[tuple[bytes, bytes]]) -> list[float]:
    """Give how many events a second Genesis parses, of several runs; none where it is not there."""
    if not GENESIS.exists():
        return []
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "frames.json"
        file.write_text(json.dumps([(head.decode(), body.decode()) for head, body in events]))
        program = str(Path(__file__).parent / "events_peer_genesis.py")
        command = [str(GENESIS), "-P", program, str(file), str(RUNS)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rates: list[float] = json.loads(said.splitlines()[-1])
    return rates


def run() -> dict[str, Any]:
    """Measure all, ours and greenswitch in turns, and give the medians and their ratios."""
    bodies = event_bodies()
    stream = b"".join(framed("Content-Type: text/event-json", body) for body in bodies)
    chunks = [stream[at : at + CHUNK] for at in range(0, len(stream), CHUNK)]
    plain = [plain_text(body) for body in bodies] * 4
    rates: dict[str, list[float]] = {BARE: [], "Genesis": genesis(plain)}
    mine: list[float] = []
    for _ in range(RUNS):
        mine.append(rate(lambda: ours(chunks)))
        rates[BARE].append(rate(lambda: theirs(plain)))
    value = statistics.median(mine)
    results: list[dict[str, Any]] = [
        {
            "what": "events decoded, bytes to typed event",
            "unit": "events/s",
            "value": round(value),
            "peer": peer,
            "peer_value": round(statistics.median(several)),
            "ratio": round(value / statistics.median(several), 1),
            "peer_values": [round(one) for one in several],
        }
        for peer, several in rates.items()
        if several
    ]
    results[0] |= {"goal": f"at least {GOAL}", "met": results[0]["ratio"] >= GOAL}
    return {
        **results[0],
        "others": results[1:],
        "runs": RUNS,
        "values": [round(one) for one in mine],
        "events": len(bodies),
        "mean_bytes": round(sum(map(len, bodies)) / len(bodies)),
    }
