"""What all have in common that look at something again and again, whether anybody asks or not."""

from __future__ import annotations

from typing import Any

import structlog
from gevent.event import Event as Flag

from controller.runtime.services import Services

log: Any = structlog.get_logger("looker")


class Looker:
    """Looks, waits and looks again until it is stopped; it outlives any fault of a look.

    `where`: a fault is said to have been there, in the log and in metrics; `wait_seconds`: between
    two looks.
    """

    def __init__(self, services: Services, *, where: str, wait_seconds: float) -> None:
        self._services = services
        self._where = where
        self._wait_seconds = wait_seconds
        self._stopped = Flag()

    def start(self) -> None:
        """Begin to look."""
        self._services.spawn(self._run)

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def look(self) -> None:
        """Look once."""
        raise NotImplementedError

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.look()
            except Exception:
                log.exception("fault", where=self._where)
                self._services.metrics.faults.labels(self._where).inc()
            self._stopped.wait(timeout=self._wait_seconds)
