"""`python -m tests.faults`: runs of the laboratory, by seed, and a table of what was seen."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.faults.report import lines_of, table_of
from tests.faults.run import run


def main() -> int:
    """Run it for each seed; give 0 where all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="of each run")
    parser.add_argument("--seeds", default="1", help="with spaces between them")
    parser.add_argument("--pause", type=float, default=1.6, help="seconds between faults")
    parser.add_argument("--each", type=float, default=0.7, help="seconds between calls")
    parser.add_argument("--only", action="append", help="a kind of fault; by default all")
    parser.add_argument("--keep", type=Path, default=Path("build/faults"), help="of what failed")
    parser.add_argument("--json", type=Path, help="a file for the outcomes")
    wanted = parser.parse_args()
    # Whatever ends it, what it started ends with it.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(130))
    outcomes = []
    for seed in map(int, wanted.seeds.split()):
        outcome = run(
            seed,
            wanted.faults,
            pause=wanted.pause,
            each=wanted.each,
            kinds=dict.fromkeys(wanted.only, 1) if wanted.only else None,
            keep=wanted.keep,
        )
        outcomes.append(outcome)
        _say(lines_of(outcome))
        if wanted.json is not None:
            wanted.json.parent.mkdir(parents=True, exist_ok=True)
            wanted.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes)) + b"\n")
    _say(table_of(outcomes))
    return int(any(outcome.wrong for outcome in outcomes))


def _say(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
