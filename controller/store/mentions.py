"""Where a person's number stands in the database (O7): in every text of every table.

Tables are not named here: what a later one keeps is found as well. Every row is read; it may take
a minute where there are millions, and keeps nobody from writing.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    String,
    Table,
    and_,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)

from controller.policy.spelled import ERASED, spelled, without
from controller.store import schema

#: What is made by the program, or by the switch: names of calls, digests, secrets. Digits in them
#: are nobody's number. Each by its table: elsewhere such a name may be what somebody typed, as the
#: account of a record is that of another's charging engine.
_MADE: Final = frozenset(
    {
        "account.id", "account_entry.account", "account_entry.call", "audio.id",
        "audio_file.audio", "audio_file.sha256", "authorised_caller.pin_hash", "call_leg.call",
        "call_leg.leg", "call_leg.request", "callback_attempt.core", "callback_attempt.id",
        "callback_attempt.request", "callback_destination.leg", "callback_destination.request",
        "callback_key.request", "callback_request.attempt", "callback_request.holder",
        "callback_request.id", "callback_request.leg", "callback_transcript.leg",
        "callback_transcript.request", "credit_hold.account", "credit_hold.call",
        "credit_hold.request", "invitation.digest", "node_seen.core", "notice.holder",
        "pepper.fingerprint", "policy_clock.lineage", "sound.audio", "stream.holder", "token.hash",
        "user.password_hash", "user.recovery", "user.totp", "web_session.digest",
    }
)  # fmt: skip
#: What never changes, as the database has it (migration 0012): M1.
_FIXED: Final = frozenset({"account_entry.key", "account_entry.actor"})
#: What is unique, so that one number in two spellings may not become the same text: each gets a
#: pseudonym of its own.
_UNIQUE: Final = frozenset(
    {
        "callback_key.actor", "callback_key.key", "callback_request.actor", "callback_request.key",
        "notice.key",
    }
)  # fmt: skip
#: So many rows one statement reads of a large database: some hundred milliseconds.
PAGE: Final = 20_000


class Mention(msgspec.Struct, frozen=True):
    """A row in which a number stands: in which columns, by which key it is found, and all of it."""

    table: str
    columns: tuple[str, ...]
    key: tuple[Any, ...]
    row: Mapping[str, Any]


def texts(table: Table) -> list[Column[Any]]:
    """Give the columns of a table in which a number may stand."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, String) and str(column) not in _MADE
    ]


def find(connection: Connection, number: str) -> Iterator[Mention]:
    """Give every row in which a number stands, however it is spelled."""
    for table in schema.metadata.sorted_tables:
        yield from find_in(connection, table, number)


def find_in(connection: Connection, table: Table, number: str) -> Iterator[Mention]:
    """Give the rows of a table in which a number stands."""
    columns, pattern = texts(table), spelled(number)
    if not columns:
        return
    digits = number.removeprefix("+")
    statement = select(table).where(or_(*(column.contains(digits) for column in columns)))
    key = [column.name for column in table.primary_key]
    for page in _pages(connection, table):
        for row in connection.execute(statement.where(page)).mappings():
            named = tuple(c.name for c in columns if _stands(row[c.name], pattern))
            if named:
                yield Mention(table.name, named, tuple(row[name] for name in key), dict(row))


def _pages(connection: Connection, table: Table) -> Iterator[ColumnElement[bool]]:
    """Give the parts in which a table is read: PostgreSQL ends a statement that takes too long."""
    if connection.dialect.name != "postgresql":
        yield true()
        return
    columns = list(table.primary_key)
    key = tuple_(*columns)
    after: ColumnElement[bool] = true()
    while True:
        last = connection.execute(
            select(*columns).where(after).order_by(*columns).offset(PAGE - 1).limit(1)
        ).first()
        if last is None:
            yield after
            return
        bound = tuple_(*(literal(value, c.type) for value, c in zip(last, columns, strict=True)))
        yield and_(after, key <= bound)
        after = key > bound


def _stands(text: str | None, pattern: re.Pattern[str]) -> bool:
    return text is not None and pattern.search(text) is not None


def keeps(mention: Mention) -> bool:
    """Whether a number stands where it cannot be taken away."""
    return any(f"{mention.table}.{name}" in _FIXED for name in mention.columns)


def may_change(mention: Mention) -> bool:
    """Whether a number stands where it can be taken away."""
    return any(f"{mention.table}.{name}" not in _FIXED for name in mention.columns)


def pseudonym(number: str) -> str:
    """Make by chance what stands in the place of a number: as long as it, and no number."""
    letters = (secrets.choice(string.ascii_lowercase) for _ in range(len(number) - 1))
    return ERASED + "".join(letters)


def rewrite(
    connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]], number: str, by: str
) -> int:
    """Put a pseudonym in the place of a number in rows of a table, and give how many were changed.

    As they are now: what was written to them meanwhile stays. What never changes is left out, and
    what is unique stays so: it gets a pseudonym of its own.
    """
    pattern = spelled(number)
    columns = [column for column in texts(table) if str(column) not in _FIXED]
    locked = select(*table.primary_key, *columns).where(_among(table, keys)).with_for_update()
    changed = 0
    for row in connection.execute(locked).mappings().all():
        values = {
            column.name: without(
                row[column.name], pattern, pseudonym(number) if str(column) in _UNIQUE else by
            )
            for column in columns
            if _stands(row[column.name], pattern)
        }
        if values:
            key = tuple(row[column.name] for column in table.primary_key)
            connection.execute(update(table).where(_among(table, [key])).values(**values))
            changed += 1
    return changed


def _among(table: Table, keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    key = list(table.primary_key)
    if len(key) == 1:
        return key[0].in_([value for (value,) in keys])
    return or_(
        *(and_(*(c == value for c, value in zip(key, values, strict=True))) for values in keys)
    )
