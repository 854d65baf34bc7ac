"""What was asked for, as administrators and clients look at it; every call is in a transaction.

Here are the lists of callbacks, and the keys by which whoever asks twice is given the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from controller.store.live import of_client
from controller.store.request_rows import FIELDS, Request, request_of
from controller.store.schema import callback_key as keys
from controller.store.schema import callback_request as requests
from controller.store.schema import extension as extensions


class Place(msgspec.Struct, frozen=True):
    """A place in the list of callbacks; it is one also when what was there is gone."""

    created: int
    id: str


class Before(msgspec.Struct, frozen=True):
    """What somebody asked for with a key of his, and the callback that he was given."""

    request: Request
    did: str
    caller: str | None


def page(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    after: Place | None,
    limit: int,
    *,
    client: str | None = None,
) -> list[Request]:
    """Give callbacks, the newest first, those behind a place; `client`: of his extensions alone."""
    wanted = [*conditions]
    if after is not None:
        # Written so that an index by time is used.
        wanted.append(requests.c.created <= after.created)
        wanted.append(or_(requests.c.created < after.created, requests.c.id < after.id))
    if client is not None and connection.dialect.name == "sqlite":
        return _of_each(connection, wanted, limit, client)
    statement = select(*FIELDS).where(*wanted, *of_client(client))
    ordered = statement.order_by(requests.c.created.desc(), requests.c.id.desc()).limit(limit)
    return [request_of(row) for row in connection.execute(ordered)]


def _of_each(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], limit: int, client: str
) -> list[Request]:
    """Give the newest of a client: of the newest of each of his extensions.

    SQLite knows not how many there are of whom, and would sort all that he ever had.
    """
    each = (
        select(requests.c.id)
        .where(requests.c.extension == extensions.c.extension, *wanted)
        .order_by(requests.c.created.desc(), requests.c.id.desc())
        .limit(limit)
        .correlate(extensions)
    )
    found = requests.alias("found")
    statement = (
        select(*(found.c[field.name] for field in FIELDS))
        .select_from(extensions.join(found, found.c.id.in_(each)))
        .where(extensions.c.client == client)
        .order_by(found.c.created.desc(), found.c.id.desc())
        .limit(limit)
    )
    return [request_of(row) for row in connection.execute(statement)]


def get(connection: Connection, request: str, *, lock: bool = False) -> Request | None:
    """Give one callback, or None; `lock` keeps others from moving it meanwhile."""
    statement = select(*FIELDS).where(requests.c.id == request)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return None if row is None else request_of(row)


# --- keys ------------------------------------------------------------------------------------


def asked_with(connection: Connection, actor: str, key: str) -> Before | None:
    """Give what somebody asked for with this key of his, or None."""
    row = connection.execute(
        select(*FIELDS).where(requests.c.actor == actor, requests.c.key == key)
    ).first()
    if row is not None:
        request = request_of(row)
        return Before(request, request.did, request.caller)
    row = connection.execute(
        select(*FIELDS, keys.c.did, keys.c.caller).where(
            and_(keys.c.request == requests.c.id, keys.c.actor == actor, keys.c.key == key)
        )
    ).first()
    return None if row is None else Before(request_of(row[:-2]), row[-2], row[-1])


def joined(connection: Connection, actor: str, key: str, before: Before) -> None:
    """Keep the key of somebody who was given a callback that was there already."""
    connection.execute(
        insert(keys).values(
            actor=actor,
            key=key,
            request=before.request.id,
            did=before.did,
            caller=before.caller,
        )
    )
