"""Transactions of the administration: what is written, who wrote it, and what it touches.

Each runs alone: the count of policy changes is one row, and whoever changes a policy holds it until
he has committed. So changes become visible in the order of their count, which is what the cache
compares by (`policy.changes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from controller.policy.changes import Change, Position
from controller.store import schema
from controller.store.database import reader, reader_of_one
from controller.store.prepared import Prepared
from controller.store.sounds import count_change

#: How many changes are remembered; a cache that is further behind forgets everything.
REMEMBERED: Final = 10_000
#: A change that touches more than so many extensions touches everything: naming them costs more.
MOST_NAMED: Final = 1000

_POSITION: Final = Prepared(select(schema.policy_clock.c.lineage, schema.policy_clock.c.seq))


class Entry(msgspec.Struct, frozen=True):
    """A line of the audit log; `before` and `after` without secrets. `id` 0: not written yet."""

    at: int
    actor: str
    action: str
    kind: str
    key: str
    client: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    id: int = 0


class Writing:
    """A transaction that writes. What it touched is told when it is committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._extensions: set[str] = set()
        self._dids: set[str] = set()
        self._everything = False
        self._sounds = False

    def touch(self, extension: str, dids: Sequence[str]) -> None:
        """The policy of an extension changes; `dids` are those it had and those it has."""
        self._extensions.add(extension)
        self._dids.update(dids)

    def touch_everything(self) -> None:
        """Any policy may have changed."""
        self._everything = True

    def touch_sounds(self) -> None:
        """A sound changes; it is counted apart from policies, which do not have it in them."""
        self._sounds = True

    def note(self, entries: Sequence[Entry]) -> None:
        """Write to the audit log."""
        if not entries:
            return
        rows = [
            {
                **{name: getattr(entry, name) for name in _AUDIT},
                "before": _json(entry.before),
                "after": _json(entry.after),
            }
            for entry in entries
        ]
        self.connection.execute(insert(schema.audit), rows)

    def count(self) -> Change | None:
        """Count what was touched, as the last thing before the commit; None: no policy was."""
        if self._sounds:
            count_change(self.connection)
        if not (self._everything or self._extensions):
            return None
        clock = schema.policy_clock
        seq = self.connection.execute(
            update(clock).values(seq=clock.c.seq + 1).returning(clock.c.seq)
        ).scalar_one()
        everything = self._everything or len(self._extensions) > MOST_NAMED
        change = Change(
            seq=seq,
            extensions=() if everything else tuple(sorted(self._extensions)),
            dids=() if everything else tuple(sorted(self._dids)),
            everything=everything,
        )
        log = schema.policy_change
        self.connection.execute(
            insert(log).values(seq=seq, change=msgspec.json.encode(change).decode())
        )
        self.connection.execute(delete(log).where(log.c.seq <= seq - REMEMBERED))
        return change


_AUDIT: Final = ("at", "actor", "action", "kind", "key", "client")


def _json(values: dict[str, Any] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()


@contextmanager
def writing(engine: Engine, announce: Callable[[Change], None]) -> Iterator[Writing]:
    """Write in one transaction; `announce` is told of what changed when it is committed."""
    change = None
    with engine.begin() as connection:
        transaction = Writing(connection)
        yield transaction
        change = transaction.count()
    if change is not None:
        announce(change)


def nobody(_: Change) -> None:
    """Announce to nobody: for what changes no policy."""


class Journal:
    """What was changed: the audit log, and the count of policy changes. Calls block."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)
        self._one = reader_of_one(engine)

    def position(self) -> Position:
        """Give the name of the database and the count of its changes."""
        with self._one.connect() as connection:
            return position(connection)

    def changes(self, after: int) -> tuple[Change, ...] | None:
        """Give what changed after `after`, in order; None where that is not remembered."""
        log = schema.policy_change
        with self._reader.connect() as connection:
            now = position(connection).seq
            rows = connection.execute(
                select(log.c.change).where(log.c.seq > after).order_by(log.c.seq)
            ).scalars()
            found = tuple(msgspec.json.decode(row, type=Change) for row in rows)
        return found if after + len(found) == now else None

    def audit(
        self, conditions: Sequence[ColumnElement[bool]], before: int | None, limit: int
    ) -> list[Entry]:
        """Give lines of the audit log, the newest first."""
        table = schema.audit
        statement = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(table.c.id < before)
        with self._one.connect() as connection:
            rows = connection.execute(statement).mappings().all()
        return [
            Entry(
                **{
                    **row,
                    "before": _object(row["before"]),
                    "after": _object(row["after"]),
                }
            )
            for row in rows
        ]


def _object(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])


def position(connection: Connection) -> Position:
    """Give where the store is, as this transaction sees it."""
    lineage, seq = _POSITION.one(connection)
    return Position(lineage=lineage, seq=seq)
