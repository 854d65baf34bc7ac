"""What would contradict the store if a document were imported: tried in a transaction, and undone.

A document's records refer to each other: an extension to a number that a section above it defines,
and that is not in the store yet. So what they refer to is put there first, as little of it as will
do; then the store is asked as it will be when they are written; then all of it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine

from controller.admin.finding import accounts_of, key_of
from controller.admin.model import Actor, Kind
from controller.admin.references import KEPT, troubles
from controller.admin.showing import Coming
from controller.policy.channels import Channel
from controller.policy.fields import ClientName
from controller.policy.model import MAIN_CLIENT, Policy
from controller.policy.prices import PriceList
from controller.policy.records import Account, AuthorisedCaller, Client, PublicNumber, SoundFile
from controller.policy.sounds import named_in
from controller.store.database import reader
from controller.store.kept import Key, Stored

#: A channel for numbers to be on while the transaction lasts.
_CHANNEL: Final = "-"


class Seen:
    """What a document has, as far as it was gone through: names only."""

    def __init__(self) -> None:
        self._keys: dict[Kind, set[Any]] = {kind: set() for kind in Kind}
        self._dids: dict[str, str] = {}
        #: What all its extensions have, those that were not gone through yet too.
        self.coming: Coming | None = None
        #: Public numbers, with whose pool they are in.
        self.numbers: dict[str, str | None] = {}
        #: Sounds by name: in which languages, and whose.
        self.sounds: dict[str, dict[str, str | None]] = {}
        #: Price lists, with their currencies.
        self.lists: dict[str, str] = {}

    def expect(self, extensions: Iterable[Mapping[str, Any]]) -> None:
        """Take what the document's extensions have, before they are checked.

        One may show another's DID that comes after it (I2).
        """
        dids: dict[str, str] = {}
        names = set()
        for values in extensions:
            client, own = values.get("client", MAIN_CLIENT), values.get("dids")
            names.add(str(values.get("extension")))
            if isinstance(own, list | tuple):
                dids.update({str(did): str(client) for did in own})
        self.coming = Coming(dids=dids, extensions=frozenset(names))

    def add(self, kind: Kind, record: Any) -> list[str]:  # noqa: ANN401  (a model)
        """Take a record; give what in it contradicts the document before it."""
        found = []
        key = _compact(kind, _key(kind, record))
        if key in self._keys[kind]:
            found.append("stands twice in the document; only one can be meant")
        self._keys[kind].add(key)
        if isinstance(record, PublicNumber):
            self.numbers[record.number] = record.client
        if isinstance(record, PriceList):
            self.lists[record.name] = record.currency
        if isinstance(record, SoundFile):
            self.sounds.setdefault(record.name, {})[record.language] = record.client
        if isinstance(record, Policy):
            for did in record.dids:
                owner = self._dids.setdefault(did, record.extension)
                if owner != record.extension:
                    found.append(
                        f"dids: {did} reaches extension {owner} in this document too; one number "
                        "reaches one extension"
                    )
        return found

    def broken(self, kind: Kind, values: dict[str, Any]) -> None:
        """Take a record that is wrong, by its name, if it has one."""
        names = _KEYS[kind]
        if not all(isinstance(values.get(name), str) for name in names):
            return
        try:
            self._keys[kind].add(_compact(kind, tuple(values[name] for name in names)))
        except ValueError:
            return
        try:
            client = msgspec.convert(values.get("client"), ClientName)
        except msgspec.ValidationError:
            client = None
        if kind is Kind.PRICE_LIST:
            self.lists[values["name"]] = str(values.get("currency"))[:3]
        if kind is Kind.NUMBER:
            self.numbers[values["number"]] = client
        if kind is Kind.SOUND:
            self.sounds.setdefault(values["name"], {})[values["language"]] = client

    def has(self, kind: Kind, key: Key) -> bool:
        """Whether the document has a record of this name."""
        try:
            return _compact(kind, key) in self._keys[kind]
        except ValueError:
            return False


_KEYS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.CLIENT: ("name",),
    Kind.PRICE_LIST: ("name",),
    Kind.RATE: ("price_list", "prefix", "since"),
    Kind.CHANNEL: ("name",),
    Kind.NUMBER: ("number",),
    Kind.EXTENSION: ("extension",),
    Kind.CALLERID: ("extension", "number"),
    Kind.ACCOUNT: ("extension", "caller"),
    Kind.SOUND: ("language", "name"),
}


def _key(kind: Kind, record: Any) -> tuple[Any, ...]:  # noqa: ANN401  (a model)
    return tuple(getattr(record, name) for name in _KEYS[kind])


def _compact(kind: Kind, key: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Give a name in as little memory as will do: there may be a million authorised CallerIDs."""
    if kind is not Kind.CALLERID:
        return key
    extension, number = key
    # At most 15 digits of the number below those of the extension, whose zeros count.
    return int(f"1{extension}") * 10**15 + int(number)


