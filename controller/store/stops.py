"""What is stopped (O6), in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from controller.policy.model import Policy
from controller.store.database import reader_of_one
from controller.store.prepared import Prepared
from controller.store.schema import stop as stops


class Stop(msgspec.Struct, frozen=True):
    """Callbacks are stopped: everywhere, of a client, or of an extension.

    `hang_up`: calls in progress are ended too. `since`: microseconds since 1970.
    """

    scope: str
    name: str
    hang_up: bool
    reason: str
    actor: str
    since: int


_STOPS: Final = Prepared(
    select(*(stops.c[name] for name in Stop.__struct_fields__)).order_by(
        stops.c.scope, stops.c.name
    )
)


def is_stopped(stops: Iterable[Stop], policy: Policy) -> bool:
    """Whether callbacks of an extension are stopped (O6), there or further up."""
    return any(
        (stop.scope, stop.name)
        in (("everywhere", ""), ("client", policy.client), ("extension", policy.extension))
        for stop in stops
    )


def read_stops(engine: Engine) -> tuple[Stop, ...]:
    """Give all that is stopped."""
    with reader_of_one(engine).connect() as connection:
        return tuple(Stop(*row) for row in _STOPS.all(connection))


def get_stop(connection: Connection, scope: str, name: str) -> Stop | None:
    """Give one stop, inside a transaction; None where that is not stopped."""
    row = connection.execute(
        select(*(stops.c[field] for field in Stop.__struct_fields__)).where(
            stops.c.scope == scope, stops.c.name == name
        )
    ).first()
    return None if row is None else Stop(*row)


def put_stop(connection: Connection, stop: Stop) -> None:
    """Write a stop, in place of one of the same scope and name."""
    remove_stop(connection, stop.scope, stop.name)
    connection.execute(stops.insert().values(**msgspec.structs.asdict(stop)))


def remove_stop(connection: Connection, scope: str, name: str) -> None:
    """Remove a stop."""
    connection.execute(delete(stops).where(stops.c.scope == scope, stops.c.name == name))
