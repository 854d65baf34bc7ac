"""Extensions as calls need them: the policy in force, by DID and by extension. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, and_, bindparam, or_, select

from controller.policy.changes import Change, Position, Snapshot
from controller.policy.clients import ClientLimits, ClientTable
from controller.policy.fields import Rate
from controller.policy.model import Policy
from controller.policy.records import Client
from controller.policy.rules import effective
from controller.policy.trunks import Trunks
from controller.store.database import reader, reader_of_one
from controller.store.drains import Drain, read_drains
from controller.store.journal import Journal, position
from controller.store.kept import CHANNELS, CLIENTS, EXTENSIONS
from controller.store.prepared import Prepared, Remade, Row
from controller.store.schema import authorised_caller as callers
from controller.store.schema import channel as channels
from controller.store.schema import client as clients
from controller.store.schema import did as dids
from controller.store.schema import extension as extensions
from controller.store.stops import Stop, read_stops

#: How a client without limits has them: from before there were any, and as it is written since.
_NO_RATE: Final = ("{}", msgspec.json.encode(Rate()).decode())


# Statements that are run again and again are made once.

_CHANNELS: Final = Prepared(select(channels).order_by(channels.c.name))
_LIMITED: Final = Prepared(
    select(clients.c.name, clients.c.callbacks, clients.c.concurrent_calls).where(
        or_(
            and_(*(clients.c.callbacks != written for written in _NO_RATE)),
            clients.c.concurrent_calls.is_not(None),
        )
    )
)
_OWNER: Final = Prepared(select(dids.c.extension).where(dids.c.number == bindparam("did")))


class Extensions:
    """Finds policies: the `PolicySource` of the cache. Calls block."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)
        self._one = reader_of_one(engine)
        self._journal = Journal(engine)
        self._trunks = Remade(lambda rows: Trunks(CHANNELS.stored(row).value for row in rows))
        self._clients = Remade(_client_table)

    def position(self) -> Position:
        """Give where the store is now."""
        return self._journal.position()

    def changes(self, after: int) -> tuple[Change, ...] | None:
        """Give what changed after `after`, in order; None where that is not remembered."""
        return self._journal.changes(after)

    def by_did(self, did: str) -> Snapshot:
        """Give the policy of the extension that a DID reaches."""
        with self._reader.connect() as connection:
            seq = position(connection).seq
            owner = _OWNER.first(connection, {"did": did})
            return Snapshot(seq, None if owner is None else _load(connection, owner[0]))

    def by_extension(self, extension: str) -> Snapshot:
        """Give the policy of an extension."""
        with self._reader.connect() as connection:
            return Snapshot(position(connection).seq, _load(connection, extension))

    def get(self, number: str) -> Policy | None:
        """Give the policy of an extension, or None."""
        return self.by_extension(number).policy

    def by_dids(self, readings: Sequence[str]) -> tuple[str, Policy] | None:
        """Give the first of these numbers that is a DID, with its extension's policy; or None."""
        for number in readings:
            policy = self.by_did(number).policy
            if policy is not None:
                return number, policy
        return None

    def trunks(self) -> Trunks:
        """Give all channels, for calls to be found by."""
        with self._one.connect() as connection:
            return self._trunks.of(_CHANNELS.all(connection))

    def stops(self) -> tuple[Stop, ...]:
        """Give all that is stopped (O6)."""
        return read_stops(self._one)

    def drains(self) -> tuple[Drain, ...]:
        """Give the nodes that are drained."""
        return read_drains(self._one)

    def client_limits(self) -> ClientTable:
        """Give what clients may have (G3), of those that have limits."""
        with self._one.connect() as connection:
            return self._clients.of(_LIMITED.all(connection))

    def any_password(self) -> bool:
        """Whether there is any password: of an extension, or of an authorised CallerID."""
        with self._reader.connect() as connection:
            of_extension = connection.execute(
                select(extensions.c.extension)
                .where(extensions.c.policy.like('%"password_hash":"$%'))
                .limit(1)
            ).first()
            of_caller = connection.execute(
                select(callers.c.number).where(callers.c.pin_hash.is_not(None)).limit(1)
            ).first()
        return of_extension is not None or of_caller is not None


def _client_table(rows: Sequence[Row]) -> ClientTable:
    return ClientTable(
        ClientLimits(name, msgspec.json.decode(callbacks, type=Rate), at_a_time)
        for name, callbacks, at_a_time in rows
    )


def _load(connection: Connection, number: str) -> Policy | None:
    stored = EXTENSIONS.get(connection, (number,))
    if stored is None:
        return None
    policy: Policy = stored.value
    kept = CLIENTS.get(connection, (policy.client,))
    assert kept is not None, "an extension's client cannot be removed"
    owner: Client = kept.value
    return effective(
        policy,
        contact_name=owner.contact_name,
        client_enabled=owner.enabled,
        blocked_countries=owner.blocked_countries,
        blocked_prefixes=owner.blocked_prefixes,
        blocked_types=owner.blocked_types,
    )
