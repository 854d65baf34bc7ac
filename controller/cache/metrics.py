"""What the cache counts. No label holds a number, an extension or text from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class CacheMetrics:
    """The cache's metrics, in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "callbackd_cache_lookups",
            "Policies looked up, by what answered: process, redis, store.",
            ["layer"],
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_cache_faults",
            "Faults of the cache, by kind; no look-up fails for one.",
            ["kind"],
            registry=registry,
        )
        self.changes = Counter(
            "callbackd_cache_changes",
            "Changes of policies, by how they were learned: own, message, poll (the message was "
            "lost).",
            ["how"],
            registry=registry,
        )
        self.redis_up = Gauge(
            "callbackd_redis_up", "Whether Redis is used for policies.", registry=registry
        )
