"""What counts towards patterns of fraud (G3), all nodes and controllers together.

One script in Redis takes all that a callback counts towards (`pattern_scripts`): one round trip.

**Redis away**: the controller counts what it has seen itself. That it counts always, so that a
Redis that comes back empty has lost nothing that one controller alone has seen.

`callbackd_pattern_faults_total` counts what went wrong, `callbackd_patterns_alone_total` the calls
that were counted so; `fault` says it for readiness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from controller.cache.client import RedisHandle
from controller.cache.metrics import PatternMetrics
from controller.cache.pattern_scripts import SEE
from controller.cache.shared_counts import SharedCounts
from controller.guard.patterns import MOST_MEMBERS, WINDOW_MICROS, Seen

#: So many subjects are remembered by one controller; those that were seen least lately go first.
MOST_KNOWN: Final = 50_000


class Patterns(SharedCounts):
    """What was seen in calls of one store, as one controller knows it."""

    NAME = "patterns"
    ALONE = "each controller looks for patterns of fraud in its own calls alone"

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        now: Callable[[], float],
        metrics: PatternMetrics,
    ) -> None:
        super().__init__(redis, lineage, now=now, faults=metrics.faults)
        self._metrics = metrics
        #: What this controller has seen, by subject: its members, by when that was last.
        self._known: OrderedDict[str, dict[str, int]] = OrderedDict()

    def see(self, seen: Sequence[Seen]) -> list[int]:
        """Count something towards patterns; give how many different ones there are of each.

        One round trip. Never raises.
        """
        if not seen:
            return []
        own = [self._see_alone(one) for one in seen]
        counts = self._ask(seen)
        if counts is None:
            self._metrics.alone.inc()
            return own
        return [max(pair) for pair in zip(counts, own, strict=True)]

    def opened(self, pattern: str, *, blocks: bool) -> None:
        """Count a suspicion that was opened, or begins to block."""
        self._metrics.opened.labels(pattern, "true" if blocks else "false").inc()

    # --- what is known here ------------------------------------------------------------------

    def _see_alone(self, seen: Seen) -> int:
        key, since = seen.subject.key, max(seen.at - WINDOW_MICROS, seen.since)
        before = self._known.pop(key, {})
        members = {member: at for member, at in before.items() if at > since}
        if seen.at > since:
            # Last: the first ones are those that were seen least lately.
            members.pop(seen.member, None)
            members[seen.member] = seen.at
            if len(members) > MOST_MEMBERS:
                del members[next(iter(members))]
        self._known[key] = members
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return len(members)

    # --- Redis -------------------------------------------------------------------------------

    def _ask(self, seen: Sequence[Seen]) -> list[int] | None:
        """Ask Redis; None where it is not there."""
        keys = [f"{self._prefix}{one.subject.key}" for one in seen]
        told = [
            value for one in seen for value in (one.at // 1000, one.since // 1000, one.member)
        ]  # fmt: skip
        return self._reach(lambda: [int(count) for count in self._redis.run(SEE, keys, told)])
