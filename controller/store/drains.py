"""Which nodes are drained: they get no new return calls."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, select

from controller.store.database import reader_of_one
from controller.store.prepared import Prepared
from controller.store.schema import node_drain as drains


class Drain(msgspec.Struct, frozen=True):
    """A node gets no new return calls. `since`: microseconds since 1970."""

    name: str
    reason: str
    actor: str
    since: int


_FIELDS = [drains.c[name] for name in Drain.__struct_fields__]
_DRAINS: Final = Prepared(select(*_FIELDS).order_by(drains.c.name))


def read_drains(engine: Engine) -> tuple[Drain, ...]:
    """Give all nodes that are drained, by name."""
    with reader_of_one(engine).connect() as connection:
        return tuple(Drain(*row) for row in _DRAINS.all(connection))


def get_drain(connection: Connection, name: str) -> Drain | None:
    """Give how a node is drained, inside a transaction; None where it is not."""
    row = connection.execute(select(*_FIELDS).where(drains.c.name == name)).first()
    return None if row is None else Drain(*row)


def put_drain(connection: Connection, drain: Drain) -> None:
    """Write that a node is drained, in place of what was said of it before."""
    remove_drain(connection, drain.name)
    connection.execute(drains.insert().values(**msgspec.structs.asdict(drain)))


def remove_drain(connection: Connection, name: str) -> None:
    """Write that a node is drained no more."""
    connection.execute(delete(drains).where(drains.c.name == name))
