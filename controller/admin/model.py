"""The words of administration: kinds of record, who acts, what is given back, what goes wrong."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from controller.policy.records import Role


class Kind(StrEnum):
    """The kinds of record, as they are called in commands, documents and the audit log."""

    CLIENT = "client"
    PRICE_LIST = "price_list"
    RATE = "rate"
    CHANNEL = "channel"
    NUMBER = "number"
    EXTENSION = "extension"
    CALLERID = "callerid"
    ACCOUNT = "account"
    SOUND = "sound"
    TOKEN = "token"  # noqa: S105  (a word, no secret)

    @property
    def word(self) -> str:
        """The kind, as it is called in sentences."""
        return self.value.replace("_", " ")


class Actor(msgspec.Struct, frozen=True):
    """Who acts: a token's name, or `cli:` and a user of the machine.

    `client`: whose records alone he sees; None sees all.
    """

    name: str
    role: Role
    client: str | None = None


class Item(msgspec.Struct, frozen=True):
    """A record as it may be shown: no password and no hash, but whether there is one.

    `key` names it among its kind (`1001`, `1001/+12025550100`); `version` is raised by each change;
    `created` and `changed` are microseconds since 1970.
    """

    kind: Kind
    key: str
    version: int
    created: int
    changed: int
    values: dict[str, Any]


class Page(msgspec.Struct, frozen=True):
    """Some records in the order of their keys, accounts in that of their owners.

    `next` is what to go on after, None at the end.
    """

    items: tuple[Item, ...]
    next: str | None


class Line(msgspec.Struct, frozen=True):
    """One line of a ledger (M1, M8). `position` counts from 1; amounts are micro-units.

    `call`: of what a call has cost (M7), which one; None of all others.
    """

    position: int
    key: str
    kind: str
    amount: int
    left_after: int
    order_number: str
    notes: str
    actor: str
    created: int
    call: str | None


class Lines(msgspec.Struct, frozen=True):
    """Some lines of a ledger, in order; `next` is the position to go on after."""

    items: tuple[Line, ...]
    next: int | None


class Audited(msgspec.Struct, frozen=True):
    """One change that was made: `before` and `after` are the fields that changed."""

    id: int
    at: int
    actor: str
    action: str
    kind: str
    key: str
    client: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(msgspec.Struct, frozen=True):
    """Some changes, the newest first; `next` is the id to go on before."""

    items: tuple[Audited, ...]
    next: int | None


#: The most that one page holds.
MOST_ITEMS: Final = 1000


class AdminError(Exception):
    """What was asked for was not done; the message says why and what to do."""


class NotFound(AdminError):
    """There is no such record, or it is somebody else's: the two cannot be told apart."""


class Forbidden(AdminError):
    """Whoever asks may not do that, with anything."""


class Invalid(AdminError):
    """What was given is no such record; the message begins with the field, and `field` is it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        head, colon, _ = message.partition(": ")
        self.field = head if colon and " " not in head else None


class Conflict(AdminError):
    """It contradicts what is there: a key that is taken, a record that is in use."""


class Stale(AdminError):
    """The record was changed since it was read."""


class Unavailable(AdminError):
    """It cannot be had now, or not from everywhere; the message says what to do."""
