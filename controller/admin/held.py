"""What is held for the calls of a callback (M3, M4), as it is shown."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from controller.store.schema import account as accounts
from controller.store.schema_money import credit_hold as holds


class HeldShown(msgspec.Struct, frozen=True, kw_only=True):
    """Credit that is held for one try of a callback, and is no charge yet.

    Attributes:
        call: the try.
        amount: micro-units of `currency`, the account's, that are held still; what was charged is
            no part of it any more.
        until: when it ends by itself, if nobody renews it, microseconds since 1970.
        ended: since when nothing is held any more; None: it is held.

    """

    call: str
    account: str
    amount: int
    currency: str
    until: int
    ended: int | None


def held_for(connection: Connection, request: str) -> tuple[HeldShown, ...]:
    """Give what is, or was, held for the tries of a callback, in the order in which it was."""
    rows = connection.execute(
        select(
            holds.c.call,
            holds.c.account,
            holds.c.amount,
            accounts.c.currency,
            holds.c.until,
            holds.c.ended,
        )
        .join(accounts, accounts.c.id == holds.c.account)
        .where(holds.c.request == request)
        .order_by(holds.c.created, holds.c.call)
    )
    return tuple(HeldShown(**row._mapping) for row in rows)
