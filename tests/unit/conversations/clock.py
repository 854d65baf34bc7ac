"""Time that passes only from one thing that happens to the next."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Final

#: When each call begins, seconds since 1970.
START: Final = 1_795_475_771.25
#: No call lasts so long: something goes round in a circle.
MOST_HAPPENINGS: Final = 20_000


class Ticket:
    """Something that is to happen; whoever has it may call it off."""

    __slots__ = ("_do",)

    def __init__(self, do: Callable[[], None]) -> None:
        self._do: Callable[[], None] | None = do

    def cancel(self) -> None:
        """Call it off."""
        self._do = None

    def happen(self) -> None:
        """Do it, once, unless it was called off."""
        do, self._do = self._do, None
        if do is not None:
            do()


class Clock:
    """What is to happen, in order; what is due at the same moment, in the order it was planned."""

    def __init__(self) -> None:
        self.now = START
        self._due: list[tuple[float, int, Ticket]] = []
        self._count = itertools.count()

    def at(self, moment: float, do: Callable[[], None]) -> Ticket:
        """Have something done at a moment; what is past happens now."""
        ticket = Ticket(do)
        heapq.heappush(self._due, (max(moment, self.now), next(self._count), ticket))
        return ticket

    def after(self, seconds: float, do: Callable[[], None]) -> Ticket:
        """Have something done in a while."""
        return self.at(self.now + seconds, do)

    def run(self) -> None:
        """Let everything happen that is to happen."""
        for _ in range(MOST_HAPPENINGS):
            if not self._due:
                return
            self.now, _, ticket = heapq.heappop(self._due)
            ticket.happen()
        raise AssertionError(f"more than {MOST_HAPPENINGS} things happened in one call")

    @property
    def passed(self) -> float:
        """Seconds since the call was answered."""
        return self.now - START
