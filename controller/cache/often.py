"""How often callbacks are made (G3), all nodes and controllers together.

One script in Redis asks all limits of a callback and counts it in one step (`often_scripts`): one
round trip, and never more than there may be.

**Redis away**: the controller counts those that it has made itself, and makes half of what each
limit allows, rounded up: never more than one is allowed to where one is, but never without limit.
Two controllers keep the limits, more may exceed them. What it has made itself counts too where
Redis comes back empty.

`callbackd_often_faults_total` counts what went wrong, `callbackd_often_alone_total` the callbacks
that were counted alone, `callbackd_too_often_total` those that were not made, by kind; `fault` says
it for readiness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from controller.cache.availability import kind_of
from controller.cache.client import NotSent, RedisHandle
from controller.cache.metrics import OftenMetrics
from controller.cache.often_scripts import COUNT
from controller.cache.place_memory import half
from controller.guard.often import PARTS, Limit, Over, counted, free_at

log: Any = structlog.get_logger("often")

#: How long Redis is left alone after it failed, seconds.
AGAIN_SECONDS: Final = 1.0
#: So many limits are remembered by one controller; those that were asked least lately go first.
MOST_KNOWN: Final = 100_000
#: So many callbacks are remembered that were counted: one may be put off, and come again.
MOST_COUNTED: Final = 10_000


class Often:
    """The counts of one store, as one controller sees them. Used from the hub's thread only.

    `lineage` names the store (`Position.lineage`); `now` gives seconds since 1970, as all
    controllers tell it.
    """

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        now: Callable[[], float],
        metrics: OftenMetrics,
    ) -> None:
        self._redis = redis
        # Braces: in a cluster, all of a store's keys are on one server.
        self._prefix = f"callbackd:{{{lineage}}}:often:"
        self._now = now
        self._metrics = metrics
        #: What this controller has counted, by limit: the count of each part.
        self._known: OrderedDict[str, dict[int, int]] = OrderedDict()
        #: The callbacks that were counted here lately.
        self._counted: OrderedDict[str, None] = OrderedDict()
        #: What is wrong, in a sentence; None while all is well, or nothing was tried yet.
        self.fault: str | None = None
        self._again = 0.0

    def count(self, callback: str, limits: Sequence[Limit]) -> Over | None:
        """Count a callback that is to be made, or give the limit that it would exceed.

        `callback` names it: asked again for the same here, it is counted once. One round trip; none
        where nothing is limited. Never raises.
        """
        if not limits or callback in self._counted:
            return None
        now = int(self._now() * 1000)
        over, shared = self._ask(limits, now)
        if not shared:
            over = self._alone(limits, now)
        if over is not None:
            self._metrics.over.labels(over.limit.kind.value).inc()
            return over
        if not shared:
            self._metrics.alone.inc()
        for limit in limits:
            parts = self._parts(limit, now)
            part = now // limit.part_ms
            parts[part] = parts.get(part, 0) + 1
        self._counted[callback] = None
        if len(self._counted) > MOST_COUNTED:
            self._counted.popitem(last=False)
        return None

    # --- what is known here ------------------------------------------------------------------

    def _parts(self, limit: Limit, now: int) -> dict[int, int]:
        """Give what was counted here of a limit, without what has left its window."""
        last = now // limit.part_ms
        before = self._known.pop(limit.key, {})
        parts = {part: count for part, count in before.items() if last - PARTS <= part}
        self._known[limit.key] = parts
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return parts

    def _alone(self, limits: Sequence[Limit], now: int) -> Over | None:
        for limit in limits:
            parts = self._known.get(limit.key, {})
            at_most = Limit(limit.kind, limit.name, limit.seconds, half(limit.most))
            free = free_at(parts, at_most, now)
            if free > now:
                return Over(limit, free)
        return None

    # --- Redis -------------------------------------------------------------------------------

    def _ask(self, limits: Sequence[Limit], now: int) -> tuple[Over | None, bool]:
        """Ask Redis; whether it was there."""
        if self.fault is not None and self._now() < self._again:
            return None, False
        keys = [f"{self._prefix}{limit.key}" for limit in limits]
        told = [
            value
            for limit in limits
            for value in (
                limit.part_ms,
                limit.most,
                counted(self._known.get(limit.key, {}), limit, now),
            )
        ]
        try:
            given = self._redis.run(COUNT, keys, (now, *told))
        except RedisError as error:
            self._failed(error)
            return None, False
        self._back()
        which = int(given[0])
        return (Over(limits[which - 1], int(given[1])) if which else None), True

    def _failed(self, error: RedisError) -> None:
        if isinstance(error, NotSent):
            self._metrics.faults.labels("busy").inc()
            return
        kind = kind_of(error)
        self._metrics.faults.labels(kind).inc()
        self._again = self._now() + AGAIN_SECONDS
        if kind != "full":
            self._redis.drop()
        if self.fault is None:
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            self.fault = (
                f"Redis is away since {since} ({kind}): each controller makes half of the "
                "callbacks that a limit allows"
            )
            log.warning("often_alone", kind=kind, reason=str(error))

    def _back(self) -> None:
        if self.fault is not None:
            self.fault = None
            log.info("often_shared")
