"""What a record must find in the database before it can be written, and what keeps it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from controller.admin.model import Actor, Kind
from controller.admin.sounding import moved_sounds, sound_used, unknown_sounds
from controller.policy.model import Policy
from controller.policy.records import (
    Account,
    AuthorisedCaller,
    Channel,
    Client,
    PublicNumber,
    SoundFile,
    Token,
)
from controller.store import schema
from controller.store.kept import (
    ACCOUNTS,
    CALLERS,
    CHANNELS,
    CLIENTS,
    EXTENSIONS,
    NUMBERS,
    SOUNDS,
    TOKENS,
    Kept,
    Stored,
)
from controller.store.ledger import balances

#: The tables of each kind.
KEPT: Final[dict[Kind, Kept]] = {
    Kind.CLIENT: CLIENTS,
    Kind.CHANNEL: CHANNELS,
    Kind.NUMBER: NUMBERS,
    Kind.EXTENSION: EXTENSIONS,
    Kind.CALLERID: CALLERS,
    Kind.ACCOUNT: ACCOUNTS,
    Kind.SOUND: SOUNDS,
    Kind.TOKEN: TOKENS,
}


def troubles(
    connection: Connection, actor: Actor, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    """Give what contradicts the database in records that are to be written: index and error.

    Each record comes with what it was before, None where it is new. All are of one kind.
    """
    found: list[tuple[int, str]] = []
    value = records[0][1] if records else None
    match value:
        case Policy():
            found += _missing_clients(connection, records)
            found += _taken_dids(connection, actor, records)
            found += _foreign_numbers(connection, actor, records)
            found += unknown_sounds(connection, records)
        case PublicNumber():
            found += _missing_clients(connection, records)
            found += _missing_channels(connection, records)
            found += _assigned_elsewhere(connection, records)
        case AuthorisedCaller():
            found += _missing_extensions(connection, records)
        case Account():
            found += _missing_extensions(connection, records)
            found += _missing_callers(connection, records)
        case SoundFile():
            found += _missing_clients(connection, records)
            found += moved_sounds(connection, records)
        case Token():
            found += _missing_clients(connection, records)
        case _:
            pass
    # Of one record, what it refers to comes first: the rest follows from that.
    return sorted(found, key=itemgetter(0))


def _new(records: Sequence[tuple[Stored | None, Any]], field: str) -> dict[str, list[int]]:
    """Give the values that a field has newly, with the records that have them."""
    values: dict[str, list[int]] = {}
    for index, (before, after) in enumerate(records):
        value = getattr(after, field)
        if value is not None and (before is None or getattr(before.value, field) != value):
            values.setdefault(value, []).append(index)
    return values


def _missing(
    connection: Connection, kept: Kept, wanted: dict[str, list[int]], message: str
) -> list[tuple[int, str]]:
    # No lock: what is removed meanwhile is found by the foreign key.
    column = kept.table.c[kept.key[0]]
    there = _owners(connection, column, column, wanted)
    return [
        (index, message.format(key))
        for key, indexes in wanted.items()
        if key not in there
        for index in indexes
    ]


def _missing_clients(
    connection: Connection, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    message = "client: there is no client {0}; make it first: callbackd client add {0}"
    return _missing(connection, CLIENTS, _new(records, "client"), message)


def _missing_channels(
    connection: Connection, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    message = "channel: there is no channel {0}; make it first: callbackd channel add {0}"
    return _missing(connection, CHANNELS, _new(records, "channel"), message)


def _missing_extensions(
    connection: Connection, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    message = "extension: there is no extension {0}"
    return _missing(connection, EXTENSIONS, _new(records, "extension"), message)


def _missing_callers(
    connection: Connection, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    wanted = {
        (after.extension, after.caller): index
        for index, (before, after) in enumerate(records)
        if after.caller is not None and before is None
    }
    there = CALLERS.get_many(connection, sorted(wanted))
    return [
        (index, f"caller: {key[1]} is no authorised CallerID of extension {key[0]}; add it first")
        for key, index in wanted.items()
        if key not in there
    ]


def _taken_dids(
    connection: Connection, actor: Actor, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    wanted: dict[str, list[tuple[int, str]]] = {}
    for index, (_, after) in enumerate(records):
        for number in after.dids:
            wanted.setdefault(number, []).append((index, after.extension))
    owners = _owners(connection, schema.did.c.number, schema.did.c.extension, wanted)
    found = []
    for number, claims in wanted.items():
        first = owners.get(number, claims[0][1])
        for index, extension in claims:
            if extension != first:
                whose = f"extension {first}" if actor.client is None else "another extension"
                found.append(
                    (
                        index,
                        f"dids: {number} reaches {whose} already; one number reaches one extension",
                    )
                )
    return found


def _owners(
    connection: Connection,
    key: Any,  # noqa: ANN401  (columns)
    value: Any,  # noqa: ANN401
    wanted: Iterable[str],
) -> dict[str, Any]:
    keys, found = sorted(wanted), {}
    for start in range(0, len(keys), 500):
        rows = connection.execute(select(key, value).where(key.in_(keys[start : start + 500])))
        found.update({row[0]: row[1] for row in rows})
    return found


def _foreign_numbers(
    connection: Connection, actor: Actor, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    """I8: only numbers that a channel defines and that are the owner's may be assigned."""
    wanted: dict[str, list[tuple[int, str]]] = {}
    for index, (_, after) in enumerate(records):
        for number in after.caller_ids:
            wanted.setdefault(number, []).append((index, after.client))
    there = NUMBERS.get_many(connection, [(number,) for number in sorted(wanted)], lock=True)
    found = []
    for number, claims in wanted.items():
        stored = there.get((number,))
        for index, client in claims:
            if stored is None or stored.value.client != client:
                found.append((index, _not_assignable(actor, number, client, stored)))
    return found


