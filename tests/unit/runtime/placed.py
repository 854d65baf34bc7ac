"""Places as Redis has them, where it is never away: a plain list, asked in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping


class Placed:
    """Who has a place where, and until when, seconds since 1970; of all controllers.

    `note` is called where one is full.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note
        self.on: dict[str, dict[str, float]] = {}


class Places:
    """The same as one controller sees it, by its own clock."""

    def __init__(self, placed: Placed, now: Callable[[], float]) -> None:
        self._placed = placed
        self._now = now

    def _live(self, name: str) -> dict[str, float]:
        there = self._placed.on.setdefault(name, {})
        for member in [member for member, until in there.items() if until <= self._now()]:
            del there[member]
        return there

    def take_all(self, member: str, limits: Mapping[str, int], until: float) -> set[str]:
        """Take a place on all of them, or on none; gives those where none is free."""
        lives = {name: self._live(name) for name in limits}
        full = {n for n, live in lives.items() if member not in live and len(live) >= limits[n]}
        for live in () if full else lives.values():
            live[member] = max(until, live.get(member, 0.0))
        if full:
            self._placed.note("too many at a time")
        return full

    def hold(self, member: str, channels: Iterable[str], until: float) -> None:
        """Keep places on these channels, where it has one; and no others."""
        stays = [name for name in channels if member in self._live(name)]
        self.release(member)
        for name in stays:
            self._placed.on[name][member] = until

    def release(self, member: str) -> None:
        """Give all places of a call back."""
        for there in self._placed.on.values():
            there.pop(member, None)

    def knows(self, member: str) -> bool:
        """Whether a call has a place anywhere."""
        return any(member in there for there in self._placed.on.values())
