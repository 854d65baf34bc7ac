"""Erases what is older than the operator wants it kept (O7), some rows at a time.

Each batch is a transaction of its own, so that no writer waits long. Of several controllers that
erase at once one takes what the other has not taken: on PostgreSQL rows that are taken are passed
over, and SQLite takes one writer at a time.

What money still needs stays, however old: a call for which something is held, a call record that a
stream has not taken, a notice that was not taken. Balances stay what they are: an entry of the
ledger keeps its key and its amount, and loses the number that was called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from controller.store.charging_elsewhere import PREFIX
from controller.store.database import reader_of_one
from controller.store.ledger import leg_key
from controller.store.schema import account_entry as entries
from controller.store.schema import audit as audits
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_callbacks import suspicion as suspicions
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds
from controller.store.schema_money import notice as notices
from controller.store.schema_money import stream as streams
from controller.store.schema_people import invitation, log_in_failure, web_session

#: So long a stream that is in no settings here is another controller's, after it was last heard of,
#: microseconds; one that was given up keeps nothing.
STREAM_MICROS: Final = 7 * 86_400_000_000
#: So many callbacks are looked up at once.
_AT_ONCE: Final = 500
#: What is shown of a suspicion that only keeps its number.
GONE: Final = "-"

# Written out, as in the indexes: no index is found by a condition of parameters.
_TAKEN: Final = text("notice.taken IS NOT NULL")
_UNTAKEN: Final = text("notice.taken IS NULL")


def floor(connection: Connection, names: Sequence[str], now: int) -> int | None:
    """Give up to which serial all streams have taken the call records; None: there is no stream.

    `names`: those of the settings. One of them that nobody has begun has taken nothing.
    """
    rows = connection.execute(
        select(streams.c.name, streams.c.serial).where(
            or_(streams.c.name.in_(names), streams.c.changed > now - STREAM_MICROS)
        )
    ).all()
    found = {name: int(serial) for name, serial in rows}
    return min((*found.values(), *(0 for name in names if name not in found)), default=None)


class Erasing:
    """Erases batches. Each call is a transaction, gives how many were erased, and blocks.

    `before`: what is as old is erased, microseconds since 1970; `limit`: so many at most. Fewer
    than that: there is no more. They raise `Away` where the store is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one = reader_of_one(engine)
        self._skips = engine.dialect.name == "postgresql"

    def callbacks(self, before: int, limit: int, elsewhere: Sequence[str] = ()) -> int:
        """Erase callbacks that are over, with their tries, transcripts, destinations and keys.

        `elsewhere`: those for which another's charging engine holds something, by their ids.
        """
        held = exists().where(holds.c.request == requests.c.id, OPEN_HOLD)
        trying = exists().where(attempts.c.request == requests.c.id, attempts.c.ended.is_(None))
        with self._engine.begin() as connection:
            ids = self._chosen(
                connection,
                select(requests.c.id)
                .where(
                    requests.c.created < before,
                    # No index of states is to be used: almost all are over.
                    requests.c.state.concat("").in_(("done", "refused")),
                    ~held,
                    ~trying,
                    requests.c.id.not_in(_old(connection, elsewhere, before)),
                )
                .order_by(requests.c.created)
                .limit(limit),
                requests.c.id,
            )
            erase_callbacks(connection, ids)
        return len(ids)

    def call_records(self, before: int, limit: int, taken: int | None) -> int:
        """Erase records of legs, and what the ledger says of whom they called.

        `taken`: up to which serial the streams have taken them (`floor`); None: there is none. The
        last record stays, without a number: SQLite would give its serial to the next one, and the
        streams would not take that.
        """
        held = exists().where(holds.c.call == legs.c.call, OPEN_HOLD)
        due: tuple[ColumnElement[bool], ...] = (legs.c.begun < before, ~held)
        if taken is not None:
            due = (*due, legs.c.serial <= taken)
        last = select(func.max(legs.c.serial)).scalar_subquery()
        with self._engine.begin() as connection:
            columns = (legs.c.serial, legs.c.leg, legs.c.call, legs.c.account, legs.c.seconds)
            found = self._taken(
                connection,
                select(*columns)
                .where(*due, legs.c.serial < last)
                .order_by(legs.c.begun)
                .limit(limit),
                legs.c.serial,
            )
            elsewhere = and_(legs.c.account.startswith(PREFIX), legs.c.account != PREFIX)
            numbered = or_(legs.c.number != "", legs.c.caller.is_not(None), elsewhere)
            blank = []
            if len(found) < limit:
                newest = select(*columns).where(*due, legs.c.serial == last, numbered)
                blank = self._taken(connection, newest, legs.c.serial)
            _tell_less(connection, [*found, *blank])
            if blank:
                connection.execute(
                    update(legs)
                    .where(legs.c.serial == blank[0].serial)
                    .values(
                        number="",
                        caller=None,
                        shown=None,
                        # Another engine's account may be called by a number.
                        account=case((elsewhere, PREFIX), else_=legs.c.account),
                    )
                )
            if found:
                serials = [row.serial for row in found]
                connection.execute(delete(legs).where(legs.c.serial.in_(serials)))
                _forget_holds(connection, sorted({row.call for row in found}))
        return len(found) + len(blank)

    def audit_entries(self, before: int, limit: int) -> int:
        """Erase lines of the audit log."""
        return self._erase(audits.c.id, audits.c.at < before, audits.c.at, limit)

    def notices(self, before: int, limit: int, *, told: bool) -> int:
        """Erase notices that were taken; not `told` of any: those that nobody ever tried to send.

        `told`: whether the settings name somebody who is told of them.
        """
        taken = (and_(_TAKEN, notices.c.taken < before), notices.c.taken)
        untried = and_(_UNTAKEN, notices.c.due < before, notices.c.tries == 0)
        erased = self._erase(notices.c.id, *taken, limit)
        if not told and erased < limit:
            erased += self._erase(notices.c.id, untried, notices.c.due, limit - erased)
        return erased

    def suspicions(self, before: int, limit: int) -> int:
        """Erase suspicions that were released.

        Of the last one its number stays, and nothing else: notices are known by it.
        """
        last = select(func.max(suspicions.c.id)).scalar_subquery()
        old = suspicions.c.released < before
        of = suspicions.c.released
        erased = self._erase(suspicions.c.id, and_(old, suspicions.c.id < last), of, limit)
        with self._engine.begin() as connection:
            blank = connection.execute(
                update(suspicions)
                .where(old, suspicions.c.id == last, suspicions.c.subject != GONE)
                .values(subject=GONE, said=GONE)
            )
        return erased + blank.rowcount

    def log_ins(self, now: int, *, idle: int, failed: int) -> int:
        """Erase log-ins and links that are over, and log-ins that failed before `failed`.

        A log-in is over too of which nothing was heard since `idle`.

        They are removed when somebody logs in; where nobody does, here.
        """
        over: tuple[tuple[Any, ColumnElement[bool]], ...] = (
            (web_session, or_(web_session.c.expires <= now, web_session.c.seen <= idle)),
            (invitation, invitation.c.expires <= now),
            (log_in_failure, log_in_failure.c.last <= failed),
        )
        # Mostly there is none: whoever only looks keeps nobody from writing.
        with self._one.connect() as connection:
            if not connection.execute(
                select(or_(*(exists(select(1).select_from(t).where(c)) for t, c in over)))
            ).scalar_one():
                return 0
        with self._engine.begin() as connection:
            return sum(connection.execute(delete(table).where(old)).rowcount for table, old in over)

    def floor(self, names: Sequence[str], now: int) -> int | None:
        """Give up to which serial the streams have taken the call records; see `floor`."""
        with self._one.connect() as connection:
            return floor(connection, names, now)

    # --- how -----------------------------------------------------------------------------------

    def _erase(
        self, key: Column[Any], old: ColumnElement[bool], order: Column[Any], limit: int
    ) -> int:
        with self._engine.begin() as connection:
            chosen = select(key).where(old).order_by(order).limit(limit)
            ids = self._chosen(connection, chosen, key)
            if ids:
                connection.execute(delete(key.table).where(key.in_(ids)))
        return len(ids)

    def _chosen(
        self, connection: Connection, statement: Select[Any], key: Column[Any]
    ) -> list[Any]:
        return [row[0] for row in self._taken(connection, statement, key)]

    def _taken(self, connection: Connection, statement: Select[Any], key: Column[Any]) -> list[Any]:
        if self._skips:
            statement = statement.with_for_update(skip_locked=True, of=key.table)
        return list(connection.execute(statement).all())


