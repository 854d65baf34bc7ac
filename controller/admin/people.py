"""Who may log in: users, made and changed by administrators; links that let them set a password."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from controller.admin import audit, rights
from controller.admin.drafts import read
from controller.admin.log_ins import digest, new_secret
from controller.admin.model import (
    MOST_ITEMS,
    Actor,
    Conflict,
    Invalid,
    NotFound,
    Stale,
)
from controller.admin.own_log_in import OwnLogIn, said, shown
from controller.admin.people_shapes import (
    LINK_WORKS,
    UserInput,
    UserPage,
    UserPatch,
    UserShown,
    locked_until,
)
from controller.policy.model import PolicyError
from controller.policy.records import Role
from controller.store import people as store
from controller.store import schema
from controller.store.journal import Writing
from controller.store.people import Invitation, User

#: What of a user is changed; all else is his own to do.
FIELDS: Final = UserPatch.__struct_fields__


class People(OwnLogIn):
    """Users, their log-ins and their own affairs; see the classes that this one is made of.

    What stands here blocks, and is for administrators alone. One who can log in always stays.
    """

    def list(self, actor: Actor, *, after: str | None = None, limit: int = MOST_ITEMS) -> UserPage:
        """Give users in the order of their names. Raises `Forbidden`."""
        rights.may_keep_users(actor)
        limit = max(1, min(limit, MOST_ITEMS))
        if after is not None and not after.isprintable():
            raise Invalid("after: cannot be read")
        with self._reader.connect() as connection:
            found = store.list_users(connection, after, limit + 1)
            items = self._shown(connection, found[:limit])
        return UserPage(items, items[-1].name if len(found) > limit else None)

    def get(self, actor: Actor, name: str) -> UserShown:
        """Give a user. Raises `Forbidden`, `NotFound`."""
        rights.may_keep_users(actor)
        with self._reader.connect() as connection:
            return self._shown(connection, [_find(connection, name)])[0]

    def make(self, actor: Actor, values: Mapping[str, Any]) -> tuple[UserShown, str]:
        """Make a user, and give the secret of the link by which he sets his password.

        It is told here, and never again. Raises `Forbidden`, `Invalid`, `Conflict`.
        """
        rights.may_keep_users(actor)
        wanted = _checked(read(values, UserInput))
        with self._writing() as transaction:
            connection, now = transaction.connection, self._now()
            _check_client(connection, wanted)
            if store.get_user(connection, wanted.name) is not None:
                raise Conflict(
                    f"user {wanted.name} is there already; change him, or choose another name"
                )
            user = User(
                name=wanted.name,
                role=wanted.role.value,
                client=wanted.client,
                enabled=wanted.enabled,
                created=now,
                changed=now,
            )
            _tried(store.add_user, connection, user)
            transaction.note(
                [audit.of_user(now, actor.name, "create", user.name, user.client, None, said(user))]
            )
            secret = self._invite(connection, user.name)
            return self._shown(connection, [user])[0], secret

    def change(
        self, actor: Actor, name: str, patch: Mapping[str, Any], *, version: int | None = None
    ) -> UserShown:
        """Change a user; one who is switched off is logged out.

        Raises `Forbidden`, `NotFound`, `Invalid`, `Stale`, `Conflict`.
        """
        rights.may_keep_users(actor)
        wanted = read(patch, UserPatch)
        with self._writing() as transaction:
            connection = transaction.connection
            before = _find(connection, name)
            _check_version(before, version)
            given = {f: getattr(wanted, f) for f in FIELDS if getattr(wanted, f) is not UNSET}
            merged = {f: getattr(before, f) for f in ("name", *FIELDS)} | given
            checked = _checked(msgspec.convert(merged, UserInput))
            _check_client(connection, checked)
            after = msgspec.structs.replace(
                before, role=checked.role.value, client=checked.client, enabled=checked.enabled
            )
            if after == before:
                return self._shown(connection, [before])[0]
            _check_last(connection, before, after)
            if not after.enabled:
                store.end_sessions(connection, name)
                store.remove_invitations(connection, name)
            after = self._write(transaction, actor, "change", before, after)
            return self._shown(connection, [after])[0]

    def remove(self, actor: Actor, name: str, *, version: int | None = None) -> None:
        """Remove a user, and log him out. Raises `Forbidden`, `NotFound`, `Stale`, `Conflict`."""
        rights.may_keep_users(actor)
        with self._writing() as transaction:
            connection = transaction.connection
            before = _find(connection, name)
            _check_version(before, version)
            _check_last(connection, before, None)
            store.remove_user(connection, name)
            entry = audit.of_user(
                self._now(), actor.name, "delete", name, before.client, said(before), None
            )
            transaction.note([entry])

    # --- links -----------------------------------------------------------------------------------

    def link(self, actor: Actor, name: str) -> str:
        """Give the secret of a link by which a user sets a new password; earlier ones end.

        What he has now works until then. Raises `Forbidden`, `NotFound`, `Conflict`.
        """
        rights.may_keep_users(actor)
        with self._writing() as transaction:
            connection = transaction.connection
            user = _find(connection, name)
            if not user.enabled:
                raise Conflict(f"user {name} is switched off; switch him on first")
            transaction.note([audit.of_user(self._now(), actor.name, "invite", name, user.client)])
            return self._invite(connection, name)

    def first_link(self) -> str | None:
        """Give the secret of a link that makes the first administrator; None: one can log in.

        Several may be there at a time: the first that is used ends the others.
        """
        with self._reader.connect() as connection:
            if store.who_enter(connection, Role.ADMIN.value):
                return None
        with self._writing() as transaction:
            return self._add_link(transaction.connection, None)

    def _invite(self, connection: Connection, name: str) -> str:
        store.remove_invitations(connection, name)
        return self._add_link(connection, name)

    def _add_link(self, connection: Connection, name: str | None) -> str:
        secret, now = new_secret(), self._now()
        store.add_invitation(
            connection,
            Invitation(digest=digest(secret), user=name, created=now, expires=now + LINK_WORKS),
        )
        return secret

    # --- what else keeps somebody in, or out ------------------------------------------------------

    def take_totp(self, actor: Actor, name: str) -> UserShown:
        """Take a user's authenticator away, and log him out. Raises `Forbidden`, `NotFound`."""
        rights.may_keep_users(actor)
        with self._writing() as transaction:
            connection = transaction.connection
            before = _find(connection, name)
            if before.totp is None:
                return self._shown(connection, [before])[0]
            after = msgspec.structs.replace(before, totp=None, totp_step=None, recovery=())
            store.end_sessions(connection, name)
            after = self._write(transaction, actor, "totp", before, after)
            return self._shown(connection, [after])[0]

    def end_sessions(self, actor: Actor, name: str) -> int:
        """Log a user out, everywhere; give how many log-ins. Raises `Forbidden`, `NotFound`."""
        rights.may_keep_users(actor)
        with self._writing() as transaction:
            connection = transaction.connection
            user = _find(connection, name)
            ended = store.end_sessions(connection, name)
            transaction.note([audit.of_user(self._now(), actor.name, "log_out", name, user.client)])
        return ended

    def _write(
        self, transaction: Writing, actor: Actor, action: str, before: User, after: User
    ) -> User:
        now = self._now()
        after = msgspec.structs.replace(after, version=before.version + 1, changed=now)
        _tried(store.replace_user, transaction.connection, after)
        entry = audit.of_user(
            now, actor.name, action, after.name, after.client, said(before), said(after)
        )
        transaction.note([entry])
        return after

    def _shown(self, connection: Connection, users: Sequence[User]) -> tuple[UserShown, ...]:
        now = self._now()
        seen = store.last_seen(connection, [user.name for user in users])
        found = []
        for user in users:
            failed = store.get_failed(connection, digest(user.name))
            until = locked_until(failed.failures, failed.last)
            found.append(
                shown(
                    user,
                    locked_until=until if until > now else None,
                    seen=seen.get(user.name),
                )
            )
        return tuple(found)


