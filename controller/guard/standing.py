"""Who of the controllers is there, and who is dead or stands still (O4).

Somebody is judged away when his lease has ended, he does not answer either, and whoever judges has
seen Redis without a gap for as long as a lease: what keeps us from seeing others keeps them from
being seen. Nobody's lease ends sooner than it was seen to last, whatever Redis' clock does.

Times are seconds by a clock of whoever judges, which never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from controller.guard.members import Member, Seen

#: Whoever has lapsed is known for so long, seconds; then nothing that he had can be left.
KNOWN_SECONDS: Final = 3600
#: We stood still for too long from this part of a lease on: others judge when it has ended.
STILL_PART: Final = 0.75


class _Known(msgspec.Struct):
    """A controller that was seen.

    `until`: when its lease ends; `there`: it is a member; `silent`: it was judged away; `asked`:
    when it was asked last whether it lives; `lost`: Redis has lost what it said of it.
    """

    member: Member
    until: float
    there: bool = False
    silent: bool = False
    asked: float | None = None
    lost: bool = False


class Judge:
    """What one controller knows of the others. `name`: its own; `lease`: how long one is."""

    def __init__(self, name: str, lease: float) -> None:
        self._name = name
        self._lease = lease
        self._known: dict[str, _Known] = {}
        self._epoch: str | None = None
        #: When we renewed last, and since when we have without a gap.
        self._last = self._since = float("-inf")

    # --- what is seen --------------------------------------------------------------------------

    def renewed(self, epoch: str, seen: Iterable[Seen], now: float) -> None:
        """Our lease was renewed, and Redis said who is there.

        `epoch` names what Redis knows: another one, and it has lost what it knew before.
        """
        if epoch != self._epoch or not self.is_current(now):
            self._since = now
        emptied = epoch != self._epoch
        self._epoch, self._last = epoch, now
        listed = {one.member.name: one for one in seen if one.member.name != self._name}
        for name in self._known.keys() - listed.keys():
            known = self._known[name]
            known.lost = known.lost or emptied
            if not known.lost or known.until + KNOWN_SECONDS < now:
                # It has left, or is forgotten.
                del self._known[name]
        for name, one in listed.items():
            self._see(name, one, now)

    def _see(self, name: str, one: Seen, now: float) -> None:
        until = now + min(one.left / 1000, self._lease)
        known = self._known.get(name)
        if known is None or known.member.run != one.member.run:
            known = self._known[name] = _Known(one.member, until)
        known.member, known.lost = one.member, False
        known.until = max(known.until, until)
        if one.left > 0:
            known.there, known.silent, known.asked = True, False, None

    # --- what is judged ------------------------------------------------------------------------

    def _is_steady(self, now: float) -> bool:
        """Whether we have seen Redis for as long as a lease, without a gap."""
        return self.is_current(now) and now - self._since >= self._lease

    def suspects(self, now: float, most: int | None = None) -> tuple[Member, ...]:
        """Give whose lease has ended and who is to be asked now whether he lives.

        Also who was asked before: he may have come to stand still since, or live again. `most`:
        so many at a time; whoever was not asked for the longest comes first.
        """
        if not self._is_steady(now):
            return ()
        again = self._lease / 2
        found = [
            known
            for known in self._known.values()
            if known.until <= now and (known.asked is None or known.asked + again <= now)
        ]
        found = sorted(found, key=lambda known: known.asked or 0.0)[:most]
        for known in found:
            known.asked = now
        return tuple(known.member for known in found)

    def told(self, member: Member, now: float, *, lives: bool) -> None:
        """Take what came of asking one: that he lives, or that he did not say so."""
        known = self._known.get(member.name)
        if known is None or known.member.run != member.run or known.until > now:
            return
        if lives:
            known.there, known.silent = True, False
        elif self._is_steady(now):
            known.there, known.silent = False, True

    # --- what is known -------------------------------------------------------------------------

    def is_current(self, now: float) -> bool:
        """Whether what is known of the others is of now: Redis said so a moment ago."""
        return now - self._last <= self._lease / 2

    @property
    def members(self) -> tuple[Member, ...]:
        """The others that are there, by name."""
        there = (known.member for known in self._known.values() if known.there)
        return tuple(sorted(there, key=lambda member: member.name))

    @property
    def away(self) -> tuple[Member, ...]:
        """Those that are dead or stand still, by name."""
        silent = (known.member for known in self._known.values() if known.silent)
        return tuple(sorted(silent, key=lambda member: member.name))

    def is_away(self, name: str) -> bool:
        """Whether a controller of this name is dead or stands still."""
        known = self._known.get(name)
        return known is not None and known.silent


class Stillness:
    """Finds out that we stood still: time has passed, and nothing of ours was done in it."""

    def __init__(self, lease: float) -> None:
        self._most = lease * STILL_PART
        self._noted: float | None = None

    def note(self, now: float) -> None:
        """Something of ours is done now."""
        self._noted = now

    def found(self, now: float) -> float:
        """Give for how long we stood still, seconds, once; 0: not for too long."""
        gap = 0.0 if self._noted is None else now - self._noted
        if gap <= self._most:
            return 0.0
        self._noted = now
        return gap
