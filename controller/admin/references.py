"""What a record must find in the database before it can be written, and what keeps it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from controller.admin import pricing
from controller.admin.model import Actor, Kind
from controller.admin.showing import (
    Coming,
    moved_numbers,
    not_to_be_shown,
    shown_did,
    shown_number,
)
from controller.admin.sounding import moved_sounds, sound_used, unknown_sounds
from controller.policy.amounts import written
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.policy.prices import CallRate, PriceList
from controller.policy.records import (
    Account,
    AuthorisedCaller,
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
    PRICE_LISTS,
    RATES,
    SOUNDS,
    TOKENS,
    Kept,
    Stored,
)
from controller.store.ledger import balances

#: The tables of each kind.
KEPT: Final[dict[Kind, Kept]] = {
    Kind.CLIENT: CLIENTS,
    Kind.PRICE_LIST: PRICE_LISTS,
    Kind.RATE: RATES,
    Kind.CHANNEL: CHANNELS,
    Kind.NUMBER: NUMBERS,
    Kind.EXTENSION: EXTENSIONS,
    Kind.CALLERID: CALLERS,
    Kind.ACCOUNT: ACCOUNTS,
    Kind.SOUND: SOUNDS,
    Kind.TOKEN: TOKENS,
}


def troubles(
    connection: Connection,
    actor: Actor,
    records: Sequence[tuple[Stored | None, Any]],
    coming: Coming | None = None,
    *,
    now: int,
) -> list[tuple[int, str]]:
    """Give what contradicts the database in records that are to be written: index and error.

    Each record comes with what it was before, None where it is new. All are of one kind. `now`:
    microseconds since 1970.
    `coming`: the document that they are part of, where there is more of it.
    """
    found: list[tuple[int, str]] = []
    value = records[0][1] if records else None
    match value:
        case Policy():
            found += _missing_clients(connection, records)
            found += _taken_dids(connection, actor, records)
            found += not_to_be_shown(connection, actor, records, coming)
            found += unknown_sounds(connection, records)
        case PublicNumber():
            found += _missing_clients(connection, records)
            found += _missing_channels(connection, records)
            found += moved_numbers(connection, records)
        case AuthorisedCaller():
            found += _missing_extensions(connection, records)
        case Account():
            found += _missing_extensions(connection, records)
            found += _missing_callers(connection, records)
            found += pricing.other_currencies(connection, records)
        case PriceList():
            found += pricing.changed_currencies(connection, records)
        case CallRate():
            found += pricing.without_list(connection, records)
            found += pricing.changed_history(records, now)
        case Channel():
            found += pricing.unknown_costs(connection, records)
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


def use(connection: Connection, actor: Actor, stored: Stored, *, now: int) -> str | None:
    """Give what keeps a record from being removed, and what to do about it; or None.

    `now`: microseconds since 1970.
    """
    match stored.value:
        case Policy() as policy:
            own = schema.account.c.extension == policy.extension
            return _money_left(connection, own) or shown_did(connection, policy)
        case AuthorisedCaller(extension=extension, number=number):
            account = schema.account
            own = and_(account.c.extension == extension, account.c.caller == number)
            return _money_left(connection, own)
        case PublicNumber(number=number):
            assigned = [(schema.caller_id, "number", "extension")]
            return _used_by(connection, number, assigned) or shown_number(connection, number)
        case SoundFile():
            return sound_used(connection, actor, stored)
        case PriceList(name=name):
            return pricing.used(connection, name)
        case CallRate() as rate:
            return pricing.kept_rate(connection, rate, now)
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
                    (schema.user, "client", "name"),
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
    named = select(account.c.id, account.c.owner, account.c.currency)
    rows = connection.execute(named.where(own)).all()
    left = balances(connection, [row.id for row in rows])
    for row in rows:
        if left[row.id] != 0:
            amount = f"{written(left[row.id], 2)} {row.currency}"
            return (
                f"there is a balance of {amount} on the account of {row.owner}; take it off first "
                "(an entry of kind `correction`), so that the ledger says what became of it"
            )
    return None
