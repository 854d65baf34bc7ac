"""What a decision over a call asks, in one read: a price, and what there is on an account (M2, M4).

It is read when the account is locked, by a statement of its own: so it sees all that others wrote
while they had the account, and nothing of it changes before the transaction is over.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, Integer, and_, bindparam, literal_column, select

from controller.credit.model import Price
from controller.store.charging_accounts import STANDING, Account, Standing, standing_of
from controller.store.charging_prices import RATE, RATES, price_in, rates_by
from controller.store.prepared import Prepared
from controller.store.schema_money import credit_hold as holds
from controller.store.schema_money import rate as rates


class Terms(msgspec.Struct, frozen=True):
    """What a call costs, and what there is on the account that pays.

    `price` None: it is free, or the account's list has no rate for it. `known`: whether there is
    a hold of that call, open or not.
    """

    price: Price | None
    found: Standing
    known: bool


#: There is a row whatever is known; of rates, one each, and all else is the same in each.
_ONE: Final = select(literal_column("1", Integer).label("one")).subquery("one")
_TERMS: Final = Prepared(
    select(
        *STANDING,
        select(holds.c.call).where(holds.c.call == bindparam("but")).scalar_subquery(),
        *RATE,
    )
    .select_from(_ONE)
    .outerjoin(rates, and_(*RATES))
)


def terms(
    connection: Connection, account: Account, call: str, number: str, at: int, *, free: bool
) -> Terms:
    """Give by what a call to a number is decided at a moment; its account is locked."""
    asked = rates_by(account.price_list, number, at)
    asked["id"], asked["but"] = account.id, call
    rows = _TERMS.all(connection, asked)
    first = rows[0]
    price = None
    if not free and first[4] is not None:
        price = price_in((row[4:] for row in rows), at)
    return Terms(price, standing_of(first[:3]), first[3] is not None)
