"""How far each stream of call records has come, who sends it now, and which records are due.

On PostgreSQL a transaction may be given a serial and be committed after another one with a higher
serial: whoever went on behind the highest that he sees would leave that record out for good. But a
transaction that was given a serial has the table's lock for writing from before that until it is
over. So a serial that is seen is final when all have ended that had that lock at a moment after it
was seen (`FinalSerial`). Nobody is kept waiting by this, and no clock is asked. SQLite takes one
writer at a time: there what is seen is final.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.credit.call_record import CallRecord
from controller.store.call_records import kept_between
from controller.store.database import reader_of_one
from controller.store.prepared import Prepared
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import stream as streams

#: The longest text of a problem; more is cut.
LONGEST_PROBLEM: Final = 200

#: Whoever writes to the table: such a lock is taken before a serial is, and kept to the end.
_WRITERS: Final = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = CAST('call_leg' AS regclass) AND mode = 'RowExclusiveLock'"
)


class Position(msgspec.Struct, frozen=True):
    """Where a stream is: the last serial that was taken, and what keeps it from going on."""

    name: str
    serial: int
    holder: str | None
    lease_until: int | None
    problem: str | None


_FIELDS: Final = [streams.c[name] for name in Position.__struct_fields__]

# What is asked all the time is made once.

_POSITION: Final = Prepared(select(*_FIELDS).where(streams.c.name == bindparam("of")))
_LEASE: Final = Prepared(
    update(streams)
    .where(
        streams.c.name == bindparam("of"),
        or_(
            streams.c.holder.is_(None),
            streams.c.holder == bindparam("by"),
            streams.c.lease_until < bindparam("now", type_=BigInteger),
        ),
    )
    .values(holder=bindparam("by"), lease_until=bindparam("until", type_=BigInteger))
    .returning(*_FIELDS)
)
_TAKEN: Final = Prepared(
    update(streams)
    .where(
        streams.c.name == bindparam("of"),
        streams.c.holder == bindparam("by"),
        streams.c.serial <= bindparam("until", type_=BigInteger),
    )
    .values(
        serial=bindparam("until", type_=BigInteger),
        problem=None,
        changed=bindparam("now", type_=BigInteger),
    )
)
_HIGHEST: Final = Prepared(select(func.max(legs.c.serial)))


class Streams:
    """Keeps the positions of streams. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one = reader_of_one(engine)
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._begin = Prepared(
            insert(streams)
            .values(name=bindparam("name"), serial=0, changed=bindparam("now", type_=BigInteger))
            .on_conflict_do_nothing()
        )

    def position(self, name: str) -> Position | None:
        """Give where a stream is; None: nobody has begun it."""
        with self._one.connect() as connection:
            row = _POSITION.first(connection, {"of": name})
        return None if row is None else Position(*row)

    def lease(self, name: str, *, holder: str, now: int, until: int) -> Position | None:
        """Take a stream, or keep it, until then; None: another one has it."""
        with self._engine.begin() as connection:
            self._begin.change(connection, {"name": name, "now": now})
            known = {"of": name, "by": holder, "now": now, "until": until}
            row = _LEASE.first(connection, known)
        return None if row is None else Position(*row)

    def taken(self, name: str, serial: int, *, holder: str, now: int) -> bool:
        """Note that all up to a serial was taken; False where another one has the stream now."""
        known = {"of": name, "by": holder, "until": serial, "now": now}
        with self._engine.begin() as connection:
            return _TAKEN.change(connection, known) == 1

    def failed(self, name: str, problem: str, *, holder: str, now: int) -> bool:
        """Note why a stream cannot go on, and leave it to whoever tries next."""
        return self._note(
            name,
            holder,
            problem=problem[:LONGEST_PROBLEM],
            changed=now,
            holder=None,
            lease_until=None,
        )

    def release(self, name: str, *, holder: str) -> bool:
        """Leave a stream to whoever comes next."""
        return self._note(name, holder, holder=None, lease_until=None)

    def _note(self, name: str, by: str, **values: object) -> bool:
        with self._engine.begin() as connection:
            return (
                connection.execute(
                    update(streams)
                    .where(streams.c.name == name, streams.c.holder == by)
                    .values(**values)
                ).rowcount
                == 1
            )

    def due(self, after: int, until: int, limit: int) -> list[CallRecord]:
        """Give records behind a serial, in order; `until` is one that `FinalSerial` gave."""
        with self._one.connect() as connection:
            return kept_between(connection, after, until, limit)


class FinalSerial:
    """Tells up to which serial all records are there that ever will be. Of one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._one = reader_of_one(engine)
        self._postgresql = engine.dialect.name == "postgresql"
        self._final = 0
        #: What was seen, and who could still bring something before it.
        self._seen = 0
        self._writers: frozenset[str] = frozenset()

    def is_waiting(self) -> bool:
        """Whether more was seen than is final: others are still writing."""
        return self._seen > self._final

    def serial(self) -> int:
        """Give the highest serial before which nothing can come any more. It never goes back."""
        if not self._postgresql:
            with self._one.connect() as connection:
                self._final = self._seen = _highest(connection)
            return self._final
        # Each asks by a transaction of its own: one sees the state of its beginning.
        if self._seen > self._final:
            self._writers &= self._writing()
        else:
            with self._one.connect() as connection:
                seen = _highest(connection)
            if seen > self._final:
                self._seen, self._writers = seen, self._writing()
        if not self._writers:
            self._final = self._seen
        return self._final

    def _writing(self) -> frozenset[str]:
        with self._one.connect() as connection:
            return frozenset(connection.execute(_WRITERS).scalars())


def _highest(connection: Connection) -> int:
    found = _HIGHEST.one(connection)[0]
    return 0 if found is None else int(found)
