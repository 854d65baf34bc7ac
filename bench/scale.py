"""What a callback costs with two controllers, against with one: as many calls for each of them.

The callbacks of `call`, with PostgreSQL, Valkey and two switches in both cases. Each controller has
the same rate, so that what differs is only that there is another one.
"""

from __future__ import annotations

import os
from typing import Any, Final

from bench.call import CALLERS, Callbacks, cost, middle, worked
from bench.conversations import Quick
from bench.soak_site import NAMES, site

#: Callbacks that begin in a second, for each controller.
RATE: Final = float(os.environ.get("BENCH_RATE", "5")) / 2
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "20"))
RUNS: Final = int(os.environ.get("BENCH_RUNS", "3"))
#: With two, in parts of what it costs with one.
GOAL: Final = 1.15


def measure(controllers: int) -> dict[str, float]:
    """Measure so many controllers once."""
    with site(NAMES[:controllers], switched=NAMES, callers=CALLERS, hashed=Quick) as place:
        callbacks = Callbacks(place.place, place.switches, RATE * controllers)
        return cost(callbacks, lambda: worked(place), seconds=SECONDS)


def run() -> dict[str, Any]:
    """Measure one and two, in turns."""
    runs: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(RUNS):
        for controllers, several in runs.items():
            several.append(measure(controllers))
    one, two = middle(runs[1]), middle(runs[2])
    ratio = round(two["cpu_ms"] / one["cpu_ms"], 3)
    return {
        "what": "CPU per callback, two controllers",
        "unit": "ms",
        "value": round(two["cpu_ms"], 1),
        "peer": "one controller",
        "peer_value": round(one["cpu_ms"], 1),
        "ratio": ratio,
        "goal": f"at most {GOAL}",
        "met": ratio <= GOAL,
        "medians": {"1": one, "2": two},
        "runs": runs,
    }
