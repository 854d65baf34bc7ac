"""Lock-outs after wrong passwords, across calls and controllers (SPEC A3), in Redis.

The rules are `guard.locking`'s. A wrong password is counted under all of its targets in one step
and one round trip (`lock_scripts`), so any number of controllers count as one.

**Redis away** never makes it easier to guess. The controller then counts by itself, from what it
knew, and locks from half of the failures on; the counting itself is the same, so whatever would
lock with Redis locks without it (`locking.wrong_alone`). Each controller for itself, though: where
there are several, a caller who reaches another one is counted anew there; with the default of
three failures a pair has one try more at each of them. A command of which it is not known whether
it was carried out is counted here too, and not sent again: that which is told later may be told
twice. When Redis is back it is told what it missed, and what it lost.

`callbackd_lockout_faults_total` counts what went wrong, `callbackd_lockouts_alone_total` the wrong
passwords that were counted so; `fault` says it for readiness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import structlog
from redis.exceptions import RedisError

from controller.cache import lock_scripts
from controller.cache.client import RedisHandle
from controller.cache.lock_memory import LockMemory
from controller.cache.metrics import LockoutMetrics
from controller.cache.shared_counts import TickingCounts
from controller.guard.locking import (
    Listed,
    LockKind,
    Rules,
    Tally,
    Target,
    aged,
    target_of,
    targets,
)

log: Any = structlog.get_logger("lockouts")

#: Targets that Redis is told of by one script.
TOLD_AT_ONCE: Final = 50
#: Targets that are listed at a time.
LISTED_AT_ONCE: Final = 1000


class Locks(msgspec.Struct, frozen=True):
    """What is locked: until when (seconds since 1970, 0: nothing is), and what it is.

    `kind` is '', 'number', 'extension' or 'did'; of several, the one that lasts longest.
    """

    until: float = 0.0
    kind: str = ""


class Lockouts(TickingCounts):
    """Lock-outs of one store, as one controller sees them."""

    NAME = "lockouts"
    ALONE = "wrong passwords are counted in each controller by itself, and lock sooner"

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        rules: Rules,
        now: Callable[[], float],
        metrics: LockoutMetrics,
    ) -> None:
        super().__init__(redis, lineage, now=now, faults=metrics.faults)
        self._rules = rules
        self._metrics = metrics
        self._memory = LockMemory(rules)

    # --- life ------------------------------------------------------------------------------

    def tick(self) -> None:
        """See whether Redis is there, tell it what it missed, and count what is locked."""
        keys = (*lock_scripts.keys(self._prefix, ()), f"{self._prefix}probe")
        try:
            counted = self._redis.run(lock_scripts.LOOK, keys, (self._ms(),))
        except RedisError as error:
            self._failed(error)
        else:
            self._back()
            for kind, number in zip(LockKind, counted, strict=True):
                self._metrics.locked.labels(kind.value).set(number)
            while owed := self._memory.owed(TOLD_AT_ONCE):
                if self._exchange(owed, self._ms(), counting=False) is None:
                    return
            return
        # Alone we know only our own.
        now = self._ms()
        known = [target.kind for target, tally in self._memory.all(now) if tally.until > now]
        for kind in LockKind:
            self._metrics.locked.labels(kind.value).set(known.count(kind))

    # --- calls -----------------------------------------------------------------------------

    def locked(self, extension: str, numbers: Sequence[str], did: str) -> Locks:
        """Give what is locked for a caller: by `numbers` (E.164; none of a hidden one), by DID.

        One round trip. Never raises: where Redis is away, what this controller knows counts.
        """
        found, now = targets(extension, numbers, did), self._ms()
        known = self._exchange(found, now, counting=False)
        if known is None:
            self._read_what_is_full(found, now)
            known = [self._memory.get(target, now) for target in found]
        return _longest(found, known, now)

    def failed(self, extension: str, numbers: Sequence[str], did: str) -> Locks:
        """Count a wrong password, under all targets at once, and give what is locked now.

        One round trip. Never raises, and counts whatever happens: also where the caller hangs up
        meanwhile and the greenlet is killed.
        """
        found, now = targets(extension, numbers, did), self._ms()
        try:
            known = self._exchange(found, now, counting=True)
        except BaseException:
            self._count_alone(found, now)
            raise
        if known is None:
            self._read_what_is_full(found, now)
            known = self._count_alone(found, now)
        return _longest(found, known, now)

    def succeeded(self, extension: str, numbers: Sequence[str]) -> None:
        """Forget what was counted of an extension and these numbers: the password was right.

        Not what was counted of the extension and of the DID: other callers did that. Never raises.
        """
        found = [one for one in targets(extension, numbers, "") if one.kind is LockKind.NUMBER]
        self._forget(found, always=False)

    def _count_alone(self, found: Sequence[Target], now: int) -> list[Tally]:
        self._metrics.alone.inc()
        known = []
        for target in found:
            before = self._memory.get(target, now)
            known.append(self._memory.wrong(target, now))
            if known[-1].level > before.level:
                self._began(target, known[-1])
        return known

    def _began(self, target: Target, tally: Tally) -> None:
        """Say that a lock has begun; whose number it is stands in no log and no metric."""
        self._metrics.begun.labels(target.kind.value).inc()
        log.warning(
            "locked_out",
            kind=target.kind.value,
            extension=target.extension,
            did=target.did,
            nth=tally.level,
            seconds=(tally.until - tally.last) // 1000,
        )

    # --- administrators --------------------------------------------------------------------

    def listed(self, after: str = "", limit: int = LISTED_AT_ONCE) -> Listed:
        """Give what is counted and locked, after a target's name; at most `limit`. Never raises."""
        limit, now = min(limit, LISTED_AT_ONCE), self._ms()
        names = self._names(after, limit)
        found = None if names is None else self._read(list(filter(None, map(target_of, names))))
        if names is None or found is None:
            known = [pair for pair in self._memory.all(now) if pair[0].key > after]
            items = tuple(pair for pair in known[:limit] if pair[1].counts)
            more = known[limit - 1][0].key if len(known) > limit else None
            return Listed(items, more, everywhere=False)
        found = [(one, aged(tally, self._rules.of(one.kind), now)) for one, tally in found]
        more = names[-1] if len(names) == limit else None
        return Listed(tuple(pair for pair in found if pair[1].counts), more, everywhere=True)

    def get(self, target: Target) -> Tally:
        """Give what is known of one target. Never raises; `fault` says if Redis was not there."""
        now = self._ms()
        known = self._exchange([target], now, counting=False)
        return self._memory.get(target, now) if known is None else known[0]

    def release(self, target: Target) -> bool:
        """Forget all that was counted of a target, locks too: here, and in every controller.

        Gives False where Redis is away: the others hear of it, and it itself, when it is back.
        """
        return self._forget([target], always=True)

    def _forget(self, found: Sequence[Target], *, always: bool) -> bool:
        if not found:
            return True
        now, names = self._ms(), [target.key for target in found]
        arguments = (
            *(now, int(always)),
            *(
                part
                for one in found
                for part in (
                    *(one.key, lock_scripts.PLACE[one.kind]),
                    self._rules.of(one.kind).keep_ms,
                )
            ),
        )
        keys = lock_scripts.keys(self._prefix, names)
        told = self._ask(lambda: self._redis.run(lock_scripts.RELEASE, keys, arguments)) is not None
        for target in found:
            if always or self._memory.get(target, now) != Tally() or not told:
                self._memory.release(target, now, owed=not told)
            if told:
                self._memory.told(target)
        return told

    # --- Redis -----------------------------------------------------------------------------

    def _exchange(self, found: Sequence[Target], now: int, *, counting: bool) -> list[Tally] | None:
        """Have Redis count, and tell each other what is known; None where it is not there."""
        if not found:
            return []
        sent = {target: self._memory.get(target, now) for target in found}
        arguments: list[str | int] = [now, int(counting)]
        for target, tally in sent.items():
            rule = self._rules.of(target.kind)
            arguments += [
                *(target.key, lock_scripts.PLACE[target.kind]),
                *(rule.failures, rule.window_ms, rule.first_seconds * 1000, rule.growth),
                *(rule.longest_seconds * 1000, rule.remember_ms, rule.keep_ms),
                lock_scripts.write(tally),
            ]
        keys = lock_scripts.keys(self._prefix, (target.key for target in found))

        def ask() -> list[tuple[Tally, bool]]:
            reply = self._redis.run(lock_scripts.EXCHANGE, keys, arguments)
            return [(lock_scripts.read(value), bool(began)) for value, began in reply]

        reply = self._ask(ask)
        if reply is None:
            return None
        if counting:
            # It takes what is new (again).
            self._back()
        known = []
        for target, (tally, began) in zip(found, reply, strict=True):
            if began:
                self._began(target, tally)
            if self._memory.get(target, now) == sent[target]:
                # Nothing was counted here meanwhile.
                self._memory.told(target)
            known.append(self._memory.learn(target, tally, now))
        return known

    def _names(self, after: str, limit: int) -> list[str] | None:
        start = f"({after}" if after else "-"
        command = ("ZRANGEBYLEX", f"{self._prefix}names", start, "+", "LIMIT", 0, limit)
        names: list[str] | None = self._ask(
            lambda: [name.decode() for name in self._redis.execute(*command)]
        )
        return names

    def _read(self, found: Sequence[Target]) -> list[tuple[Target, Tally]] | None:
        if not found:
            return []
        keys = [f"{self._prefix}of:{target.key}" for target in found]
        values = self._ask(lambda: self._redis.execute("MGET", *keys))
        if values is None:
            return None
        pairs = zip(found, values, strict=True)
        return [(one, _read(value)) for one, value in pairs if value is not None]

    def _read_what_is_full(self, found: Sequence[Target], now: int) -> None:
        """Learn of the locks in a Redis that takes nothing new: those that it has are true."""
        if self._full:
            for target, tally in self._read(found) or ():
                self._memory.learn(target, tally, now)

    def _ask(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401  (what it gives)
        """Do what asks Redis, if it is there; None where it is not, or failed."""
        try:
            # One that is full gives what it has: the locks that it knows go on.
            return self._reach(ask, though_full=True)
        except (ValueError, TypeError):
            # What is there was written by somebody else, and says nothing to us.
            self._metrics.faults.labels("unreadable").inc()
            return None


def _read(value: bytes) -> Tally:
    try:
        return lock_scripts.read(value)
    except ValueError:
        return Tally()


def _longest(found: Sequence[Target], known: Sequence[Tally], now: int) -> Locks:
    """Give the lock that lasts longest."""
    last = max(
        zip(known, found, strict=True), key=lambda pair: pair[0].until, default=(Tally(), None)
    )
    tally, target = last
    if target is None or tally.until <= now:
        return Locks()
    return Locks(until=tally.until / 1000, kind=target.kind.value)