def _not_assignable(actor: Actor, number: str, client: str, stored: Stored | None) -> str:
    message = f"caller_ids: {number} is no public number of client {client} (I8)"
    if actor.client is not None:
        # Whether it is there, and whose it is, is nobody else's business.
        return f"{message}; ask the operator for it"
    if stored is None:
        return (
            f"{message}; define it on a channel first: callbackd channel add pstn (once), "
            f"callbackd number add {number} --channel pstn --client {client}"
        )
    whose = "in nobody's pool" if stored.value.client is None else f"{stored.value.client}'s"
    return f"{message}: it is {whose}; callbackd number set {number} --client {client} makes it so"


def _assigned_elsewhere(
    connection: Connection, records: Sequence[tuple[Stored | None, Any]]
) -> list[tuple[int, str]]:
    """A number that is assigned stays with its client: else a foreign number would be shown."""
    moved = {
        after.number: (index, after.client)
        for index, (before, after) in enumerate(records)
        if before is not None and before.value.client != after.client
    }
    shown = schema.caller_id
    owners = _owners(connection, shown.c.number, shown.c.extension, moved)
    return [
        (
            moved[number][0],
            f"client: {number} is assigned to extension {extension} of its client; take it away "
            f"there first: callbackd extension set {extension} --remove-caller-id {number}",
        )
        for number, extension in owners.items()
    ]


def use(connection: Connection, actor: Actor, stored: Stored) -> str | None:
    """Give what keeps a record from being removed, and what to do about it; or None."""
    match stored.value:
        case Policy(extension=extension):
            return _money_left(connection, schema.account.c.extension == extension)
        case AuthorisedCaller(extension=extension, number=number):
            account = schema.account
            own = and_(account.c.extension == extension, account.c.caller == number)
            return _money_left(connection, own)
        case PublicNumber(number=number):
            return _used_by(connection, number, [(schema.caller_id, "number", "extension")])
        case SoundFile():
            return sound_used(connection, actor, stored)
        case Channel(name=name):
            return _used_by(connection, name, [(schema.public_number, "channel", "number")])
        case Client(name=name):
            return _used_by(
                connection,
                name,
                [
                    (schema.extension, "client", "extension"),
                    (schema.public_number, "client", "number"),
                    (schema.sound, "client", "name"),
                    (schema.token, "client", "name"),
                ],
            )
        case Account():
            entries = schema.account_entry
            found = connection.execute(
                select(entries.c.position).where(entries.c.account == stored.key[0]).limit(1)
            ).first()
            return None if found is None else "it has entries, and a ledger is kept"
    return None


def _used_by(
    connection: Connection, value: str, users: Sequence[tuple[Table, str, str]]
) -> str | None:
    for table, column, key in users:
        user = connection.execute(
            select(table.c[key]).where(table.c[column] == value).order_by(table.c[key]).limit(1)
        ).scalar()
        if user is not None:
            word = "extension" if table is schema.caller_id else table.name.replace("_", " ")
            return f"the {word} {user} uses it; change or remove that first"
    return None


def _money_left(connection: Connection, own: ColumnElement[bool]) -> str | None:
    account = schema.account
    rows = connection.execute(select(account.c.id, account.c.owner).where(own)).all()
    left = balances(connection, [row.id for row in rows])
    for row in rows:
        if left[row.id] != 0:
            return (
                f"there is a balance of {left[row.id]} micro-units on the account of {row.owner}; "
                "take it off first (an entry of kind `correction`), so that the ledger says what "
                "became of it"
            )
    return None
