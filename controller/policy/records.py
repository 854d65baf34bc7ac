"""What the operator keeps besides policies: clients, authorised CallerIDs, channels, and so on.

Each is a frozen Struct with its bounds in its types and a `check` for what types cannot say. How
it is stored is `store`'s business, who may change it `admin`'s.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.numbers.e164 import is_country
from controller.policy.fields import (
    Beginning,
    ChannelName,
    ClientName,
    ConcurrentCalls,
    Country,
    Currency,
    EntryKey,
    ExtensionNumber,
    IdentityHeader,
    Language,
    Line,
    Micros,
    Network,
    Notes,
    Number,
    Rate,
    RecordName,
    ShownName,
    Sound,
    SpeedDial,
    is_currency,
)
from controller.policy.model import MAIN_CLIENT, PolicyError
from controller.policy.rules import check_language, not_yet, once


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all records have in common: a field that nobody knows is an error."""


class RefusalCause(StrEnum):
    """T1: 486 may make a carrier try another way, 603 does not."""

    USER_BUSY = "USER_BUSY"
    CALL_REJECTED = "CALL_REJECTED"


class HiddenIdentity(StrEnum):
    """I7: P-Asserted-Identity of a call that hides its number is left out, or sent as private."""

    OMIT = "omit"
    PRIVATE = "private"


class Client(_Record, frozen=True, kw_only=True):
    """Who owns extensions.

    Attributes:
        name: in commands and tokens; it never changes.
        description: who that is.
        contact_name: I1, the name shown on public calls where an extension says `server`, or has
            no name of its own.
        enabled: off: all its extensions are off.
        callbacks: G3, how often, all its extensions together; concurrent_calls: G3, at a time.

    """

    name: ClientName
    description: Line = ""
    contact_name: ShownName = ""
    enabled: bool = True
    callbacks: Rate = Rate()
    concurrent_calls: ConcurrentCalls | None = None

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        _refuse_what_nothing_acts_on(self)


class AuthorisedCaller(_Record, frozen=True, kw_only=True):
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


class Channel(_Record, frozen=True, kw_only=True):
    """A trunk to the public network: a FreeSWITCH gateway. Its routing comes with I4.

    Attributes:
        name: the gateway's.
        description: for the operator.
        addresses: from where its calls come: networks. A call from anywhere else is of no channel,
            and is read as one of a channel that has defaults only.
        identity: T4, which headers say who rings, the first that is there; only a trunk that
            checks them deserves to be believed more than From.
        country: by whose dial plan it writes numbers, where not internationally; None: as the
            extension's.
        rewrite: how numbers that it sends begin, and what is put in place of that before they are
            read; the longest beginning that fits counts.
        refusal_cause: T1, with which trigger calls that come over it are refused.
        hidden_identity: I7, what becomes of P-Asserted-Identity where the number is hidden (I6).
        concurrent_calls: G3, at a time.

    """

    name: ChannelName
    description: Line = ""
    addresses: Annotated[tuple[Network, ...], Meta(max_length=1000)] = ()
    identity: Annotated[tuple[IdentityHeader, ...], Meta(min_length=1, max_length=4)] = (
        IdentityHeader.FROM,
    )
    country: Country | None = None
    rewrite: Annotated[dict[Beginning, Beginning], Meta(max_length=100)] = {}
    refusal_cause: RefusalCause = RefusalCause.USER_BUSY
    hidden_identity: HiddenIdentity = HiddenIdentity.OMIT
    concurrent_calls: ConcurrentCalls | None = None

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        once("addresses", self.addresses)
        once("identity", self.identity)
        for address in self.addresses:
            try:
                ipaddress.ip_network(address)
            except ValueError as error:
                raise PolicyError(
                    f"addresses: {address!r} is no network; write 192.0.2.10 or 192.0.2.0/24"
                ) from error
        if self.country is not None and not is_country(self.country):
            raise PolicyError(
                f"country: {self.country!r} is no country; write two capitals of ISO 3166: US"
            )
        _refuse_what_nothing_acts_on(self)


class PublicNumber(_Record, frozen=True, kw_only=True):
    """A number that may be shown on a channel (I8).

    `client` is whose pool it is in; None: nobody's yet, so that no extension can be given it.
    """

    number: Number
    channel: ChannelName
    client: ClientName | None = None
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""


class Account(_Record, frozen=True, kw_only=True):
    """An account (M1): money of an extension, or of one of its authorised CallerIDs.

    `caller` None: the extension's own. `extension` None: its owner was removed, and the account is
    kept for its ledger. The balance is the sum of the entries, and kept nowhere
    else in a form that somebody could write.
    """

    extension: ExtensionNumber | None
    caller: Number | None = None
    currency: Currency
    unlimited: bool = False
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if not is_currency(self.currency):
            raise PolicyError(
                f"currency: {self.currency!r} is none of ISO 4217; write three capitals: EUR"
            )


class EntryKind(StrEnum):
    """What an entry of an account is; calls come with M7."""

    TOP_UP = "top_up"
    CORRECTION = "correction"


class Entry(_Record, frozen=True, kw_only=True):
    """One line of an account's ledger (M1, M8). It is never changed and never removed.

    Attributes:
        key: the writer's own; the same key again changes nothing.
        amount: micro-units, negative takes away.
        order_number: what it is in the operator's books.

    """

    key: EntryKey
    kind: EntryKind = EntryKind.TOP_UP
    amount: Micros
    order_number: Line = ""
    notes: Notes = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if self.amount == 0:
            raise PolicyError("amount: nothing would change; write an amount other than 0")
        if self.kind is EntryKind.TOP_UP and self.amount < 0:
            raise PolicyError("amount: a top-up adds; write kind `correction` to take away")


class SoundFile(_Record, frozen=True, kw_only=True):
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


class Token(_Record, frozen=True, kw_only=True):
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
#: can only have their defaults, and have no column.
RECORDS_NOT_YET: Final[dict[type[msgspec.Struct], dict[str, str]]] = {
    Client: {"callbacks": "G3", "concurrent_calls": "G3"},
    Channel: {"hidden_identity": "I7", "concurrent_calls": "G3"},
}


def _refuse_what_nothing_acts_on(record: Client | Channel) -> None:
    plain = type(record)(name=record.name)
    for field, rule in RECORDS_NOT_YET[type(record)].items():
        if getattr(record, field) != getattr(plain, field):
            raise not_yet(field, rule)