class Rehearsal:
    """Asks the store what it is, and what it would say."""

    def __init__(self, engine: Engine, actor: Actor, now: Callable[[], int]) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._actor = actor
        self._now = now

    def before(self, kind: Kind, records: Sequence[Any]) -> list[Any]:
        """Give what each of these records is in the store; None where it is not there."""
        with self._reader.connect() as connection:
            found = _found(connection, kind, records)
        return [None if stored is None else stored.value for stored in found]

    def troubles(self, kind: Kind, records: Sequence[Any], seen: Seen) -> list[tuple[int, str]]:
        """Give what would contradict the store: index in `records`, and the error."""
        if not records:
            return []
        with self._engine.connect() as connection, connection.begin() as transaction:
            try:
                _Stage(connection, seen).set(kind, records)
                pairs = list(zip(_found(connection, kind, records), records, strict=True))
                return troubles(connection, self._actor, pairs, seen.coming, now=self._now())
            finally:
                transaction.rollback()


def _found(connection: Connection, kind: Kind, records: Sequence[Any]) -> list[Stored | None]:
    if kind is Kind.ACCOUNT:
        accounts = accounts_of(connection, records)
        return [accounts.get((record.extension, record.caller)) for record in records]
    keys = [key_of(kind, record) for record in records]
    found = KEPT[kind].get_many(connection, keys)
    return [found.get(key) for key in keys]


