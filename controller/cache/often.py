"""How often callbacks are made (G3), all nodes and controllers together.

One script in Redis asks all limits of a callback and counts it in one step (`often_scripts`): one
round trip, and never more than there may be.

**Redis away**: the controller counts those that it has made itself, and makes half of what each
limit allows, rounded up: never more than one is allowed to where one is, but never without limit.
Two controllers keep the limits, more may exceed them. What it has made itself counts too where
Redis comes back empty.

`callbackd_often_faults_total` counts what went wrong, `callbackd_often_alone_total` the callbacks
that were counted alone, `callbackd_too_often_total` how often one was not made, or not yet, by kind
of limit; `fault` says it for readiness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from controller.cache.client import RedisHandle, Script
from controller.cache.metrics import OftenMetrics
from controller.cache.often_scripts import COUNT, LOOK, Mode
from controller.cache.place_memory import half
from controller.cache.shared_counts import SharedCounts
from controller.guard.often import PARTS, Count, Limit, Over, counted, free_at, turn_after

#: So many limits are remembered by one controller; those that were asked least lately go first.
MOST_KNOWN: Final = 100_000
#: So many callbacks are remembered that were counted: one may be put off, and come again.
MOST_COUNTED: Final = 10_000
#: What Redis says of a callback that was counted before.
_WAS_COUNTED: Final = -1


class Often(SharedCounts):
    """How often callbacks of one store are made, as one controller knows it."""

    NAME = "often"
    ALONE = "each controller makes half of the callbacks that a limit allows"

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        now: Callable[[], float],
        metrics: OftenMetrics,
    ) -> None:
        super().__init__(redis, lineage, now=now, faults=metrics.faults)
        self._metrics = metrics
        #: What this controller has counted, by limit: the count of each part.
        self._known: OrderedDict[str, dict[int, int]] = OrderedDict()
        #: The callbacks that were counted here lately.
        self._counted: OrderedDict[str, None] = OrderedDict()
        #: When the last one is asked again that waits for a limit, by that.
        self._turns: OrderedDict[str, int] = OrderedDict()

    def count(self, callback: str, limits: Sequence[Limit]) -> Over | None:
        """Count a callback that is to be made, or give the limit that it would exceed.

        `callback` names it: asked again for the same, by whomever, it is counted once. Of limits of
        what came to nothing (`OftenKind.unanswered`) it is only asked whether they are reached. One
        round trip; none where nothing is limited. Never raises.
        """
        if callback in self._counted:
            limits = [limit for limit in limits if limit.kind.unanswered]
        if not limits:
            return None
        now = self._ms()
        modes = [Mode.ASKED if limit.kind.unanswered else Mode.BOTH for limit in limits]
        counted_now = [limit for limit in limits if not limit.kind.unanswered]
        given = self._ask(limits, modes, now, callback if counted_now else None)
        over = self._alone(limits, now) if given is None else self._over(limits, given, now)
        if over is not None:
            self._metrics.over.labels(over.limit.kind.value).inc()
            return over
        if not counted_now:
            return None
        if given is None:
            self._metrics.alone.inc()
        if given is None or int(given[0]) != _WAS_COUNTED:
            self._remember(counted_now, now)
        self._counted[callback] = None
        if len(self._counted) > MOST_COUNTED:
            self._counted.popitem(last=False)
        return None

    def note(self, limits: Sequence[Limit]) -> None:
        """Count what has happened already, whatever it comes to. One round trip. Never raises."""
        if not limits:
            return
        now = self._ms()
        if self._ask(limits, [Mode.COUNTED] * len(limits), now) is None:
            self._metrics.alone.inc()
        self._remember(limits, now)

    def peek(self, limits: Sequence[Limit]) -> tuple[Count, ...]:
        """Say how many are counted of each limit, and count nothing. Never raises.

        While Redis is away: what this controller has counted, of the half that it makes.
        """
        if not limits:
            return ()
        now = self._ms()
        found = self._look(limits)
        looked = []
        for index, limit in enumerate(limits):
            parts, at_most = self._known.get(limit.key, {}), limit
            if found is None:
                at_most = msgspec.structs.replace(limit, most=half(limit.most))
            elif counted(found[index], limit, now) >= counted(parts, limit, now):
                parts = found[index]
            looked.append(Count(at_most, counted(parts, limit, now), free_at(parts, at_most, now)))
        return tuple(looked)

    def turn(self, over: Over, last: int) -> int:
        """Give when a callback is asked again that waits for a limit, milliseconds since 1970.

        Those that this controller has wait for their turns. Whoever has none until `last` is asked
        then, or when the limit is free, and nobody waits behind him.
        """
        before = self._turns.pop(over.limit.key, 0)
        turn = turn_after(over.limit, over.free_at, before)
        if turn > last:
            turn = max(over.free_at, last)
        else:
            before = turn
        self._turns[over.limit.key] = before
        if len(self._turns) > MOST_KNOWN:
            self._turns.popitem(last=False)
        return turn

    # --- what is known here ------------------------------------------------------------------

    def _remember(self, limits: Sequence[Limit], now: int) -> None:
        for limit in limits:
            parts = self._parts(limit, now)
            part = now // limit.part_ms
            parts[part] = parts.get(part, 0) + 1

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
            free = free_at(parts, msgspec.structs.replace(limit, most=half(limit.most)), now)
            if free > now:
                return Over(limit, free)
        return None

    # --- Redis -------------------------------------------------------------------------------

    def _over(self, limits: Sequence[Limit], given: Any, now: int) -> Over | None:  # noqa: ANN401
        """Give the limit that is reached, by what Redis says."""
        which = int(given[0])
        if which <= 0:
            return None
        limit = limits[which - 1]
        # 0: it is reached by what Redis has lost.
        free = int(given[1]) or free_at(self._known.get(limit.key, {}), limit, now)
        return Over(limit, free)

    def _ask(
        self,
        limits: Sequence[Limit],
        modes: Sequence[Mode],
        now: int,
        callback: str | None = None,
    ) -> Any:  # noqa: ANN401  (what it gives)
        """Ask Redis; None where it is away. `callback`: which one is counted, and only once."""
        told = [
            value
            for limit, mode in zip(limits, modes, strict=True)
            for value in (
                limit.part_ms,
                limit.most,
                counted(self._known.get(limit.key, {}), limit, now),
                mode.value,
            )
        ]
        keys, lasts = [limit.key for limit in limits], 0
        if callback is not None:
            # As long as it counts anywhere.
            lasts = max(limit.part_ms for limit in limits) * (PARTS + 2)
            keys.append(f"was:{callback}")
        return self._run(COUNT, keys, (now, lasts, *told))

    def _look(self, limits: Sequence[Limit]) -> list[dict[int, int]] | None:
        """Give what Redis has of each; None where it is away."""
        given = self._run(LOOK, [limit.key for limit in limits], ())
        if given is None:
            return None
        return [dict(zip(map(int, flat[::2]), map(int, flat[1::2]), strict=True)) for flat in given]

    def _run(self, script: Script, keys: Sequence[str], told: Sequence[int]) -> Any:  # noqa: ANN401
        """Run a script over limits; None where Redis is away."""
        named = [f"{self._prefix}{key}" for key in keys]
        return self._reach(lambda: self._redis.run(script, named, told))
