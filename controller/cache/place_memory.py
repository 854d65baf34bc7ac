"""What one controller knows of places on channels itself: its own, and what it owes Redis.

While Redis is away it counts by these alone. Each is forgotten when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

#: Members whose places Redis is still to be told of; of more the first are forgotten, and then
#: theirs end by themselves.
MOST_OWED: Final = 10_000


class Place(msgspec.Struct, frozen=True):
    """A place on a channel: until when (milliseconds since 1970), and whether Redis knows of it."""

    until: int
    told: bool


class Kept(msgspec.Struct, frozen=True):
    """What a member keeps: its places on some channels, or none at all.

    Each channel with whether it has a place there of which Redis was never told. What it was told
    of it knows; or it was emptied, and is told all anew; or somebody has given the place back.
    """

    channels: tuple[tuple[str, bool], ...]
    until: int


def half(limit: int) -> int:
    """Give how many places of a channel one controller uses by itself."""
    return (limit + 1) // 2


class PlaceMemory:
    """Places by channel and member, in the process."""

    def __init__(self) -> None:
        self._on: dict[str, dict[str, Place]] = {}
        self._owed: dict[str, Kept] = {}

    def __len__(self) -> int:
        return sum(map(len, self._on.values()))

    def put(self, member: str, channels: Iterable[str], until: int, *, told: bool) -> None:
        """Remember places that a member has; one that it had already ends at the later time."""
        for channel in channels:
            there = self._on.setdefault(channel, {})
            before = there.get(member)
            there[member] = Place(until if before is None else max(until, before.until), told)

    def take_alone(
        self, member: str, limits: Mapping[str, int], until: int, now: int, *, whole: bool = False
    ) -> set[str]:
        """Take places of which Redis is not told yet: of each channel half as many as there are.

        `whole`: all of them, or none; gives then where one was free.
        """
        self.forget_ended(now)
        free = set()
        for channel, limit in limits.items():
            there = self._on.get(channel, {})
            if member in there or len(there) < half(limit):
                free.add(channel)
        for channel in () if whole and len(free) < len(limits) else free:
            place = self._on.get(channel, {}).get(member)
            self.put(member, [channel], until, told=place is not None and place.told)
        return free

    def keep(self, member: str, channels: Iterable[str], until: int) -> Kept:
        """Let a member keep its places on these channels only; gives where it had one."""
        before = self.of(member)
        for name in before:
            self._drop(member, name)
        stays = tuple(dict.fromkeys(channels))
        for name in stays:
            if name in before:
                self._on.setdefault(name, {})[member] = Place(until, before[name].told)
        untold = {name for name, place in before.items() if not place.told}
        return Kept(tuple((name, name in untold) for name in stays), until)

    def answered(self, member: str, channel: str, place: Place, *, there: bool) -> None:
        """Take Redis' word on a place that it was told of: whether it is there."""
        now = self._on.get(channel, {}).get(member)
        if now == place and there:
            self._on[channel][member] = Place(place.until, told=True)
        elif now == place:
            # Somebody else has given it back.
            self._drop(member, channel)
        elif now is None and there:
            # It was given back here meanwhile, and Redis may have been told of it after that.
            left = self.of(member)
            until = {stays.until for stays in left.values()} or {place.until}
            if len(until) == 1:
                self.owe(member, Kept(tuple((name, True) for name in left), until.pop()))

    def of(self, member: str) -> dict[str, Place]:
        """Give the places of a member, by channel."""
        return {name: there[member] for name, there in self._on.items() if member in there}

    def all(self, now: int) -> list[tuple[str, str, Place]]:
        """Give every place that has not ended: member, channel, place."""
        self.forget_ended(now)
        return [
            (member, channel, place)
            for channel, there in self._on.items()
            for member, place in there.items()
        ]

    def forget_ended(self, now: int) -> None:
        """Forget the places that have ended."""
        for channel, there in list(self._on.items()):
            for member in [member for member, place in there.items() if place.until <= now]:
                self._drop(member, channel)

    def _drop(self, member: str, channel: str) -> None:
        there = self._on.get(channel, {})
        there.pop(member, None)
        if not there:
            self._on.pop(channel, None)

    # --- what Redis was not told -----------------------------------------------------------

    def owe(self, member: str, kept: Kept) -> None:
        """Redis was not told what a member keeps."""
        self._owed.pop(member, None)
        self._owed[member] = kept
        if len(self._owed) > MOST_OWED:
            del self._owed[next(iter(self._owed))]

    def owed(self) -> list[tuple[str, Kept]]:
        """Give what Redis has to be told, in order."""
        return list(self._owed.items())

    def forgive(self, member: str) -> None:
        """Forget what is owed of a member: something newer was told."""
        self._owed.pop(member, None)

    def paid(self, member: str, kept: Kept) -> None:
        """Redis was told what a member keeps; what it keeps since then is still to be told."""
        if self._owed.get(member) == kept:
            del self._owed[member]
