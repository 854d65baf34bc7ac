"""Measures how late the event loop comes round, which everybody waits for who is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gevent

from controller.metrics import Metrics

#: How often it is asked, seconds.
ASK_SECONDS: Final = 0.5


class LoopLag:
    """Asks to be woken again and again, and tells how late that was.

    `now`: seconds, never back.
    """

    def __init__(self, metrics: Metrics, now: Callable[[], float]) -> None:
        self._late = metrics.loop_late
        self._now = now
        self._greenlet: Any = None

    def start(self) -> None:
        """Begin to measure."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Measure no more."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        while True:
            # The loop's own time is as old as its round: from there the wait would be shorter.
            gevent.get_hub().loop.update_now()
            due = self._now() + ASK_SECONDS
            gevent.sleep(ASK_SECONDS)
            self._late.observe(max(self._now() - due, 0.0))
