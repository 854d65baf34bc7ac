"""Calls that go on while faults are made: people ring, ask by the API, and add to accounts."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

import msgspec

from controller.simulator.events import micros
from tests.faults import people
from tests.faults.laboratory import CONTROLLERS, NODES, Laboratory


class Rang(msgspec.Struct):
    """One time that somebody rang: which call it was, by which node, when."""

    count: int
    node: int
    at: int


class Asked(msgspec.Struct):
    """A callback that was asked for through the API, and was taken there: 201 or 200."""

    count: int
    key: str
    at: int
    status: int


class Load:
    """Places calls at a steady rate, until it is stopped."""

    def __init__(self, laboratory: Laboratory, seed: int, each: float) -> None:
        self._laboratory = laboratory
        self.seed = seed
        self._each = each
        self._drawn = random.Random(f"load/{seed}")
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.count = 0
        self.rang: list[Rang] = []
        self.asked: list[Asked] = []
        #: What was put on the account of `1002` besides, micro-units; by its key.
        self.added: dict[str, int] = {}

    def start(self) -> None:
        """Begin."""
        self._run(self._call_on)
        self._run(self._add_on)

    def stop(self) -> None:
        """Begin no more calls; those who ask through the API go on until somebody takes it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(180.0)

    def _run(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _call_on(self) -> None:
        while not self._stop.wait(self._drawn.expovariate(1 / self._each)):
            journey = people.journey(self.seed, self.count)
            node = self._drawn.randrange(NODES)
            if journey.by_api:
                first = self._drawn.randrange(CONTROLLERS)
                self._run(self._ask, self.count, journey, first)
            else:
                self._ring(self.count, journey, node)
                if journey.again is not None:
                    other = self._drawn.randrange(NODES)
                    timer = threading.Timer(journey.again, self._ring, (self.count, journey, other))
                    timer.daemon = True
                    self._threads.append(timer)
                    timer.start()
            self.count += 1

    def _ring(self, count: int, journey: people.Journey, node: int) -> None:
        at = micros()
        placed = self._laboratory.ring(node, count, journey.caller, journey.did, journey.gives_up)
        if placed:
            self.rang.append(Rang(count, node, at))

    def _ask(self, count: int, journey: people.Journey, first: int) -> None:
        key = f"journey-{self.seed}-{count}"
        wanted = {"extension": journey.extension, "number": journey.caller}
        status = self._insist("/callbacks", wanted, key, first)
        if status:
            self.asked.append(Asked(count, key, micros(), status))

    def _add_on(self) -> None:
        path = f"/accounts/{self._laboratory.accounts['1002']}/entries"
        turn = 0
        while not self._stop.wait(15.0):
            turn += 1
            key, amount = f"more{turn}", 90 * people.CENT
            if self._insist(path, {"key": key, "amount": amount}, key, turn):
                self.added[key] = amount

    def _insist(self, path: str, wanted: object, key: str, first: int) -> int:
        """Ask one controller after the other until one has taken it: always with the same key."""
        for turn in range(200):
            with contextlib.suppress(OSError):
                return self._laboratory.post((first + turn) % CONTROLLERS, path, wanted, key)
            time.sleep(0.5)
        return 0
