"""What all controllers count together in Redis, and each by itself while it is away.

Redis is asked while it is there, and left alone for a moment after it failed. That it went is said
once, and once that it is back; each fault is counted.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, TypeVar

import gevent
import structlog
from prometheus_client import Counter
from redis.exceptions import RedisError

from controller.cache.availability import kind_of
from controller.cache.client import NotSent, RedisHandle

R = TypeVar("R")

#: How long Redis is left alone after it failed, seconds; a ticker looks at its own times.
AGAIN_SECONDS: Final = 1.0
#: How often a ticker looks whether Redis is there, seconds.
TICK_SECONDS: Final = 2.0


class SharedCounts:
    """Counts of one store, as one controller sees them. Used from the hub's thread only.

    `lineage` names the store (`Position.lineage`); `now` gives seconds since 1970, by the wall:
    controllers compare by it. `faults` counts what went wrong, by kind.
    """

    #: In the names of keys and log lines.
    NAME: ClassVar[str]
    #: What is done while Redis is away, for `fault`.
    ALONE: ClassVar[str]
    #: Whether it is left alone for a moment after it failed; not where it is asked at set times.
    RESTS: ClassVar[bool] = True

    def __init__(
        self, redis: RedisHandle, lineage: str, *, now: Callable[[], float], faults: Counter
    ) -> None:
        self._redis = redis
        # Braces: in a cluster, all of a store's keys are on one server.
        self._prefix = f"callbackd:{{{lineage}}}:{self.NAME}:"
        self._now = now
        self._faults = faults
        self._log: Any = structlog.get_logger(self.NAME)
        #: What is wrong, in a sentence; None while all is well, or nothing was tried yet.
        self.fault: str | None = None
        #: It is not asked before then, seconds since 1970.
        self._again = 0.0
        #: It takes nothing new, and gives what it has.
        self._full = False

    def _ms(self) -> int:
        return int(self._now() * 1000)

    def _reach(
        self, ask: Callable[[], R], *, though_full: bool = False, proves: bool = True
    ) -> R | None:
        """Do what asks Redis, if it is there; None where it is not, or failed.

        `though_full`: what it has is wanted, so that one that is full is asked too. `proves`:
        whether an answer says that it is well again; of one that is asked though it is full it does
        not. Raises what `ask` makes of an answer, but no `RedisError`.
        """
        wanted = though_full and self._full
        if self.fault is not None and not wanted and self._now() < self._again:
            return None
        try:
            given = ask()
        except RedisError as error:
            self._failed(error)
            return None
        if proves and not (though_full and self._full):
            self._back()
        return given

    def _failed(self, error: RedisError) -> None:
        if isinstance(error, NotSent):
            self._faults.labels("busy").inc()
            return
        kind = kind_of(error)
        self._faults.labels(kind).inc()
        self._full = kind == "full"
        if self.RESTS:
            self._again = self._now() + AGAIN_SECONDS
        if not self._full:
            self._redis.drop()
        if self.fault is None:
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            self.fault = f"Redis is away since {since} ({kind}): {self.ALONE}"
            self._log.warning(f"{self.NAME}_alone", kind=kind, reason=str(error))

    def _back(self) -> None:
        self._full = False
        if self.fault is not None:
            self.fault = None
            self._log.info(f"{self.NAME}_shared")


class TickingCounts(SharedCounts):
    """Counts that look after Redis by themselves too. Without `start` all works; calls look then.

    `tick` is called every two seconds; a fault in it is logged and counted.
    """

    _ticker: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin to look after Redis. Waits for nothing."""
        self._ticker = gevent.spawn(self._tick_on)

    def stop(self) -> None:
        """End; the connections are left to whoever made them."""
        if self._ticker is not None:
            self._ticker.kill()
            self._ticker = None

    def _tick_on(self) -> None:
        log = self._log
        while True:
            # First, since a server of our own is just being started.
            gevent.sleep(TICK_SECONDS)
            try:
                self.tick()
            except Exception:
                self._faults.labels("ticker").inc()
                log.exception(f"{self.NAME}_fault")

    @abstractmethod
    def tick(self) -> None:
        """See whether Redis is there, and tell it what it missed."""
