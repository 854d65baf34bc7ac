"""Callback requests and their attempts as they lie in the database, and how they are looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.store import schema
from controller.store.database import reader, reader_of_one
from controller.store.plans import read_causes
from controller.store.prepared import Prepared, Row
from controller.store.schema import LIVE_STATES, OPEN_STATES
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests


class Request(msgspec.Struct, frozen=True):
    """A callback request as it is stored; times are microseconds since 1970. See the schema."""

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
    caller: str | None = None
    said: str | None = None
    source: str = "call"
    actor: str | None = None
    key: str | None = None
    channel: str | None = None
    leg: str | None = None
    rang: int = 0
    expires: int = 0
    attempts: int = 0
    last_caller: str | None = None
    last_did: str | None = None
    last_name: str | None = None
    lease_until: int | None = None
    holder: str | None = None
    rang_milliseconds: int | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One try of a callback, as it is stored; times are microseconds since 1970. See the schema.

    `plan` is its document (`store.plans`): how the channels were found, and what each shows.
    """

    id: str
    request: str
    extension: str
    number: str
    node: str
    channels: tuple[str, ...]
    begun: int
    answered: int | None = None
    ended: int | None = None
    outcome: str | None = None
    cause: str | None = None
    counts: bool = False
    core: str = ""
    plan: str | None = None
    channel: str | None = None
    causes: Mapping[str, str] = {}


class Scope(msgspec.Struct, frozen=True):
    """What is stopped (O6): `everywhere`, a `client` or an `extension`, by name."""

    scope: str
    name: str = ""


FIELDS: Final = [requests.c[name] for name in Request.__struct_fields__]


def _among(states: tuple[str, ...]) -> Any:  # noqa: ANN401  (a clause of SQLAlchemy)
    # Written out, as in the index: PostgreSQL finds no index by a condition of parameters.
    return text("state IN ({})".format(", ".join(f"'{state}'" for state in states)))


OPEN: Final = _among(OPEN_STATES)
LIVE: Final = _among(LIVE_STATES)


def request_of(row: Row) -> Request:
    """Make a request of a row of `FIELDS`."""
    return Request(*row)


_ATTEMPT_FIELDS = [attempts.c[name] for name in Attempt.__struct_fields__]


def _attempt_of(row: Row) -> Attempt:
    values = dict(zip(Attempt.__struct_fields__, row, strict=True))
    values["channels"] = tuple(msgspec.json.decode(values["channels"], type=list[str]))
    values["counts"] = bool(values["counts"])
    values["causes"] = read_causes(values["causes"])
    return Attempt(**values)


def lost() -> ColumnElement[bool]:
    """What can come to nothing any more (`Requests.expire`); with the values of `lost_by`."""
    over = requests.c.lease_until < _NOW
    return or_(
        and_(requests.c.state == "calling", requests.c.lease_until < bindparam("unanswered")),
        and_(requests.c.state == "answered", over),
        and_(
            requests.c.state == "pending",
            requests.c.expires < _NOW,
            # What an older release writes says nothing of it; that has 15 minutes.
            or_(requests.c.expires > 0, requests.c.due < bindparam("old")),
            or_(requests.c.lease_until.is_(None), over),
        ),
    )


def lost_by(now: int, grace: int) -> dict[str, Any]:
    """Give what `lost` has to know."""
    return {"now": now, "unanswered": now - grace, "old": now - 900_000_000}


def among(scopes: Sequence[Scope]) -> ColumnElement[bool]:
    """Give the condition that a request is in one of the scopes."""
    if any(scope.scope == "everywhere" for scope in scopes):
        return requests.c.id.is_not(None)
    extensions = [scope.name for scope in scopes if scope.scope == "extension"]
    clients = [scope.name for scope in scopes if scope.scope == "client"]
    of_clients = select(schema.extension.c.extension).where(schema.extension.c.client.in_(clients))
    return or_(requests.c.extension.in_(extensions), requests.c.extension.in_(of_clients))


# Statements of every call are made once.

_NOW: Final = bindparam("now", type_=BigInteger)
_GET: Final = Prepared(select(*FIELDS).where(requests.c.id == bindparam("request")))
_BY_ATTEMPT: Final = Prepared(
    select(*FIELDS).where(
        requests.c.id
        == select(attempts.c.request)
        .where(attempts.c.id == bindparam("attempt"))
        .scalar_subquery(),
        requests.c.attempt == bindparam("attempt"),
    )
)
_ATTEMPT: Final = Prepared(select(*_ATTEMPT_FIELDS).where(attempts.c.id == bindparam("attempt")))
_NEXT: Final = (
    select(func.min(requests.c.due))
    .where(requests.c.state == "pending", requests.c.due > _NOW)
    .scalar_subquery()
)
_OUTLOOK: Final = Prepared(
    select(
        exists().where(lost()),
        exists().where(requests.c.state == "pending", requests.c.due <= _NOW),
        _NEXT,
    )
)
_NEXT_DUE: Final = Prepared(select(_NEXT))


