"""`make soak`: whole callbacks at a constant rate for a while, and what must stay where it is.

Two controllers, two simulated switches, PostgreSQL and Valkey are processes of their own
(`soak_site`). Each call rings and is refused, is called back, types a password, hears its credit,
dials a destination, hears how long the credit lasts, talks, hears its credit again and goodbye;
both legs are paid. All that a process holds, Redis keeps and the tables have is sampled;
`soak_lines` says what is flat. Afterwards nothing may be open any more, and each call must have
left exactly what a call leaves. The exit status is 1 where something is not as it should be.

In the background, into a file: `make soak >soak.txt 2>&1 &`; all samples are in `build/soak.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.soak_lines import WARM_UP, Line, Sample, Verdict, judge, table
from bench.soak_site import CALLERS, COUNTED, NAMES, PER_CALL, Site, site

#: For how long, minutes, and how many calls a second: half of what two controllers hold beside two
#: switches and a database on two cores.
MINUTES: Final = float(os.environ.get("MINUTES") or 30)
RATE: Final = float(os.environ.get("RATE") or 4)
EVERY_SECONDS: Final = 10.0
#: How long the last call may take, and all that is told of it afterwards: what was held for one
#: that nobody saw end is given back when its time is over.
END_SECONDS: Final = 600.0
#: So many calls may come to nothing, in parts of all: a machine that stalls is late with some.
LATE: Final = 0.002
#: Lines of each controller's log that are shown: it logs warnings and faults only.
LINES_SAID: Final = 5
#: What must be nothing after the last call.
NOTHING_LEFT: Final = (
    *("open requests", "leases of requests", "attempts open", "destinations open", "holds"),
    *(f"{name}: {what}" for name in NAMES for what in ("legs", "connections of switches")),
    *(f"{name}: {what}" for name in NAMES for what in ("return calls being set up", "faults")),
    *(f"switch {name}: legs" for name in NAMES),
    *(f"switch {name}: files of records" for name in NAMES),
    "rows of notice",
)
#: By what a line's name ends with: how it is judged. What is not here must not grow at all.
LINES: Final = (
    # Memory of a process, MiB: a kilobyte kept of each call would be more.
    Line(": memory", unit="MiB", bound=4.0, share=0.02),
    Line(": threads", bound=1),
    Line(": other files", bound=2),
    Line(": sockets", bound=6, share=0.15),
    Line(": greenlets", bound=6, share=0.15),
    Line(": connections of switches", bound=6, share=0.15),
    Line(": legs", bound=6, share=0.15),
    Line(": return calls being set up", bound=4, share=0.15),
    Line(": records not told yet", bound=4, share=0.15),
    Line(": files of records", bound=4, share=0.15),
    Line("redis: connections", bound=2),
    Line("redis: other keys", bound=10, share=0.02),
    Line("connections of the database", bound=2),
    *(
        Line(name, bound=6, share=0.15)
        for name in ("open requests", "leases of requests", "attempts open", "destinations open")
    ),
    Line("holds", bound=6, share=0.15),
)
#: What the switches keep is theirs: they are no part of the service.
SHOWN: Final = frozenset(f"switch {name}: memory" for name in NAMES)


class Run:
    """The samples of a run, and what is said of them."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.samples: dict[str, list[Sample]] = {}
        self.began = time.monotonic()

    def look(self, place: Site) -> dict[str, float]:
        """Sample all lines, once."""
        found = place.sample()
        at = time.monotonic() - self.began
        for name, value in found.items():
            self.samples.setdefault(name, []).append((at, value))
        return found

    def verdicts(self) -> list[Verdict]:
        """Judge every line."""
        calls = self.samples["calls"]
        return [
            judge(line_of(name), series, self.rate, calls) for name, series in self.samples.items()
        ]


def line_of(name: str) -> Line:
    """Give how a line is judged, by its name."""
    if name in SHOWN:
        return Line(name, kind="shown", unit="MiB")
    if name == COUNTED:
        return Line(name, kind="each")
    if name in ("calls", "records told") or name.removeprefix("rows of ") in PER_CALL:
        return Line(name, kind="history")
    for line in LINES:
        if name.endswith(line.name):
            return msgspec.structs.replace(line, name=name)
    return Line(name)


def hold(run: Run, place: Site, minutes: float, say: Callable[[str], None]) -> None:
    """Place calls at the rate, and look again and again."""
    until = run.began + minutes * 60
    looks, told = 0, 0
    while (now := time.monotonic()) < until:
        if now >= run.began + looks * EVERY_SECONDS:
            found = run.look(place)
            looks += 1
            if now >= run.began + told * 60:
                told += 1
                say(_progress(now - run.began, place, found))
        due = run.began + place.placed / run.rate
        if time.monotonic() >= due:
            place.place()
        else:
            time.sleep(min(due - time.monotonic(), 0.05) if due > time.monotonic() else 0)
        _alive(place)


def _alive(place: Site) -> None:
    for name, process in place.controllers.items():
        if process.poll() is not None:
            log = (place.directory / f"{name}.log").read_text()[-2000:]
            raise RuntimeError(f"controller {name} has ended with {process.returncode}:\n{log}")


