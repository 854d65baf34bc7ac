"""What is on accounts, and what calls hold of it: of many accounts in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from controller.store.schema import account as accounts
from controller.store.schema import account_entry as entries
from controller.store.schema import callback_request as requests
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import credit_hold as holds


class Standing(msgspec.Struct, frozen=True):
    """What is on an account, micro-units: the sum of its entries, and what calls hold of that.

    `calls`: how many calls are under way that hold something.
    """

    account: str
    extension: str | None
    caller: str | None
    currency: str
    unlimited: bool
    low_credit: int | None
    balance: int
    held: int
    calls: int

    @property
    def available(self) -> int:
        """What is not held."""
        return self.balance - self.held

    @property
    def low(self) -> bool:
        """Whether less is left than somebody is told at."""
        return self.low_credit is not None and self.balance < self.low_credit


class Holding(msgspec.Struct, frozen=True):
    """A call under way that holds credit of an account.

    `caller`: who asked for the callback; `number`: who is called back; `answered`: when he was, by
    the switch; `talking`: when his destination was. None: not yet, or nobody knows.
    """

    request: str
    extension: str
    caller: str | None
    number: str | None
    amount: int
    answered: int | None
    talking: int | None
    created: int


def _of_holds(what: ColumnElement[int]) -> ColumnElement[int]:
    found = select(what).where(holds.c.account == accounts.c.id, OPEN_HOLD)
    return func.coalesce(found.correlate(accounts).scalar_subquery(), 0)


#: What is on an account of the statement around it. The last line has the sum of all: the
#: database's triggers see to that, and a ledger may be long.
LEFT: Final = func.coalesce(
    select(entries.c.left_after)
    .where(entries.c.account == accounts.c.id)
    .order_by(entries.c.position.desc())
    .limit(1)
    .correlate(accounts)
    .scalar_subquery(),
    0,
)
#: What calls that go on hold of it.
HELD: Final = _of_holds(func.sum(holds.c.amount))
_STANDINGS: Final = select(
    accounts.c.id,
    accounts.c.extension,
    accounts.c.caller,
    accounts.c.currency,
    accounts.c.unlimited,
    accounts.c.low_credit,
    LEFT,
    HELD,
    _of_holds(func.count()),
)
_HOLDING: Final = (
    select(
        holds.c.request,
        holds.c.extension,
        requests.c.caller,
        requests.c.number,
        holds.c.amount,
        holds.c.return_answered,
        holds.c.destination_answered,
        holds.c.created,
    )
    .join(requests, requests.c.id == holds.c.request)
    .where(OPEN_HOLD)
    .order_by(holds.c.created)
)


def standings(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[Standing]:
    """Give what is on these accounts."""
    return [
        Standing(*row[:6], *(int(count) for count in row[6:]))
        for row in connection.execute(_STANDINGS.where(*conditions)).all()
    ]


def holding(connection: Connection, account: str, limit: int) -> list[Holding]:
    """Give the calls that hold credit of an account, the oldest first."""
    found = connection.execute(_HOLDING.where(holds.c.account == account).limit(limit))
    return [Holding(*row) for row in found]
