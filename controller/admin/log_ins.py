"""Logging in, being logged in, logging out.

Passwords are hashed in threads of their own, everything else blocks in those of administrators:
what needs both is called where the event loop is, and says so.
"""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Engine

from controller.admin import audit, totp
from controller.admin.model import NotFound
from controller.admin.people_shapes import (
    CODE_WAIT,
    FORGOTTEN,
    IDLE,
    LONGEST_SESSION,
    MINUTE,
    SECOND,
    USER,
    LockedOut,
    LoggedIn,
    Session,
    SessionShown,
    WrongLogIn,
    actor_of,
    locked_until,
)
from controller.store import people as store
from controller.store.database import Away, reader
from controller.store.journal import Writing, nobody, writing
from controller.store.passwords import LogInPasswords
from controller.store.people import Failed, User, WebSession

log: Any = structlog.get_logger("people")

#: How long a session that was good is taken without asking again: what ends it elsewhere counts
#: here no later than that.
TRUSTED_SECONDS: Final = 1.0
#: How many are remembered.
MOST_REMEMBERED: Final = 1024
#: How often it is written that a session is used, microseconds.
SEEN_EVERY: Final = MINUTE
#: Nothing that is longer is a password or a name; it is not worked on.
MOST_TYPED: Final = 1000
#: How many characters of a digest name a session to its user.
_MARK: Final = 16

Run = Callable[..., Any]


class _Known(msgspec.Struct, frozen=True):
    """A session that was good: it is taken until then; and when it was used last."""

    until: float
    seen: int
    session: Session


class Tried(msgspec.Struct, frozen=True):
    """A try to log in, which is counted as failed until it is known that it did not."""

    #: Of the name as it was typed.
    name: str
    user: User | None
    before: Failed
    counted: Failed


