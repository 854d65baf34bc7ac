"""What it costs to read a policy, with 100,000 extensions and 1,000,000 authorised CallerIDs.

Two databases, a small one (100 extensions, 1,000 CallerIDs) and a large one, filled as an import
fills them. Then the same readings of both, turn by turn in one run: from SQL, from Redis (the
embedded Valkey) and from the process's own memory. The large one should cost what the small does.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec
from prometheus_client import CollectorRegistry

from controller.admin.directory import Directory
from controller.admin.model import Actor, Kind
from controller.cache.client import open_redis
from controller.cache.embedded import EmbeddedServer
from controller.cache.metrics import CacheMetrics
from controller.cache.policies import Policies
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller, PublicNumber, Role
from controller.runtime.offload import Offload
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.passwords import Passwords

#: Extensions, and authorised CallerIDs of each.
SMALL: Final = (100, 10)
LARGE: Final = (100_000, 10)
#: Readings of a run, and runs; each run is of the small and then of the large.
READINGS: Final = 300
RUNS: Final = 9
#: Records that are made at a time: memory stays bounded.
BATCH: Final = 5_000

_ACTOR: Final = Actor(name="bench", role=Role.ADMIN)
_SHOWN: Final = "+12025550111"


def did_of(index: int) -> str:
    """Give the DID of an extension."""
    return f"+1202{2_000_000 + index}"


def _micros() -> int:
    return time.time_ns() // 1000


def fill(directory: Directory, extensions: int, callers: int) -> tuple[float, float]:
    """Import extensions and CallerIDs; give how many of each a second."""
    directory.apply(_ACTOR, Kind.CHANNEL, [Channel(name="pstn")])
    number = PublicNumber(number=_SHOWN, channel="pstn", client="main")
    directory.apply(_ACTOR, Kind.NUMBER, [number])
    begin = time.perf_counter()
    for start in range(0, extensions, BATCH):
        directory.apply(
            _ACTOR,
            Kind.EXTENSION,
            [
                Policy(
                    extension=str(1_000_000 + index),
                    dids=(did_of(index),),
                    country="US",
                    caller_ids=(_SHOWN,),
                    default_caller_id=_SHOWN,
                )
                for index in range(start, min(start + BATCH, extensions))
            ],
        )
    middle = time.perf_counter()
    total = extensions * callers
    for start in range(0, total, BATCH):
        directory.apply(
            _ACTOR,
            Kind.CALLERID,
            [
                AuthorisedCaller(
                    extension=str(1_000_000 + index // callers), number=f"+1646{2_000_000 + index}"
                )
                for index in range(start, min(start + BATCH, total))
            ],
        )
    end = time.perf_counter()
    return extensions / (middle - begin), total / (end - middle)


class Filled(msgspec.Struct):
    """A database that is filled, and the three ways to read it."""

    extensions: int
    source: Extensions
    shared: Policies
    own: Policies
    rates: tuple[float, float]
    registry: CollectorRegistry

    def answered(self, layer: str) -> float:
        """Give how many of the readings of `shared` a layer answered."""
        found = self.registry.get_sample_value("callbackd_cache_lookups_total", {"layer": layer})
        return found or 0.0


@contextmanager
def filled(root: Path, size: tuple[int, int]) -> Iterator[Filled]:
    """Fill a database, and begin to cache it."""
    with ExitStack() as undo:
        directory = root / str(size[0])
        engine = open_database(f"sqlite:///{directory}/callbackd.sqlite3")
        undo.callback(engine.dispose)
        store = Directory(engine, passwords=lambda: Passwords(b"-" * 32), now=_micros)
        rates = fill(store, *size)
        source = Extensions(engine)
        offload = Offload(2)
        undo.callback(offload.close)
        server = EmbeddedServer(directory)
        undo.callback(server.close)
        made = []
        # `shared` has no memory of its own: its clock runs a minute at each look.
        ticks = iter(range(0, 10**12, 60))
        registries = [CollectorRegistry(), CollectorRegistry()]
        for registry, now in zip(
            registries, (lambda: float(next(ticks)), time.monotonic), strict=True
        ):
            policies = Policies(
                source,
                redis=open_redis(server.url),
                run=offload.run,
                now=now,
                metrics=CacheMetrics(registry),
                embedded=server,
            )
            policies.start()
            undo.callback(policies.close)
            made.append(policies)
            while policies.fault is not None:
                gevent.sleep(0.05)
        shared, own = made
        yield Filled(size[0], source, shared, own, rates, registries[0])


def microseconds(read: Callable[[str], Any], dids: list[str]) -> float:
    """Give what one reading costs."""
    begin = time.perf_counter()
    for did in dids:
        if read(did) is None:
            raise AssertionError(f"{did} is not there")
    return (time.perf_counter() - begin) / len(dids) * 1e6


def ways(database: Filled) -> dict[str, Callable[[str], Any]]:
    """Give the ways to read: from SQL, from Redis, from the process."""
    return {
        "sql": lambda did: database.source.by_did(did).policy,
        "redis": lambda did: database.shared.by_dids([did]),
        "process": lambda did: database.own.by_dids([did]),
    }


def run() -> dict[str, Any]:
    """Fill, read, and give the medians."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as root, ExitStack() as undo:
        small, large = (undo.enter_context(filled(Path(root), size)) for size in (SMALL, LARGE))
        costs: dict[tuple[str, int], list[float]] = {}
        for _ in range(RUNS):
            for database in rng.sample((small, large), 2):
                some = [did_of(rng.randrange(database.extensions)) for _ in range(READINGS)]
                for way, read in ways(database).items():
                    if way != "sql":
                        for did in some:
                            read(did)  # read through once: it is the hit that is measured
                    cost = microseconds(read, some)
                    costs.setdefault((way, database.extensions), []).append(cost)
        medians = {key: statistics.median(values) for key, values in costs.items()}
        result: dict[str, Any] = {
            "what": "a policy read from SQL: 100,000 extensions, against 100",
            "unit": "us",
            "value": round(medians["sql", LARGE[0]], 1),
            "peer": "100 extensions",
            "peer_value": round(medians["sql", SMALL[0]], 1),
            "ratio": round(medians["sql", LARGE[0]] / medians["sql", SMALL[0]], 2),
            "import_extensions_per_second": round(large.rates[0]),
            "import_callerids_per_second": round(large.rates[1]),
        }
        # Each was read through once, from SQL at the worst, before it was measured.
        for database in (small, large):
            assert database.answered("process") == 0
            assert database.answered("redis") >= RUNS * READINGS
        for way in ("redis", "process"):
            ours, peers = medians[way, LARGE[0]], medians[way, SMALL[0]]
            result[way] = {
                "value": round(ours, 1),
                "peer_value": round(peers, 1),
                "ratio": round(ours / peers, 2),
            }
        return result
