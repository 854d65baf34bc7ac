"""Where the CPU of a callback goes: the work of `call`, with the controller looked at.

`python -m bench.profile_call [--sqlite] [--seconds N] [--rate R]` prints, in milliseconds of a core
per callback, which functions work themselves, which of ours that work is done for, and how it is
shared by room (package of `controller`, or library); then, of a second run of its own that is not
timed, the SQL statements, transactions and round trips to Redis per callback, with whom each was
asked by.

py-spy looks 500 times a second, from outside, at the thread that has the interpreter: what the
system or a library written in C does meanwhile without it is not seen, and is the rest of what the
threads have worked, which is told too. It has to be allowed to look at its child (ptrace).
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from bench.call import CALLERS, RATE, WARM_UP_SECONDS, Callbacks, worked
from bench.conversations import Quick
from bench.processes import wait_until
from bench.soak_site import Site, site

LOOKS_PER_SECOND: Final = 500
#: How many lines of each list are shown.
SHOWN: Final = 45
_ROOT: Final = Path(__file__).parents[1]
_OURS: Final = f"{_ROOT}/controller/"


class Stacks:
    """What py-spy saw: stacks, outermost frame first, and how often each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._seen: list[tuple[list[str], int]] = []
        for line in lines:
            stack, _, count = line.rpartition(" ")
            self._seen.append((stack.split(";"), int(count)))
        self.total = sum(count for _, count in self._seen)

    def own(self) -> Counter[str]:
        """Count by the function that worked itself."""
        return self._by(lambda frames: {frames[-1]})

    def ours(self) -> Counter[str]:
        """Count by our innermost function, with what it calls of libraries."""
        return self._by(lambda frames: {next(filter(_is_ours, reversed(frames)), frames[-1])})

    def within(self) -> Counter[str]:
        """Count by each of our functions that it was done for."""
        return self._by(lambda frames: set(filter(_is_ours, frames)))

    def rooms(self) -> Counter[str]:
        """Count by our innermost room: a package of `controller`."""
        return self._by(
            lambda frames: {_room(next(filter(_is_ours, reversed(frames)), frames[-1]))}
        )

    def libraries(self) -> Counter[str]:
        """Count by where the code that worked lies: a room of ours, or a library."""
        return self._by(lambda frames: {_room(frames[-1])})

    def _by(self, names: Callable[[list[str]], set[str]]) -> Counter[str]:
        counted: Counter[str] = Counter()
        for frames, count in self._seen:
            for name in names(frames):
                counted[name] += count
        return counted


def _is_ours(frame: str) -> bool:
    return _OURS in frame


def _room(frame: str) -> str:
    """Give where a frame's code lies: a package of ours, or what is installed."""
    _, _, file = frame.rpartition("(")
    file = file.partition(":")[0].removesuffix(")")
    if _OURS in file:
        within = file.partition(_OURS)[2]
        return f"controller/{within.rpartition('/')[0]}"
    installed = file.partition("site-packages/")[2] or file
    return installed.partition("/")[0] if "/" in installed else "Python, and what is compiled"


def profiled(
    *, postgresql: bool, rate: float, seconds: float, file: Path
) -> tuple[Stacks, dict[str, float]]:
    """Do the work with py-spy looking on; give what it saw, and what a callback cost.

    Raises `LookupError` where py-spy is not installed.
    """
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        raise LookupError("py-spy is not installed: pip install py-spy")
    with site(("one",), callers=CALLERS, postgresql=postgresql, hashed=Quick, pinned=True) as place:
        callbacks = Callbacks(place.place, place.switches, rate)
        pid = place.controllers["one"].pid
        callbacks.begin(WARM_UP_SECONDS)
        command = [spy, "record", f"--pid={pid}", f"--rate={LOOKS_PER_SECOND}", "--format=raw"]
        command += ["--gil", "--function", "--full-filenames", f"--output={file}"]
        before, ended = worked(place), callbacks.ended()
        # It stops at a signal, and then writes what it saw.
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as looks:
            callbacks.begin(seconds)
            after = worked(place)
            looks.send_signal(signal.SIGINT)
            _, said = looks.communicate(timeout=120)
        count = (callbacks.ended() - ended + round(rate * seconds)) / 2
        if not file.exists():
            raise LookupError(f"py-spy has seen nothing: {said.decode()[-500:]}")
        each = {name: (after[name] - before[name]) / count * 1000 for name in after}
        each["callbacks"] = count
    return Stacks(file.read_text().splitlines()), each


def counted(*, postgresql: bool, rate: float, seconds: float) -> dict[str, Counter[str]]:
    """Count what is asked of the database and of Redis per callback, by who asks."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "counted.json"
        python = (sys.executable, "-m", "bench.counted", str(file))
        with site(
            ("one",), callers=CALLERS, postgresql=postgresql, hashed=Quick, python=python
        ) as place:
            callbacks = Callbacks(place.place, place.switches, rate)
            callbacks.begin(WARM_UP_SECONDS)
            before, ended = _told(place, file), callbacks.ended()
            callbacks.begin(seconds)
            after = _told(place, file)
            count = (callbacks.ended() - ended + round(rate * seconds)) / 2
    return {
        kind: Counter(
            {name: (asked - before[kind].get(name, 0)) / count for name, asked in names.items()}
        )
        for kind, names in after.items()
    }


def _told(place: Site, file: Path) -> dict[str, dict[str, int]]:
    file.unlink(missing_ok=True)
    controller = place.controllers["one"]
    controller.send_signal(signal.SIGUSR1)
    wait_until(file.exists, controller)
    found: dict[str, dict[str, int]] = json.loads(file.read_text())
    return found


def show(title: str, counted: Counter[str], each: float, *, most: int = SHOWN) -> None:
    """Print a list, the most first; `each`: what one of them is worth."""
    print(f"\n{title}")
    for name, count in counted.most_common(most):
        if count * each >= 0.05:
            print(f"{count * each:8.2f}  {_shortened(name)}")


def _shortened(name: str) -> str:
    _, _, file = name.partition(" (")
    for part in ("site-packages/", str(_ROOT) + "/"):
        if part in file:
            return name.replace(file.partition(part)[0] + part, "")
    return name


def main() -> int:
    """Look, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile_call", description=__doc__)
    parser.add_argument("--sqlite", action="store_true", help="SQLite, and not PostgreSQL")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--stacks", type=Path, help="keep there what py-spy saw (raw stacks)")
    asked = parser.parse_args()
    plan = {"postgresql": not asked.sqlite, "rate": asked.rate, "seconds": asked.seconds}
    with tempfile.TemporaryDirectory() as directory:
        stacks, each = profiled(**plan, file=asked.stacks or Path(directory) / "stacks")
    database = "SQLite" if asked.sqlite else "PostgreSQL"
    print(f"{asked.rate:g} callbacks a second, {database}: CPU per callback, ms")
    print(", ".join(f"{name} {spent:.1f}" for name, spent in each.items() if name != "callbacks"))
    one = stacks.total and 1000 / LOOKS_PER_SECOND / each.pop("callbacks")
    print(f"seen with the interpreter: {one * stacks.total:.1f}")
    show("by room (what is done for our innermost code)", stacks.rooms(), one)
    show("by where the code lies", stacks.libraries(), one)
    show("by our innermost function, with what it calls", stacks.ours(), one)
    show("by function of ours that it was done for (they contain each other)", stacks.within(), one)
    show("by own time", stacks.own(), one)
    for kind, names in counted(**plan).items():
        show(f"{kind} per callback: {sum(names.values()):.1f}", names, 1.0, most=100)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
