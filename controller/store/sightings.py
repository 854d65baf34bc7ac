"""What is known of calls that may be over without anybody having seen it: when they were alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, and_, bindparam, select, update

from controller.store.database import reader
from controller.store.plans import read_plan
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations

#: So many calls are asked for in one statement.
_AT_ONCE: Final = 500


class Sighted(msgspec.Struct, frozen=True):
    """A destination of a call: `channels` in the order in which they are tried; see the schema.

    `over`: when whoever followed the call took it for over; None where nobody did who knew.
    """

    leg: str
    position: int
    channels: tuple[str, ...]
    begun: int
    channel: str | None
    connected: int | None
    seen: int | None
    over: int | None


class Trace(msgspec.Struct, frozen=True):
    """A call, by its attempt; times are microseconds since 1970. See the schema."""

    call: str
    request: str
    node: str
    channels: tuple[str, ...]
    begun: int
    answered: int | None
    channel: str | None
    seen: int | None
    destinations: tuple[Sighted, ...] = ()


_CALLS: Final = select(
    attempts.c.id,
    attempts.c.request,
    attempts.c.node,
    attempts.c.channels,
    attempts.c.begun,
    attempts.c.answered,
    attempts.c.channel,
    attempts.c.seen,
)
_DESTINATIONS: Final = select(
    destinations.c.request,
    destinations.c.leg,
    destinations.c.position,
    destinations.c.plan,
    destinations.c.begun,
    destinations.c.channel,
    destinations.c.connected,
    destinations.c.seen,
    destinations.c.ended,
    destinations.c.cause,
)
_SAW_CALL: Final = (
    update(attempts).where(attempts.c.id == bindparam("of")).values(seen=bindparam("at"))
)
_SAW_DESTINATION: Final = (
    update(destinations)
    .where(
        and_(
            destinations.c.request == bindparam("of_request"),
            destinations.c.leg == bindparam("of_leg"),
            destinations.c.position == bindparam("of_position"),
        )
    )
    .values(seen=bindparam("at"))
)
#: The cause of a destination that was found gone with its call: when it ended is not known.
UNKNOWN: Final = "UNKNOWN"


class Sightings:
    """Keeps when calls were seen alive. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)

    def of(self, calls: Sequence[str]) -> Mapping[str, Trace]:
        """Give what is known of calls, by call; of one that there is no attempt of, nothing."""
        found: dict[str, Trace] = {}
        for first in range(0, len(calls), _AT_ONCE):
            found |= self._of(calls[first : first + _AT_ONCE])
        return found

    def _of(self, calls: Sequence[str]) -> Mapping[str, Trace]:
        with self._reader.connect() as connection:
            rows = connection.execute(_CALLS.where(attempts.c.id.in_(calls))).all()
            requests = sorted({row.request for row in rows})
            others = connection.execute(
                _DESTINATIONS.where(destinations.c.request.in_(requests)).order_by(
                    destinations.c.begun
                )
            ).all()
        called: dict[str, list[Sighted]] = {}
        for other in others:
            called.setdefault(other.request, []).append(_sighted(other))
        return {
            row.id: Trace(
                row.id,
                row.request,
                row.node,
                tuple(msgspec.json.decode(row.channels, type=list[str])),
                row.begun,
                row.answered,
                row.channel,
                row.seen,
                tuple(called.get(row.request, ())),
            )
            for row in rows
        }

    def saw(self, calls: Sequence[str], others: Sequence[tuple[str, str, int]], at: int) -> None:
        """Keep that calls were alive, and destinations: request, return leg, position of each.

        In the order of their names: of two controllers neither ever waits for the other's rows
        while that one waits for its own.
        """
        with self._engine.begin() as connection:
            if calls:
                connection.execute(_SAW_CALL, [{"of": call, "at": at} for call in sorted(calls)])
            if others:
                connection.execute(
                    _SAW_DESTINATION,
                    [
                        {"of_request": request, "of_leg": leg, "of_position": position, "at": at}
                        for request, leg, position in sorted(others)
                    ],
                )


def _sighted(row: Any) -> Sighted:  # noqa: ANN401  (a row of SQLAlchemy)
    plan = read_plan(row.plan)
    return Sighted(
        row.leg,
        row.position,
        () if plan is None else plan.channels,
        row.begun,
        row.channel,
        row.connected,
        row.seen,
        None if row.cause in (None, UNKNOWN) else row.ended,
    )