def get(connection: Connection, request: str) -> Request | None:
    """Give one request, in a transaction that is under way; or None."""
    row = _GET.first(connection, {"request": request})
    return None if row is None else request_of(row)


class Outlook(msgspec.Struct, frozen=True):
    """What there is to be done: whether anything is lost or due, and when the next one is due."""

    to_expire: bool
    due: bool
    next_due: int | None


class RequestRows:
    """Looks for requests and attempts. Calls block; none of them waits for a writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._one = reader_of_one(engine)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def outlook(self, now: int, grace: int = 0) -> Outlook:
        """Give whether `expire` and `lease_due` have anything to do, and when there is more.

        It is asked often, so it takes no lock.
        """
        with self._one.connect() as connection:
            to_expire, due, after = _OUTLOOK.one(connection, lost_by(now, grace))
        return Outlook(bool(to_expire), bool(due), after)

    def any_to_stop(self, scopes: Sequence[Scope]) -> bool:
        """Whether `stop` has anything to do; asked often, so it takes no lock."""
        with self._one.connect() as connection:
            found = connection.execute(
                select(requests.c.id).where(requests.c.state == "pending", among(scopes)).limit(1)
            )
            return found.first() is not None

    def open_on(self, node: str) -> list[tuple[Request, Attempt]]:
        """Give the requests whose call may be alive on a node, each with its attempt."""
        return self._live(requests.c.node == node)

    def live_in(self, scopes: Sequence[Scope]) -> list[tuple[Request, Attempt]]:
        """Give the requests that are called or talked for and have been stopped (O6), likewise."""
        return self._live(among(scopes))

    def _live(self, condition: ColumnElement[bool]) -> list[tuple[Request, Attempt]]:
        with self._one.connect() as connection:
            rows = connection.execute(
                select(*FIELDS, *_ATTEMPT_FIELDS)
                .join(attempts, attempts.c.id == requests.c.attempt)
                .where(requests.c.state.in_(LIVE_STATES), condition)
            ).all()
        return [(request_of(row[: len(FIELDS)]), _attempt_of(row[len(FIELDS) :])) for row in rows]

    def _next_due(self, connection: Connection, after: int) -> int | None:
        """Give when the next pending request is due that is not due yet, or None."""
        due: int | None = _NEXT_DUE.one(connection, {"now": after})[0]
        return due

    def by_attempt(self, attempt: str) -> Request | None:
        """Give the request whose attempt under way, or last one, this is; or None."""
        with self._one.connect() as connection:
            row = _BY_ATTEMPT.first(connection, {"attempt": attempt})
        return None if row is None else request_of(row)

    def get(self, request: str) -> Request | None:
        """Give one request, or None."""
        with self._one.connect() as connection:
            return get(connection, request)

    def attempts_of(self, request: str) -> list[Attempt]:
        """Give the tries of a request, in order."""
        with self._one.connect() as connection:
            rows = connection.execute(
                select(*_ATTEMPT_FIELDS)
                .where(attempts.c.request == request)
                .order_by(attempts.c.begun, attempts.c.id)
            ).all()
        return [_attempt_of(row) for row in rows]

    def attempt(self, attempt: str) -> Attempt | None:
        """Give one try, or None."""
        with self._one.connect() as connection:
            row = _ATTEMPT.first(connection, {"attempt": attempt})
        return None if row is None else _attempt_of(row)

    def all(self, limit: int = 1000) -> list[Request]:
        """Give the newest requests first."""
        with self._one.connect() as connection:
            rows = connection.execute(
                select(*FIELDS).order_by(requests.c.created.desc(), requests.c.id).limit(limit)
            ).all()
        return [request_of(row) for row in rows]

    def _transaction(self, within: Connection | None) -> AbstractContextManager[Connection]:
        """Give the transaction that is under way, or begin one."""
        return self._engine.begin() if within is None else nullcontext(within)

    def _reading(self, within: Connection | None) -> AbstractContextManager[Connection]:
        """Give the transaction that is under way, or begin one that reads."""
        return self._reader.connect() if within is None else nullcontext(within)
