"""Callback requests and their attempts as they lie in the database, and how they are looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, and_, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from controller.store import schema
from controller.store.database import reader
from controller.store.plans import read_causes
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


def request_of(row: Any) -> Request:  # noqa: ANN401  (a row of SQLAlchemy)
    """Make a request of a row of `FIELDS`."""
    return Request(*row)


_ATTEMPT_FIELDS = [attempts.c[name] for name in Attempt.__struct_fields__]


def _attempt_of(row: Any) -> Attempt:  # noqa: ANN401  (a row of SQLAlchemy)
    values = dict(zip(Attempt.__struct_fields__, row, strict=True))
    values["channels"] = tuple(msgspec.json.decode(values["channels"], type=list[str]))
    values["counts"] = bool(values["counts"])
    values["causes"] = read_causes(values["causes"])
    return Attempt(**values)


def lost(now: int, grace: int = 0) -> ColumnElement[bool]:
    """What can come to nothing any more: see `Requests.expire`."""
    over = requests.c.lease_until < now
    return or_(
        and_(requests.c.state == "calling", requests.c.lease_until < now - grace),
        and_(requests.c.state == "answered", over),
        and_(
            requests.c.state == "pending",
            requests.c.expires < now,
            # What an older release writes says nothing of it; that has 15 minutes.
            or_(requests.c.expires > 0, requests.c.due < now - 900_000_000),
            or_(requests.c.lease_until.is_(None), over),
        ),
    )


def among(scopes: Sequence[Scope]) -> ColumnElement[bool]:
    """Give the condition that a request is in one of the scopes."""
    if any(scope.scope == "everywhere" for scope in scopes):
        return requests.c.id.is_not(None)
    extensions = [scope.name for scope in scopes if scope.scope == "extension"]
    clients = [scope.name for scope in scopes if scope.scope == "client"]
    of_clients = select(schema.extension.c.extension).where(schema.extension.c.client.in_(clients))
    return or_(requests.c.extension.in_(extensions), requests.c.extension.in_(of_clients))


class RequestRows:
    """Looks for requests and attempts. Calls block; none of them waits for a writer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    def any_due(self, now: int) -> bool:
        """Whether a request is due; asked often, so it takes no lock."""
        return self._any(requests.c.state == "pending", requests.c.due <= now)

    def any_to_expire(self, now: int, grace: int = 0) -> bool:
        """Whether `expire` has anything to do; asked often, so it takes no lock."""
        return self._any(lost(now, grace))

    def any_to_stop(self, scopes: Sequence[Scope]) -> bool:
        """Whether `stop` has anything to do; asked often, so it takes no lock."""
        return self._any(requests.c.state == "pending", among(scopes))

    def _any(self, *conditions: ColumnElement[bool]) -> bool:
        with self._reader.connect() as connection:
            found = connection.execute(select(requests.c.id).where(*conditions).limit(1))
            return found.first() is not None

    def open_on(self, node: str) -> list[tuple[Request, Attempt]]:
        """Give the requests whose call may be alive on a node, each with its attempt."""
        return self._live(requests.c.node == node)

    def live_in(self, scopes: Sequence[Scope]) -> list[tuple[Request, Attempt]]:
        """Give the requests that are called or talked for and have been stopped (O6), likewise."""
        return self._live(among(scopes))

    def _live(self, condition: ColumnElement[bool]) -> list[tuple[Request, Attempt]]:
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(*FIELDS, *_ATTEMPT_FIELDS)
                .join(attempts, attempts.c.id == requests.c.attempt)
                .where(requests.c.state.in_(LIVE_STATES), condition)
            ).all()
        return [(request_of(row[: len(FIELDS)]), _attempt_of(row[len(FIELDS) :])) for row in rows]

    def next_due(self, after: int) -> int | None:
        """Give when the next pending request is due that is not due yet, or None."""
        with self._reader.connect() as connection:
            return connection.execute(
                select(func.min(requests.c.due)).where(
                    requests.c.state == "pending", requests.c.due > after
                )
            ).scalar()

    def by_attempt(self, attempt: str) -> Request | None:
        """Give the request whose attempt under way, or last one, this is; or None."""
        of = select(attempts.c.request).where(attempts.c.id == attempt).scalar_subquery()
        found = self._all(requests.c.id == of, requests.c.attempt == attempt)
        return found[0] if found else None

    def get(self, request: str) -> Request | None:
        """Give one request, or None."""
        found = self._all(requests.c.id == request)
        return found[0] if found else None

    def attempts_of(self, request: str) -> list[Attempt]:
        """Give the tries of a request, in order."""
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(*_ATTEMPT_FIELDS)
                .where(attempts.c.request == request)
                .order_by(attempts.c.begun, attempts.c.id)
            ).all()
        return [_attempt_of(row) for row in rows]

    def attempt(self, attempt: str) -> Attempt | None:
        """Give one try, or None."""
        with self._reader.connect() as connection:
            row = connection.execute(
                select(*_ATTEMPT_FIELDS).where(attempts.c.id == attempt)
            ).first()
        return None if row is None else _attempt_of(row)

    def all(self, limit: int = 1000) -> list[Request]:
        """Give the newest requests first."""
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(*FIELDS).order_by(requests.c.created.desc(), requests.c.id).limit(limit)
            ).all()
        return [request_of(row) for row in rows]

    def _transaction(self, within: Connection | None) -> AbstractContextManager[Connection]:
        """Give the transaction that is under way, or begin one."""
        return self._engine.begin() if within is None else nullcontext(within)

    def _all(self, *conditions: ColumnElement[bool]) -> list[Request]:
        with self._reader.connect() as connection:
            rows = connection.execute(select(*FIELDS).where(*conditions)).all()
        return [request_of(row) for row in rows]
