"""Finding records as somebody may see them: what is another client's is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from controller.admin import drafts, rights, sounding
from controller.admin.model import Actor, Invalid, Item, Kind, NotFound
from controller.admin.references import KEPT
from controller.admin.shapes import FILTERS, KEYS
from controller.admin.sounding import SoundPlaces
from controller.policy.moments import canonical
from controller.policy.records import Account
from controller.store import ledger, schema
from controller.store.kept import ACCOUNTS, Key, Stored, among
from controller.store.standings import Standing, standings


def find(
    connection: Connection, actor: Actor, kind: Kind, key: str, *, lock: bool = False
) -> Stored:
    """Give a record that the actor may see. Raises `NotFound`."""
    parts = parts_of(kind, key)
    found = None if parts is None else KEPT[kind].get(connection, parts, lock=lock)
    if found is None or not sees(connection, actor, kind, found):
        raise NotFound(f"there is no {kind.word} {key:.80}")
    return found


def page(
    connection: Connection,
    actor: Actor,
    kind: Kind,
    filters: Mapping[str, str | bool],
    after: str | None,
    limit: int,
) -> list[Stored]:
    """Give the records after a place (`place_of`) that the actor may see. Raises `Invalid`."""
    conditions = _conditions(actor, kind, filters)
    parts = None
    if after is not None:
        parts = _place(kind, after)
        if parts is None:
            raise Invalid("after: is no place to go on from; take the `next` of the page before")
    return KEPT[kind].page(connection, conditions, parts, limit)


def count(
    connection: Connection, actor: Actor, kind: Kind, filters: Mapping[str, str | bool]
) -> int:
    """Give how many records there are that the actor may see. Raises `Invalid`."""
    statement = select(func.count()).select_from(KEPT[kind].table)
    return int(connection.execute(statement.where(*_conditions(actor, kind, filters))).scalar_one())


def items(
    connection: Connection,
    actor: Actor,
    kind: Kind,
    found: Sequence[Stored],
    *,
    places: SoundPlaces,
    whole: bool = True,
) -> list[Item]:
    """Give records as they are shown; not `whole`: without what takes long to look for."""
    left = {}
    added: list[dict[str, Any]] = [{}] * len(found)
    if kind is Kind.SOUND:
        added = sounding.shown(connection, actor, found, places, whole=whole)
    if kind is Kind.ACCOUNT:
        left = ledger.balances(connection, [stored.key[0] for stored in found])
    shown = []
    for stored, more in zip(found, added, strict=True):
        values = drafts.shown(kind, stored.value) | more
        if kind is Kind.ACCOUNT:
            values |= {**stored.more, "balance": left[stored.key[0]]}
        shown.append(
            Item(
                kind=kind,
                key="/".join(stored.key),
                version=stored.version,
                created=stored.created,
                changed=stored.changed,
                values=values,
            )
        )
    return shown


def parts_of(kind: Kind, key: str) -> Key | None:
    """Give the parts of a key as it is written; None where it cannot be one."""
    parts = tuple(key.split("/"))
    # PostgreSQL takes no NUL, and neither takes half a surrogate pair.
    if len(parts) != len(KEYS[kind]) or not key.isprintable() or len(key) > 200:
        return None
    if kind is not Kind.RATE:
        return parts
    try:
        return (*parts[:2], canonical(parts[2]))
    except ValueError:
        return None


def place_of(kind: Kind, stored: Stored) -> str:
    """Give what a list goes on after, past this record: mostly its key."""
    if kind is Kind.ACCOUNT:
        # They are in the order of whose they are, and not of keys that tell nobody anything.
        return "/".join((stored.more["owner"], *stored.key))
    return "/".join(stored.key)


def _place(kind: Kind, text: str) -> Key | None:
    """Read what `place_of` gives; None where it is none."""
    if kind is not Kind.ACCOUNT:
        return parts_of(kind, text)
    # An owner may have two parts itself: EXTENSION/+NUMBER.
    owner, slash, key = text.rpartition("/")
    return (owner, key) if slash and text.isprintable() and len(text) <= 200 else None


def key_of(kind: Kind, value: Any) -> Key:  # noqa: ANN401  (a model)
    """Give the key of a record; an account's is made for it, and is not in its model."""
    return tuple(getattr(value, name) for name in KEYS[kind])


def owner_of(account: Account) -> str:
    """Give the name of whose account it is, as it stays when the owner is removed."""
    return f"{account.extension}/{account.caller}" if account.caller else f"{account.extension}"


def name_of(kind: Kind, value: Any) -> str:  # noqa: ANN401  (a model)
    """Give the name of a record for people."""
    return owner_of(value) if kind is Kind.ACCOUNT else "/".join(key_of(kind, value))


