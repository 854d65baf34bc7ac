"""What a leg has cost whose end nobody has told of.

Nobody is charged for what cannot be shown: the leg counts as over when it was known to be alive for
the last time, and never later than it was paid for in advance. What it lasted beyond that is the
operator's loss. It is at most the time from one look at the nodes to the next
(`dispatcher.reconcile_seconds`) while any controller lives; where none does, at most what was
granted. The switch's own call records make it nothing (`[[nodes]] records_dir`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from controller.credit.model import LegEnd, Side

SECOND: Final = 1_000_000
ESTIMATE: Final = "estimate"


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A leg that was answered, and of which no end was told.

    Attributes:
        seen: when it was known to be alive for the last time, microseconds since 1970; or 0.
        most: the seconds from its answer on that were granted; 0: it had no such limit.

    Others as in `LegEnd`.

    """

    leg: str
    side: Side
    position: int
    node: str | None
    channel: str | None
    begun: int
    answered: int
    seen: int
    most: int


def estimated(call: str, request: str, lost: Lost) -> LegEnd:
    """Give the end that a leg is taken to have had."""
    ended = max(lost.answered, lost.seen)
    if lost.most:
        ended = min(ended, lost.answered + lost.most * SECOND)
    return LegEnd(
        leg=lost.leg,
        call=call,
        request=request,
        side=lost.side,
        position=lost.position,
        node=lost.node,
        channel=lost.channel,
        cause=None,
        begun=min(lost.begun, lost.answered),
        answered=lost.answered,
        ended=ended,
        source=ESTIMATE,
    )
