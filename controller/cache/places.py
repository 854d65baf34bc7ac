"""Places on channels that take so many calls at a time (G3), all nodes and controllers together.

A call takes a place on each channel that it may go out over, keeps that of the one that it was
answered over, and gives it back at its end; any controller may do any of it. Each place has an end
by which it is gone by itself, whatever became of whoever took it. One script in Redis counts and
takes in one step (`place_scripts`), so there are never more than there may be.

An extension, a client, and all together may have so many calls at a time as well: that is counted
by the same means, under names that no channel has (`guard.at_a_time`).

**Redis away**: the controller counts those that it knows itself, and uses half of each channel's
places, rounded up: two controllers keep the limit, more may exceed it. When Redis is back it is
told what changed, and what it lost. In the moments after a Redis came back empty it knows only the
places of those who have asked it since: at most two seconds.

`callbackd_place_faults_total` counts what went wrong, `callbackd_places_alone_total` the calls
whose places were counted alone; `fault` says it for readiness.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from controller.cache.client import RedisHandle, Script, Text
from controller.cache.metrics import PlaceMetrics
from controller.cache.place_memory import Kept, PlaceMemory
from controller.cache.place_scripts import GONE_MS, KEEP, TAKE, TELL
from controller.cache.shared_counts import TickingCounts

#: Places that Redis is told of by one script.
TOLD_AT_ONCE: Final = 200


class Places(TickingCounts):
    """Places of one store's channels, as one controller sees them."""

    NAME = "places"
    ALONE = (
        "each controller uses half of the calls at a time that a channel, an extension or a client "
        "may have"
    )

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        now: Callable[[], float],
        metrics: PlaceMetrics,
    ) -> None:
        super().__init__(redis, lineage, now=now, faults=metrics.faults)
        self._metrics = metrics
        self._memory = PlaceMemory()
        #: What Redis holds is of this name, as far as we know; another name: it was emptied.
        self._life = b""
        #: How often there was something that Redis was not told, and up to which it was.
        self._missed = self._settled = 0

    # --- life ------------------------------------------------------------------------------

    def tick(self) -> None:
        """Tell Redis what is known here; where nothing is, and nothing is wrong, leave it alone."""
        self._memory.forget_ended(self._ms())
        if self._behind or self.fault is not None or len(self._memory):
            self._again = 0.0
            self._settle()

    # --- calls -----------------------------------------------------------------------------

    def take(self, member: str, limits: Mapping[str, int], until: float) -> set[str]:
        """Take a place on each channel where one is free; gives the channels.

        `member` names the call: asked again for it, the places that it has are its own. `limits`:
        by channel, how many there are. `until`: when they end by themselves, seconds since 1970.
        One round trip. Never raises.
        """
        had = self._had(member, limits, until, whole=False)
        for channel in limits.keys() - had:
            self._metrics.full.labels(channel).inc()
        return had

    def take_all(self, member: str, limits: Mapping[str, int], until: float) -> set[str]:
        """Take a place on all of them, or on none; gives those where none is free. As `take`."""
        return limits.keys() - self._had(member, limits, until, whole=True)

    def _had(
        self, member: str, limits: Mapping[str, int], until: float, *, whole: bool
    ) -> set[str]:
        now, to = self._ms(), int(until * 1000)
        if not limits or to <= now:
            return set()
        try:
            had = self._take(member, limits, now, to, whole=whole)
        except BaseException:
            # The call is given up meanwhile, and Redis may have given it places.
            self._owe(member, Kept((), to))
            raise
        if had is None:
            self._missed += 1
            self._metrics.alone.inc()
            had = self._memory.take_alone(member, limits, to, now, whole=whole)
            if len(had) < len(limits):
                # Redis may have given it more, and not have been heard.
                left = self._memory.of(member).items()
                stays = tuple((name, not place.told) for name, place in left)
                self._owe(member, Kept(stays, to))
        elif not whole or len(had) == len(limits):
            self._memory.put(member, had, to, told=True)
        return had

    def hold(self, member: str, channels: Iterable[str], until: float) -> None:
        """Keep a call's places on these channels, where it has one, until another time; no others.

        One round trip. Never raises, and is done whatever happens: also where the greenlet is
        killed.
        """
        to = int(until * 1000)
        kept = self._memory.keep(member, channels, to)
        try:
            if kept.channels and not self._life:
                # What it holds is learned first: or what is put below would be told it anew, though
                # somebody may have given it back by then.
                self._settle()
            has = self._keep(member, kept, gone=False)
        except BaseException:
            self._owe(member, kept)
            raise
        if has is None:
            self._owe(member, kept)
            return
        self._memory.forgive(member)
        # Those that another controller took; if Redis loses them now, we know of them too.
        self._memory.put(member, has, to, told=True)

    def release(self, member: str) -> None:
        """Give all places of a call back, whoever took them. As `hold`."""
        self.hold(member, (), self._now())

    def knows(self, member: str) -> bool:
        """Whether a call has places that are known here. It asks nobody."""
        return bool(self._memory.of(member))

    # --- Redis -----------------------------------------------------------------------------

    @property
    def _behind(self) -> bool:
        """Whether Redis may not know all that is known here."""
        return self._settled < self._missed

    def _owe(self, member: str, kept: Kept) -> None:
        self._memory.owe(member, kept)
        self._missed += 1

    def _take(
        self, member: str, limits: Mapping[str, int], now: int, to: int, *, whole: bool
    ) -> set[str] | None:
        """Have Redis take places; None where it is not there."""
        if self._behind and not self._settle():
            return None
        pairs = [part for pair in limits.items() for part in pair]
        for _ in range(3):
            reply = self._run(TAKE, self._life, _new_life(), now, to, member, int(whole), *pairs)
            if reply is None:
                return None
            given = reply[1:]
            if len(given) == len(limits):
                return {name for name, had in zip(limits, given, strict=True) if had}
            # It holds something else than when we asked last: first it hears what we know.
            if not self._settle():
                return None
        return None

    def _keep(self, member: str, kept: Kept, *, gone: bool) -> list[str] | None:
        """Tell Redis what a member keeps; gives where it has a place, None: Redis is not there."""
        now = self._ms()
        mark = now + GONE_MS if gone and not kept.channels else 0
        stays = [part for name, known in kept.channels for part in (name, int(known))]
        has = self._run(KEEP, now, kept.until, member, mark, *stays)
        if has is None:
            return None
        return [name for (name, _), had in zip(kept.channels, has, strict=True) if had]

    def _settle(self) -> bool:
        """Tell Redis all that it may not know; whether it was there."""
        missed = self._missed
        for member, kept in self._memory.owed():
            # Who has taken places since is not gone.
            if self._keep(member, kept, gone=not self._memory.of(member)) is None:
                return False
            self._memory.paid(member, kept)
        if not self._tell():
            return False
        if self._memory.owed():
            self._missed += 1
        else:
            self._settled = max(self._settled, missed)
        return True

    def _tell(self) -> bool:
        places = self._memory.all(self._ms())
        before, lives = self._life, set[bytes]()
        for start in range(0, max(len(places), 1), TOLD_AT_ONCE):
            some = places[start : start + TOLD_AT_ONCE]
            parts = [
                part
                for member, channel, place in some
                for part in (member, channel, place.until, int(place.told))
            ]
            reply = self._run(TELL, before, _new_life(), self._ms(), *parts)
            if reply is None:
                return False
            lives.add(reply[0])
            for (member, channel, place), there in zip(some, reply[1:], strict=True):
                self._memory.answered(member, channel, place, there=bool(there))
        # Emptied once more meanwhile: the next one to ask sees that.
        self._life = lives.pop() if len(lives) == 1 else b""
        return True

    def _run(self, script: Script, *arguments: Text) -> Any:  # noqa: ANN401  (what it gives)
        """Run a script, if Redis is there; None where it is not, or failed."""
        keys = (f"{self._prefix}life", f"{self._prefix}gone")
        return self._reach(
            lambda: self._redis.run(script, keys, (self._prefix, *arguments)),
            # Giving back works on a server that is full, too.
            proves=script is not KEEP,
        )


def _new_life() -> str:
    return secrets.token_hex(8)
