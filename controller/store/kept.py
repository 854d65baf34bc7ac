"""What the operator keeps, read from and written to its tables: one class, a line per kind.

No decisions here: `admin` checks, and says what is written. A record that is read carries what
the tables add to its model: its key, its version, when it was made and changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    false,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.policy.moments import counted, written
from controller.policy.prices import CallRate, PriceList
from controller.policy.records import (
    Account,
    AuthorisedCaller,
    Client,
    PublicNumber,
    SoundFile,
    Token,
)
from controller.policy.versions import read, write
from controller.store import schema, schema_money

#: How many keys one statement names; SQLite takes 32,766 values, its planner likes fewer.
KEYS_AT_A_TIME: Final = 500

Key = tuple[str, ...]


class Stored(msgspec.Struct, frozen=True):
    """A record as it is kept. `more` is what its table has beyond the model (an account's id)."""

    key: Key
    value: Any
    version: int
    created: int
    changed: int
    more: dict[str, Any] = {}


class Kept:
    """The records of one kind. Every call is inside the transaction of its connection.

    `beside`: columns that are no field of the model; `documents`: fields that are JSON in the
    table; `owner`: the column that says whose a record is, a client's or an extension's; `order`:
    the columns by which they are listed, which tell one from another as the key does.
    """

    def __init__(
        self,
        model: type[Any],
        table: Table,
        key: Key,
        *,
        owner: str | None = None,
        beside: Key = (),
        documents: Key = (),
        order: Key = (),
    ) -> None:
        self.model = model
        self.table = table
        self.key = key
        self.owner = owner
        self.beside = beside
        self.documents = documents
        self._names = tuple(
            name for name in model.__struct_fields__ if name in table.c and name not in beside
        )
        self._key = [table.c[name] for name in key]
        self._order = [table.c[name] for name in order or key]
        #: One record, by parameters that are named as its key is; its rows are for `stored`.
        self.by_key = select(table).where(*(table.c[name] == bindparam(name) for name in key))
        self._columns = tuple(column.name for column in table.c)

    # --- reading -----------------------------------------------------------------------------

    def get(self, connection: Connection, key: Key, *, lock: bool = False) -> Stored | None:
        """Give one record, or None; `lock` keeps others from changing it meanwhile."""
        statement = self._select().where(self._is(key))
        found = self._load(connection, statement.with_for_update() if lock else statement)
        return found[0] if found else None

    def get_many(
        self, connection: Connection, keys: Iterable[Key], *, lock: bool = False
    ) -> dict[Key, Stored]:
        """Give those of these records that are there, by key."""
        found: dict[Key, Stored] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), KEYS_AT_A_TIME):
            some = wanted[start : start + KEYS_AT_A_TIME]
            statement = self._select().where(among(self._key, some))
            if lock:
                # In one order, whoever locks: two who lock the same do not wait for each other.
                statement = statement.order_by(*self._key).with_for_update()
            for stored in self._load(connection, statement):
                found[stored.key] = stored
        return found

    def page(
        self,
        connection: Connection,
        conditions: Sequence[ColumnElement[bool]],
        after: Key | None,
        limit: int,
    ) -> list[Stored]:
        """Give the first records after a place, in their order: mostly that of keys."""
        statement = self._select().where(*conditions).order_by(*self._order).limit(limit)
        if after is not None:
            beyond = (
                self._order[0] > after[0]
                if len(self._order) == 1
                else tuple_(*self._order) > tuple_(*after)
            )
            statement = statement.where(beyond)
        return self._load(connection, statement)

    def of_client(self, client: str) -> ColumnElement[bool]:
        """Give the condition that a record is one client's."""
        if self.owner is None:
            return false()
        column = self.table.c[self.owner]
        if self.owner == "extension" and self.table is not schema.extension:
            owned = select(schema.extension.c.extension).where(schema.extension.c.client == client)
            return column.in_(owned)
        return column == client

    def _select(self) -> Select[Any]:
        return select(self.table)

    def _is(self, key: Sequence[Any]) -> ColumnElement[bool]:
        return and_(*(column == part for column, part in zip(self._key, key, strict=True)))

    def _load(self, connection: Connection, statement: Select[Any]) -> list[Stored]:
        return [self._stored(row) for row in connection.execute(statement).mappings()]

    def stored(self, row: Sequence[Any]) -> Stored:
        """Make a record of a row of `by_key`."""
        return self._stored(dict(zip(self._columns, row, strict=True)))

    def _stored(self, row: Any) -> Stored:  # noqa: ANN401  (a row of SQLAlchemy)
        values = {name: row[name] for name in self._names}
        for name in self.documents:
            values[name] = msgspec.json.decode(values[name])
        return Stored(
            key=tuple(row[name] for name in self.key),
            # It was checked when it was written; `convert` makes enumerations of their words.
            value=msgspec.convert(values, self.model),
            version=row["version"],
            created=row["created"],
            changed=row["changed"],
            more={name: row[name] for name in self.beside},
        )

    # --- writing -----------------------------------------------------------------------------

    def add(self, connection: Connection, records: Sequence[Stored]) -> None:
        """Add records. Raises `IntegrityError` where a key is taken, or something is not there."""
        if records:
            # In one order, whoever writes: two who write the same do not wait for each other.
            ordered = sorted(records, key=lambda record: (record.more.get("owner", ""), record.key))
            connection.execute(insert(self.table), [self._row(record) for record in ordered])

    def replace(self, connection: Connection, record: Stored) -> None:
        """Write a record that is there anew."""
        values = self._row(record)
        for name in (*self.key, "created"):
            values.pop(name, None)
        connection.execute(update(self.table).where(self._is(record.key)).values(**values))

    def remove(self, connection: Connection, key: Key) -> None:
        """Remove a record. Raises `IntegrityError` where something refers to it."""
        connection.execute(delete(self.table).where(self._is(key)))

    def _row(self, record: Stored) -> dict[str, Any]:
        builtins = msgspec.to_builtins(record.value)
        values = {name: builtins[name] for name in self._names}
        for name in self.documents:
            values[name] = msgspec.json.encode(values[name]).decode()
        return {
            **values,
            **record.more,
            "version": record.version,
            "created": record.created,
            "changed": record.changed,
        }


