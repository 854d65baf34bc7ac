"""Policies by DID and by extension: from the process, from Redis, or from the store.

What is true is in the store alone, which counts its changes; copies carry the count as of which
they are true. So it is never asked how old a copy is, but whether a change is known that it does
not have:

- A writer *announces* its change: Redis forgets what it touched and tells every controller.
- A controller *learns* of a change (it announced it, a message came, or the ticker found it in the
  store's log) and from then on uses nothing older, wherever it comes from: not from its own
  memory, not from Redis, not from a reading that was under way.
- The *ticker* compares the store, Redis and the process twice a second, and applies what one of
  them lacks. A lost message, a Redis that lost its last writes, a writer that could not reach it:
  all are made good by that, by whichever controller comes first.

Redis away costs time, no calls: what cannot be had from it is read from the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
import structlog
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from controller.cache.client import RedisHandle
from controller.cache.embedded import EmbeddedServer
from controller.cache.local import Flight, Flights, LocalAnswers
from controller.cache.metrics import CacheMetrics
from controller.cache.mirror import MOST_CHANGES, Mirror, changes_between
from controller.cache.running import Run
from controller.cache.shared import Reply
from controller.cache.subscriber import Subscriber
from controller.numbers.e164 import is_e164
from controller.policy.changes import Change, PolicySource, Position, Snapshot
from controller.policy.model import Policy

log: Any = structlog.get_logger("cache")

#: How often the store, Redis and the process are compared, seconds.
TICK_SECONDS: Final = 0.5
#: The least from one comparison to the next, however often one is asked for, seconds.
LEAST_TICK_SECONDS: Final = 0.05

_EXTENSION: Final = re.compile(r"[0-9]{1,10}\Z", re.ASCII)


class Policies:
    """The policies, as one controller sees them. Used from the hub's thread only.

    `run` runs what asks the store; `aside`, as `run` where it is not given, what starts a server.
    Without `redis` there is only the process's own memory. `embedded` is kept running if given.
    `now` is a monotonic clock, seconds.
    """

    def __init__(
        self,
        source: PolicySource,
        *,
        redis: RedisHandle | None,
        run: Run,
        aside: Run | None = None,
        now: Callable[[], float],
        metrics: CacheMetrics,
        embedded: EmbeddedServer | None = None,
    ) -> None:
        self._hub = gevent.get_hub()
        self._source = source
        self._run = run
        self._now = now
        self._metrics = metrics
        self._local = LocalAnswers(now)
        self._flights = Flights()
        self._wake = Event()
        self._mirror: Mirror | None = None
        self._subscriber: Subscriber | None = None
        if redis is not None:
            self._mirror = Mirror(
                redis,
                embedded=embedded,
                run=run,
                aside=aside or run,
                metrics=metrics,
                wake=self._wake.set,
                void=self._void,
            )
            self._subscriber = Subscriber(self, redis, self._mirror.availability.up, metrics)
        #: Which store this is of.
        self._lineage: str | None = None
        #: Up to which count of the store's the process has learned of every change.
        self._seen = 0
        #: Counts above it of changes that were heard of already, for the metrics.
        self._told: set[int] = set()
        #: Changes when readings that are under way are void.
        self._era = 0
        #: How many changes were learned of.
        self._known = 0
        self._store_fault: str | None = None
        self._one_tick = BoundedSemaphore(1)
        self._ticker: gevent.Greenlet[..., None] | None = None
        # Where others are told of changes, answers are kept only while we hear of theirs.
        self._local.use(redis is None)

    # --- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the store's changes. Waits for nothing."""
        self._ticker = gevent.spawn(self._tick_on)

    def close(self) -> None:
        """End the greenlets and connections; the embedded server is left to whoever made it."""
        if self._ticker is not None:
            self._ticker.kill()
        if self._subscriber is not None:
            self._subscriber.stop()
        self._local.use(False)
        if self._mirror is not None:
            self._mirror.redis.close()

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while all is well. No look-up fails for it."""
        redis = self._mirror.availability.said if self._mirror is not None else None
        heard = self._subscriber.fault if self._subscriber is not None else None
        return redis or heard or self._store_fault

    # --- looking up ------------------------------------------------------------------------

    def by_dids(self, readings: Sequence[str]) -> tuple[str, Policy] | None:
        """Give the first reading that is a DID, and its policy; None where none is.

        Raises what the store raises, where the answer is in no copy.
        """
        for did in readings:
            # What is no number is nobody's, and must not become a key.
            policy = self._find("d", did) if is_e164(did) else None
            if policy is not None:
                return did, policy
        return None

    def get(self, extension: str) -> Policy | None:
        """Give the policy of an extension, or None. Raises what the store raises, as `by_dids`."""
        return self._find("e", extension) if _EXTENSION.match(extension) else None

    def _find(self, kind: str, name: str) -> Policy | None:
        # Sockets and greenlets are one thread's: in another, look-ups would break each other.
        assert gevent.get_hub() is self._hub, "policies are looked up in the hub's thread only"
        key = f"{kind}:{name}"
        while True:
            snapshot = self._local.get(key)
            if snapshot is None:
                flight = self._flights.get(key)
                if flight is None:
                    flight = self._lead(key, kind, name)
                else:
                    flight.wait()
                    self._metrics.lookups.labels("process").inc()
                if flight.error is not None:
                    raise flight.error.with_traceback(flight.trace)
                if flight.snapshot is None or flight.known != self._known:
                    # Whoever read was stopped, or a change came before we were back: once more.
                    continue
                return flight.snapshot.policy
            self._metrics.lookups.labels("process").inc()
            return snapshot.policy

    def _lead(self, key: str, kind: str, name: str) -> Flight:
        flight = self._flights.begin(key)
        try:
            snapshot, reply = self._load(flight, key, kind, name)
            flight.snapshot, flight.known = snapshot, self._known
        except Exception as error:
            flight.error, flight.trace = error, error.__traceback__
            raise
        finally:
            self._flights.end(key, flight)
        if reply is not None and self._mirror is not None:
            self._mirror.keep(key, reply, snapshot)
        return flight

    def _load(
        self, flight: Flight, key: str, kind: str, name: str
    ) -> tuple[Snapshot, Reply | None]:
        """Read what is true; with it what Redis replied, where Redis may keep it."""
        read = self._source.by_did if kind == "d" else self._source.by_extension
        while True:
            flight.floor, era = 0, self._era
            began, generation = self._now(), self._local.generation
            reply = self._mirror.ask(key) if self._mirror is not None else None
            found = reply.snapshot if reply is not None else None
            if found is not None and found.seq >= flight.floor and era == self._era:
                self._metrics.lookups.labels("redis").inc()
                self._local.put(key, found, began, generation)
                return found, None
            flight.floor, era = 0, self._era
            began, generation = self._now(), self._local.generation
            snapshot = self._run(read, name)
            # A reading that began after a change was known has it; of one that is learned of
            # meanwhile, the counts tell.
            if snapshot.seq >= flight.floor and era == self._era:
                self._metrics.lookups.labels("store").inc()
                self._local.put(key, snapshot, began, generation)
                return snapshot, reply

    # --- changes ---------------------------------------------------------------------------

    def announce(self, change: Change) -> None:
        """Tell everybody of a change that was just committed, before the writer answers.

        Never raises: where Redis is away, or the store, the tickers find the change themselves.
        """
        self._hear(change, "own")
        if self._mirror is None:
            return
        if not self._mirror.met:
            try:
                with self._one_tick:
                    self._meet(self._run(self._source.position))
            except Exception:
                self._metrics.faults.labels("store").inc()
                log.exception("announce_failed")
        self._mirror.announce(change)

    def on_message(self, change: Change) -> None:
        """Learn of a change that somebody announced."""
        self._hear(change, "message")

    def on_heard(self, heard: bool) -> None:
        """Whether changes are heard of from now on. What was kept before is forgotten."""
        self._local.use(heard)
        if not heard:
            self._wake.set()

    def on_missed(self) -> None:
        """A change was announced, and it cannot be said which."""
        self._void()
        self._wake.set()

    def _hear(self, change: Change, how: str) -> None:
        self._metrics.changes.labels(how).inc()
        if change.seq > self._seen:
            if len(self._told) >= MOST_CHANGES:
                self._told.clear()
            self._told.add(change.seq)
        self._learn(change)

    def _learn(self, change: Change) -> None:
        self._known += 1
        self._local.drop(change)
        self._flights.tell(change)
        if self._mirror is not None:
            self._mirror.learn(change)

    def _void(self) -> None:
        self._era += 1
        self._known += 1
        self._local.forget()

    # --- the ticker ------------------------------------------------------------------------

    def _tick_on(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:
                self._metrics.faults.labels("store").inc()
                if self._store_fault is None:
                    self._store_fault = "changes cannot be read from the database"
                    log.exception("changes_unread")
            else:
                if self._store_fault is not None:
                    self._store_fault = None
                    log.info("changes_read_again")
            if self._subscriber is not None:
                self._subscriber.start()
            gevent.sleep(LEAST_TICK_SECONDS)
            self._wake.wait(TICK_SECONDS - LEAST_TICK_SECONDS)
            self._wake.clear()

    def tick(self) -> None:
        """Compare the store, Redis and the process once, and apply what one of them lacks.

        Raises what the store raises.
        """
        with self._one_tick:
            if self._lineage is None:
                self._meet(self._run(self._source.position))
            # These first: what is announced is in the store by then.
            heard = max(self._told, default=0)
            look = self._mirror.look() if self._mirror is not None else None
            position = self._run(self._source.position)
            if self._meet(position):
                return
            self._catch_up(position, heard)
            if look is not None and self._mirror is not None:
                self._mirror.match(look, self._source, position)

    def _meet(self, position: Position) -> bool:
        """Know the store. Gives whether it is another one than before."""
        if position.lineage == self._lineage:
            return False
        self._lineage, self._seen = position.lineage, position.seq
        self._told.clear()
        self._void()
        if self._mirror is not None and self._subscriber is not None:
            self._subscriber.listen(self._mirror.meet(position.lineage))
            self._wake.set()
        return True

    def _catch_up(self, position: Position, heard: int) -> None:
        """Have the process learn of every change up to a position; `heard` is of before it."""
        if position.seq < max(self._seen, heard):
            # The database was restored: what is known is of a past that never was.
            log.warning("store_went_back", was=max(self._seen, heard), seq=position.seq)
            self._told.clear()
            self._void()
            if self._mirror is not None:
                self._mirror.forget()
            self._seen = position.seq
        elif position.seq > self._seen:
            changes = changes_between(self._run, self._source, self._seen, position.seq)
            if changes is None:
                self._void()
            for change in changes or ():
                # Also one that was told of: a message may be of a past that never was.
                if change.seq not in self._told:
                    self._metrics.changes.labels("poll").inc()
                self._learn(change)
            self._seen = changes[-1].seq if changes else position.seq
        self._told = {seq for seq in self._told if seq > self._seen}
