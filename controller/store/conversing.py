"""What a return call asks of the store: who calls, what he dialled last, what he has. Read only."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Engine, select

from controller.callback.events import Credit
from controller.policy.records import AuthorisedCaller
from controller.store.database import reader
from controller.store.kept import CALLERS
from controller.store.ledger import balances
from controller.store.schema import account as accounts
from controller.store.schema import callback_request as requests


class Facts(msgspec.Struct, frozen=True):
    """What is known of whoever calls.

    Attributes:
        caller: his entry in the extension's list, where it is switched on; or None.
        redial: the last number that was dialled for him (D3), E.164, or empty.

    """

    caller: AuthorisedCaller | None
    redial: str


class Conversing:
    """Reads for return calls. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)

    def facts(self, extension: str, number: str | None, member: str) -> Facts:
        """Give what is known of who rang from `number`, or identified himself as `member` (A5)."""
        who = member or number
        if not who:
            return Facts(None, "")
        with self._reader.connect() as connection:
            return Facts(
                _entry(connection, extension, who),
                _redial(connection, extension, number) if number else "",
            )

    def member(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give a number's entry in an extension's list, where it is switched on."""
        with self._reader.connect() as connection:
            return _entry(connection, extension, number)

    def balance(self, extension: str, number: str | None) -> Credit | None:
        """Give what whoever pays has (M9): the authorised CallerID's account, else the extension's.

        None where there is neither.
        """
        with self._reader.connect() as connection:
            found = connection.execute(
                select(
                    accounts.c.id, accounts.c.caller, accounts.c.currency, accounts.c.unlimited
                ).where(
                    accounts.c.extension == extension,
                    accounts.c.caller.is_(None)
                    if number is None
                    else accounts.c.caller.is_(None) | (accounts.c.caller == number),
                )
            ).all()
            if not found:
                return None
            row = max(found, key=lambda candidate: candidate.caller is not None)
            return Credit(balances(connection, [row.id])[row.id], row.currency, bool(row.unlimited))


def _entry(connection: Connection, extension: str, number: str) -> AuthorisedCaller | None:
    stored = CALLERS.get(connection, (extension, number))
    if stored is None:
        return None
    entry: AuthorisedCaller = stored.value
    return entry if entry.enabled else None


def _redial(connection: Connection, extension: str, number: str) -> str:
    last: str | None = connection.execute(
        select(requests.c.destination)
        .where(
            requests.c.caller == number,
            requests.c.extension == extension,
            requests.c.destination.is_not(None),
        )
        .order_by(requests.c.created.desc())
        .limit(1)
    ).scalar()
    return last or ""
