"""What a client writes is its own: what it makes, what it changes, and what that was before."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from controller.admin import finding
from controller.admin.model import Actor, Conflict, Forbidden, Kind
from controller.store.kept import Stored

#: What is said of a name that somebody has already.
TAKEN: Final = "is there already"


def check_own(connection: Connection, actor: Actor, kind: Kind, stored: Stored) -> str | None:
    """Check that what is there may be written, and give whose it is. Raises `Forbidden`."""
    client = finding.clients_of(connection, kind, [stored])[0]
    if actor.client not in (None, client):
        key = "/".join(stored.key)
        raise Forbidden(f"{kind.word} {key} is everybody's; ask the operator")
    return client


def check_owner(connection: Connection, actor: Actor, kind: Kind, value: Any) -> None:  # noqa: ANN401
    """Check that what a client makes is among its own. Raises `NotFound`, `Forbidden`."""
    if actor.client is None:
        return
    if kind is Kind.CALLERID:
        finding.find(connection, actor, Kind.EXTENSION, value.extension)
    elif value.client != actor.client:
        raise Forbidden(f"client: can only be {actor.client}; write that")


def check_both(
    connection: Connection,
    actor: Actor,
    kind: Kind,
    before: Stored | None,
    value: Any,  # noqa: ANN401  (a model)
) -> None:
    """Check a record that is made, or changed without having been asked for first.

    Raises `NotFound`, `Forbidden`, and `Conflict` where its name is another client's already.
    """
    if actor.client is None:
        return
    check_owner(connection, actor, kind, value)
    if before is not None:
        if not finding.sees(connection, actor, kind, before):
            raise taken(kind, value)
        check_own(connection, actor, kind, before)


def taken(kind: Kind, value: Any) -> Conflict:  # noqa: ANN401  (a model)
    """Give the error for a name that somebody has already."""
    name = finding.name_of(kind, value)
    return Conflict(f"{kind.word} {name} {TAKEN}; change it, or choose another")
