"""Hears of changes that others announce."""

from __future__ import annotations

from typing import Any, Final, Protocol

import gevent
import msgspec
import structlog
from gevent.event import Event
from redis.exceptions import RedisError

from controller.cache.availability import kind_of
from controller.cache.client import RedisHandle, Subscription
from controller.cache.metrics import CacheMetrics
from controller.policy.changes import Change

log: Any = structlog.get_logger("cache")

#: How long until a subscription that broke is tried again, seconds.
AGAIN_SECONDS: Final = 0.5

_decode = msgspec.json.Decoder(Change).decode


class Hearer(Protocol):
    """Who is told."""

    def on_message(self, change: Change) -> None:
        """A change was announced."""
        ...

    def on_heard(self, heard: bool) -> None:
        """Whether changes are heard of from now on."""
        ...

    def on_missed(self) -> None:
        """A change was announced that cannot be read."""
        ...


class Subscriber:
    """One greenlet with a connection of its own; it tries again for as long as it runs.

    `up` is set while Redis is used for all else.
    """

    def __init__(
        self, hearer: Hearer, redis: RedisHandle | None, up: Event, metrics: CacheMetrics
    ) -> None:
        self._hearer = hearer
        self._redis = redis
        self._up = up
        self._metrics = metrics
        self._channel: str | None = None
        self._greenlet: gevent.Greenlet[..., None] | None = None
        #: What is wrong, while Redis is well otherwise.
        self.fault: str | None = None

    def listen(self, channel: str) -> None:
        """Hear of this channel from the next `start` on."""
        self.stop()
        self._channel = channel

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._greenlet is None and self._redis is not None and self._channel is not None:
            self._greenlet = gevent.spawn(self._run, self._redis, self._channel)

    def stop(self) -> None:
        """End."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def _run(self, redis: RedisHandle, channel: str) -> None:
        while True:
            self._up.wait()
            try:
                self._hear(redis.subscribe(channel))
            except RedisError as error:
                self._lost(error)
            except Exception:
                self._metrics.faults.labels("subscriber").inc()
                log.exception("subscriber_fault")
            gevent.sleep(AGAIN_SECONDS)

    def _hear(self, subscription: Subscription) -> None:
        try:
            self._heard()
            for message in subscription:
                self._tell(message)
        finally:
            subscription.close()
            self._hearer.on_heard(False)

    def _tell(self, message: bytes) -> None:
        try:
            change = _decode(message)
        except msgspec.MsgspecError:
            # Of another release, say: something changed, and only the store knows what.
            self._metrics.faults.labels("message").inc()
            self._hearer.on_missed()
        else:
            self._hearer.on_message(change)

    def _heard(self) -> None:
        self._hearer.on_heard(True)
        if self.fault is not None:
            self.fault = None
            log.info("changes_heard_again")

    def _lost(self, error: RedisError) -> None:
        self._metrics.faults.labels("subscription").inc()
        if self.fault is None:
            self.fault = (
                f"changes are not heard of ({kind_of(error)}): they are seen up to a second later"
            )
            log.warning("changes_unheard", kind=kind_of(error), reason=str(error))
