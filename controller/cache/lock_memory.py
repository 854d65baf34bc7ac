"""What one controller knows of lock-outs itself: what Redis said, and what it had to count alone.

It counts while Redis is away, and it remembers for as long as anything counts: what Redis never
heard of, or has lost, is told it again. Bounded: of the targets of each kind the one that was
touched longest ago goes. There are as many extensions and DIDs as were provisioned, and a number
comes into it by a wrong password only, which the lock of its extension keeps few.
"""

from __future__ import annotations

from typing import Final

from controller.guard.locking import LockKind, Rules, Tally, Target, aged, merged, wrong_alone

#: Targets of one kind that are remembered.
MOST_TARGETS: Final = 10_000


class LockMemory:
    """Tallies by target, in the process. Times are milliseconds since 1970."""

    def __init__(self, rules: Rules, most: int = MOST_TARGETS) -> None:
        self._rules = rules
        self._most = most
        self._of: dict[LockKind, dict[Target, Tally]] = {kind: {} for kind in LockKind}
        #: What Redis has to be told; an order, and no values.
        self._owed: dict[Target, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def get(self, target: Target, now: int) -> Tally:
        """Give what is known of a target and still counts."""
        tally = self._of[target.kind].get(target)
        return Tally() if tally is None else aged(tally, self._rules.of(target.kind), now)

    def all(self, now: int) -> list[tuple[Target, Tally]]:
        """Give every target of which something is known, in the order of their names."""
        found = [(target, self.get(target, now)) for kind in LockKind for target in self._of[kind]]
        return sorted(found, key=lambda pair: pair[0].key)

    def learn(self, target: Target, said: Tally, now: int) -> Tally:
        """Add what Redis said, and give what is known then."""
        rule = self._rules.of(target.kind)
        tally = aged(merged(self.get(target, now), said, rule), rule, now)
        self._put(target, tally)
        return tally

    def wrong(self, target: Target, now: int) -> Tally:
        """Count a wrong password alone, and give what is known then; Redis is owed it."""
        tally = wrong_alone(self.get(target, now), self._rules.of(target.kind), now)
        self._put(target, tally)
        self._owed[target] = None
        return tally

    def release(self, target: Target, now: int, *, owed: bool) -> None:
        """Forget what was counted; `owed`: Redis does not know of it."""
        self._put(target, Tally(released=now))
        if owed:
            self._owed[target] = None

    def owed(self, most: int) -> list[Target]:
        """Give some of what Redis has to be told."""
        return [target for target, _ in zip(self._owed, range(most), strict=False)]

    def told(self, target: Target) -> None:
        """Redis knows of a target what we do."""
        self._owed.pop(target, None)

    def _put(self, target: Target, tally: Tally) -> None:
        known = self._of[target.kind]
        # In the order in which they were touched: the first was longest ago.
        known.pop(target, None)
        if tally == Tally():
            return
        if len(known) >= self._most:
            oldest = next(iter(known))
            del known[oldest]
            self._owed.pop(oldest, None)
        known[target] = tally