def at_once(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
    """Run what blocks where it is called: nothing else is to be done meanwhile."""
    return function(*args, **kwargs)


class LogIns:
    """Log-ins. `run` runs what blocks, `hashing` what hashes.

    `passwords` gives what hashes; `now` gives microseconds since 1970, `clock` seconds that never
    go back. `on_log_in` is told of each: right, code (it is still to come), wrong, locked.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        passwords: Callable[[], LogInPasswords],
        now: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        run: Run = at_once,
        hashing: Run = at_once,
        on_log_in: Callable[[str], None] = lambda result: None,
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._passwords = passwords
        self._now = now
        self._clock = clock
        self._run = run
        self._hashing = hashing
        self._on_log_in = on_log_in
        # By digest. Only what was good.
        self._known: dict[str, _Known] = {}

    # --- logging in: these are called where the event loop is -----------------------------------

    def log_in(self, name: str, password: str, peer: str) -> LoggedIn:
        """Log somebody in. Raises `WrongLogIn`, `LockedOut`.

        What is wrong takes as long whoever it is of: also where there is no such user (A3).
        """
        tried = self._try(name)
        made: LoggedIn | None = None
        if self._hashing(self._is_right, tried.user, password):
            made = self._run(self._enter, tried, peer)
        if made is None:
            raise self._wrong(tried.user)
        self._on_log_in("right" if made.whole else "code")
        return made

    def log_in_code(self, secret: str, code: str, peer: str) -> LoggedIn:
        """Take the code after the password: `secret` is what that gave.

        Raises `NotFound` where that is over, `WrongLogIn`, `LockedOut`.
        """
        try:
            made, whose = self._run(self._take_code, secret, code, peer)
        except LockedOut:
            self._on_log_in("locked")
            raise
        if made is None:
            raise self._wrong(whose)
        self._on_log_in("right")
        found: LoggedIn = made
        return found

    def _try(self, name: str) -> Tried:
        """Count a try, before anything is looked at: of many at once none is free."""
        try:
            tried: Tried = self._run(self._count, name[:MOST_TYPED].strip().lower())
        except LockedOut:
            self._on_log_in("locked")
            raise
        return tried

    def _wrong(self, user: User | None) -> WrongLogIn:
        # What was typed as a name may be a password: only names that there are are told.
        log.warning("wrong_log_in", user=user.name if user is not None else None)
        self._on_log_in("wrong")
        return WrongLogIn("the name or the password is wrong")

    # --- its parts: these block ------------------------------------------------------------------

    def _count(self, typed: str) -> Tried:
        name, now = digest(typed), self._now()
        with writing(self._engine, nobody) as transaction:
            connection = transaction.connection
            store.hold_people(connection)
            store.forget_over(connection, now, idle=now - IDLE, failed=now - FORGOTTEN)
            before, counted = self._counted(transaction, name, now)
            user = store.get_user(connection, typed) if typed.isprintable() else None
        return Tried(name, user, before, counted)

    def _counted(self, transaction: Writing, name: str, now: int) -> tuple[Failed, Failed]:
        """Count one more failure of a name's digest. Raises `LockedOut`."""
        before = store.get_failed(transaction.connection, name)
        until = locked_until(before.failures, before.last)
        if now < until:
            raise LockedOut(math.ceil((until - now) / SECOND))
        counted = Failed(before.failures + 1, now)
        store.put_failed(transaction.connection, name, counted)
        return before, counted

    def _uncount(self, transaction: Writing, tried: Tried) -> None:
        """Take back what was counted of one try, and no other."""
        connection = transaction.connection
        there = store.get_failed(connection, tried.name)
        if there == tried.counted:
            store.put_failed(connection, tried.name, tried.before)
        else:
            fewer = Failed(max(there.failures - 1, 0), there.last)
            store.put_failed(connection, tried.name, fewer)

    def _is_right(self, user: User | None, password: str) -> bool:
        """Check a password, in a thread that hashes."""
        if len(password) > MOST_TYPED:
            password = ""
        if user is None or user.password_hash is None:
            return self._passwords().check_nobodys(password)
        return self._passwords().check(password, user.password_hash)

    def _enter(self, tried: Tried, peer: str) -> LoggedIn | None:
        with self._writing() as transaction:
            user = self._still(transaction, tried)
            if user is None:
                return None
            if user.totp is not None:
                # Or whoever knows the password could try codes for ever.
                self._uncount(transaction, tried)
            return self._begin(transaction, user, peer, whole=user.totp is None)

    def _still(self, transaction: Writing, tried: Tried) -> User | None:
        """Give the user as he is, where what was checked is still so."""
        assert tried.user is not None
        user = store.get_user(transaction.connection, tried.user.name)
        if user is None or not user.enabled or user.password_hash != tried.user.password_hash:
            return None
        return user

    def _take_code(self, secret: str, code: str, peer: str) -> tuple[LoggedIn | None, User]:
        code = code[:MOST_TYPED]
        with self._writing() as transaction:
            connection, now = transaction.connection, self._now()
            there = store.get_session(connection, digest(secret))
            if there is None or there[0].whole or now >= there[0].expires or not there[1].enabled:
                raise NotFound("that took too long; log in again")
            user = there[1]
            self._counted(transaction, digest(user.name), now)
            taken = self._with_code(user, code, now)
            if taken is None:
                return None, user
            store.replace_user(connection, taken)
            store.end_session(connection, digest(secret))
            return self._begin(transaction, taken, peer, whole=True), taken

    def _with_code(self, user: User, code: str, now: int) -> User | None:
        """Give a user as he is when this code was taken; None: it is none, or was taken before."""
        if user.totp is None:
            return None
        plain = totp.plain(code)
        secret = totp.secret_of(self._passwords(), user.name, user.totp)
        step = totp.step_of(secret, plain, now // SECOND, user.totp_step)
        if step is not None:
            return msgspec.structs.replace(user, totp_step=step)
        spent = totp.digest(plain)
        if spent in user.recovery:
            left = tuple(code for code in user.recovery if code != spent)
            log.warning("recovery_code_used", user=user.name, left=len(left))
            return msgspec.structs.replace(user, recovery=left)
        return None

    def _begin(self, transaction: Writing, user: User, peer: str, *, whole: bool) -> LoggedIn:
        """Begin a session; its secret is a new one, whatever the browser had."""
        connection, now = transaction.connection, self._now()
        secret = new_secret()
        made = WebSession(
            digest=digest(secret),
            user=user.name,
            whole=whole,
            peer=peer[:64],
            created=now,
            seen=now,
            expires=now + (LONGEST_SESSION if whole else CODE_WAIT),
        )
        store.add_session(connection, made)
        if whole:
            store.put_failed(connection, digest(user.name), Failed(0, 0))
            actor = USER + user.name
            transaction.note([audit.of_user(now, actor, "log_in", user.name, user.client)])
        return LoggedIn(secret, whole)

    # --- being logged in: these block -----------------------------------------------------------

    def session(self, secret: str, *, used: bool = True) -> Session | None:
        """Give the session of this secret; None where it is none, or none any more.

        Not `used`: a page asks by itself, of which nobody is the less idle.
        """
        found = digest(secret)
        # Before it is asked: what is answered was true then, and may not be by now.
        asked, now = self._clock(), self._now()
        known = self._known.get(found)
        if known is not None and asked < known.until:
            # What a page has just asked by itself hides no use.
            hidden = used and now - known.seen >= SEEN_EVERY
            if not hidden:
                return known.session
        known = self._session(secret, found, asked, now, used=used)
        if known is None:
            self._known.pop(found, None)
            return None
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[found] = known
        return known.session

    def _session(
        self, secret: str, found: str, asked: float, now: int, *, used: bool
    ) -> _Known | None:
        with self._reader.connect() as connection:
            there = store.get_session(connection, found)
        if there is None:
            return None
        session, user = there
        over = now >= min(session.expires, session.seen + IDLE)
        if over or not session.whole or not user.enabled:
            return None
        seen = session.seen
        if used and now - seen >= SEEN_EVERY:
            seen = now
            # Who only looks is not kept from it by a database that takes nothing now.
            with suppress(*Away), self._engine.begin() as connection:
                store.saw_session(connection, found, now)
        # Made of the secret: it needs no place of its own, and nobody else knows it either.
        csrf = hmac.new(secret.encode(errors="replace"), b"csrf", sha256).hexdigest()
        made = Session(user.name, actor_of(user.name, user.role, user.client), csrf)
        return _Known(asked + TRUSTED_SECONDS, seen, made)

    def sessions(self, name: str, secret: str) -> tuple[SessionShown, ...]:
        """Give the log-ins of a user; `secret` is that of the one that asks."""
        own, now = digest(secret), self._now()
        with self._reader.connect() as connection:
            found = store.sessions_of(connection, name)
        return tuple(
            SessionShown(
                mark=one.digest[:_MARK],
                peer=one.peer,
                created=one.created,
                seen=one.seen,
                expires=min(one.expires, one.seen + IDLE),
                own=one.digest == own,
            )
            for one in found
            if now < min(one.expires, one.seen + IDLE)
        )

    def end_session(self, name: str, mark: str) -> None:
        """End a log-in of a user, by its mark. Raises `NotFound`."""
        with self._writing() as transaction:
            connection = transaction.connection
            for one in store.sessions_of(connection, name):
                if one.digest[:_MARK] == mark:
                    store.end_session(connection, one.digest)
                    break
            else:
                raise NotFound("that log-in is over already")

    def log_out(self, secret: str) -> None:
        """End the session of this secret, where there is one."""
        with self._writing() as transaction:
            store.end_session(transaction.connection, digest(secret))

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """Write what concerns people, alone; what is remembered of them is forgotten after that."""
        with writing(self._engine, nobody) as transaction:
            store.hold_people(transaction.connection)
            yield transaction
        self._known.clear()


def new_secret() -> str:
    """Give a secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Give what is kept of a secret, or of a name."""
    return sha256(secret.encode(errors="replace")).hexdigest()
