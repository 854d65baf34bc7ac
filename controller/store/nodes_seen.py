"""What controllers see of nodes, for each other: a sign of life, and what the switch said last."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import reader_of_one
from controller.store.prepared import Prepared
from controller.store.request_rows import LIVE
from controller.store.schema import callback_request as requests
from controller.store.schema import node_seen as nodes


class NodeSeen(msgspec.Struct, frozen=True):
    """A node as whoever had a link to it saw it last.

    `seen`: when, by the clock of whoever that was, microseconds since 1970. `sessions`, of
    `most_sessions` that it may have: its legs, ours and others'; `idle`: how much of its machine's
    time is idle, percent. None: it has not said.
    """

    name: str
    seen: int
    core: str = ""
    version: str = ""
    sessions: int | None = None
    most_sessions: int | None = None
    idle: int | None = None


_FIELDS = [nodes.c[name] for name in NodeSeen.__struct_fields__]


class NodesSeen:
    """Keeps what is seen of nodes. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one = reader_of_one(engine)
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        names = NodeSeen.__struct_fields__
        made = insert(nodes).values({name: bindparam(name) for name in names})
        self._saw = Prepared(
            made.on_conflict_do_update(
                index_elements=["name"], set_={name: made.excluded[name] for name in names}
            )
        )

    def saw(self, found: NodeSeen) -> None:
        """Keep what was seen of a node; what is said twice changes nothing."""
        with self._engine.begin() as connection:
            self._saw.change(connection, msgspec.structs.asdict(found))

    def all(self) -> dict[str, NodeSeen]:
        """Give what was seen of each node, by name."""
        with self._one.connect() as connection:
            rows = connection.execute(select(*_FIELDS).order_by(nodes.c.name)).all()
        return {row.name: NodeSeen(*row) for row in rows}

    def forget(self, name: str) -> None:
        """Keep no longer what was seen of a node that is no more."""
        with self._engine.begin() as connection:
            connection.execute(nodes.delete().where(nodes.c.name == name))

    def with_open_calls(self) -> dict[str, int]:
        """Give how many requests are called or talked for on each node, as far as is written."""
        with self._one.connect() as connection:
            rows = connection.execute(
                select(requests.c.node, func.count())
                .where(LIVE, requests.c.node.is_not(None))
                .group_by(requests.c.node)
            ).all()
        return {node: count for node, count in rows}  # noqa: C416  (rows are no plain tuples)
