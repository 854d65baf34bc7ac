"""What the cache counts. No label holds a number, an extension or text from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from controller.guard.locking import LockKind
from controller.guard.often import OftenKind
from controller.guard.patterns import Pattern


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


class LockoutMetrics:
    """The metrics of lock-outs (A3), in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.begun = Counter(
            "callbackd_lockouts",
            "Locks that began after wrong passwords, by what is locked: number (with an "
            "extension), extension, did.",
            ["kind"],
            registry=registry,
        )
        self.locked = Gauge(
            "callbackd_locked_out",
            "What is locked now, by kind; of all controllers, or while Redis is away of this one.",
            ["kind"],
            registry=registry,
        )
        self.alone = Counter(
            "callbackd_lockouts_alone",
            "Wrong passwords that this controller counted by itself, Redis being away.",
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_lockout_faults",
            "Faults of the lock-outs in Redis, by kind; no call fails for one.",
            ["kind"],
            registry=registry,
        )
        for kind in LockKind:
            # From the first scrape on, or the first lock would be no rise.
            self.begun.labels(kind.value)
            self.locked.labels(kind.value)


class PlaceMetrics:
    """The metrics of places on channels (G3), in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.full = Counter(
            "callbackd_channel_full",
            "Calls that found a channel with as many calls as it may have.",
            ["channel"],
            registry=registry,
        )
        self.alone = Counter(
            "callbackd_places_alone",
            "Calls whose places this controller counted by itself, Redis being away.",
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_place_faults",
            "Faults of the places in Redis, by kind; no call fails for one.",
            ["kind"],
            registry=registry,
        )


class OftenMetrics:
    """The metrics of how often callbacks are made (G3), in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.over = Counter(
            "callbackd_too_often",
            "Callbacks that met a limit and were not made, or not yet, by whose that was: number, "
            "block, did, extension, unanswered_block, unanswered_extension, client, node, all.",
            ["kind"],
            registry=registry,
        )
        self.alone = Counter(
            "callbackd_often_alone",
            "Callbacks that this controller counted by itself, Redis being away.",
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_often_faults",
            "Faults of counting how often callbacks are made, by kind.",
            ["kind"],
            registry=registry,
        )
        for kind in OftenKind:
            self.over.labels(kind.value)


class PresenceMetrics:
    """The metrics of which controllers there are (O4), in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.members = Gauge(
            "callbackd_controllers",
            "Controllers that are there, as this one sees it; it is one of them.",
            registry=registry,
        )
        self.away = Gauge(
            "callbackd_controllers_away",
            "Controllers that did not leave and are dead or stand still, as this one sees it.",
            registry=registry,
        )
        self.probes = Counter(
            "callbackd_controller_probes",
            "Controllers whose lease had ended and that were asked whether they live, by result: "
            "answered (they have only lost Redis), silent.",
            ["result"],
            registry=registry,
        )
        self.stood_still = Counter(
            "callbackd_stood_still",
            "How often this controller stood still for so long that others took what it had.",
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_presence_faults",
            "Faults of the controllers' leases in Redis, by kind; no call fails for one.",
            ["kind"],
            registry=registry,
        )
        for result in ("answered", "silent"):
            self.probes.labels(result)


class AnnouncementMetrics:
    """The metrics of switches that announce themselves, in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.faults = Counter(
            "callbackd_announcement_faults",
            "Faults of reading in Redis which switches announce themselves, by kind.",
            ["kind"],
            registry=registry,
        )


class PatternMetrics:
    """The metrics of patterns of fraud (G3), in the registry of the controller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.opened = Counter(
            "callbackd_suspicions",
            "Suspicions of fraud that were opened here, by pattern and whether they block calls; "
            "one that is open and begins to block counts again.",
            ["pattern", "blocks"],
            registry=registry,
        )
        self.alone = Counter(
            "callbackd_patterns_alone",
            "Calls that this controller counted by itself towards patterns, Redis being away.",
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_pattern_faults",
            "Faults of counting towards patterns of fraud, by kind; no call fails for one.",
            ["kind"],
            registry=registry,
        )
        for pattern in Pattern:
            # From the first scrape on, or the first suspicion would be no rise.
            for blocks in ("true", "false"):
                self.opened.labels(pattern.value, blocks)
