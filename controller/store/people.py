"""People who log in, in the database: users, sessions, links, failed log-ins.

Every function is inside the transaction of its connection. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from controller.store.holding import hold
from controller.store.schema_people import invitation, log_in_failure, user, web_session


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who may log in, as he is kept: see `schema_people.user`."""

    name: str
    role: str
    client: str | None
    enabled: bool = True
    password_hash: str | None = None
    totp: str | None = None
    totp_step: int | None = None
    recovery: tuple[str, ...] = ()
    version: int = 1
    created: int
    changed: int


class WebSession(msgspec.Struct, frozen=True):
    """A log-in. Times are microseconds since 1970."""

    digest: str
    user: str
    whole: bool
    peer: str
    created: int
    seen: int
    expires: int


class Invitation(msgspec.Struct, frozen=True):
    """A link by which a password is set; `user` None: the first administrator's."""

    digest: str
    user: str | None
    created: int
    expires: int


class Failed(msgspec.Struct, frozen=True):
    """How many log-ins of a name failed, one after the other, and when the last did."""

    failures: int
    last: int


_USER: Final = [user.c[name] for name in User.__struct_fields__]
_SESSION: Final = [web_session.c[name] for name in WebSession.__struct_fields__]
_INVITATION: Final = [invitation.c[name] for name in Invitation.__struct_fields__]


def hold_people(connection: Connection) -> None:
    """Let nobody else change users until the transaction is over: one of them must stay."""
    hold(connection, "people")


# --- users -------------------------------------------------------------------------------------


def get_user(connection: Connection, name: str) -> User | None:
    """Give a user; None: there is none."""
    row = connection.execute(select(*_USER).where(user.c.name == name)).mappings().first()
    return None if row is None else _user(row)


def list_users(connection: Connection, after: str | None, limit: int) -> list[User]:
    """Give the first users after a name, in the order of names."""
    statement = select(*_USER).order_by(user.c.name).limit(limit)
    if after is not None:
        statement = statement.where(user.c.name > after)
    return [_user(row) for row in connection.execute(statement).mappings()]


def who_enter(connection: Connection, role: str) -> list[str]:
    """Give the names of those of a role who can log in: enabled, and with a password."""
    return list(
        connection.execute(
            select(user.c.name)
            .where(user.c.role == role, user.c.enabled, user.c.password_hash.is_not(None))
            .order_by(user.c.name)
        ).scalars()
    )


def add_user(connection: Connection, made: User) -> None:
    """Add a user. Raises `IntegrityError` where there is one, or there is no such client."""
    connection.execute(insert(user).values(**_row(made)))


def replace_user(connection: Connection, changed: User) -> None:
    """Write a user anew. Raises `IntegrityError` where there is no such client."""
    values = _row(changed)
    del values["name"]
    connection.execute(update(user).where(user.c.name == changed.name).values(**values))


def remove_user(connection: Connection, name: str) -> None:
    """Remove a user, his sessions and links."""
    connection.execute(delete(user).where(user.c.name == name))


def _user(row: RowMapping) -> User:
    return User(**{**row, "recovery": tuple(msgspec.json.decode(row["recovery"]))})


def _row(some: User) -> dict[str, Any]:
    values = msgspec.structs.asdict(some)
    values["recovery"] = msgspec.json.encode(some.recovery).decode()
    return values


# --- sessions ----------------------------------------------------------------------------------


def get_session(connection: Connection, digest: str) -> tuple[WebSession, User] | None:
    """Give a session and whose it is; None: there is none."""
    row = connection.execute(select(*_SESSION).where(web_session.c.digest == digest)).first()
    if row is None:
        return None
    found = WebSession(*row)
    whose = get_user(connection, found.user)
    return None if whose is None else (found, whose)


def sessions_of(connection: Connection, name: str) -> list[WebSession]:
    """Give the sessions of a user, the newest first."""
    rows = connection.execute(
        select(*_SESSION)
        .where(web_session.c.user == name, web_session.c.whole)
        .order_by(web_session.c.created.desc(), web_session.c.digest)
    )
    return [WebSession(*row) for row in rows]


def last_seen(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Give when these users were last seen, of those who have a session."""
    statement = (
        select(web_session.c.user, func.max(web_session.c.seen))
        .where(web_session.c.user.in_(names), web_session.c.whole)
        .group_by(web_session.c.user)
    )
    return dict(connection.execute(statement).all())


def add_session(connection: Connection, made: WebSession) -> None:
    """Add a session."""
    connection.execute(insert(web_session).values(**msgspec.structs.asdict(made)))


def saw_session(connection: Connection, digest: str, now: int) -> None:
    """Write that a session was used."""
    connection.execute(update(web_session).where(web_session.c.digest == digest).values(seen=now))


def end_session(connection: Connection, digest: str) -> bool:
    """End a session; False: there was none."""
    done = connection.execute(delete(web_session).where(web_session.c.digest == digest))
    return bool(done.rowcount)


def end_sessions(connection: Connection, name: str, *, but: str | None = None) -> int:
    """End all sessions of a user, all but the one of this digest; give how many."""
    statement = delete(web_session).where(web_session.c.user == name)
    if but is not None:
        statement = statement.where(web_session.c.digest != but)
    return connection.execute(statement).rowcount


# --- links -------------------------------------------------------------------------------------


def get_invitation(connection: Connection, digest: str) -> Invitation | None:
    """Give a link; None: there is none."""
    row = connection.execute(select(*_INVITATION).where(invitation.c.digest == digest)).first()
    return None if row is None else Invitation(*row)


def add_invitation(connection: Connection, made: Invitation) -> None:
    """Add a link."""
    connection.execute(insert(invitation).values(**msgspec.structs.asdict(made)))


def remove_invitations(connection: Connection, name: str | None) -> None:
    """Remove the links of a user; None: those of the first administrator."""
    column = invitation.c.user
    whose = column.is_(None) if name is None else column == name
    connection.execute(delete(invitation).where(whose))


# --- failed log-ins ----------------------------------------------------------------------------


def get_failed(connection: Connection, name: str) -> Failed:
    """Give how often a name's log-in failed (its digest), since it was right last."""
    table = log_in_failure
    row = connection.execute(
        select(table.c.failures, table.c.last).where(table.c.name == name)
    ).first()
    return Failed(0, 0) if row is None else Failed(*row)


def put_failed(connection: Connection, name: str, failed: Failed) -> None:
    """Write how often a name's log-in failed; none is forgotten."""
    connection.execute(delete(log_in_failure).where(log_in_failure.c.name == name))
    if failed.failures:
        connection.execute(
            insert(log_in_failure).values(name=name, failures=failed.failures, last=failed.last)
        )


# --- what is over ------------------------------------------------------------------------------


def forget_over(connection: Connection, now: int, *, idle: int, failed: int) -> None:
    """Remove sessions and links that are over, and what failed too long ago to count."""
    connection.execute(
        delete(web_session).where(or_(web_session.c.expires <= now, web_session.c.seen <= idle))
    )
    connection.execute(delete(invitation).where(invitation.c.expires <= now))
    connection.execute(delete(log_in_failure).where(log_in_failure.c.last <= failed))