def among(columns: Sequence[Column[Any]], keys: Sequence[Key]) -> ColumnElement[bool]:
    """Give the condition that one or two columns are among keys, such that an index is used.

    SQLite reads the whole table for `(a, b) IN ((1, 2), …)`: a million rows for each batch of an
    import.
    """
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    first, second = columns
    groups: dict[str, list[str]] = {}
    for one, other in keys:
        groups.setdefault(one, []).append(other)
    return or_(false(), *(and_(first == one, second.in_(others)) for one, others in groups.items()))


class KeptExtensions(Kept):
    """Extensions: a policy's document, and beside it DIDs and assigned numbers in their tables."""

    def _load(self, connection: Connection, statement: Select[Any]) -> list[Stored]:
        rows = connection.execute(statement).mappings().all()
        numbers = [row["extension"] for row in rows]
        dids = _numbers_of(connection, schema.did, numbers)
        shown = _numbers_of(connection, schema.caller_id, numbers)
        return [
            Stored(
                key=(row["extension"],),
                value=read(
                    row["policy"],
                    {
                        "extension": row["extension"],
                        "client": row["client"],
                        "dids": dids.get(row["extension"], ()),
                        "caller_ids": shown.get(row["extension"], ()),
                    },
                ),
                version=row["version"],
                created=row["created"],
                changed=row["changed"],
            )
            for row in rows
        ]

    def add(self, connection: Connection, records: Sequence[Stored]) -> None:
        """Add extensions with their DIDs and numbers."""
        super().add(connection, records)
        self._add_beside(connection, records)

    def replace(self, connection: Connection, record: Stored) -> None:
        """Write an extension anew, its DIDs and numbers too."""
        super().replace(connection, record)
        for table in (schema.did, schema.caller_id):
            connection.execute(delete(table).where(table.c.extension == record.key[0]))
        self._add_beside(connection, [record])

    def _add_beside(self, connection: Connection, records: Sequence[Stored]) -> None:
        for table, field in ((schema.did, "dids"), (schema.caller_id, "caller_ids")):
            rows = [
                {"extension": record.key[0], "number": number, "position": position}
                for record in records
                for position, number in enumerate(getattr(record.value, field))
            ]
            if rows:
                rows.sort(key=lambda row: row["number"])
                connection.execute(insert(table), rows)

    def _row(self, record: Stored) -> dict[str, Any]:
        policy: Policy = record.value
        return {
            "extension": policy.extension,
            "client": policy.client,
            "enabled": policy.enabled,
            "policy": write(policy),
            "version": record.version,
            "created": record.created,
            "changed": record.changed,
        }