def erase_callbacks(connection: Connection, ids: Sequence[str]) -> None:
    """Erase callbacks by their ids, with all that hangs on them, in a transaction."""
    if not ids:
        return
    connection.execute(delete(attempts).where(attempts.c.request.in_(ids)))
    # Transcripts, destinations and keys go with them.
    connection.execute(delete(requests).where(requests.c.id.in_(ids)))


def _old(connection: Connection, ids: Sequence[str], before: int) -> list[str]:
    """Give those of these callbacks that are old: few are named where one is looked for."""
    found: list[str] = []
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        statement = select(requests.c.id).where(
            requests.c.id.in_(some), requests.c.created < before
        )
        found += connection.execute(statement).scalars()
    return found


def _tell_less(connection: Connection, rows: Sequence[Any]) -> None:
    """Take the numbers out of the entries of the ledger by which legs were charged."""
    less = [
        {"of": row.account, "by": leg_key(row.leg), "less": f"{row.seconds} s"}
        for row in rows
        if row.account is not None
    ]
    if not less:
        return
    shorter = func.length(bindparam("less")) < func.length(entries.c.notes)
    connection.execute(
        update(entries)
        .where(
            entries.c.account == bindparam("of"),
            entries.c.key == bindparam("by"),
            shorter,
        )
        .values(notes=bindparam("less")),
        less,
    )


def _forget_holds(connection: Connection, calls: Sequence[str]) -> None:
    """Remove what was held for calls of which no record is left: they are charged no more."""
    left = exists().where(legs.c.request == holds.c.request, legs.c.call == holds.c.call)
    connection.execute(
        delete(holds).where(holds.c.call.in_(calls), holds.c.ended.is_not(None), ~left)
    )
