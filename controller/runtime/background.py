"""Writes to the store what nobody waits for, many at a time and in the order that it came in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import gevent
import structlog
from gevent.lock import BoundedSemaphore

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("background")

#: How long what is to be written waits for more, seconds: as much dies with a controller.
FLUSH_SECONDS: Final = 1.0
#: While the store is away so many wait; what comes then is lost, and counted.
MOST_WAITING: Final = 200_000
#: How many are written at once.
AT_ONCE: Final = 1000

T = TypeVar("T")


class Background(Generic[T]):
    """Collects what is to be kept and writes it, for all calls of a controller at once.

    `write` is the store's, and takes the same again: a write of which nobody knows whether it was
    made is made once more. `what` names it in the log and in the metric of faults. `first`: a
    caller may wait for it (`flush`). A controller that is killed takes the last second with it.
    """

    def __init__(
        self,
        services: Services,
        write: Callable[[Sequence[T]], None],
        what: str,
        *,
        first: bool = False,
    ) -> None:
        self._services = services
        self._first = first
        self._write = write
        self._what = what
        self._waiting: list[T] = []
        self._running = False
        self._lost = 0
        # Two who write at once would not keep the order.
        self._turn = BoundedSemaphore(1)

    def add(self, one: T) -> None:
        """Keep something; it is written within a second, or when the store is back."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            if self._lost == 1:
                log.error(f"{self._what}_lost", waiting=len(self._waiting))
                self._services.metrics.faults.labels(self._what).inc()
            return
        self._waiting.append(one)
        if not self._running:
            self._running = True
            self._services.spawn_for_all(self._run)

    def _run(self) -> None:
        try:
            while self._waiting:
                gevent.sleep(FLUSH_SECONDS)
                self.flush()
        finally:
            self._running = False

    def flush(self, needed: Callable[[T], bool] | None = None) -> None:
        """Write what waits. It waits for the store, and for whoever writes already.

        `needed`: only if such a thing is among it; all else may go on waiting for more.
        """
        keep = self._services.keep_first if self._first else self._services.keep
        with self._turn:
            if needed is not None and not any(map(needed, self._waiting)):
                return
            while self._waiting:
                some, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                keep(self._write, some)
            self._lost = 0
