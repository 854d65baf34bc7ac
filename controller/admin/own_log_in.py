"""What people do with their own log-in: set a password by a link, change it, use authenticators."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.admin import audit, totp
from controller.admin.drafts import read
from controller.admin.log_ins import LogIns, Tried, digest
from controller.admin.model import Conflict, Invalid, NotFound
from controller.admin.people_shapes import (
    SECOND,
    USER,
    Enrolment,
    LoggedIn,
    UserInput,
    UserShown,
    WrongLogIn,
)
from controller.policy.records import Role
from controller.store import people as store
from controller.store.journal import Writing
from controller.store.passwords import BadPassword
from controller.store.people import Failed, Invitation, User


class OwnLogIn(LogIns):
    """One's own log-in. What takes a password is called where the event loop is; the rest blocks.

    Where a password changes, or an authenticator is taken away, all log-ins of its user end; a new
    one is given to whoever did it.
    """

    # --- links -----------------------------------------------------------------------------------

    def welcome(self, secret: str) -> str | None:
        """Give whose link this is; None: the first administrator's. Raises `NotFound`."""
        with self._reader.connect() as connection:
            return self._invited(connection, secret).user

    def accept(self, secret: str, name: str, password: str, peer: str) -> LoggedIn:
        """Set a password by a link, and log in; of the first administrator, `name` is his.

        Called where the event loop is. Raises `NotFound` where the link works no more, `Invalid`.
        """
        user = self._run(self.welcome, secret)
        if user is None:
            _first(name)
        hashed = self._hashing(self._hash, password)
        made: LoggedIn = self._run(self._accept, secret, name, hashed, peer)
        self._on_log_in("right" if made.whole else "code")
        return made

    def _invited(self, connection: Any, secret: str) -> Invitation:  # noqa: ANN401
        found = store.get_invitation(connection, digest(secret))
        gone = NotFound("the link does not work any more: it works once, and for a day")
        if found is None or self._now() >= found.expires:
            raise gone
        if found.user is None:
            if store.who_enter(connection, Role.ADMIN.value):
                raise gone
            return found
        whose = store.get_user(connection, found.user)
        if whose is None or not whose.enabled:
            raise gone
        return found

    def _accept(self, secret: str, name: str, hashed: str, peer: str) -> LoggedIn:
        with self._writing() as transaction:
            connection = transaction.connection
            found = self._invited(connection, secret)
            if found.user is None:
                user = self._make_first(transaction, _first(name).name, hashed)
            else:
                there = store.get_user(connection, found.user)
                assert there is not None
                user = self._set_password(transaction, there, hashed)
            store.remove_invitations(connection, found.user)
            store.put_failed(connection, digest(user.name), Failed(0, 0))
            return self._begin(transaction, user, peer, whole=user.totp is None)

    def _make_first(self, transaction: Writing, name: str, hashed: str) -> User:
        connection, now = transaction.connection, self._now()
        there = store.get_user(connection, name)
        if there is not None:
            # Of before, without a password or off: whoever has the link has the machine.
            raise Conflict(f"name: there is a user {name} already; choose another name")
        user = User(
            name=name,
            role=Role.ADMIN.value,
            client=None,
            password_hash=hashed,
            created=now,
            changed=now,
        )
        store.add_user(connection, user)
        actor = USER + name
        transaction.note([audit.of_user(now, actor, "create", name, None, None, said(user))])
        return user

    # --- passwords -------------------------------------------------------------------------------

    def change_password(self, name: str, old: str, new: str, peer: str) -> LoggedIn:
        """Change one's own password. Called where the event loop is.

        Raises `WrongLogIn` where the old one is wrong, `LockedOut`, `Invalid`.
        """
        tried = self._prove(name, old)
        hashed = self._hashing(self._hash, new)
        made: LoggedIn = self._run(self._change_password, tried, hashed, peer)
        return made

    def _prove(self, name: str, password: str) -> Tried:
        """Have somebody who is logged in say his password: his browser may be somebody else's."""
        tried = self._try(name)
        if not self._hashing(self._is_right, tried.user, password):
            raise self._wrong(tried.user)
        self._run(self._proved, tried)
        return tried

    def _proved(self, tried: Tried) -> None:
        with self._writing() as transaction:
            self._uncount(transaction, tried)

    def _hash(self, password: str) -> str:
        try:
            return self._passwords().hash(password)
        except BadPassword as error:
            raise Invalid(str(error)) from error

    def _change_password(self, tried: Tried, hashed: str, peer: str) -> LoggedIn:
        with self._writing() as transaction:
            user = self._as_it_was(transaction, tried)
            user = self._set_password(transaction, user, hashed)
            return self._begin(transaction, user, peer, whole=True)

    def _as_it_was(self, transaction: Writing, tried: Tried) -> User:
        user = self._still(transaction, tried)
        if user is None:
            raise WrongLogIn("your log-in was changed meanwhile; log in again")
        return user

    def _set_password(self, transaction: Writing, user: User, hashed: str) -> User:
        changed = msgspec.structs.replace(user, password_hash=hashed)
        return self._write_own(transaction, user, changed, "password")

    # --- authenticators --------------------------------------------------------------------------

    def own(self, name: str) -> UserShown:
        """Give somebody's own record. Raises `NotFound`."""
        with self._reader.connect() as connection:
            found = store.get_user(connection, name)
            if found is None:
                raise NotFound(f"there is no user {name:.80}")
            return shown(found)

    def enrol(self, name: str) -> Enrolment:
        """Give what an authenticator is told; it counts when a code of it was shown."""
        return self._enrolment(name, totp.new_salt())

    def enrol_again(self, name: str, salt: str) -> Enrolment:
        """Give the same again, where the code was wrong. Raises `Invalid`."""
        return self._enrolment(name, salt)

    def _enrolment(self, name: str, salt: str) -> Enrolment:
        if not totp.is_salt(salt):
            raise Invalid("salt: is none of ours; begin again")
        secret = totp.secret_of(self._passwords(), name, salt)
        return Enrolment(salt, secret, totp.uri_of(secret, name))

    def use_totp(self, name: str, salt: str, code: str, password: str) -> tuple[str, ...]:
        """Ask for codes of this authenticator from now on, and give those for when it is lost.

        They are told here, and never again. Called where the event loop is. Raises `Invalid`,
        `Conflict`, `WrongLogIn` where the password is wrong, `LockedOut`.
        """
        # A code that was mistyped is no wrong password.
        step = self._step(name, salt, code)
        # Or whoever finds a browser open could bind a telephone of his own, and lock its user out.
        tried = self._prove(name, password)
        codes: tuple[str, ...] = self._run(self._use_totp, tried, salt, step)
        return codes

    def _step(self, name: str, salt: str, code: str) -> int:
        enrolment = self._enrolment(name, salt)
        now = self._now() // SECOND
        step = totp.step_of(enrolment.secret, totp.plain(code), now, None)
        if step is None:
            raise Invalid("code: is not what the authenticator shows now; type the next one")
        return step

    def _use_totp(self, tried: Tried, salt: str, step: int) -> tuple[str, ...]:
        codes = totp.new_recovery()
        with self._writing() as transaction:
            user = self._as_it_was(transaction, tried)
            if user.totp is not None:
                raise Conflict("an authenticator is used already; take it away first")
            changed = msgspec.structs.replace(
                user, totp=salt, totp_step=step, recovery=tuple(map(totp.digest, codes))
            )
            self._write_own(transaction, user, changed, "totp", ends=False)
        return codes

    def drop_totp(self, name: str, password: str, peer: str) -> LoggedIn:
        """Ask for no codes any more. Called where the event loop is.

        Raises `WrongLogIn` where the password is wrong, `LockedOut`.
        """
        tried = self._prove(name, password)
        made: LoggedIn = self._run(self._drop_totp, tried, peer)
        return made

    def _drop_totp(self, tried: Tried, peer: str) -> LoggedIn:
        with self._writing() as transaction:
            user = self._as_it_was(transaction, tried)
            changed = msgspec.structs.replace(user, totp=None, totp_step=None, recovery=())
            user = self._write_own(transaction, user, changed, "totp")
            return self._begin(transaction, user, peer, whole=True)

    def _write_own(
        self, transaction: Writing, before: User, after: User, what: str, *, ends: bool = True
    ) -> User:
        """Write what somebody changed of himself; his log-ins end with that."""
        connection, now = transaction.connection, self._now()
        after = msgspec.structs.replace(after, version=before.version + 1, changed=now)
        store.replace_user(connection, after)
        if ends:
            store.end_sessions(connection, after.name)
        actor = USER + after.name
        entry = audit.of_user(now, actor, what, after.name, after.client, said(before), said(after))
        transaction.note([entry])
        return after


def _first(name: str) -> UserInput:
    """Read the first administrator's name. Raises `Invalid`."""
    return read({"name": name.strip().lower(), "role": Role.ADMIN.value}, UserInput)


def shown(user: User, *, locked_until: int | None = None, seen: int | None = None) -> UserShown:
    """Give a user as he may be shown."""
    return UserShown(
        name=user.name,
        role=Role(user.role),
        client=user.client,
        enabled=user.enabled,
        password_set=user.password_hash is not None,
        totp=user.totp is not None,
        locked_until=locked_until,
        seen=seen,
        version=user.version,
        created=user.created,
        changed=user.changed,
    )


def said(user: User) -> dict[str, Any]:
    """Give what the audit log says of a user: that there is a password, and nothing of it."""
    return {
        "role": user.role,
        "client": user.client,
        "enabled": user.enabled,
        "password_set": user.password_hash is not None,
        "totp": user.totp is not None,
    }
