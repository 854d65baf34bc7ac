"""What a return call asks of the store: who calls, what he dialled last, has and may show.

Read only.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, String, bindparam, null, select, type_coerce, union_all

from controller.callback.events import Credit
from controller.callerid.model import Numbers
from controller.policy.records import AuthorisedCaller
from controller.store.charging_accounts import credit_of
from controller.store.database import reader, reader_of_one
from controller.store.kept import CALLERS
from controller.store.prepared import Prepared
from controller.store.request_rows import Request, get
from controller.store.schema import callback_request as requests
from controller.store.schema import caller_id as caller_ids
from controller.store.schema import did as dids
from controller.store.schema import extension as extensions
from controller.store.schema import public_number as public_numbers

# Statements of every return call are made once. Whose a number is, is compared here and not there:
# a client may have very many, and their index would be read in place of the number's.

_LISTED: Final = Prepared(CALLERS.by_key)
_REDIAL: Final = Prepared(
    select(requests.c.destination)
    .where(
        requests.c.caller == bindparam("number"),
        # Joined with nothing, so that no index of it is read: an extension has had far more calls
        # than one caller, and all of them were looked through where he had dialled nothing.
        requests.c.extension.concat("") == bindparam("extension"),
        requests.c.destination.is_not(None),
    )
    .order_by(requests.c.created.desc())
    .limit(1)
)
_POLICY: Final = Prepared(
    select(extensions.c.client, extensions.c.policy).where(
        extensions.c.extension == bindparam("extension")
    )
)
_assigned: Final = (
    select(public_numbers.c.number, public_numbers.c.channel, public_numbers.c.client)
    .join(caller_ids, caller_ids.c.number == public_numbers.c.number)
    .where(caller_ids.c.extension == bindparam("extension"))
)
_ASSIGNED: Final = Prepared(_assigned)
#: With the number that the extension has chosen (I2): a public one, or a DID, which has no channel.
_CHOSEN: Final = Prepared(
    union_all(
        _assigned,
        select(public_numbers.c.number, public_numbers.c.channel, public_numbers.c.client).where(
            public_numbers.c.number == bindparam("chosen")
        ),
        select(dids.c.number, type_coerce(null(), String), extensions.c.client)
        .join(extensions, extensions.c.extension == dids.c.extension)
        .where(dids.c.number == bindparam("chosen")),
    )
)


class Facts(msgspec.Struct, frozen=True):
    """What is known of whoever calls.

    Attributes:
        caller: his entry in the extension's list, where it is switched on; or None.
        redial: the last number that was dialled for him (D3), E.164, or empty.
        numbers: which numbers the extension may show to whom he calls (I2-I5).

    """

    caller: AuthorisedCaller | None
    redial: str
    numbers: Numbers = Numbers()


class Conversing:
    """Reads for return calls. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)
        self._one = reader_of_one(engine)

    def facts(self, extension: str, number: str | None, member: str) -> Facts:
        """Give what is known of who rang from `number`, or identified himself as `member` (A5)."""
        with self._reader.connect() as connection:
            return _facts(connection, extension, number, member)

    def facts_of(self, request: str, member: str) -> tuple[Request, Facts] | None:
        """Give a request, and what is known of who rang for it; None: there is no such request."""
        with self._reader.connect() as connection:
            found = get(connection, request)
            if found is None:
                return None
            return found, _facts(connection, found.extension, found.caller, member)

    def member(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give a number's entry in an extension's list, where it is switched on."""
        with self._one.connect() as connection:
            return entry_of(connection, extension, number)

    def balance(self, extension: str, number: str | None) -> Credit | None:
        """Give what whoever pays has (M9): the authorised CallerID's account, else the extension's.

        None where there is neither.
        """
        with self._one.connect() as connection:
            return credit_of(connection, extension, number)


def _facts(connection: Connection, extension: str, number: str | None, member: str) -> Facts:
    who = member or number
    return Facts(
        entry_of(connection, extension, who) if who else None,
        _redial(connection, extension, number) if number else "",
        numbers_of(connection, extension),
    )


class _Chosen(msgspec.Struct):
    """What a stored policy says of the number that it shows, whatever else is in it."""

    caller_id_number: str | None = None


_CHOICE: Final = msgspec.json.Decoder(_Chosen)


def numbers_of(connection: Connection, extension: str) -> Numbers:
    """Give which numbers an extension may show now, by whose they are now (I8)."""
    known = {"extension": extension}
    row = _POLICY.first(connection, known)
    if row is None:
        return Numbers()
    mine, policy = row
    chosen = _CHOICE.decode(policy).caller_id_number
    found = (
        _ASSIGNED.all(connection, known)
        if chosen is None
        else _CHOSEN.all(connection, known | {"chosen": chosen})
    )
    own = [(number, channel) for number, channel, client in found if client == mine]
    return Numbers(
        channels={number: channel for number, channel in own if channel is not None},
        own=frozenset(number for number, channel in own if channel is None),
    )


def listed(connection: Connection, extension: str, number: str) -> AuthorisedCaller | None:
    """Give a number's entry in an extension's list, switched on or not; or None."""
    row = _LISTED.first(connection, {"extension": extension, "number": number})
    if row is None:
        return None
    entry: AuthorisedCaller = CALLERS.stored(row).value
    return entry


def entry_of(connection: Connection, extension: str, number: str) -> AuthorisedCaller | None:
    """Give a number's entry in an extension's list, where it is switched on."""
    entry = listed(connection, extension, number)
    return entry if entry is not None and entry.enabled else None


def _redial(connection: Connection, extension: str, number: str) -> str:
    last = _REDIAL.first(connection, {"extension": extension, "number": number})
    return last[0] if last is not None else ""
