"""The destinations of return calls: by which channels each was called, what was shown, why (I9).

Three things happen to a row, each once and whoever says it first: it is called, people talk, it is
over. What is said twice, of a call that is over, or of one that nobody wrote, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import reader_of_one
from controller.store.plans import LONGEST_CAUSE, read_causes
from controller.store.prepared import Prepared
from controller.store.schema_callbacks import callback_destination as destinations

#: The longest number that is kept; none that can be called is longer.
_LONGEST_NUMBER: Final = 16


class Destination(msgspec.Struct, frozen=True):
    """A destination that was called; times are microseconds since 1970. See the schema.

    `plan` is its document (`store.plans`), of which it is asked only when it is shown.
    """

    request: str
    leg: str
    position: int
    number: str
    begun: int
    plan: str
    channel: str | None = None
    connected: int | None = None
    ended: int | None = None
    cause: str | None = None
    causes: Mapping[str, str] = {}


class Called(msgspec.Struct, frozen=True):
    """The `position`-th destination of a leg is called; `plan` as `store.plans` writes it."""

    request: str
    leg: str
    position: int
    number: str
    plan: str
    begun: int


class Connected(msgspec.Struct, frozen=True):
    """People talk, over this channel."""

    request: str
    leg: str
    position: int
    channel: str
    connected: int


class Over(msgspec.Struct, frozen=True):
    """The call is over, or came to nothing; `causes` as `store.plans` writes them."""

    request: str
    leg: str
    position: int
    cause: str | None
    causes: str
    ended: int


Change = Called | Connected | Over

_FIELDS: Final = [destinations.c[name] for name in Destination.__struct_fields__]
_KEY: Final = ("request", "leg", "position")
_open: Final = update(destinations).where(
    *(destinations.c[name] == bindparam(f"of_{name}") for name in _KEY),
    destinations.c.ended.is_(None),
)
_OVER: Final = Prepared(
    _open.values({name: bindparam(f"is_{name}") for name in ("cause", "causes", "ended")})
)
_CONNECTED: Final = Prepared(
    _open.where(destinations.c.connected.is_(None)).values(
        {name: bindparam(f"is_{name}") for name in ("channel", "connected")}
    )
)
_PLAN: Final = Prepared(
    select(destinations.c.plan).where(
        *(destinations.c[name] == bindparam(f"of_{name}") for name in _KEY)
    )
)


class Destinations:
    """Keeps destinations. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one = reader_of_one(engine)
        database = postgresql if engine.dialect.name == "postgresql" else sqlite
        values: dict[str, Any] = {name: bindparam(name) for name in Called.__struct_fields__}
        self._called = Prepared(
            database.insert(destinations).values(values).on_conflict_do_nothing()
        )

    def plan(self, request: str, leg: str, position: int) -> str | None:
        """Give the plan of one destination as it was kept (`plan_document`). It blocks."""
        with self._one.connect() as connection:
            return plan_document(connection, request, leg, position)

    def open_of(self, request: str) -> list[tuple[str, int]]:
        """Give the leg and position of each destination of which no end is kept. It blocks."""
        with self._one.connect() as connection:
            rows = connection.execute(
                select(destinations.c.leg, destinations.c.position).where(
                    destinations.c.request == request, destinations.c.ended.is_(None)
                )
            ).all()
        return [(row.leg, row.position) for row in rows]

    def keep(self, changes: Sequence[Change]) -> None:
        """Keep what happened, in this order: all of it, or nothing."""
        called: dict[tuple[str, str, int], dict[str, Any]] = {}
        connected: dict[tuple[str, str, int], dict[str, Any]] = {}
        over: dict[tuple[str, str, int], dict[str, Any]] = {}
        for change in changes:
            key = (change.request, change.leg, change.position)
            values = msgspec.structs.asdict(change)
            match change:
                case Called():
                    values["number"] = change.number[:_LONGEST_NUMBER]
                    called.setdefault(key, values)
                case Connected() if key not in over:
                    connected.setdefault(key, _of(values))
                case Over():
                    if change.cause is not None:
                        values["cause"] = change.cause[:LONGEST_CAUSE]
                    over.setdefault(key, _of(values))
        with self._engine.begin() as connection:
            # By name, as whoever sees them alive: two who write at once wait for no circle.
            for statement, rows in (
                (self._called, called),
                (_CONNECTED, connected),
                (_OVER, over),
            ):
                if rows:
                    statement.change_each(connection, [rows[key] for key in sorted(rows)])


def plan_document(connection: Connection, request: str, leg: str, position: int) -> str | None:
    """Give the plan of one destination as it was kept, or None where nobody kept it."""
    of = {"of_request": request, "of_leg": leg, "of_position": position}
    row = _PLAN.first(connection, of)
    return None if row is None else row[0]


def destinations_of(connection: Connection, request: str) -> list[Destination]:
    """Give the destinations that were called for a request, in order."""
    rows = connection.execute(
        select(*_FIELDS)
        .where(destinations.c.request == request)
        .order_by(destinations.c.begun, destinations.c.leg, destinations.c.position)
    ).all()
    return [_destination_of(row) for row in rows]


def _destination_of(row: Any) -> Destination:  # noqa: ANN401  (a row of SQLAlchemy)
    values = dict(zip(Destination.__struct_fields__, row, strict=True))
    values["causes"] = read_causes(values["causes"])
    return Destination(**values)


def _of(values: dict[str, Any]) -> dict[str, Any]:
    """Give what an update sets, and by which key: its names are not those of columns."""
    return {f"of_{name}" if name in _KEY else f"is_{name}": value for name, value in values.items()}
