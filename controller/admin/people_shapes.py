"""What is written and what is shown of people who log in, and what keeps them out.

Times are microseconds since 1970.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from controller.admin.model import Actor, AdminError
from controller.policy.fields import ClientName, UserName
from controller.policy.model import MAIN_CLIENT, PolicyError
from controller.policy.records import Role
from controller.store.passwords import LONGEST, SHORTEST

#: How long passwords are, characters.
PASSWORD_LENGTH: Final = (SHORTEST, LONGEST)

#: How those are called who act on pages; no token's name can begin so.
USER: Final = "user:"

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

#: How long a log-in lasts of which nothing is heard, and how long at the most.
IDLE: Final = 12 * HOUR
LONGEST_SESSION: Final = 7 * DAY
#: How long the code may take after the password.
CODE_WAIT: Final = 5 * MINUTE
#: How long a link works.
LINK_WORKS: Final = DAY

#: So many wrong log-ins of a name, one after the other, lock nothing.
FREE_TRIES: Final = 4
#: How long the next one locks, each after it twice as long, and how long at the most.
FIRST_LOCK: Final = 30 * SECOND
LONGEST_LOCK: Final = 15 * MINUTE
#: After so long they count no more.
FORGOTTEN: Final = DAY


class UserInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user who is made.

    Attributes:
        name: what he logs in with; it never changes.
        role: what he may do, as a token's.
        client: whose records alone he sees; None: all.
        enabled: off: he cannot log in, and is logged out.

    """

    name: UserName
    role: Role
    client: ClientName | None = None
    enabled: bool = True

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if self.role is Role.CLIENT and self.client is None:
            raise PolicyError(
                f"client: a user of role `client` is one client's; name it, such as {MAIN_CLIENT}"
            )
        if self.role is Role.ADMIN and self.client is not None:
            raise PolicyError(
                "client: a user of role `admin` is for all clients; leave it out, or choose role "
                "`client`"
            )


class UserPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What changes a user; what is left out stays."""

    role: Role | UnsetType = UNSET
    client: ClientName | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class UserShown(msgspec.Struct, frozen=True, kw_only=True):
    """A user as he may be shown.

    Attributes:
        password_set: whether he has set a password: he cannot log in before.
        totp: whether a code of his authenticator is asked for too.
        locked_until: of wrong passwords; None: he is not locked out.
        seen: when he was last here, of those who are logged in.

    """

    name: str
    role: Role
    client: str | None
    enabled: bool
    password_set: bool
    totp: bool
    locked_until: int | None
    seen: int | None
    version: int
    created: int
    changed: int


class UserPage(msgspec.Struct, frozen=True):
    """Some users in the order of their names; `next` is what to go on after, None at the end."""

    items: tuple[UserShown, ...]
    next: str | None


class Session(msgspec.Struct, frozen=True):
    """Somebody who is logged in.

    Attributes:
        user: the name he logs in with.
        actor: as whom he acts, in the audit log too: `user:` and his name.
        csrf: what each form of his has to say, and nobody else knows.

    """

    user: str
    actor: Actor
    csrf: str


class SessionShown(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in as its user sees it. `mark` names it; `own`: it is the one that asks."""

    mark: str
    peer: str
    created: int
    seen: int
    expires: int
    own: bool


class LoggedIn(msgspec.Struct, frozen=True):
    """A log-in that was made: the secret of its cookie, told once.

    `whole`: nothing more is asked for; else the code of his authenticator is.
    """

    secret: str
    whole: bool


class Enrolment(msgspec.Struct, frozen=True):
    """An authenticator that is to be added: what it is told, and by what it is known here."""

    salt: str
    secret: str
    uri: str


class WrongLogIn(AdminError):
    """The name, the password or the code is wrong; which, is not said."""


class LockedOut(AdminError):
    """Too many were wrong: none is looked at for so many `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many were wrong; nothing is looked at for {seconds} seconds")
        self.seconds = seconds


def locked_until(failures: int, last: int) -> int:
    """Give until when so many failures lock, the last of which was then; before it: they do not."""
    over = failures - FREE_TRIES
    if over <= 0:
        return 0
    # Doubled no more often than it takes.
    return last + min(FIRST_LOCK << min(over - 1, 10), LONGEST_LOCK)


def actor_of(name: str, role: str, client: str | None) -> Actor:
    """Give as whom a user acts."""
    return Actor(name=USER + name, role=Role(role), client=client)
