"""Extensions as calls need them: the policy in force, by DID and by extension. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, select

from controller.policy.changes import Change, Position, Snapshot
from controller.policy.model import Policy
from controller.policy.rules import effective
from controller.policy.trunks import Trunks
from controller.store.database import reader
from controller.store.journal import Journal, position
from controller.store.kept import CHANNELS, EXTENSIONS
from controller.store.schema import authorised_caller as callers
from controller.store.schema import client as clients
from controller.store.schema import did as dids
from controller.store.schema import extension as extensions
from controller.store.stops import Stop, read_stops

#: More trunks than anybody has.
MOST_CHANNELS: Final = 100_000


class Extensions:
    """Finds policies: the `PolicySource` of the cache. Calls block."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)
        self._journal = Journal(engine)

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
            owner = connection.execute(select(dids.c.extension).where(dids.c.number == did))
            number = owner.scalar()
            return Snapshot(seq, None if number is None else _load(connection, number))

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
        with self._reader.connect() as connection:
            found = CHANNELS.page(connection, (), None, MOST_CHANNELS)
        return Trunks(stored.value for stored in found)

    def stops(self) -> tuple[Stop, ...]:
        """Give all that is stopped (O6)."""
        return read_stops(self._reader)

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


def _load(connection: Connection, number: str) -> Policy | None:
    stored = EXTENSIONS.get(connection, (number,))
    if stored is None:
        return None
    policy: Policy = stored.value
    owner = connection.execute(
        select(clients.c.contact_name, clients.c.enabled).where(clients.c.name == policy.client)
    ).one()
    return effective(policy, contact_name=owner.contact_name, client_enabled=owner.enabled)
