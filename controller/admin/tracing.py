"""All that is kept of one callback, found by any of its ids (O3): for whoever looks into one call.

For the operator alone: it knows of switches, channels, other servers and who did what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, select

from controller.admin.callback_shapes import Id
from controller.admin.callbacks import Callbacks
from controller.admin.model import Actor, NotFound
from controller.callback.uuids import destination_legs, leg_uuids
from controller.credit.call_record import CallRecord
from controller.policy.records import LEG_KEY, Role
from controller.store.database import reader
from controller.store.schema import account as accounts
from controller.store.schema import account_entry as entries
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import notice as notices
from controller.store.schema_money import stream as streams

#: So many callbacks, the newest ones, are gone through for a leg that stands in no row yet: one
#: that is ringing or talks, or that its switch never told of.
_MOST_NEWEST: Final = 5000
#: Notices that were left so long after a callback's end are of it still, microseconds.
_AFTER: Final = 60_000_000


class Charged(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an account's ledger that a callback made; amounts are micro-units."""

    at: int
    account: str
    currency: str
    amount: int
    left_after: int
    key: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that was left meanwhile, of the same extension or of an account that paid.

    `taken`: when its server took it; None: it did not yet, `tries` and `problem` say more.
    """

    at: int
    kind: str
    key: str
    taken: int | None
    tries: int
    problem: str | None


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a callback's records a stream has not taken yet, and what keeps it."""

    name: str
    left: int
    problem: str | None


class Traced(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a callback besides what `Callbacks.get` gives.

    Attributes:
        holder: the controller that has it now; None: it is over, or nobody's.
        trigger: the uuid of the leg that asked for it last; None: nobody rang.
        legs: the uuids that the legs of each try may have, by the try.
        destinations: those of each destination's legs, by what is known of it.
        ids: all by which a line of a log may name it.

    """

    holder: str | None
    trigger: str | None
    legs: dict[str, tuple[str, ...]]
    destinations: dict[str, tuple[str, ...]]
    ids: frozenset[str]
    charged: tuple[Charged, ...]
    told: tuple[Told, ...]
    streams: tuple[Streamed, ...]


class Tracing:
    """Finds callbacks, and gives what is kept of them. Calls block."""

    def __init__(self, engine: Engine, callbacks: Callbacks) -> None:
        self._reader = reader(engine)
        self._callbacks = callbacks

    def find(self, actor: Actor, text: str) -> str:
        """Give the id of the callback that this is an id of: its own, a try's, or a leg's.

        A leg's uuid is also the id of its record. Raises `NotFound`.
        """
        assert actor.role is Role.ADMIN
        wanted = text.strip().lower()
        missing = NotFound(
            f"nothing that is kept has the id {text:.80}: it is neither a callback's, nor that of "
            "a try, nor a leg's uuid"
        )
        try:
            msgspec.convert(wanted, Id)
        except msgspec.ValidationError:
            raise missing from None
        with self._reader.connect() as connection:
            found = next(_requests_of(connection, wanted), None)
        if found is None:
            raise missing
        return found

    def trace(self, actor: Actor, callback: str) -> Traced:
        """Give all that is kept of a callback. Raises `NotFound`."""
        whole = self._callbacks.get(actor, callback)
        with self._reader.connect() as connection:
            row = connection.execute(
                select(requests.c.holder, requests.c.leg).where(requests.c.id == callback)
            ).one()
            of_tries = {
                one.id: leg_uuids(one.id, len(one.channels)) if one.channels else leg_uuids(one.id)
                for one in whole.tries
            }
            called = connection.execute(
                select(destinations.c.leg, destinations.c.position)
                .where(destinations.c.request == callback)
                .order_by(destinations.c.begun)
            )
            of_destinations = {
                f"{one.leg}/{one.position}": destination_legs(one.leg, one.position)
                for one in called
            }
            known = {callback, *(record.leg for record in whole.legs)}
            for group in (*of_tries.values(), *of_destinations.values()):
                known |= set(group)
            if row.leg:
                known.add(row.leg)
            payers = {record.account for record in whole.legs if record.account}
            until = None if whole.ended is None else whole.ended + _AFTER
            serials = [record.serial for record in whole.legs if record.serial is not None]
            return Traced(
                holder=row.holder,
                trigger=row.leg,
                legs=of_tries,
                destinations=of_destinations,
                ids=frozenset(known),
                charged=tuple(_charged(connection, whole.legs)),
                told=tuple(_told(connection, whole.created, until, {whole.extension, *payers})),
                streams=tuple(_streamed(connection, serials)),
            )


def _requests_of(connection: Connection, wanted: str) -> Iterator[str]:
    """Give the callbacks that an id may be of, the likeliest first."""
    for statement in (
        select(requests.c.id).where(requests.c.id == wanted),
        select(attempts.c.request).where(attempts.c.id == wanted),
        select(legs.c.request).where(legs.c.leg == wanted),
        select(requests.c.id).where(requests.c.leg == wanted).order_by(requests.c.created.desc()),
    ):
        found = connection.execute(statement.limit(1)).scalar()
        if found is not None:
            yield found
    # What is asked by time here has an index of callbacks alone.
    newest = select(requests.c.id).order_by(requests.c.created.desc()).limit(_MOST_NEWEST)
    tries = select(attempts.c.id, attempts.c.request).where(attempts.c.request.in_(newest))
    for one in connection.execute(tries):
        if wanted in leg_uuids(one.id):
            yield one.request
    called = select(destinations.c.request, destinations.c.leg, destinations.c.position)
    for of in connection.execute(called.where(destinations.c.request.in_(newest))):
        if wanted in destination_legs(of.leg, of.position):
            yield of.request


def _charged(connection: Connection, records: Sequence[CallRecord]) -> Iterator[Charged]:
    keys = [f"{LEG_KEY}{record.leg}" for record in records]
    statement = (
        select(
            entries.c.created.label("at"),
            entries.c.account,
            accounts.c.currency,
            entries.c.amount,
            entries.c.left_after,
            entries.c.key,
        )
        .join(accounts, accounts.c.id == entries.c.account)
        .where(
            entries.c.account.in_({record.account for record in records if record.account}),
            entries.c.key.in_(keys),
        )
        .order_by(entries.c.created, entries.c.account, entries.c.position)
    )
    for row in connection.execute(statement):
        yield Charged(**row._mapping)


def _told(connection: Connection, since: int, until: int | None, whose: set[str]) -> Iterator[Told]:
    statement = select(notices).where(notices.c.created >= since)
    if until is not None:
        statement = statement.where(notices.c.created <= until)
    for row in connection.execute(statement.order_by(notices.c.id)):
        body = msgspec.json.decode(row.body)
        if isinstance(body, dict) and whose & {body.get("extension"), body.get("account")}:
            yield Told(
                at=row.created,
                kind=row.kind,
                key=row.key,
                taken=row.taken,
                tries=row.tries,
                problem=row.problem,
            )


def _streamed(connection: Connection, serials: Sequence[int]) -> Iterator[Streamed]:
    for row in connection.execute(select(streams).order_by(streams.c.name)):
        left = sum(serial > row.serial for serial in serials)
        yield Streamed(name=row.name, left=left, problem=row.problem if left else None)
