"""Callback requests in the database: a request is a row, with a lease while somebody works on it.

States: `pending` (due at a time), `calling` (an attempt was written, and perhaps sent),
`answered`, `done` (with its outcome), `refused` (no callback was ever due, with the reason).
A row moves forward only, and each move says from where: two controllers cannot both make it.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import reader
from controller.store.schema import OPEN_STATES
from controller.store.schema import callback_request as requests
from controller.store.schema import did as dids


class Request(msgspec.Struct, frozen=True):
    """A callback request as it is stored; times are microseconds since 1970."""

    id: str
    extension: str
    did: str
    number: str | None
    state: str
    outcome: str | None
    cause: str | None
    destination: str | None
    created: int
    due: int
    joined: int
    node: str | None
    attempt: str | None
    ended: int | None


_FIELDS = [requests.c[name] for name in Request.__struct_fields__]
#: Written out, as in the index: PostgreSQL finds no index by a condition of parameters.
_OPEN = text("state IN ({})".format(", ".join(f"'{state}'" for state in OPEN_STATES)))


def _lost(now: int, oldest_due: int) -> ColumnElement[bool]:
    """What can come to nothing any more: see `Requests.expire`."""
    over = requests.c.lease_until < now
    return or_(
        and_(requests.c.state.in_(("calling", "answered")), over),
        and_(
            requests.c.state == "pending",
            requests.c.due < oldest_due,
            or_(requests.c.lease_until.is_(None), over),
        ),
    )


def _request(row: Any) -> Request:  # noqa: ANN401  (a row of SQLAlchemy)
    return Request(*row)


class Requests:
    """Stores, leases and ends callback requests. Calls block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def store(self, *, extension: str, did: str, number: str, due: int, now: int) -> Request:
        """Store a request, or join the open one of the same extension and number (T6).

        A number that is one of our own DIDs gets no callback (T7): it is kept as `refused`.
        """
        with self._engine.begin() as connection:
            if connection.execute(select(dids.c.number).where(dids.c.number == number)).first():
                return self._refuse(connection, extension, did, number, "own_number", now)
            row = connection.execute(
                self._insert(requests)
                .values(
                    id=str(uuid.uuid4()),
                    extension=extension,
                    did=did,
                    number=number,
                    state="pending",
                    created=now,
                    due=due,
                    joined=0,
                )
                .on_conflict_do_update(
                    index_elements=["extension", "number"],
                    index_where=_OPEN,
                    set_={
                        "joined": requests.c.joined + 1,
                        # The delay counts from the end of the last trigger call (T5).
                        "due": case(
                            (requests.c.state == "pending", literal(due, BigInteger)),
                            else_=requests.c.due,
                        ),
                    },
                )
                .returning(*_FIELDS)
            ).one()
            return _request(row)

    def refuse(
        self, *, extension: str, did: str, number: str | None, reason: str, now: int
    ) -> Request:
        """Keep a trigger call that gets no callback, with its reason (T10)."""
        with self._engine.begin() as connection:
            return self._refuse(connection, extension, did, number, reason, now)

    def _refuse(
        self,
        connection: Any,  # noqa: ANN401
        extension: str,
        did: str,
        number: str | None,
        reason: str,
        now: int,
    ) -> Request:
        row = connection.execute(
            self._insert(requests)
            .values(
                id=str(uuid.uuid4()),
                extension=extension,
                did=did,
                number=number,
                state="refused",
                outcome=reason,
                created=now,
                due=now,
                joined=0,
                ended=now,
            )
            .returning(*_FIELDS)
        ).one()
        return _request(row)

    def lease_due(self, holder: str, now: int, until: int, limit: int) -> list[Request]:
        """Take up to `limit` due requests that nobody else works on, until `until`."""
        free = and_(
            requests.c.state == "pending",
            requests.c.due <= now,
            or_(requests.c.lease_until.is_(None), requests.c.lease_until < now),
        )
        chosen = select(requests.c.id).where(free).order_by(requests.c.due).limit(limit)
        if self._engine.dialect.name == "postgresql":
            chosen = chosen.with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            rows = connection.execute(
                update(requests)
                .where(requests.c.id.in_(chosen.scalar_subquery()))
                .values(holder=holder, lease_until=until)
                .returning(*_FIELDS)
            ).all()
        return sorted((_request(row) for row in rows), key=lambda r: (r.due, r.id))

    def begin_attempt(
        self, request: str, *, holder: str, node: str, attempt: str, until: int
    ) -> bool:
        """Write the attempt before it is sent; False where the lease is somebody else's now."""
        return self._move(
            request,
            ("pending",),
            requests.c.holder == holder,
            state="calling",
            node=node,
            attempt=attempt,
            lease_until=until,
        )

    def give_back(self, request: str, *, holder: str, due: int) -> bool:
        """Give up a lease of a request for which nothing was sent; it is due again at `due`."""
        return self._move(
            request,
            ("pending", "calling"),
            requests.c.holder == holder,
            state="pending",
            attempt=None,
            node=None,
            holder=None,
            lease_until=None,
            due=due,
        )

    def answered(self, request: str, until: int) -> bool:
        """The return call was answered; it counts as alive until `until` unless it ends before."""
        return self._move(request, ("calling",), state="answered", lease_until=until)

    def finish(
        self, request: str, *, outcome: str, cause: str, destination: str | None, now: int
    ) -> bool:
        """End a request; False where it had ended already, and then nothing changes."""
        return self._move(
            request,
            OPEN_STATES,
            state="done",
            outcome=outcome,
            cause=cause,
            destination=destination,
            ended=now,
            holder=None,
            lease_until=None,
        )

    def expire(self, now: int, oldest_due: int) -> list[Request]:
        """End what can come to nothing any more, and give it.

        An attempt of which nobody knows what became (`unknown`) is never made again by itself:
        the person may have been called, and would be called twice. A request that was due before
        `oldest_due` and could not be made is `expired`: nobody expects it any more.
        """
        with self._engine.begin() as connection:
            rows = connection.execute(
                update(requests)
                .where(_lost(now, oldest_due))
                .values(
                    outcome=case((requests.c.state == "pending", "expired"), else_="unknown"),
                    state="done",
                    ended=now,
                    holder=None,
                    lease_until=None,
                )
                .returning(*_FIELDS)
            ).all()
        return [_request(row) for row in rows]

    def any_due(self, now: int) -> bool:
        """Whether a request is due; asked often, so it takes no lock."""
        with self._reader.connect() as connection:
            found = connection.execute(
                select(requests.c.id)
                .where(requests.c.state == "pending", requests.c.due <= now)
                .limit(1)
            )
            return found.first() is not None

    def any_to_expire(self, now: int, oldest_due: int) -> bool:
        """Whether `expire` has anything to do; asked often, so it takes no lock."""
        with self._reader.connect() as connection:
            found = connection.execute(select(requests.c.id).where(_lost(now, oldest_due)).limit(1))
            return found.first() is not None

    def open_on(self, node: str) -> list[Request]:
        """Give the requests whose call may be alive on a node."""
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(*_FIELDS).where(
                    requests.c.state.in_(("calling", "answered")), requests.c.node == node
                )
            ).all()
        return [_request(row) for row in rows]

    def next_due(self, after: int) -> int | None:
        """Give when the next pending request is due that is not due yet, or None."""
        with self._reader.connect() as connection:
            return connection.execute(
                select(func.min(requests.c.due)).where(
                    requests.c.state == "pending", requests.c.due > after
                )
            ).scalar()

    def by_attempt(self, attempt: str) -> Request | None:
        """Give the request of an attempt, or None."""
        with self._reader.connect() as connection:
            row = connection.execute(select(*_FIELDS).where(requests.c.attempt == attempt)).first()
        return None if row is None else _request(row)

    def get(self, request: str) -> Request | None:
        """Give one request, or None."""
        with self._reader.connect() as connection:
            row = connection.execute(select(*_FIELDS).where(requests.c.id == request)).first()
        return None if row is None else _request(row)

    def all(self, limit: int = 1000) -> list[Request]:
        """Give the newest requests first."""
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(*_FIELDS).order_by(requests.c.created.desc(), requests.c.id).limit(limit)
            ).all()
        return [_request(row) for row in rows]

    def _move(
        self,
        request: str,
        from_states: tuple[str, ...],
        *conditions: Any,  # noqa: ANN401  (clauses of SQLAlchemy)
        **values: object,
    ) -> bool:
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(requests)
                .where(requests.c.id == request, requests.c.state.in_(from_states), *conditions)
                .values(**values)
            )
            return bool(moved.rowcount == 1)
