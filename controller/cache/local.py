"""The policies in the process: for a second at most, and what the process knows of changes."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final

import msgspec
from gevent.event import Event

from controller.cache.shared import keys_of
from controller.policy.changes import Change, Snapshot

#: The longest that an answer is given again without asking anybody, seconds.
LOCAL_SECONDS: Final = 1.0
#: Answers that are kept; the oldest goes.
MOST_ANSWERS: Final = 10_000
#: Touched keys that are remembered one by one.
MOST_FLOORS: Final = 10_000


class _Kept(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    until: float


class LocalAnswers:
    """Answers by key. `now` is a monotonic clock, seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._usable = False
        #: Changes whenever all was forgotten: what was read before that is not kept after it.
        self.generation = 0

    def __len__(self) -> int:
        return len(self._kept)

    def use(self, usable: bool) -> None:
        """Whether answers are kept: only while changes are heard of."""
        self._usable = usable
        self.forget()

    def get(self, key: str) -> Snapshot | None:
        """Give the answer for a key, or None where it is not known."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._now() >= kept.until:
            del self._kept[key]
            return None
        return kept.snapshot

    def put(self, key: str, snapshot: Snapshot, began: float, generation: int) -> None:
        """Keep an answer; reading it began at `began`, in `generation`."""
        if not self._usable or generation != self.generation:
            return
        # In the order in which they were put: the first is the oldest.
        self._kept.pop(key, None)
        if len(self._kept) >= MOST_ANSWERS:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(snapshot, began + LOCAL_SECONDS)

    def drop(self, change: Change) -> None:
        """Forget what a change touches."""
        if change.everything:
            self.forget()
        for key in keys_of(change):
            self._kept.pop(key, None)

    def forget(self) -> None:
        """Forget all."""
        self._kept.clear()
        self.generation += 1


class Floors:
    """Changes that the process knows of and Redis may not: older entries are not true any more."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}
        self._of_all = 0

    def of(self, key: str) -> int:
        """Give the count that an entry must at least be of."""
        return max(self._of_all, self._of.get(key, 0))

    def raise_to(self, change: Change) -> None:
        """Know of a change."""
        if change.everything:
            self._of_all = max(self._of_all, change.seq)
        for key in keys_of(change):
            self._of[key] = max(self._of.get(key, 0), change.seq)
        if len(self._of) > MOST_FLOORS:
            # More entries are read anew than need be, none less.
            self._of_all = max(self._of_all, *self._of.values())
            self._of.clear()

    def copy(self) -> Floors:
        """Give what is known now."""
        made = Floors()
        made._of, made._of_all = dict(self._of), self._of_all
        return made

    def forget(self, known: Floors) -> None:
        """Forget what was known, where nothing has come since."""
        for key, seq in known._of.items():
            if self._of.get(key) == seq:
                del self._of[key]
        if self._of_all == known._of_all:
            self._of_all = 0


class Flight:
    """One reading of a key, that everybody who asks for it meanwhile waits for."""

    def __init__(self) -> None:
        self._landed = Event()
        #: A change was learned of that what is being read may not have: its count.
        self.floor = 0
        #: What was read; None: whoever read it was stopped, or failed.
        self.snapshot: Snapshot | None = None
        #: Why nothing could be read.
        self.error: Exception | None = None
        self.trace: TracebackType | None = None
        #: How many changes were known when it landed.
        self.known = 0

    def land(self) -> None:
        """Let those who wait go on."""
        self._landed.set()

    def wait(self) -> None:
        """Wait until it has landed."""
        self._landed.wait()


class Flights:
    """The readings that are under way, by key."""

    def __init__(self) -> None:
        self._of: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._of)

    def get(self, key: str) -> Flight | None:
        """Give the one for a key, or None."""
        return self._of.get(key)

    def begin(self, key: str) -> Flight:
        """Begin one."""
        flight = self._of[key] = Flight()
        return flight

    def end(self, key: str, flight: Flight) -> None:
        """It is over, however it ended."""
        del self._of[key]
        flight.land()

    def tell(self, change: Change) -> None:
        """Have those that a change touches know of it."""
        touched = self._of if change.everything else keys_of(change)
        for key in touched:
            flight = self._of.get(key)
            if flight is not None:
                flight.floor = max(flight.floor, change.seq)
