"""Whether Redis is there: said once when it goes and once when it is back, counted each time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import structlog
from gevent.event import Event
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from controller.cache.metrics import CacheMetrics

log: Any = structlog.get_logger("cache")

#: What went wrong, by redis-py's error; the first that fits.
_KINDS: Final[tuple[tuple[type[RedisError], str], ...]] = (
    (RedisTimeoutError, "timeout"),
    (AuthenticationError, "login"),
    (NoPermissionError, "login"),
    (BusyLoadingError, "loading"),
    (RedisConnectionError, "connection"),
    (OutOfMemoryError, "full"),
    (ReadOnlyError, "read_only"),
    (ResponseError, "refused"),
)


#: What older servers say of a command in a script is in the text only.
_IN_SCRIPTS: Final = (("-OOM ", "full"), ("-READONLY ", "read_only"), ("-MISCONF ", "refused"))


def kind_of(error: RedisError) -> str:
    """Give the one word for an error of Redis, for logs and metrics."""
    kind = next((kind for error_type, kind in _KINDS if isinstance(error, error_type)), "other")
    if kind == "refused":
        return next((inner for sign, inner in _IN_SCRIPTS if sign in str(error)), kind)
    return kind


class Availability:
    """What is known of Redis: not used until the first tick has seen it."""

    def __init__(self, metrics: CacheMetrics) -> None:
        self._metrics = metrics
        #: Set while it is used.
        self.up = Event()
        #: What is wrong, for readiness; None while it is well, or was not tried yet.
        self.fault: str | None = None
        #: It takes no more, and gives what it has.
        self._full: str | None = None
        metrics.redis_up.set(0)

    def failed(self, error: RedisError) -> None:
        """Redis failed: it is not used until it was seen to be well again."""
        kind = kind_of(error)
        self.away(kind, f"{kind}: {error}")

    def away(self, kind: str, reason: str) -> None:
        """Redis is not there, for this reason."""
        self._metrics.faults.labels(kind).inc()
        self.up.clear()
        self._metrics.redis_up.set(0)
        if self.fault is None:
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            self.fault = f"Redis is away since {since} ({reason}): policies come from the database"
            log.warning("redis_away", kind=kind, reason=reason)

    def back(self) -> None:
        """Redis is well."""
        if self.up.is_set():
            return
        self.up.set()
        self._metrics.redis_up.set(1)
        if self.fault is not None:
            self.fault = None
            log.info("redis_back")

    def full(self, error: RedisError) -> None:
        """Redis is full: what it has is true and is used, what is new is not kept."""
        self._metrics.faults.labels("full").inc()
        if self._full is None:
            self._full = "Redis is full: what is new comes from the database each time"
            log.warning("redis_full", reason=str(error))

    def stored(self) -> None:
        """Redis has kept something."""
        if self._full is not None:
            self._full = None
            log.info("redis_has_room")

    @property
    def said(self) -> str | None:
        """What is wrong, in a sentence; None while all is well."""
        return self.fault or self._full