def accounts_of(connection: Connection, records: Sequence[Account]) -> dict[Key, Stored]:
    """Give those accounts that are there already, by whose they are."""
    table = schema.account
    own = [record.extension for record in records if record.caller is None]
    others = [(str(record.extension), record.caller) for record in records if record.caller]
    condition = or_(
        and_(table.c.caller.is_(None), table.c.extension.in_(own)),
        among((table.c.extension, table.c.caller), others),
    )
    found = ACCOUNTS.page(connection, [condition], None, len(records))
    return {(stored.value.extension, stored.value.caller): stored for stored in found}


def standings_of(
    connection: Connection,
    actor: Actor,
    *,
    callers: Sequence[Key] = (),
    accounts: Sequence[str] = (),
    extension: str | None = None,
) -> list[Standing]:
    """Give what is on the accounts of these authorised CallerIDs, on these, on an extension's own.

    Of those that the actor may see; where there is none, there is nothing to give.
    """
    table = schema.account
    # Each by its index: what is not asked for is no part of the question.
    wanted = [among((table.c.extension, table.c.caller), callers)] if callers else []
    wanted += [table.c.id.in_(accounts)] if accounts else []
    if extension is not None:
        wanted.append(and_(table.c.extension == extension, table.c.caller.is_(None)))
    if not wanted:
        return []
    own = [] if actor.client is None else [ACCOUNTS.of_client(actor.client)]
    return standings(connection, [or_(*wanted), *own])


def clients_of(connection: Connection, kind: Kind, records: Sequence[Stored]) -> list[str | None]:
    """Give whose each record is: the client's name, or None."""
    if kind is Kind.CLIENT:
        return [record.value.name for record in records]
    if kind in (Kind.CALLERID, Kind.ACCOUNT):
        wanted = sorted({r.value.extension for r in records if r.value.extension is not None})
        table = schema.extension
        rows = connection.execute(
            select(table.c.extension, table.c.client).where(table.c.extension.in_(wanted))
        ).all()
        owners = {row.extension: row.client for row in rows}
        return [owners.get(record.value.extension) for record in records]
    return [getattr(record.value, "client", None) for record in records]


def sees(connection: Connection, actor: Actor, kind: Kind, stored: Stored) -> bool:
    """Whether somebody may see a record."""
    if actor.client is None:
        return True
    if kind in rights.UNSCOPED_ONLY:
        return False
    owner = clients_of(connection, kind, [stored])[0]
    return owner == actor.client or (kind is Kind.SOUND and owner is None)


def _conditions(
    actor: Actor, kind: Kind, filters: Mapping[str, str | bool]
) -> list[ColumnElement[bool]]:
    """Give what is asked for, of what the actor may see."""
    conditions = [_condition(kind, name, value) for name, value in filters.items()]
    if actor.client is not None:
        if kind in rights.UNSCOPED_ONLY:
            return [false()]
        own = KEPT[kind].of_client(actor.client)
        if kind is Kind.SOUND:
            # What is nobody's is everybody's to play.
            own = own | schema.sound.c.client.is_(None)
        conditions.append(own)
    return conditions


def _condition(kind: Kind, name: str, value: str | bool) -> ColumnElement[bool]:
    how = FILTERS[kind].get(name)
    if how is None:
        known = ", ".join(FILTERS[kind]) or "none"
        raise Invalid(f"{name}: a list of {kind.value} has no such filter; it has: {known}")
    if name in ("enabled", "pin_set"):
        if not isinstance(value, bool):
            raise Invalid(f"{name}: write true or false")
        if name == "pin_set":
            pin = schema.authorised_caller.c.pin_hash
            return pin.is_not(None) if value else pin.is_(None)
        return KEPT[kind].table.c.enabled.is_(value)
    if not isinstance(value, str):
        raise Invalid(f"{name}: write text")
    if not value.isprintable():
        raise Invalid(f"{name}: cannot be read")
    if kind is Kind.EXTENSION and name == "did":
        did = schema.did
        return schema.extension.c.extension.in_(
            select(did.c.extension).where(did.c.number == value)
        )
    column = KEPT[kind].table.c[name]
    if how == "part":
        # Capital or small: SQLite's LIKE does not tell, and PostgreSQL's does.
        return func.lower(column).contains(value.lower(), autoescape=True)
    if how == "prefix":
        # SQLite's LIKE takes small and capital letters for the same; PostgreSQL's has an index.
        return and_(
            column.startswith(value, autoescape=True),
            func.substr(column, 1, len(value)) == value,
        )
    return column == value
