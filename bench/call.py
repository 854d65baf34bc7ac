"""CPU per complete callback: the controller with everything on, and bare scripts that do the same.

A callback is a call that rings and is refused, the return call, a password, the credit heard, a
number, a conversation, and the record of all that; they begin at an even rate. The controller has
a database (SQLite, and again PostgreSQL), Valkey, credit, limits and metrics. The peers, of
greenswitch and of Genesis, store nothing, and neither tell a credit nor keep a limit.

Counted is what the process itself works; what its database, Valkey and children do is given apart.
Hashing is apart too: passwords are hashed as quickly as argon2id can, and what a real one costs is
given beside it. All is measured several times, in turns; the medians count.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.conversations import Quick
from bench.processes import (
    GENESIS,
    children,
    cpu_of,
    cpu_seconds,
    free_port,
    listens,
    of_postgresql,
    process,
    threads_worked,
    wait_until,
)
from bench.soak_site import PASSWORD, RING_SECONDS, Site, Switch, phones, site
from controller.store.passwords import Passwords
from tests.redis_servers import short_directory

#: Callbacks that begin in a second: what a controller with everything on does with ease.
RATE: Final = float(os.environ.get("BENCH_RATE", "5"))
#: For how long they are measured, and how often, seconds.
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "20"))
RUNS: Final = int(os.environ.get("BENCH_RUNS", "3"))
#: A callback takes 14 s: as many end as begin, from then on.
WARM_UP_SECONDS: Final = float(os.environ.get("BENCH_WARM_UP_SECONDS", "16"))
#: How long nobody calls, to see what that costs.
IDLE_SECONDS: Final = 4.0
#: In parts of what the bare greenswitch script uses.
GOAL: Final = 0.25
CALLERS: Final = 400
HASHES: Final = 10
BARE: Final = "bare greenswitch"
_HERE: Final = Path(__file__).parent


class Callbacks:
    """Callbacks on switches, at an even rate."""

    def __init__(self, place: Callable[[], None], switches: list[Switch], rate: float) -> None:
        self._place, self._switches, self.rate = place, switches, rate

    def begin(self, seconds: float) -> None:
        """Let them begin for so long."""
        began = time.monotonic()
        for number in range(round(seconds * self.rate)):
            ahead = began + number / self.rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            self._place()
        time.sleep(max(began + seconds - time.monotonic(), 0))

    def ended(self) -> int:
        """Give how many have ended so far, after a conversation."""
        seen = [switch.seen for switch in self._switches]
        # Of those that ended without one there were none, or what is measured is something else.
        return min(
            sum(one["return", "ended"] for one in seen),
            sum(one["return", "unbridged"] for one in seen),
        )


def cost(
    callbacks: Callbacks,
    worked: Callable[[], dict[str, float]],
    warm_up: float = WARM_UP_SECONDS,
    seconds: float = SECONDS,
) -> dict[str, float]:
    """Give what callbacks cost, in milliseconds of a core: each of what `worked` gives so far.

    Raises `RuntimeError` where none came to its end.
    """
    began, idle = time.monotonic(), worked()
    time.sleep(IDLE_SECONDS)
    idled, resting = time.monotonic() - began, worked()
    callbacks.begin(warm_up)
    before, seen = worked(), callbacks.ended()
    began = time.monotonic()
    callbacks.begin(seconds)
    after, lasted, ended = worked(), time.monotonic() - began, callbacks.ended() - seen
    if not ended:
        raise RuntimeError("not one callback came to its end")
    # Where a busy machine lets fewer end than begin, or more, some were begun or ended besides.
    count = (ended + round(seconds * callbacks.rate)) / 2
    return {
        "begun": round(seconds * callbacks.rate),
        "ended": ended,
        **{f"{name}_ms": (after[name] - before[name]) / count * 1000 for name in after},
        "idle_ms_per_second": (resting["cpu"] - idle["cpu"]) / idled * 1000,
        "core_used": (after["cpu"] - before["cpu"]) / lasted,
    }


# --- what is measured ----------------------------------------------------------------------------


def worked(place: Site) -> dict[str, float]:
    """Give what the controllers of a site, and what is theirs, have worked so far, seconds."""
    pids = [controller.pid for controller in place.controllers.values()]
    threads = [(pid, *one) for pid in pids for one in threads_worked(pid)]
    return {
        "cpu": cpu_of(pids),
        "main_thread": sum(user + system for pid, thread, user, system in threads if pid == thread),
        "other_threads": sum(u + s for pid, thread, u, s in threads if pid != thread),
        "system": sum(system for *_, system in threads),
        "children": cpu_of([child for pid in pids for child in children(pid)]),
        "valkey": cpu_seconds(place.valkey_pid),
        "database": of_postgresql(place.postgresql) if place.postgresql else 0.0,
    }


def ours(*, postgresql: bool) -> dict[str, float]:
    """Measure the controller once."""
    with site(("one",), callers=CALLERS, postgresql=postgresql, hashed=Quick, pinned=True) as place:
        return cost(Callbacks(place.place, place.switches, RATE), lambda: worked(place))


@contextmanager
def bare(*command: str) -> Iterator[tuple[int, Switch, Callable[[], None]]]:
    """Run a peer and its switch; give its process, the switch, and what places a call.

    `command` runs the peer; behind it come its port, the switch's, how long a call rings, and the
    password.
    """
    with short_directory() as directory:
        port = free_port()
        switch = Switch("one", [port], directory / "records", core=1)
        try:
            for phone in phones(CALLERS):
                switch.say(phone=phone)
            whole = (*command, str(port), str(switch.port), str(RING_SECONDS), PASSWORD)
            with process(*whole, core=0, stderr=subprocess.DEVNULL) as serving:
                wait_until(lambda: listens(port), serving)
                placed = iter(range(sys.maxsize))

                def place() -> None:
                    number = next(placed)
                    switch.call(number % CALLERS, number)

                yield serving.pid, switch, place
        finally:
            switch.close()


def theirs(*command: str) -> dict[str, float]:
    """Measure a peer once."""
    with bare(*command) as (pid, switch, place):
        return cost(Callbacks(place, [switch], RATE), lambda: {"cpu": cpu_seconds(pid)})


def peers() -> dict[str, tuple[str, ...]]:
    """Give the peers that there are, and how each is run."""
    found: dict[str, tuple[str, ...]] = {BARE: (sys.executable, "-m", "bench.call_peer")}
    if GENESIS.exists():
        # Not as a module: it has nothing of what this package needs.
        found["Genesis"] = (str(GENESIS), "-P", str(_HERE / "call_peer_genesis.py"))
    return found


def hashing() -> float:
    """Give what it costs to check one real password, milliseconds of a core."""
    passwords = Passwords(b"0" * 32)
    kept = passwords.hash(PASSWORD)
    began = time.process_time()
    for _ in range(HASHES):
        passwords.check(PASSWORD, kept)
    return (time.process_time() - began) / HASHES * 1000


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """Give the medians of what was measured several times."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def compared(found: dict[str, dict[str, float]], name: str, peer: str) -> dict[str, Any]:
    """Give how one of ours stands against a peer, and, of the bare script, to the goal."""
    value, against = found[name]["cpu_ms"], found[peer]["cpu_ms"]
    ratio = round(value / against, 3)
    return {
        "what": f"CPU per callback, {name}",
        "unit": "ms",
        "value": round(value, 1),
        "peer": peer,
        "peer_value": round(against, 1),
        "ratio": ratio,
        **({"goal": f"at most {GOAL}", "met": ratio <= GOAL} if peer == BARE else {}),
    }


def run() -> dict[str, Any]:
    """Measure all, in turns."""
    measures: dict[str, Callable[[], dict[str, float]]] = {
        "SQLite": partial(ours, postgresql=False),
        "PostgreSQL": partial(ours, postgresql=True),
        **{name: partial(theirs, *command) for name, command in peers().items()},
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in measures}
    for _ in range(RUNS):
        for name, measure in measures.items():
            runs[name].append(measure())
    found = {name: middle(several) for name, several in runs.items()}
    results = [compared(found, name, peer) for name in ("SQLite", "PostgreSQL") for peer in peers()]
    return {
        **results[0],
        "others": results[1:],
        "medians": found,
        "runs": runs,
        "rate": RATE,
        "password_ms": round(hashing(), 1),
    }
