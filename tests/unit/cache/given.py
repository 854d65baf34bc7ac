"""What the tests of the cache are given: policies, a store in memory, caches of it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import gevent
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle
from controller.cache.embedded import EmbeddedServer
from controller.cache.metrics import CacheMetrics
from controller.cache.policies import Policies
from controller.policy.changes import Change, Position, Snapshot
from controller.policy.model import Policy
from tests.redis_servers import Server, until

P = ParamSpec("P")
R = TypeVar("R")

DID = "+12025550101"
OTHER_DID = "+12025550102"
NOBODYS = "+12025550199"


def policy(extension: str = "100", dids: tuple[str, ...] = (DID,), version: int = 1) -> Policy:
    """Give a policy that says of itself which version it is."""
    wanted: dict[str, Any] = {
        "extension": extension,
        "dids": dids,
        "client": "main",
        "country": "US",
        "caller_id_number": "+12025550100",
        "longest_call_seconds": version,
    }
    return Policy(**{name: wanted[name] for name in Policy.__struct_fields__ if name in wanted})


def version_of(found: Policy | tuple[str, Policy] | None) -> int | None:
    """Give the version of what was looked up, or None."""
    if isinstance(found, tuple):
        found = found[1]
    return None if found is None else found.longest_call_seconds


class StoreAway(Exception):
    """The store cannot be read."""


class MemorySource:
    """A store in memory. `reads` are the policies that were read, by number."""

    def __init__(self, lineage: str = "test") -> None:
        self.lineage = lineage
        self.seq = 0
        self.reads: list[str] = []
        self.policies: dict[str, Policy] = {}
        self.log: list[Change] = []
        #: The store's log begins after this count.
        self.forgotten = 0
        self.fails = False
        #: Called in the middle of each reading, after it has seen what it will give.
        self.on_read: Callable[[str], object] = lambda name: None

    # --- as the cache reads it

    def position(self) -> Position:
        self._check()
        return Position(self.lineage, self.seq)

    def by_did(self, did: str) -> Snapshot:
        owner = next((found for found in self.policies.values() if did in found.dids), None)
        return self._read(did, owner)

    def by_extension(self, extension: str) -> Snapshot:
        return self._read(extension, self.policies.get(extension))

    def changes(self, after: int) -> tuple[Change, ...] | None:
        self._check()
        if after < self.forgotten:
            return None
        return tuple(change for change in self.log if change.seq > after)

    def _check(self) -> None:
        if self.fails:
            raise StoreAway

    def _read(self, name: str, found: Policy | None) -> Snapshot:
        self._check()
        self.reads.append(name)
        snapshot = Snapshot(self.seq, found)
        self.on_read(name)
        return snapshot

    # --- as a writer changes it

    def write(self, extension: str = "100", dids: tuple[str, ...] = (DID,)) -> Change:
        """Set a policy; its version is the count."""
        before = self.policies.get(extension)
        made = policy(extension, dids, self.seq + 1)
        others = [
            found
            for found in self.policies.values()
            if found.extension != extension and set(found.dids) & set(dids)
        ]
        assert not others, "a DID has one extension"
        self.policies[extension] = made
        touched = dict.fromkeys((*(before.dids if before else ()), *dids))
        return self._changed(Change(self.seq + 1, (extension,), tuple(touched)))

    def delete(self, extension: str) -> Change:
        """Delete an extension."""
        before = self.policies.pop(extension)
        return self._changed(Change(self.seq + 1, (extension,), before.dids))

    def write_all(self) -> Change:
        """Set all policies at once."""
        version = self.seq + 1
        self.policies = {
            extension: policy(extension, found.dids, version)
            for extension, found in self.policies.items()
        }
        return self._changed(Change(version, everything=True))

    def _changed(self, change: Change) -> Change:
        self.seq = change.seq
        self.log.append(change)
        return change


def at_once(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function here: the store in memory blocks nobody."""
    return function(*args, **kwargs)


class Cache:
    """A cache with its metrics."""

    def __init__(
        self,
        source: MemorySource,
        redis: RedisHandle | None,
        *,
        embedded: EmbeddedServer | None = None,
        run: Any = at_once,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = CollectorRegistry()
        self.source = source
        self.redis = redis
        self.policies = Policies(
            source,
            redis=redis,
            run=run,
            now=now,
            metrics=CacheMetrics(self.registry),
            embedded=embedded,
        )

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    def looked_up(self) -> dict[str, int]:
        """Give how many look-ups each layer answered."""
        return {
            layer: self.counted("cache_lookups_total", layer=layer)
            for layer in ("process", "redis", "store")
        }

    @property
    def redis_is_up(self) -> bool:
        """Whether Redis is used."""
        return self.counted("redis_up") == 1

    def version(self, did: str = DID) -> int | None:
        """Look a DID up, and give the version of the policy."""
        return version_of(self.policies.by_dids((did,)))

    def begin(self) -> None:
        """Start it, and wait until it uses all that it has."""
        self.policies.start()
        self.until_well()

    def until_well(self) -> None:
        """Wait until Redis is used and changes are heard of."""
        if self.redis is None:
            until(
                lambda: self.policies._lineage is not None, "the store is met", pause=gevent.sleep
            )
            return
        until(
            lambda: self.redis_is_up and self.policies.fault is None and self.hears,
            "the cache is well",
            pause=gevent.sleep,
        )

    @property
    def hears(self) -> bool:
        """Whether answers are kept in the process: changes are heard of."""
        usable: bool = self.policies._local._usable
        return usable

    def forget_local(self) -> None:
        """Forget what the process keeps, as it does within a second."""
        self.policies._local.forget()


@contextlib.contextmanager
def closing(*caches: Cache) -> Iterator[None]:
    """Close caches afterwards."""
    try:
        yield
    finally:
        for cache in caches:
            cache.policies.close()


#: When clocks of tests begin, seconds since 1970.
START = 1_795_000_000.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@contextlib.contextmanager
def away(server: Server) -> Iterator[None]:
    """Have a server be there and say nothing."""
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)
