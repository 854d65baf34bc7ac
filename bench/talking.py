"""What people who talk cost a real FreeSWITCH: CPU per call of the ones that this service made.

Callbacks as in `on_switch`, all of which talk at once: sound in packets of 20 ms, G.711, both ways,
which the switch passes on as it is. Measured is what its process works, with few calls and with
many; the difference is what calls cost. The controller holds none of them meanwhile: its share is
given beside.

There has to be a FreeSWITCH (`freeswitch` on the PATH, or FREESWITCH_BIN), and SIPp.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.on_switch import make
from bench.on_switch_phones import Keys, worked
from bench.on_switch_site import Site, driving, records

#: How many talk, and for how long that is measured, seconds.
CALLS: Final = tuple(int(count) for count in os.environ.get("BENCH_TALKING", "20,80").split(","))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "20"))
#: Until then sound flows evenly, seconds.
WARM_UP_SECONDS: Final = 3.0
#: Longer than all of it takes, seconds.
TALK_SECONDS: Final = 120.0
RATE: Final = 4.0
#: So much of what was said must arrive.
ENOUGH: Final = 0.95
WHAT: Final = "the switch's CPU per talking call"


def measure(site: Site, sipp: str, folder: Path, calls: int, first: int) -> tuple[float, float]:
    """Give how much of a core the switch and the controller work while so many talk."""
    found: list[tuple[float, float]] = []
    with driving("ours", site, folder) as pid:
        assert pid is not None

        def talk(keys: Keys) -> None:
            keys.speak(WARM_UP_SECONDS)
            before, began = (worked(site.switch.pid), worked(pid)), time.monotonic()
            if (heard := keys.speak(SECONDS)) < ENOUGH:
                raise RuntimeError(f"only {heard:.0%} of what was said has arrived")
            took = time.monotonic() - began
            after = (worked(site.switch.pid), worked(pid))
            found.append(((after[0] - before[0]) / took, (after[1] - before[1]) / took))

        numbers = range(first, first + calls)
        make("ours", site, sipp, folder, numbers, TALK_SECONDS, rate=RATE, talking=talk)
    return found[0]


def run() -> dict[str, Any]:
    """Measure both numbers of calls; where there is no such switch, say what is missing."""
    freeswitch = os.environ.get("FREESWITCH_BIN") or shutil.which("freeswitch")
    sipp = shutil.which("sipp")
    if not freeswitch or not sipp:
        why = "no sipp" if freeswitch else "no freeswitch"
        return {"what": f"{WHAT}: skipped, {why}", "skipped": why}
    found = {}
    with tempfile.TemporaryDirectory(prefix="cb-") as root, Site(freeswitch, Path(root)) as site:
        records(site.switch, on=True)
        for position, calls in enumerate(CALLS):
            folder = Path(root) / str(calls)
            folder.mkdir()
            found[calls] = measure(site, sipp, folder, calls, position * 10_000)
    few, many = CALLS[0], CALLS[-1]
    switch, controller = (
        (b - a) / (many - few) * 1000 for a, b in zip(found[few], found[many], strict=True)
    )
    return {
        "what": WHAT,
        "unit": "ms per second",
        "value": round(switch, 2),
        "others": [
            {"what": "the controller's", "unit": "ms per second", "value": round(controller, 2)},
            *(
                {"what": f"the switch, {calls} talk", "unit": "% of a core",
                 "value": round(used * 100, 1)}
                for calls, (used, _) in found.items()
            ),
        ],
        "found": {str(calls): one for calls, one in found.items()},
    }  # fmt: skip