def _find(connection: Connection, name: str) -> User:
    found = store.get_user(connection, name) if name.isprintable() else None
    if found is None:
        raise NotFound(f"there is no user {name:.80}")
    return found


def _checked(wanted: UserInput) -> UserInput:
    try:
        wanted.check()
    except PolicyError as error:
        raise Invalid(str(error)) from error
    return wanted


def _check_client(connection: Connection, wanted: UserInput) -> None:
    if wanted.client is None:
        return
    table = schema.client
    found = connection.execute(select(table.c.name).where(table.c.name == wanted.client)).first()
    if found is None:
        raise Invalid(f"client: there is no client {wanted.client}; add it first")


def _check_version(there: User, version: int | None) -> None:
    if version is not None and there.version != version:
        raise Stale(
            f"user {there.name} was changed meanwhile: he has version {there.version} now, and "
            f"not {version}; read him again"
        )


def _check_last(connection: Connection, before: User, after: User | None) -> None:
    """Check that an administrator who can log in is left, where there was one."""
    names = store.who_enter(connection, Role.ADMIN.value)
    stays = after is not None and after.enabled and after.role == Role.ADMIN.value
    if names == [before.name] and not stays:
        raise Conflict(
            f"user {before.name} is the last administrator who can log in; let another one set his "
            "password first"
        )


def _tried(write: Callable[[Connection, User], None], connection: Connection, user: User) -> None:
    try:
        write(connection, user)
    except IntegrityError as error:
        raise Conflict(
            f"user {user.name}: somebody else wrote him, or his client, at the same time; try again"
        ) from error
