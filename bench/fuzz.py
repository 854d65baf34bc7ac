"""`python -m bench.fuzz --inputs N --seed S`: hostile bytes against the framing and event code.

Each input is made of recorded frames, broken on purpose: cut, flipped, spliced, with lengths that
lie, JSON of the wrong shape or depth, bytes that are no UTF-8. It is fed in random pieces. What may
come of it is frames and events, or a `WireError`; anything else, too much held in memory, or no
end in as many steps as it has bytes, is a fault: it is printed with what is needed to see it
again, and the exit code is 1. A watchdog ends an input that stalls.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import FrameType
from typing import Final

from bench.recordings import event_bodies, framed, frames
from controller.esl.channel_data import channel_data
from controller.esl.errors import WireError
from controller.esl.events import decode_event, text
from controller.esl.wire import Frame, FrameReader

#: How long the watchdog lets a batch take, seconds: a batch takes some 20 ms.
WATCHDOG_SECONDS: Final = 30
BATCH: Final = 256
#: Limits small enough that inputs reach them.
MAX_BLOCK: Final = 16 * 1024
MAX_BODY: Final = 64 * 1024

LENGTHS: Final = (
    b"-1", b"abc", b"", b"2147483647", b"4294967296", b"9" * 40, b"0", b"1", b"5", b"99999",
    b"0x10", b"1e3", b" 7 ", b"\xef\xbc\x91", b"+3", b"65537", b"00000000012",
)  # fmt: skip
LINES: Final = (
    b"Content-Length: 3", b"Content-Type: auth/request", b"Content-Type: text/event-json",
    b"Content-Type:", b": x", b"no colon", b"variable_evil: yes", b"\xff\xfe: x", b"\r", b"\x00",
    b"Unique-ID: +1212%0Avariable_evil:%20yes", b"Event-Name: CUSTOM", b" folded", b"a:" * 3000,
    b"Unique-ID: ARRAY::a|:b", b"Reply-Text: -ERR x", b"\xe2\x80\xa8: x",
)  # fmt: skip
VALUES: Final = (
    b"null", b"1", b"-1e999", b"true", b"[]", b"{}", b'["a","b"]', b'["a",1]', b'{"a":"b"}',
    b'"\xff\xfe"', b'"\\ud800"', b'"\\u0000"', b'"ARRAY::a|:b"', b'"\xed\xa0\x80"', b'"a\nb"',
    b'"\xe2\x80\xae"', b'"', b"", b'"%0Aevil: yes"', b"\xef\xbb\xbf", b"NaN", b'"\\x"', b"[" * 50,
)  # fmt: skip
NAMED: Final = (b"Event-Name", b"Unique-ID", b"_body", b"variable_callback_digits", b"Job-UUID")
Mutation = Callable[[random.Random, bytes], bytes]


class Fault(Exception):
    """An input did what none may do."""


# --- breaking things -----------------------------------------------------------------------


def _spot(chance: random.Random, data: bytes) -> int:
    return int(chance.random() * (len(data) + 1))


def truncate(chance: random.Random, data: bytes) -> bytes:
    """Cut the end off."""
    return data[: _spot(chance, data)]


def behead(chance: random.Random, data: bytes) -> bytes:
    """Cut the beginning off."""
    return data[_spot(chance, data) :]


def flip(chance: random.Random, data: bytes) -> bytes:
    """Change single bits."""
    changed = bytearray(data)
    for _ in range(min(len(changed), chance.choice((1, 1, 2, 8)))):
        changed[int(chance.random() * len(changed))] ^= 1 << chance.getrandbits(3)
    return bytes(changed)


def splatter(chance: random.Random, data: bytes) -> bytes:
    """Put random bytes somewhere, over or between what is there."""
    at = _spot(chance, data)
    junk = chance.randbytes(chance.choice((1, 2, 8, 64)))
    return data[:at] + junk + data[at + chance.choice((0, len(junk))) :]


def lie(chance: random.Random, data: bytes) -> bytes:
    """Make a Content-Length say something else."""
    begin = data.find(b"Content-Length: ", _spot(chance, data) // 2)
    end = data.find(b"\n", begin)
    if begin < 0 or end < 0:
        return b"Content-Length: " + chance.choice(LENGTHS) + b"\n" + data
    told = data[begin + 16 : end]
    near = b"%d" % max(0, int(told) + chance.choice((-2, -1, 1, 2))) if told.isdigit() else b"7"
    return data[: begin + 16] + chance.choice((*LENGTHS, near, near)) + data[end:]


def splice(chance: random.Random, data: bytes) -> bytes:
    """Put a line of our own between two lines of a header block."""
    at = data.find(b"\n", _spot(chance, data[:400])) + 1
    return data[:at] + chance.choice(LINES) + b"\n" + data[at:]


def line_breaks(chance: random.Random, data: bytes) -> bytes:
    """Add, drop or change an end of a line."""
    at = data.find(b"\n", _spot(chance, data))
    if at < 0:
        return b"\n" + data
    return data[:at] + chance.choice((b"", b"\n\n", b"\r\n", b"\r", b"\n" * 50)) + data[at + 1 :]


def reshape(chance: random.Random, data: bytes) -> bytes:
    """Give a field of the JSON a value of another shape, and the frame its true length."""
    head, end, body = data.partition(b"\n\n")
    at = body.find(b'":"', _spot(chance, body))
    if chance.random() < 0.5:
        at = body.find(b'"' + chance.choice(NAMED) + b'":"')
        at = body.find(b'":"', at) if at >= 0 else at
    if not end or at < 0:
        return data
    close = body.find(b'"', at + 3) + 1
    body = body[: at + 2] + chance.choice(VALUES) + body[close:]
    return framed(head.decode(errors="ignore"), body)


def deepen(chance: random.Random, data: bytes) -> bytes:
    """Nest the JSON beyond reason, closed or not."""
    depth = chance.choice((10, 500, 1000, 1100, 5000, 20_000))
    mark, close = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    name = chance.choice((*NAMED, b"variable_unused"))
    middle = chance.choice((b"", b'"x"', b"1"))
    body = b'{"Event-Name":"CUSTOM","' + name + b'":' + mark * depth + middle
    if chance.random() < 0.7:
        body += close * depth + b"}"
    return framed("Content-Type: text/event-json", body)


def repeat(chance: random.Random, data: bytes) -> bytes:
    """Say a part twice."""
    begin, end = sorted((_spot(chance, data), _spot(chance, data)))
    return data[:end] + data[begin:]


def swamp(chance: random.Random, data: bytes) -> bytes:
    """Go on and on, in one line or in many."""
    return data[: _spot(chance, data)] + chance.choice((b"x", b"a: b\n", b"\n ")) * 20_000


#: Every way of breaking, with how often it is taken; the dear ones seldom.
MUTATIONS: Final[tuple[tuple[Mutation, int], ...]] = (
    (truncate, 20), (behead, 10), (flip, 40), (splatter, 20), (lie, 40), (splice, 30),
    (line_breaks, 20), (reshape, 50), (repeat, 10), (deepen, 3), (swamp, 1),
)  # fmt: skip
_WAYS: Final = tuple(way for way, _ in MUTATIONS)
_WEIGHTS: Final = tuple(weight for _, weight in MUTATIONS)


def corpus() -> list[bytes]:
    """Give the frames to start from: as recorded, and events with few of their fields."""
    short = [
        framed("Content-Type: text/event-json", body[: body.find(b'","', 400)] + b'"}')
        for body in event_bodies()
    ]
    return [*frames(), *short, *short, *short]


def make(chance: random.Random, seeds: list[bytes]) -> list[bytes]:
    """Make one input, in the pieces in which it arrives."""
    parts = [chance.choice(seeds) for _ in range(chance.choice((1, 1, 2, 3)))]
    for way in chance.choices(_WAYS, _WEIGHTS, k=chance.choice((0, 1, 1, 1, 2, 4))):
        which = int(chance.random() * len(parts))
        parts[which] = way(chance, parts[which])
    data = b"".join(parts)
    manner = chance.random()
    if manner < 0.4:
        return [data]
    if manner < 0.42 and len(data) < 2000:
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(_spot(chance, data) for _ in range(chance.choice((1, 2, 5))))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


# --- what is tried -------------------------------------------------------------------------


def understand(frame: Frame) -> str:
    """Do with a frame what a connection does; give a word for what it was."""
    kind = frame.content_type
    if kind == "text/event-json":
        event = decode_event(frame.body)
        for value in (event.uuid, event.digits, event.job_uuid, event.body):
            plain = text(value)
            if plain is not None and not plain.isprintable():
                raise Fault(f"a value that is not printable: {plain!r}")
        return "event"
    if kind == "command/reply" and "Unique-ID" in frame.headers:
        data = channel_data(frame)
        name = data.variable("sip_from_user")
        if name is not None and not name.isprintable():
            raise Fault(f"a value that is not printable: {name!r}")
        data.microseconds("Caller-Channel-Created-Time")
        return "channel data"
    return "other frame" if kind else "frame without a type"


def outcome(pieces: list[bytes]) -> tuple[str, list[str]]:
    """Feed an input and give how it ended, and what was understood on the way.

    Raises `Fault` where it holds too much, or goes on for more steps than it has bytes.
    """
    reader = FrameReader(max_header_block=MAX_BLOCK, max_body=MAX_BODY)
    seen: list[str] = []
    steps = sum(map(len, pieces)) + len(pieces) + 1
    try:
        for piece in pieces:
            reader.feed(piece)
            while (frame := reader.next_frame()) is not None:
                seen.append(understand(frame))
                steps -= 1
                if steps < 0:
                    raise Fault("more steps than bytes")
            if reader.buffered > max(MAX_BLOCK + 1, MAX_BODY):
                raise Fault(f"{reader.buffered} bytes are held")
        reader.end()
    except WireError as error:
        return error.kind, seen
    return "read to its end", seen


def attempt(seed: int, index: int, seeds: list[bytes]) -> tuple[str, list[str]]:
    """Make one input and try it; every 16th is tried in one piece too, to the same end.

    Raises `Fault`, with the input, at anything but an outcome.
    """
    chance = random.Random((seed << 40) | index)
    pieces = make(chance, seeds)
    told = f"seed {seed}, input {index}: {pieces!r}"
    try:
        ended = outcome(pieces)
        other = outcome([b"".join(pieces)]) if index % 16 == 0 else ended
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}\n{told}") from error
    if other != ended:
        raise Fault(f"{ended} in several pieces, {other} in one\n{told}")
    return ended


@contextmanager
def watchdog() -> Iterator[Callable[[], None]]:
    """Raise where nothing calls what this gives for `WATCHDOG_SECONDS`."""

    def bark(number: int, frame: FrameType | None) -> None:
        raise Fault(f"no end within {WATCHDOG_SECONDS} s")

    before = signal.signal(signal.SIGALRM, bark)
    try:
        yield lambda: (signal.alarm(WATCHDOG_SECONDS), None)[1]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(inputs: int, seed: int, first: int = 0) -> tuple[Counter[str], Counter[str]]:
    """Try inputs; give how often each end came, and how often each kind of frame was understood.

    Raises `Fault` at the first input that does what none may do.
    """
    seeds = corpus()
    ends: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with watchdog() as pat:
        for index in range(first, first + inputs):
            if index % BATCH == 0 or index == first:
                pat()
            end, seen = attempt(seed, index, seeds)
            ends[end] += 1
            kinds.update(seen)
    return ends, kinds


def main(argv: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="begin at this input")
    asked = parser.parse_args(argv)
    begin = time.perf_counter()
    try:
        ends, kinds = fuzz(asked.inputs, asked.seed, asked.first)
    except Fault as fault:
        print(f"FAULT {fault}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - begin
    for title, counts in (("ended", ends), ("understood", kinds)):
        for name, count in counts.most_common():
            print(f"{title:<11} {name:<24} {count:>12,}")
    print(
        f"{asked.inputs:,} inputs, seed {asked.seed}, in {seconds:.1f} s:"
        f" {asked.inputs / seconds:,.0f} inputs/s; nothing else came of them"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
