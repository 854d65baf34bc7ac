"""Notices for somebody else's server (`notice`): who sends one now, and whether it was taken.

Each is sent until it was taken. Whoever leaves one gives it a key: the same again is the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, and_, func, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import reader
from controller.store.schema_money import notice as notices

#: The longest text of a problem; more is cut.
LONGEST_PROBLEM: Final = 200
# Written out, as in the index: no index is found by a condition of parameters.
_WAITING: Final = text("taken IS NULL")


class Notice(msgspec.Struct, frozen=True):
    """A notice; `body` is a JSON object. Times are microseconds since 1970."""

    id: int
    kind: str
    key: str
    body: str
    created: int
    tries: int


class Untaken(msgspec.Struct, frozen=True):
    """What was tried and not taken: how many, since when the oldest waits, and why."""

    count: int
    oldest: int
    problem: str


_FIELDS: Final = [notices.c[name] for name in Notice.__struct_fields__]


def leave(
    connection: Connection, *, kind: str, key: str, body: Mapping[str, Any], now: int
) -> None:
    """Leave a notice, inside a transaction. The same key again changes nothing."""
    database = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        database.insert(notices)
        .values(
            kind=kind,
            key=key,
            body=msgspec.json.encode(body).decode(),
            created=now,
            due=now,
        )
        .on_conflict_do_nothing()
    )


class Notices:
    """Leaves, leases and ends notices. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._postgresql = engine.dialect.name == "postgresql"

    def leave(self, *, kind: str, key: str, body: Mapping[str, Any], now: int) -> None:
        """Leave a notice. The same key again changes nothing."""
        with self._engine.begin() as connection:
            leave(connection, kind=kind, key=key, body=body, now=now)

    def lease(self, *, holder: str, now: int, until: int) -> Notice | None:
        """Take the oldest notice that is due and nobody else sends, until then; None: none is."""
        free = and_(
            _WAITING,
            notices.c.due <= now,
            or_(notices.c.holder.is_(None), notices.c.lease_until < now),
        )
        first = select(notices.c.id).where(free).order_by(notices.c.id).limit(1)
        with self._reader.connect() as connection:
            # Nearly always there is none: whoever only looks keeps nobody from writing.
            if connection.execute(first).first() is None:
                return None
        chosen = first.with_for_update(skip_locked=True) if self._postgresql else first
        with self._engine.begin() as connection:
            row = connection.execute(
                update(notices)
                .where(notices.c.id.in_(chosen.scalar_subquery()))
                .values(holder=holder, lease_until=until, tries=notices.c.tries + 1)
                .returning(*_FIELDS)
            ).first()
        return None if row is None else Notice(*row)

    def taken(self, notice: int, *, now: int) -> None:
        """Note that a notice was taken, whoever sent it."""
        self._note(notice, taken=now, problem=None, holder=None, lease_until=None)

    def failed(self, notice: int, problem: str, *, holder: str, due: int) -> None:
        """Note why a notice was not taken; it is due again then."""
        values = {"problem": problem[:LONGEST_PROBLEM], "due": due}
        self._note(notice, holder, **values, holder=None, lease_until=None)

    def _note(self, notice: int, by: str | None = None, **values: object) -> None:
        own = () if by is None else (notices.c.holder == by,)
        with self._engine.begin() as connection:
            connection.execute(
                update(notices).where(notices.c.id == notice, _WAITING, *own).values(**values)
            )

    def untaken(self) -> Untaken | None:
        """Give what was tried and not taken; None: nothing."""
        of = (_WAITING, notices.c.problem.is_not(None))
        with self._reader.connect() as connection:
            count, oldest = connection.execute(
                select(func.count(), func.min(notices.c.created)).where(*of)
            ).one()
            if not count:
                return None
            problem = connection.execute(
                select(notices.c.problem).where(*of).order_by(notices.c.id).limit(1)
            ).scalar_one_or_none()
        return Untaken(count, oldest, problem or "")
