"""Bodies that take memory, and what is done with them, which takes a thread for seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakValueDictionary

from gevent.lock import BoundedSemaphore

from controller.admin.model import Actor, Unavailable

#: How long a body waits until it is read, and then again for its turn, seconds.
TURN_SECONDS: Final = 20.0
#: So many bodies are in memory at a time.
MOST_BODIES: Final = 4


class Turns:
    """Lets one thing be done at a time, and few bodies be read meanwhile: one of each sender.

    A body comes as slowly as its sender likes. So nobody who sends one keeps others from their
    turn. `busy`: what those are told that wait too long.
    """

    def __init__(self, busy: str) -> None:
        self._busy = busy
        self._turn = BoundedSemaphore(1)
        self._bodies = BoundedSemaphore(MOST_BODIES)
        # By sender, for as long as one of his bodies is here.
        self._own: WeakValueDictionary[str, BoundedSemaphore] = WeakValueDictionary()

    @contextmanager
    def body(self, sender: str) -> Iterator[None]:
        """Have memory for a body of a sender's. Raises `Unavailable` where that takes too long."""
        until = time.monotonic() + TURN_SECONDS
        own = self._own.setdefault(sender, BoundedSemaphore(1))
        with self._having(own, until), self._having(self._bodies, until):
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn. Raises `Unavailable` where that takes too long."""
        with self._having(self._turn, time.monotonic() + TURN_SECONDS):
            yield

    @contextmanager
    def _having(self, what: BoundedSemaphore, until: float) -> Iterator[None]:
        if not what.acquire(timeout=max(until - time.monotonic(), 0.0)):
            raise Unavailable(self._busy)
        try:
            yield
        finally:
            what.release()


def sender(who: Actor) -> str:
    """Give whose body it is: all users and tokens of a client are one, each other is his own."""
    return who.client or who.name


class Shares:
    """What the API and the pages share: each takes memory, and a thread for seconds.

    Whoever stops callbacks meanwhile finds a thread free.
    """

    def __init__(self) -> None:
        self.sounds = Turns("other sounds are being converted; send it again in a moment")
        self.imports = Turns("another file is being imported; send it again in a moment")
        self.figures = Turns("other figures are being counted; ask again in a moment")
