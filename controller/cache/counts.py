"""What all controllers of a store count together in Redis: lock-outs, places, how often."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle
from controller.cache.lockouts import Lockouts
from controller.cache.metrics import (
    LockoutMetrics,
    OftenMetrics,
    PatternMetrics,
    PlaceMetrics,
    PresenceMetrics,
)
from controller.cache.often import Often
from controller.cache.patterns import Patterns
from controller.cache.places import Places
from controller.cache.presence import Presence
from controller.cache.traces import Traces
from controller.guard.locking import Rules


class Counts:
    """All of it, of one controller. `lineage` names the store; `now`: seconds since 1970."""

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        rules: Rules,
        now: Callable[[], float],
        registry: CollectorRegistry,
        lease_seconds: int = 8,
    ) -> None:
        self.lockouts = Lockouts(
            redis, lineage, rules=rules, now=now, metrics=LockoutMetrics(registry)
        )
        self.places = Places(redis, lineage, now=now, metrics=PlaceMetrics(registry))
        self.often = Often(redis, lineage, now=now, metrics=OftenMetrics(registry))
        self.patterns = Patterns(redis, lineage, now=now, metrics=PatternMetrics(registry))
        self.traces = Traces(redis, lineage)
        self.presence = Presence(
            redis,
            lineage,
            lease_seconds=lease_seconds,
            now=now,
            metrics=PresenceMetrics(registry),
        )

    def start(self) -> None:
        """Begin to look after Redis. Waits for nothing."""
        self.lockouts.start()
        self.places.start()

    def stop(self) -> None:
        """End; the connections are left to whoever made them."""
        self.lockouts.stop()
        self.places.stop()

    @property
    def faults(self) -> dict[str, str | None]:
        """What is wrong with each, for readiness; None where all is well."""
        return {
            "lockouts": self.lockouts.fault,
            "places": self.places.fault,
            "often": self.often.fault,
            "patterns": self.patterns.fault,
            "presence": self.presence.fault,
        }
