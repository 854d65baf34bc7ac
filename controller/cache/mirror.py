"""What Redis has of the store: asked while it is there, and compared with the store by each tick.

A reply is used only if its record says that this Redis has applied all that it, or the one before
it, is known to have applied once; so one that lost writes is found out by its own replies, on
every connection, before a tick has set it right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from redis.exceptions import RedisError

from controller.cache.availability import Availability, kind_of
from controller.cache.client import NotSent, RedisHandle
from controller.cache.embedded import CacheAway, EmbeddedServer
from controller.cache.entries import Standing
from controller.cache.local import Floors
from controller.cache.metrics import CacheMetrics
from controller.cache.running import Run
from controller.cache.shared import Reply, Shared
from controller.policy.changes import Change, PolicySource, Position, Snapshot

log: Any = structlog.get_logger("cache")

#: Where so many changes are missing, all is forgotten instead.
MOST_CHANGES: Final = 5_000


def changes_between(
    run: Run, source: PolicySource, after: int, to: int
) -> tuple[Change, ...] | None:
    """Give the changes after one count up to another; None where they cannot all be had.

    Raises what the store raises.
    """
    if to - after > MOST_CHANGES:
        return None
    changes = run(source.changes, after)
    return changes if changes and changes[-1].seq >= to else None


class Look(msgspec.Struct, frozen=True):
    """What was seen of Redis: its record, and which changes were known of then."""

    standing: Standing | None
    floors: Floors


class Mirror:
    """One store's policies in Redis. Raises nothing of Redis; what the store raises, in `match`.

    `aside` runs what stops a thread and is no SQL. `wake` asks for a tick;
    `void` says that what is known of policies may be of another past.
    """

    def __init__(
        self,
        redis: RedisHandle,
        *,
        embedded: EmbeddedServer | None,
        run: Run,
        aside: Run,
        metrics: CacheMetrics,
        wake: Callable[[], None],
        void: Callable[[], None],
    ) -> None:
        self.redis = redis
        self._embedded = embedded
        self._run = run
        self._aside = aside
        self._metrics = metrics
        self._wake = wake
        self._void = void
        self.availability = Availability(metrics)
        self._shared: Shared | None = None
        self._floors = Floors()
        #: What Redis must at least have applied: it had it once. None: it was never compared.
        self._verified: int | None = None
        #: Changes when replies that are on their way are void.
        self._era = 0

    def meet(self, lineage: str) -> str:
        """Be the mirror of this store from now on. Gives the channel where changes are told."""
        self._shared = Shared(self.redis, lineage)
        self.forget()
        return self._shared.channel

    def forget(self) -> None:
        """What was known is of a past that never was: compare anew before Redis is used."""
        self._floors = Floors()
        self._verified = None
        self._era += 1

    # --- looking up ------------------------------------------------------------------------

    def ask(self, key: str) -> Reply | None:
        """Look in Redis; None where it is not there, or lacks what it once had."""
        if self._shared is None or self._verified is None or not self.availability.up.is_set():
            return None
        era = self._era
        try:
            reply = self._shared.read(key)
        except RedisError as error:
            self._failed(error)
            return None
        if era != self._era or reply.standing is None or not self._see(reply.standing.applied):
            self._wake()
            return None
        if reply.fault is not None:
            self._metrics.faults.labels(reply.fault).inc()
        if reply.snapshot is not None and reply.snapshot.seq < self._floors.of(key):
            return Reply(reply.standing)
        return reply

    def keep(self, key: str, reply: Reply, snapshot: Snapshot) -> None:
        """Have Redis keep what was read from the store after this reply."""
        if self._shared is None or reply.standing is None or not self.availability.up.is_set():
            return
        if reply.fault == "other_release":
            return
        try:
            self._shared.store(key, reply.standing.epoch, snapshot)
        except RedisError as error:
            if kind_of(error) == "full":
                self.availability.full(error)
            else:
                self._failed(error)
        else:
            self.availability.stored()

    # --- changes ---------------------------------------------------------------------------

    @property
    def met(self) -> bool:
        """Whether it is known of which store this is the mirror."""
        return self._shared is not None

    def learn(self, change: Change) -> None:
        """Use nothing older than this change."""
        self._floors.raise_to(change)

    def announce(self, change: Change) -> None:
        """Take away what a change touches, and tell every controller, if Redis is there."""
        if self._shared is None or self.availability.fault is not None:
            return
        try:
            standing = self._shared.announce(change)
        except RedisError as error:
            self._failed(error)
        else:
            if standing is not None:
                self._see(standing.applied)

    # --- comparing -------------------------------------------------------------------------

    def look(self) -> Look | None:
        """Read the record, before the store's position is; None where Redis is away."""
        if self._shared is None:
            return None
        floors = self._floors.copy()
        try:
            if self._embedded is not None and not self.availability.up.is_set():
                self._aside(self._embedded.ensure)
            standing = self._shared.standing()
        except CacheAway as error:
            self.availability.away("no_server", str(error))
            return None
        except RedisError as error:
            self._failed(error)
            return None
        if standing is not None and self._see(standing.applied):
            # Nothing that is known is missing there, even if the store cannot be asked now.
            self.availability.back()
        return Look(standing, floors)

    def match(self, look: Look, source: PolicySource, position: Position) -> None:
        """Have Redis apply every change up to a position that was read after the look."""
        try:
            done = self._match(look.standing, source, position)
        except RedisError as error:
            self._failed(error)
        else:
            if done:
                # What was known of at the look is applied now, or was never in the store.
                self._floors.forget(look.floors)
                self.availability.back()
            else:
                # It is not the one that was read: somebody was quicker, or it was emptied.
                self._wake()

    def _match(self, standing: Standing | None, source: PolicySource, position: Position) -> bool:
        assert self._shared is not None
        # More announced than the store has: the database was restored, or it is another's record.
        if standing is None or standing.highest > position.seq:
            return self._reset(standing, position.seq)
        if standing.applied < position.seq:
            changes = changes_between(self._run, source, standing.applied, position.seq)
            if changes is None:
                return self._reset(standing, position.seq)
            standing = self._shared.apply(changes, standing.applied)
            if standing is None or standing.applied < position.seq:
                return False
        self._verified = max(self._verified or 0, standing.applied)
        return True

    def _reset(self, standing: Standing | None, seq: int) -> bool:
        assert self._shared is not None
        if not self._shared.reset(standing, seq):
            return False
        log.info("redis_begun", seq=seq)
        self._era += 1
        self._void()
        self._verified = seq
        return True

    def _see(self, applied: int) -> bool:
        """Whether a Redis that has applied so much is no older than what was seen before."""
        if self._verified is None or applied < self._verified:
            return False
        self._verified = applied
        return True

    def _failed(self, error: RedisError) -> None:
        if isinstance(error, NotSent):
            self._metrics.faults.labels("busy").inc()
            return
        self.availability.failed(error)
        self.redis.drop()