def _progress(seconds: float, place: Site, found: dict[str, float]) -> str:
    memory = ", ".join(f"{found[f'{name}: memory']:.1f}" for name in place.controllers)
    return (
        f"{seconds / 60:5.1f} min: {place.placed:,} calls, {found['open requests']:.0f} open, "
        f"controllers {memory} MiB, Redis {found['redis: other keys']:.0f} keys"
        f" and {found[COUNTED]:.0f} of callbacks"
    )


def settle(place: Site, before: dict[str, float]) -> list[str]:
    """Wait until nothing is open any more; give what is, and what calls left that they should not.

    Raises what looking raises.
    """
    until = time.monotonic() + END_SECONDS
    while True:
        found = place.sample()
        faults = [
            f"{name}: {found[name]:.0f} after the last call"
            for name in NOTHING_LEFT
            if found.get(name)
        ]
        legs = found["rows of call_leg"] - before["rows of call_leg"]
        if found["records told"] != legs:
            faults.append(f"{found['records told']:,.0f} records told of {legs:,.0f} legs")
        if not faults or time.monotonic() > until:
            break
        time.sleep(2)
    if found[COUNTED] > place.placed:
        faults.append(f"{COUNTED}: {found[COUNTED]:,.0f} of {place.placed:,} calls")
    grown = {name: int(found[f"rows of {name}"] - before[f"rows of {name}"]) for name in PER_CALL}
    return faults + left_by(place.placed, place.outcomes(), grown)


def left_by(calls: int, outcomes: dict[str, int], grown: dict[str, int]) -> list[str]:
    """Give what is wrong with what so many calls have left: outcomes, and new rows by table."""
    faults = []
    short = calls - outcomes.get("completed", 0)
    if short > LATE * calls:
        faults.append(f"of {calls:,} calls: {outcomes}")
    for name, count in PER_CALL.items():
        # Each call has left exactly so many; one that came to nothing fewer, or was tried again.
        if count is not None and abs(grown[name] - count * calls) > 3 * count * short:
            faults.append(f"rows of {name}: {grown[name]:,} of {calls:,} calls, not {count} each")
    return faults


def said(place: Site) -> list[tuple[str, str]]:
    """Give the first few lines of each controller's log: with nothing wrong there are none."""
    found = []
    for name in place.controllers:
        with (place.directory / f"{name}.log").open() as lines:
            found += [(name, line[:2000]) for line in islice(lines, LINES_SAID)]
    return found


def latency(place: Site, began: float, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """Give how long steps took, in milliseconds, in each third of the run."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for what in ("late", "answered"):
        every = [one for switch in place.switches for one in getattr(switch, what)]
        for third, name in enumerate(("first", "second", "last")):
            low = began + seconds * third / 3
            took = sorted(took for at, took in every if low <= at < low + seconds / 3)
            if took:
                found.setdefault(what, {})[name] = {
                    "p50_ms": round(took[len(took) // 2] * 1000, 1),
                    "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1),
                    "count": len(took),
                }
    return found


def soak(
    minutes: float,
    rate: float,
    say: Callable[[str], None] = print,
    **place_is: Any,  # noqa: ANN401  (those of `site`)
) -> dict[str, Any]:
    """Hold the soak, and give all that was seen; `faults` is empty where all is well.

    `place_is`: as of `site`.
    """
    # All of them have rung before what is kept by number is looked at.
    fewest = max(1, min(CALLERS, round(minutes * 60 * rate * WARM_UP * 0.9)))
    place_is.setdefault("callers", fewest)
    with site(**place_is) as place:
        before = place.sample()
        run = Run(rate)
        hold(run, place, minutes, say)
        seconds = time.monotonic() - run.began
        keys = place.keys()
        took = latency(place, run.began, seconds)
        verdicts = run.verdicts()
        faults = [f"{one.name}: {one.said}" for one in verdicts if one.well is False]
        faults += settle(place, before)
        faults += [f"controller {name} says: {line}" for name, line in said(place)]
        return {
            "database": place.engine.dialect.name,
            "seconds": round(seconds, 1),
            "rate": rate,
            "calls": place.placed,
            "lines": msgspec.to_builtins(verdicts),
            "redis_keys": keys,
            "latency": took,
            "after": place.sample(),
            "faults": faults,
            "samples": run.samples,
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for how long (MINUTES)")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second (RATE)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    asked = parser.parse_args(argv)
    # Whoever ends it ends all of its processes.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))

    def say(line: str) -> None:
        print(line, flush=True)

    found = soak(asked.minutes, asked.rate, say)
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    say(table(msgspec.convert(found["lines"], list[Verdict])))
    say(f"redis, by kind of key: {found['redis_keys']}")
    for what, thirds in found["latency"].items():
        say(f"{what}: {thirds}")
    say(f"{found['calls']:,} calls in {found['seconds'] / 60:.1f} minutes, {found['database']}")
    for fault in found["faults"]:
        say(f"FAULT: {fault}")
    say("not as it should be" if found["faults"] else "flat, and nothing is left")
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
