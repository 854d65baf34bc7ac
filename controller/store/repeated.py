"""Whether a write that moves nothing was made before.

A connection that breaks between a commit and its answer leaves nobody knowing whether it was made.
It is made again, with the same moment, and finds by that what it wrote itself: whoever writes tells
others once that a callback is over, gives its places back, and counts it.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests


class Ended(msgspec.Struct, frozen=True):
    """What became of ending a request or its attempt; false where it was over already.

    `unanswered`: the extension and the number of the return call that it ended, where that came to
    nothing (G4); None where it did not. It is told once, to whoever ended it.
    """

    moved: bool
    unanswered: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return self.moved


def ended_before(
    connection: Connection, request: str, outcome: str, now: int, *, attempt: str | None
) -> Ended:
    """Give what became of ending a request, or its attempt, at this very moment.

    `attempt`: only of that one.
    """
    own = () if attempt is None else (attempts.c.id == attempt,)
    rows = connection.execute(
        select(attempts.c.extension, attempts.c.number, attempts.c.counts).where(
            attempts.c.request == request,
            attempts.c.outcome == outcome,
            attempts.c.ended == now,
            *own,
        )
    ).all()
    if rows:
        return Ended(True, next(((row.extension, row.number) for row in rows if row.counts), None))
    if attempt is not None:
        return Ended(False)
    found = connection.execute(
        select(requests.c.id).where(
            requests.c.id == request, requests.c.outcome == outcome, requests.c.ended == now
        )
    )
    return Ended(found.first() is not None)