class _Stage:
    """Puts what records refer to into a transaction that will be undone."""

    def __init__(self, connection: Connection, seen: Seen) -> None:
        self._connection = connection
        self._seen = seen

    def set(self, kind: Kind, records: Sequence[Any]) -> None:
        """Put there what records of a kind refer to and the document has."""
        if kind in (Kind.NUMBER, Kind.EXTENSION, Kind.SOUND):
            self._add(Kind.CLIENT, {(record.client,) for record in records if record.client})
        if kind in (Kind.RATE, Kind.ACCOUNT):
            self._lists({record.price_list for record in records if record.price_list})
        if kind is Kind.CHANNEL:
            self._lists({record.cost_list for record in records if record.cost_list})
        if kind is Kind.NUMBER:
            self._add(Kind.CHANNEL, {(record.channel,) for record in records})
        if kind is Kind.EXTENSION:
            self._numbers({number for record in records for number in record.caller_ids})
            self._numbers({number for record in records if (number := record.caller_id_number)})
            self._sounds({value for record in records for _, value in named_in(record)})
        if kind in (Kind.CALLERID, Kind.ACCOUNT):
            self._extensions({record.extension for record in records if record.extension})
        if kind is Kind.ACCOUNT:
            self._callers([record for record in records if record.caller is not None])

    def _add(self, kind: Kind, keys: Iterable[Key], *, anyway: bool = False) -> None:
        wanted = sorted(key for key in keys if anyway or self._seen.has(kind, key))
        there = KEPT[kind].get_many(self._connection, wanted)
        made = [_stub(kind, key) for key in wanted if key not in there]
        KEPT[kind].add(self._connection, [_stored(kind, value) for value in made])

    def _lists(self, names: Iterable[str]) -> None:
        kept = KEPT[Kind.PRICE_LIST]
        wanted = sorted(name for name in names if name in self._seen.lists)
        there = kept.get_many(self._connection, [(name,) for name in wanted])
        for name in wanted:
            value = PriceList(name=name, currency=self._seen.lists[name])
            stored = there.get((name,))
            if stored is None:
                kept.add(self._connection, [_stored(Kind.PRICE_LIST, value)])
            elif stored.value.currency != value.currency:
                # Whether it may change is asked where the list itself is checked.
                kept.replace(self._connection, msgspec.structs.replace(stored, value=value))

    def _numbers(self, numbers: Iterable[str]) -> None:
        wanted = sorted(number for number in numbers if number in self._seen.numbers)
        if not wanted:
            return
        kept = KEPT[Kind.NUMBER]
        clients = {self._seen.numbers[number] for number in wanted} - {None}
        self._add(Kind.CLIENT, [(client,) for client in clients if client], anyway=True)
        self._add(Kind.CHANNEL, [(_CHANNEL,)], anyway=True)
        there = kept.get_many(self._connection, [(number,) for number in wanted])
        for number in wanted:
            client = self._seen.numbers[number]
            stored = there.get((number,))
            if stored is None:
                value = PublicNumber(number=number, channel=_CHANNEL, client=client)
                kept.add(self._connection, [_stored(Kind.NUMBER, value)])
            elif stored.value.client != client:
                value = msgspec.structs.replace(stored.value, client=client)
                kept.replace(self._connection, msgspec.structs.replace(stored, value=value))

    def _sounds(self, names: Iterable[str]) -> None:
        wanted = {
            (language, name): client
            for name in sorted(names)
            for language, client in self._seen.sounds.get(name, {}).items()
        }
        kept = KEPT[Kind.SOUND]
        clients = set(wanted.values()) - {None}
        self._add(Kind.CLIENT, [(client,) for client in clients if client], anyway=True)
        there = kept.get_many(self._connection, wanted)
        for (language, name), client in wanted.items():
            stored = there.get((language, name))
            if stored is None:
                value = SoundFile(name=name, language=language, client=client)
                kept.add(self._connection, [_stored(Kind.SOUND, value)])
            elif stored.value.client != client:
                value = msgspec.structs.replace(stored.value, client=client)
                kept.replace(self._connection, msgspec.structs.replace(stored, value=value))

    def _extensions(self, extensions: Iterable[str]) -> None:
        keys = [(extension,) for extension in extensions]
        if any(self._seen.has(Kind.EXTENSION, key) for key in keys):
            self._add(Kind.CLIENT, [(MAIN_CLIENT,)], anyway=True)
            self._add(Kind.EXTENSION, keys)

    def _callers(self, accounts: Sequence[Account]) -> None:
        keys = {(account.extension or "", account.caller or "") for account in accounts}
        self._add(Kind.CALLERID, keys)


def _stub(kind: Kind, key: Key) -> Any:  # noqa: ANN401  (a model)
    match kind:
        case Kind.CLIENT:
            return Client(name=key[0])
        case Kind.CHANNEL:
            return Channel(name=key[0])
        case Kind.EXTENSION:
            # Without DIDs: whose they are is asked of the store, and was asked of the document.
            return Policy(extension=key[0], dids=(), country="US")
    return AuthorisedCaller(extension=key[0], number=key[1])


def _stored(kind: Kind, value: Any) -> Stored:  # noqa: ANN401  (a model)
    return Stored(key=key_of(kind, value), value=value, version=1, created=0, changed=0)
