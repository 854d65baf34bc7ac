"""The peer of `events` of Genesis: reads frames in plain text from a file, and says how fast.

`python events_peer_genesis.py FILE RUNS` prints the events parsed per second, of each run, as JSON.
It runs by itself, with the Python that Genesis is installed for (`bench/peers.txt`).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from genesis.protocol.reader_fsm import ESLReaderFSM


def read(heads: list[str], bodies: list[bytes]) -> int:
    """Parse every event as Genesis does: a frame's head, then its body."""
    reader = ESLReaderFSM()
    count = 0
    for head, body in zip(heads, bodies, strict=True):
        reader.process_headers(head)
        count += len(reader.process_body(body))
    return count


if __name__ == "__main__":
    frames = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    heads, bodies = [head for head, _ in frames], [body.encode() for _, body in frames]
    rates = []
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter()
        rates.append(read(heads, bodies) / (time.perf_counter() - began))
    print(json.dumps(rates))
