"""What the operator keeps besides policies: clients, authorised CallerIDs, channels, and so on.

Each is a frozen Struct with its bounds in its types and a `check` for what types cannot say. How
it is stored is `store`'s business, who may change it `admin`'s.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.policy.fields import (
    ChannelName,
    ClientName,
    ConcurrentCalls,
    Country,
    Currency,
    EntryKey,
    ExtensionNumber,
    Language,
    Line,
    Micros,
    Notes,
    Number,
    NumberType,
    PositiveMicros,
    Prefix,
    PriceListName,
    Rate,
    RecordName,
    ShownName,
    Sound,
    SpeedDial,
    is_currency,
)
from controller.policy.model import MAIN_CLIENT, PolicyError
from controller.policy.rules import (
    check_countries,
    check_language,
    check_rate,
    not_yet,
    once,
)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all records have in common: a field that nobody knows is an error."""


class Client(Record, frozen=True, kw_only=True):
    """Who owns extensions.

    Attributes:
        name: in commands and tokens; it never changes.
        description: who that is.
        contact_name: I1, the name shown on public calls where an extension says `server`, or has
            no name of its own.
        enabled: off: all its extensions are off.
        blocked_countries, blocked_prefixes, blocked_types: G2, where no call of its extensions
            goes, whatever these allow.
        callbacks: G3, how often, all its extensions together; concurrent_calls: G3, at a time.

    """

    name: ClientName
    description: Line = ""
    contact_name: ShownName = ""
    enabled: bool = True
    blocked_countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    blocked_prefixes: tuple[Prefix, ...] = ()
    blocked_types: tuple[NumberType, ...] = ()
    callbacks: Rate = Rate()
    concurrent_calls: ConcurrentCalls | None = None

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        for field in ("blocked_countries", "blocked_prefixes", "blocked_types"):
            once(field, getattr(self, field))
        check_countries("blocked_countries", self.blocked_countries)
        check_rate("callbacks", self.callbacks)
        _refuse_what_nothing_acts_on(self)


class AuthorisedCaller(Record, frozen=True, kw_only=True):
    """A telephone number that may use an extension.

    Attributes:
        extension: which one.
        number: the caller's, E.164.
        enabled: its status; off: as if it were not on the list.
        pin_hash: A2, argon2id; None: it has no PIN of its own.
        callback_number: T3, called instead of the number that rang.
        language: S2; None as the extension has it.
        speed_dials: D3, one or two digits to the number that is dialled.
        presets: D5, DID to the destination that is connected without dialling.
        notes: for the operator.

    """

    extension: ExtensionNumber
    number: Number
    enabled: bool = True
    pin_hash: str | None = None
    callback_number: Number | None = None
    language: Language | None = None
    speed_dials: Annotated[dict[SpeedDial, Number], Meta(max_length=110)] = {}
    presets: Annotated[dict[Number, Number], Meta(max_length=1000)] = {}
    notes: Notes = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if self.language is not None:
            check_language("language", self.language)


class PublicNumber(Record, frozen=True, kw_only=True):
    """A number that may be shown on a channel (I8).

    `client` is whose pool it is in; None: nobody's yet, so that no extension can be given it.
    """

    number: Number
    channel: ChannelName
    client: ClientName | None = None
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""


class Account(Record, frozen=True, kw_only=True):
    """An account (M1): money of an extension, or of one of its authorised CallerIDs.

    `caller` None: the extension's own. `extension` None: its owner was removed, and the account is
    kept for its ledger. The balance is the sum of the entries, and kept nowhere
    else in a form that somebody could write.

    Attributes:
        price_list: M2, by what its calls are charged, of the same currency; None: they are not.
        low_credit: micro-units; where less is left somebody is told, once until it is more again.
            None: nobody is.

    """

    extension: ExtensionNumber | None
    caller: Number | None = None
    currency: Currency
    unlimited: bool = False
    price_list: PriceListName | None = None
    low_credit: PositiveMicros | None = None
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if not is_currency(self.currency):
            raise PolicyError(
                f"currency: {self.currency!r} is none of ISO 4217; write three capitals: EUR"
            )


#: How the keys of those entries begin that say what a leg has cost (M7).
LEG_KEY: Final = "leg:"


class EntryKind(StrEnum):
    """What an entry of an account is. A call's (M7) is the charging engine's to write alone."""

    TOP_UP = "top_up"
    CORRECTION = "correction"
    CALL = "call"


class Entry(Record, frozen=True, kw_only=True):
    """One line of an account's ledger (M1, M8). It is never changed and never removed.

    Attributes:
        key: the writer's own; the same key again changes nothing.
        kind: `top_up` adds; `correction` adds or takes away. `call` is what a call has cost, which
            the charging engine alone writes.
        amount: micro-units, negative takes away.
        order_number: what it is in the operator's books.
        notes: for the operator.

    """

    key: EntryKey
    kind: EntryKind = EntryKind.TOP_UP
    amount: Micros
    order_number: Line = ""
    notes: Notes = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if self.kind is EntryKind.CALL:
            raise PolicyError(
                "kind: `call` is what a call was charged; write `top_up` or `correction`"
            )
        if self.key.startswith(LEG_KEY):
            raise PolicyError(f"key: `{LEG_KEY}` begins those of what calls cost; write another")
        if self.amount == 0:
            raise PolicyError("amount: nothing would change; write an amount other than 0")
        if self.kind is EntryKind.TOP_UP and self.amount < 0:
            raise PolicyError("amount: a top-up adds; write kind `correction` to take away")


class SoundFile(Record, frozen=True, kw_only=True):
    """A sound by a name, once in each language (S1): a file of the switch, or an uploaded one.

    `path` None: it was uploaded, or will be; what was uploaded is `store.sounds`' to keep. `client`
    None: everybody's.
    """

    name: RecordName
    language: Language = "en"
    path: Sound | None = None
    client: ClientName | None = None
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""


class Role(StrEnum):
    """What a token may do.

    `admin`: everything. `client`: what belongs to one client, and of that what a client decides.
    `read_only`: look, at everything or at what belongs to one client.
    """

    ADMIN = "admin"
    CLIENT = "client"
    READ_ONLY = "read_only"


class Token(Record, frozen=True, kw_only=True):
    """Who may use the API. Its secret is told once, when it is made; its hash is stored.

    `expires`: seconds since 1970; None never does.
    """

    name: RecordName
    role: Role
    client: ClientName | None = None
    expires: Annotated[int, Meta(ge=0, le=10**11)] | None = None

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if self.role is Role.CLIENT and self.client is None:
            raise PolicyError(
                f"client: a token of role `client` is one client's; name it, such as {MAIN_CLIENT}"
            )
        if self.role is Role.ADMIN and self.client is not None:
            raise PolicyError(
                "client: a token of role `admin` is for all clients; leave it out, or write role "
                "`client`"
            )


#: Fields that nothing acts on yet, with the rule that will; as `rules.NOT_YET` is of policies. They
#: can only have their defaults.
RECORDS_NOT_YET: Final[dict[type[msgspec.Struct], dict[str, str]]] = {}


def _refuse_what_nothing_acts_on(record: Client) -> None:
    plain = type(record)(name=record.name)
    for field, rule in RECORDS_NOT_YET.get(type(record), {}).items():
        if getattr(record, field) != getattr(plain, field):
            raise not_yet(field, rule)
