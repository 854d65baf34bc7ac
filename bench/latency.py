"""How long a caller waits for what comes next, by how much a controller has to do.

The conversations of `conversations`, faster: measured is from writing an event until the command
that answers it, of all steps. First the highest rate that is held is looked for: so many calls a
second, on the one core that the controller, its store and its Redis have, that what begins also
ends, and is answered. Then as many as are 10 %, 50 % and 80 % of it are measured.
"""

from __future__ import annotations

import os
import statistics
from typing import Any, Final

from bench.conversations import drive
from bench.processes import free_port
from bench.switch_side import CALL_SECONDS, Plan

#: For how long each load is measured, seconds, and how often.
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "15"))
RUNS: Final = int(os.environ.get("BENCH_RUNS", "1"))
#: What people take, in parts of what they do: calls last 15 s.
PACE: Final = float(os.environ.get("BENCH_PACE", "0.25"))
#: Calls a second that are tried first, how many rates are, and for how long each, seconds.
FIRST: Final = float(os.environ.get("BENCH_RATE", "8"))
TRIES: Final = int(os.environ.get("BENCH_TRIES", "4"))
TRIED_SECONDS: Final = min(SECONDS, 8.0)
#: How much of its core a controller may be at when the next rate is guessed from that.
FULL: Final = 0.9
#: As good as the same rate.
NEAR: Final = 0.08
#: Of a rate that is held so many end as begin, and of a hundred answers 99 come within a second.
ENDED: Final = 0.9
HELD_MS: Final = 1000.0
LOADS: Final = (0.1, 0.5, 0.8)
#: The 99th percentile at the highest of them, in parts of the median at the lowest.
GOAL: Final = 10


def at(rate: float, seconds: float) -> dict[str, Any]:
    """Measure so many calls a second."""
    sessions = max(round(rate * CALL_SECONDS * PACE), 1)
    plan = Plan(port=free_port(), sessions=sessions, seconds=seconds, pace=PACE)
    return {**drive(plan), "rate": sessions / plan.call_seconds}


def is_held(found: dict[str, Any]) -> bool:
    """Whether what began was also answered, and in time."""
    ended = found["calls_ended"] >= ENDED * found["rate"] * found["seconds"]
    return bool(ended and not found["calls_broken"] and found["overall"]["p99_ms"] < HELD_MS)


def highest() -> tuple[float, list[dict[str, Any]]]:
    """Look for the highest rate that is held; give it, and what was seen at each that was tried.

    Raises `RuntimeError` where none is.
    """
    tried: list[dict[str, Any]] = []
    most, rate = 0.0, FIRST
    for _ in range(TRIES):
        tried.append(found := at(rate, TRIED_SECONDS))
        if is_held(found):
            most = max(most, found["rate"])
            rate = most * max(FULL / max(found["core_used"], 0.01), 1 + NEAR)
        else:
            rate = (most + found["rate"]) / 2
        if most and abs(rate - most) < NEAR * most:
            break
    if not most:
        raise RuntimeError(f"not even {rate:.1f} calls a second are held")
    return most, tried


def run() -> dict[str, Any]:
    """Look for the highest rate, and measure at parts of it."""
    most, tried = highest()
    runs = {load: [at(most * load, SECONDS) for _ in range(RUNS)] for load in LOADS}

    def middle(load: float, which: str) -> float:
        return round(float(statistics.median(one["overall"][which] for one in runs[load])), 2)

    least, worst = middle(LOADS[0], "p50_ms"), middle(LOADS[-1], "p99_ms")
    ratio = round(worst / least, 1)
    return {
        "what": f"event to next command, 99th percentile at 80 % of {most:.0f} calls/s",
        "unit": "ms",
        "value": worst,
        "peer": "median at 10 %",
        "peer_value": least,
        "ratio": ratio,
        "goal": f"at most {GOAL}",
        "met": ratio <= GOAL,
        "others": [
            {
                "what": f"at {load:.0%}, {name} percentile",
                "unit": "ms",
                "value": middle(load, which),
            }
            for load in LOADS
            for which, name in (("p50_ms", "50th"), ("p99_ms", "99th"), ("p999_ms", "99.9th"))
        ]
        # What else the machine does is in all of this: then it is to be measured again.
        + [
            {
                "what": f"at {load:.0%}, work that waited for the core",
                "unit": "% of time",
                "value": round(max(one["core_waited"] for one in runs[load]) * 100, 1),
            }
            for load in LOADS
        ],
        "highest_rate": round(most, 1),
        "tried": tried,
        "runs": {f"{load:.0%}": several for load, several in runs.items()},
    }