class KeptRates(Kept):
    """Rates: their times are microseconds in the table, and written out in their model and key."""

    def get_many(
        self, connection: Connection, keys: Iterable[Key], *, lock: bool = False
    ) -> dict[Key, Stored]:
        """Give those of these rates that are there, by key."""
        wanted = set(keys)
        beginnings = [(name, prefix) for name, prefix, _ in wanted]
        found = self.of_prefixes(connection, beginnings, lock=lock)
        return {stored.key: stored for stored in found if stored.key in wanted}

    def of_prefixes(
        self, connection: Connection, prefixes: Iterable[Key], *, lock: bool = False
    ) -> list[Stored]:
        """Give all rates of these lists and beginnings, by when they begin."""
        wanted = sorted(set(prefixes))
        found: list[Stored] = []
        for start in range(0, len(wanted), KEYS_AT_A_TIME):
            some = wanted[start : start + KEYS_AT_A_TIME]
            statement = self._select().where(among(self._key[:2], some)).order_by(*self._key)
            found += self._load(connection, statement.with_for_update() if lock else statement)
        return found

    def page(
        self,
        connection: Connection,
        conditions: Sequence[ColumnElement[bool]],
        after: Key | None,
        limit: int,
    ) -> list[Stored]:
        """Give the first rates after a key, in the order of keys."""
        place: Any = None if after is None else (*after[:2], counted(after[2]))
        return super().page(connection, conditions, place, limit)

    def _is(self, key: Sequence[Any]) -> ColumnElement[bool]:
        name, prefix, since = key
        return super()._is((name, prefix, counted(since)))

    def _stored(self, row: Any) -> Stored:  # noqa: ANN401  (a row of SQLAlchemy)
        since, until = row["since"], row["until"]
        times = {"since": written(since), "until": None if until is None else written(until)}
        return super()._stored({**row, **times})

    def _row(self, record: Stored) -> dict[str, Any]:
        values = super()._row(record)
        for name in ("since", "until"):
            values[name] = None if values[name] is None else counted(values[name])
        return values


def _numbers_of(
    connection: Connection, table: Table, extensions: list[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for start in range(0, len(extensions), KEYS_AT_A_TIME):
        some = extensions[start : start + KEYS_AT_A_TIME]
        statement = (
            select(table.c.extension, table.c.number)
            .where(table.c.extension.in_(some))
            .order_by(table.c.extension, table.c.position)
        )
        for extension, number in connection.execute(statement):
            found.setdefault(extension, []).append(number)
    return {extension: tuple(numbers) for extension, numbers in found.items()}


def remove_rates(connection: Connection, price_list: str) -> None:
    """Remove all rates of a list."""
    rate = schema_money.rate
    connection.execute(delete(rate).where(rate.c.price_list == price_list))


CLIENTS: Final = Kept(
    Client,
    schema.client,
    ("name",),
    owner="name",
    documents=("blocked_countries", "blocked_prefixes", "blocked_types", "callbacks"),
)
CHANNELS: Final = Kept(
    Channel,
    schema.channel,
    ("name",),
    documents=("addresses", "identity", "rewrite", "destinations", "hours"),
)
PRICE_LISTS: Final = Kept(PriceList, schema_money.price_list, ("name",))
RATES: Final = KeptRates(CallRate, schema_money.rate, ("price_list", "prefix", "since"))
NUMBERS: Final = Kept(PublicNumber, schema.public_number, ("number",), owner="client")
EXTENSIONS: Final = KeptExtensions(Policy, schema.extension, ("extension",), owner="client")
CALLERS: Final = Kept(
    AuthorisedCaller,
    schema.authorised_caller,
    ("extension", "number"),
    owner="extension",
    documents=("speed_dials", "presets"),
)
ACCOUNTS: Final = Kept(
    Account,
    schema.account,
    ("id",),
    owner="extension",
    beside=("id", "owner"),
    # As people look for them; where an owner was removed, another of the name may have one too.
    order=("owner", "id"),
)
SOUNDS: Final = Kept(
    SoundFile,
    schema.sound,
    ("language", "name"),
    owner="client",
    beside=("audio", "uploaded_name"),
)
TOKENS: Final = Kept(Token, schema.token, ("name",), owner="client", beside=("hash",))
