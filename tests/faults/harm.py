"""What is done to the laboratory: faults, one after the other and several at once, by seed.

Each is done and undone in a thread of its own, and noted with its times, so that what is seen can
be told from what was done.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from controller.simulator.events import micros
from tests.faults.laboratory import CONTROLLERS, NODES, Laboratory
from tests.proxies import Proxy
from tests.redis_servers import Server


class Fault(msgspec.Struct):
    """One fault: what was done to what, from when to when (0: it goes on), microseconds."""

    number: int
    kind: str
    target: str
    begun: int
    ended: int = 0
    said: str = ""
    calls: int = 0
    process: int = 0


#: Of each kind, how often it is drawn.
WEIGHTS: dict[str, int] = {
    "controller killed": 13,
    "controller told to end": 6,
    "controller stopped": 15,
    "all controllers killed": 2,
    "node killed": 5,
    "node stopped": 4,
    "valkey killed": 4,
    "valkey stopped": 4,
    "valkey emptied": 3,
    "sentinel killed": 2,
    "database restarted": 4,
    "database stopped": 5,
    "database sessions ended": 4,
    "database failed over": 3,
    "way to the database": 9,
    "way to valkey": 5,
    "way to a node": 9,
    "way of legs": 9,
}
#: No more than so many at once.
AT_ONCE = 3


class Harm:
    """Does so many faults, and keeps what was done."""

    def __init__(self, laboratory: Laboratory, seed: int, calls: Callable[[], int]) -> None:
        self._laboratory = laboratory
        self._drawn = random.Random(f"faults/{seed}")
        self._calls = calls
        self.faults: list[Fault] = []
        self._threads: list[threading.Thread] = []
        #: Of what something is done to, and undone: nothing else is done to it meanwhile.
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        self._undone = threading.Event()
        self.errors: list[str] = []

    def do(self, count: int, pause: float, kinds: dict[str, int] | None = None) -> None:
        """Do so many faults, some `pause` seconds from one to the next."""
        weights = kinds or WEIGHTS
        while len(self.faults) < count:
            kind = self._drawn.choices(list(weights), list(weights.values()))[0]
            seed = self._drawn.random()
            wait = self._drawn.uniform(0.2, 2.0) * pause
            while sum(thread.is_alive() for thread in self._threads) >= AT_ONCE:
                time.sleep(0.05)
            self._begin(kind, random.Random(seed))
            time.sleep(wait)

    def stop(self) -> None:
        """Undo what goes on, and wait for it."""
        self._undone.set()
        for thread in self._threads:
            thread.join(120.0)

    def _begin(self, kind: str, drawn: random.Random) -> None:
        thread = threading.Thread(target=self._do, args=(kind, drawn), name=kind, daemon=True)
        self._threads.append(thread)
        thread.start()
        # What it does first is done before the next is drawn.
        time.sleep(0.01)

    def _do(self, kind: str, drawn: random.Random) -> None:
        doing: dict[str, Callable[[str, random.Random], None]] = {
            "controller killed": self._controller,
            "controller told to end": self._controller,
            "controller stopped": self._controller,
            "all controllers killed": self._all_controllers,
            "node killed": self._node,
            "node stopped": self._node,
            "valkey killed": self._valkey,
            "valkey stopped": self._valkey,
            "valkey emptied": self._empty,
            "sentinel killed": self._sentinel,
            "database restarted": self._database,
            "database stopped": self._database,
            "database sessions ended": self._sessions,
            "database failed over": self._database,
        }
        try:
            doing.get(kind, self._way)(kind, drawn)
        except Exception as error:  # noqa: BLE001  (the laboratory's own, told at the end)
            self.errors.append(f"{kind}: {type(error).__name__}: {error}")

    # --- noting --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _noted(self, kind: str, target: str, said: str = "", process: int = 0) -> Any:
        """Note a fault while it lasts; nothing, where something is done to its target already."""
        with self._lock:
            free = target not in self._taken
            if free:
                self._taken.add(target)
                fault = Fault(
                    len(self.faults) + 1, kind, target, micros(), 0, said, self._calls(), process
                )
                self.faults.append(fault)
        if not free:
            yield False
            return
        try:
            yield True
        finally:
            fault.ended = micros()
            with self._lock:
                self._taken.discard(target)

    def _last(self, seconds: float) -> None:
        self._undone.wait(seconds)

    # --- processes -----------------------------------------------------------------------------

    def _controller(self, kind: str, drawn: random.Random) -> None:
        number = drawn.randrange(CONTROLLERS)
        self._process(self._laboratory.controllers[number], kind, drawn, 8.0)

    def _node(self, kind: str, drawn: random.Random) -> None:
        number = drawn.randrange(NODES)
        if kind == "node killed" and self._is_down(self._laboratory.nodes[1 - number]):
            return
        self._process(self._laboratory.nodes[number], kind, drawn, 3.0)

    @staticmethod
    def _is_down(ward: Any) -> bool:
        return not ward.process

    def _process(self, ward: Any, kind: str, drawn: random.Random, longest: float) -> None:
        if not ward.process:
            return
        stopped = kind.endswith("stopped")
        seconds = drawn.choice((drawn.uniform(0.1, 1.5), drawn.uniform(1.0, longest)))
        process = ward.process
        said = f"{seconds:.1f} s" if stopped else ""
        with self._noted(kind, ward.name, said, process) as free:
            if not free:
                return
            if stopped:
                ward.send(signal.SIGSTOP)
                self._last(seconds)
                ward.send(signal.SIGCONT)
                return
            ward.send(signal.SIGKILL if kind.endswith("killed") else signal.SIGTERM)
            until = time.monotonic() + 20.0
            while ward.process in (process, 0) and time.monotonic() < until:
                time.sleep(0.02)

    def _all_controllers(self, kind: str, drawn: random.Random) -> None:
        with self._noted(kind, "all controllers") as free:
            if free:
                for ward in self._laboratory.controllers:
                    ward.send(signal.SIGKILL)
                time.sleep(1.0)

    # --- stores --------------------------------------------------------------------------------

    def _valkey(self, kind: str, drawn: random.Random) -> None:
        valkeys = self._laboratory.valkeys
        which = valkeys.primary() if drawn.random() < 0.8 else 1 - valkeys.primary()
        self._server(valkeys.nodes[which], kind, f"valkey {which + 1}", drawn)

    def _sentinel(self, kind: str, drawn: random.Random) -> None:
        which = drawn.randrange(3)
        self._server(self._laboratory.valkeys.sentinels[which], kind, f"sentinel {which}", drawn)

    def _server(self, server: Server, kind: str, name: str, drawn: random.Random) -> None:
        seconds = drawn.choice((drawn.uniform(0.1, 1.0), drawn.uniform(1.0, 6.0)))
        with self._noted(kind, name, f"{seconds:.1f} s") as free:
            if not free:
                return
            if kind.endswith("stopped"):
                server.send_signal(signal.SIGSTOP)
                self._last(seconds)
                server.send_signal(signal.SIGCONT)
            else:
                server.kill()
                self._last(seconds)
                server.start()

    def _empty(self, kind: str, drawn: random.Random) -> None:
        with self._noted(kind, "valkey data") as free:
            if free:
                self._laboratory.valkeys.flush()

    def _database(self, kind: str, drawn: random.Random) -> None:
        postgres = self._laboratory.postgres
        seconds = drawn.choice((drawn.uniform(0.1, 1.0), drawn.uniform(1.0, 5.0)))
        # A standby is made anew by a fail-over: nothing is done to either of them meanwhile.
        with self._noted(kind, "database", f"{seconds:.1f} s") as free:
            if not free:
                return
            primary = postgres.pair.primary
            if kind.endswith("restarted"):
                how = drawn.choice((signal.SIGQUIT, signal.SIGINT))
                primary.stop(how)
                self._last(seconds)
                primary.start()
            elif kind.endswith("stopped"):
                primary.freeze()
                self._last(seconds)
                primary.thaw()
            else:
                if drawn.random() < 0.5:
                    primary.kill()
                else:
                    primary.freeze()
                self._last(seconds)
                postgres.fail_over()

    def _sessions(self, kind: str, drawn: random.Random) -> None:
        with self._noted(kind, "database sessions") as free:
            if free:
                for _ in range(drawn.randrange(1, 8)):
                    self._laboratory.postgres.end_sessions()
                    time.sleep(drawn.uniform(0, 0.1))

    # --- ways ----------------------------------------------------------------------------------

    def _way(self, kind: str, drawn: random.Random) -> None:
        laboratory = self._laboratory
        controller = drawn.randrange(CONTROLLERS)
        name = f"c{controller}"
        if kind == "way to the database":
            # Both servers: the controller alone has lost them.
            proxies = laboratory.postgres.proxies[controller]
            target = f"{name}-database"
        elif kind == "way to valkey":
            which = laboratory.valkeys.primary()
            proxies = [laboratory.valkeys.proxies[which]]
            target = f"valkey {which + 1} for all"
        elif kind == "way to a node":
            node = drawn.randrange(NODES)
            proxies = [laboratory.links[controller][node]]
            target = f"{name}-fs{node}"
        else:
            proxies = [laboratory.sockets[controller]]
            target = f"legs-{name}"
        self._through(proxies, kind, target, drawn)

    def _through(self, proxies: list[Proxy], kind: str, target: str, drawn: random.Random) -> None:
        how = drawn.choice(("cut", "refuse", "delay", "swallow"))
        seconds = drawn.uniform(0.5, 5.0)
        late = drawn.choice((0.05, 0.2, 0.5, 1.0, 2.0))
        said = {"cut": "cut", "delay": f"{late} s late, {seconds:.1f} s"}.get(
            how, f"{how}, {seconds:.1f} s"
        )
        with self._noted(f"{kind}: {how}", target, said) as free:
            if not free:
                return
            for proxy in proxies:
                if how == "delay":
                    proxy.delay(late)
                else:
                    getattr(proxy, how)()
            if how != "cut":
                self._last(seconds)
                for proxy in proxies:
                    proxy.open()
