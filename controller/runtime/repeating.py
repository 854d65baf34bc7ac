"""Tells other servers again and again until they take it, in a thread that nothing else waits for.

What fails is logged once and counted, and tried again, waiting longer each time, for as long as it
takes.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, Protocol

import gevent
import structlog

from controller.metrics import Metrics
from controller.runtime.offload import Offload
from controller.runtime.webhooks import NotTaken
from controller.store.database import Away

log: Any = structlog.get_logger("told")

#: How often it is looked whether there is something to tell, seconds.
POLL_SECONDS: Final = 1.0
#: How long it is waited after a failure, at first and at most, seconds.
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 300.0
#: How long it may take to end, seconds.
END_SECONDS: Final = 2.0


class Late(Exception):
    """It does not end."""


class Work(Protocol):
    """What is done in a thread. `name` is for the log and for metrics."""

    @property
    def name(self) -> str:
        """What it is."""

    @property
    def problem(self) -> str | None:
        """What is not taken, and why."""

    def turn(self) -> float:
        """Tell something, if there is something to tell, and give how long to wait then.

        0: something was taken, and there may be more. Raises `NotTaken` where it was not taken,
        `Away` where the store is.
        """

    def release(self) -> None:
        """Leave to other controllers what is this one's."""

    def close(self) -> None:
        """End what is under way; it comes of another thread."""


class Repeated:
    """Does some work, turn by turn, until it is stopped. Used from the hub's thread."""

    def __init__(self, work: Work, metrics: Metrics) -> None:
        self._work = work
        self._metrics = metrics
        self._failing = False
        self._wait = FIRST_WAIT
        self._greenlet: Any = None
        self._offload: Offload | None = None

    def start(self) -> None:
        """Begin."""
        self._offload = Offload(1)
        self._greenlet = gevent.spawn(self._run, self._offload)

    def stop(self) -> None:
        """End, and what is under way with it."""
        if self._greenlet is None or self._offload is None:
            return
        self._greenlet.kill()
        self._work.close()
        # A thread that hangs where it cannot be cut is left alone.
        with contextlib.suppress(Late), gevent.Timeout(END_SECONDS, Late):
            # The store may be away: then the lease ends by itself.
            with contextlib.suppress(*Away):
                self._offload.run(self._work.release)
            self._offload.close()

    def _run(self, offload: Offload) -> None:
        while True:
            gevent.sleep(self._turn(offload))

    def _turn(self, offload: Offload) -> float:
        try:
            wait = offload.run(self._work.turn)
        except Away:
            # The store's own fault is told where calls meet it.
            return POLL_SECONDS
        except NotTaken as error:
            if not self._failing:
                # Whose fault it is needs no traceback.
                log.warning("not_taken", what=self._work.name, problem=str(error))
            self._metrics.not_taken.labels(self._work.name).inc()
        except Exception:
            # It outlives any fault, as the dispatcher does.
            if not self._failing:
                log.exception("fault", where="told", what=self._work.name)
                self._metrics.faults.labels("told").inc()
        else:
            if self._failing and self._work.problem is None:
                log.info("taken_again", what=self._work.name)
                self._failing = False
            if not wait or not self._failing:
                self._wait = FIRST_WAIT
            return wait
        self._failing = True
        waits, self._wait = self._wait, min(self._wait * 2, LONGEST_WAIT)
        return waits
