"""What of a callback only the running service knows: who is locked out, how many were made.

It is asked where the event loop is; what nobody knows, the answer says was not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from controller.admin.explaining_callback import Case, Coming
from controller.callerid.model import Tried
from controller.guard.often import (
    Count,
    Limit,
    OftenKind,
    Rates,
    limits_of,
    node_limits,
    unanswered_limits,
)
from controller.policy.clients import ClientLimits

_MICROS: Final = 1_000_000
_WINDOWS: Final = {60: "a minute", 3_600: "an hour", 86_400: "a day"}


class LockKeeper(Protocol):
    """Who knows what is locked. It changes nothing by being asked, and raises nothing."""

    def locked(self, extension: str, numbers: Sequence[str], did: str) -> Any:  # noqa: ANN401
        """Give what is locked for a caller, by his numbers (none where he hides) and by DID.

        `until`: seconds since 1970; 0: nothing is.
        """
        ...


class OftenKeeper(Protocol):
    """Who knows how many callbacks were made. Nothing is counted by asking, nothing raised."""

    def peek(self, limits: Sequence[Limit]) -> tuple[Count, ...]:
        """Say how many are counted of each limit."""
        ...


class Everybodys(msgspec.Struct, frozen=True):
    """What limits callbacks whosever they are: how often, on which nodes; these come and go."""

    rates: Rates = Rates()
    nodes: Collection[str] = ()


class Known(msgspec.Struct, frozen=True):
    """What was found. None: nobody looked.

    Attributes:
        locked: until when no password of the caller is heard, microseconds since 1970; 0: he is
            not locked out.
        limits, counts: G3, what the callback is limited by, and how many were counted of each.

    """

    limits: tuple[Limit, ...] = ()
    locked: int | None = None
    counts: tuple[Count, ...] | None = None


class Live:
    """Asks those who know."""

    def __init__(self, locks: LockKeeper | None, often: OftenKeeper | None) -> None:
        self._locks = locks
        self._often = often

    def known(self, case: Case, limits: tuple[Limit, ...]) -> Known:
        """Give what is known of a callback that is to come."""
        coming = case.coming
        if coming is None or coming.live:
            return Known()
        locked = None
        if self._locks is not None and case.asks_password:
            numbers = () if coming.caller is None else (coming.caller,)
            lock = self._locks.locked(case.policy.extension, numbers, coming.did)
            locked = int(lock.until * _MICROS)
        counts = None if self._often is None else self._often.peek(limits)
        return Known(limits, locked, counts)

    def locks_known(self, case: Case) -> bool:
        """Whether it is known if he is locked out, or need not be."""
        return self._locks is not None or not case.asks_password


def limits_asked(case: Case, client: ClientLimits, everybodys: Everybodys) -> tuple[Limit, ...]:
    """Give the limits that a callback is asked by when it is made, as the dispatcher has them."""
    coming = case.coming
    if coming is None or coming.live:
        return ()
    policy, opened = case.policy, case.opened
    if opened is not None and opened.attempts:
        return unanswered_limits(policy, coming.number)
    rates = everybodys.rates
    own = limits_of(policy, coming.number, coming.did, client, rates=rates)
    # A thread asks, and nodes come and go.
    names = list(everybodys.nodes)
    nodes = (limit for node in names for limit in node_limits(node, rates))
    return (*own, *nodes)


def often_tried(
    case: Case, coming: Coming, known: Known, *, whole: bool
) -> tuple[Tried, int, str | None]:
    """Say what G3 says of how often, give when the callback is due then, and why it is none.

    `whole`: who asks may know what everybody makes.
    """
    if not known.limits:
        return Tried("G3", "nothing limits how often"), coming.due, None
    if known.counts is None:
        return Tried("G3", "how many were made was not looked at"), coming.due, None
    over = _over(known.counts, coming.due)
    if over is None:
        shown = [_said(one) for one in known.counts if whole or not one.limit.kind.waits]
        within = f": {', '.join(shown)}" if shown else ""
        return Tried("G3", f"not too often{within}"), coming.due, None
    limit, free = over.limit, over.free_at * 1000
    said = f"as many as there may be: {_said(over)}"
    if limit.kind.waits and not whole:
        said = "the service makes as many callbacks now as it may"
    if not limit.kind.waits:
        return Tried("G3", said), coming.due, limit.reason
    seconds = -(-(free - case.asking.now) // _MICROS)
    said = f"{said}; there is a place in {seconds} seconds"
    if free > coming.expires:
        return Tried("G3", f"{said}, and it expires before"), coming.due, limit.reason
    return Tried("G3", f"{said}; it waits for it"), free, None


def _over(counts: Sequence[Count], due: int) -> Count | None:
    """Give the first limit that is reached when a callback is due; of nodes, one may do."""
    reached = [one for one in counts if one.free_at * 1000 > due]
    nodes = {one.limit.name for one in _of_nodes(counts)}
    full = {one.limit.name for one in _of_nodes(reached)}
    others = [one for one in reached if one.limit.kind is not OftenKind.NODE]
    if others or nodes - full:
        return next(iter(others), None)
    # Each node is free when all its windows are; the first of them makes it.
    free = {
        name: max((one for one in _of_nodes(reached) if one.limit.name == name), key=_free)
        for name in sorted(full)
    }
    return min(free.values(), key=_free, default=None)


def _of_nodes(counts: Iterable[Count]) -> list[Count]:
    return [one for one in counts if one.limit.kind is OftenKind.NODE]


def _free(one: Count) -> int:
    return one.free_at


def _said(one: Count) -> str:
    limit = one.limit
    window = _WINDOWS[limit.seconds]
    return f"{one.count} of {limit.most} {_WHOSE[limit.kind].format(limit.owner)} in {window}"


_WHOSE: Final[dict[OftenKind, str]] = {
    OftenKind.NUMBER: "to the number",
    OftenKind.BLOCK: "to its block",
    OftenKind.DID: "for the DID",
    OftenKind.EXTENSION: "of the extension",
    OftenKind.UNANSWERED_BLOCK: "to its block that came to nothing",
    OftenKind.UNANSWERED_EXTENSION: "of the extension that came to nothing",
    OftenKind.CLIENT: "of client {}",
    OftenKind.NODE: "on node {}",
    OftenKind.ALL: "in all",
}
