"""How much there is of what waits and what is held: sums over the store, for metrics."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, func, select

from controller.store.database import reader
from controller.store.request_rows import OPEN
from controller.store.schema import account as accounts
from controller.store.schema import callback_request as requests
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import credit_hold as holds


class Tally(msgspec.Struct, frozen=True):
    """What there is.

    `open`: requests that are not over, by state; `oldest_due`: since when the pending one is due
    that waits longest, microseconds since 1970, None: none is due; `held`: micro-units, by
    currency.
    """

    open: dict[str, int]
    oldest_due: int | None
    held: dict[str, int]


class Tallies:
    """Counts. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)

    def take(self, now: int) -> Tally:
        """Count now, microseconds since 1970. Only what is open is read, by its indexes."""
        of_state = select(requests.c.state, func.count()).where(OPEN).group_by(requests.c.state)
        due = select(func.min(requests.c.due)).where(
            requests.c.state == "pending", requests.c.due <= now
        )
        held = (
            select(accounts.c.currency, func.sum(holds.c.amount))
            .join(accounts, accounts.c.id == holds.c.account)
            .where(OPEN_HOLD)
            .group_by(accounts.c.currency)
        )
        with self._reader.connect() as connection:
            return Tally(
                open={state: int(count) for state, count in connection.execute(of_state)},
                oldest_due=connection.execute(due).scalar_one(),
                held={currency: int(amount) for currency, amount in connection.execute(held)},
            )
