"""What the calls of an extension may still cost (G3), whoever's account pays for them.

Asked only where there is a limit. Each currency is counted by itself, since the limit is in that
of the account. Whoever asks has the extension to himself until his transaction is over, after the
hold and the account that he has locked: of two calls, also on two accounts, one waits for the
other, so that together they never hold more than there may be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, text

from controller.credit.deciding import Payer, room_of
from controller.credit.model import Begin, Dial, Extend, Identify
from controller.store.charging_accounts import Account, Standing
from controller.store.prepared import Prepared
from controller.store.schema import account as accounts
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
#: Later than any moment: within this window nothing was charged.
_NEVER: Final = 2**62
#: Our own among PostgreSQL's advisory locks. Not the row: whoever changes an extension locks that
#: first, and its account afterwards. SQLite takes one writer at a time as it is.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(1667590243, hashtext(:extension))")


def _since(moment: str) -> Any:  # noqa: ANN401  (a query)
    # When it was charged, by our clock, and not when the leg ended by the switch's: from then on it
    # is held no more. The condition is written out, as in the index.
    return (
        select(func.coalesce(func.sum(legs.c.charge), 0))
        .where(
            legs.c.extension == bindparam("extension"),
            legs.c.currency == bindparam("currency"),
            legs.c.kept > bindparam(moment),
            text("call_leg.charge > 0"),
        )
        .scalar_subquery()
    )


_SPENT: Final = Prepared(
    select(
        _since("hour"),
        _since("day"),
        select(func.coalesce(func.sum(holds.c.amount), 0))
        .select_from(holds.join(accounts, accounts.c.id == holds.c.account))
        .where(
            holds.c.extension == bindparam("extension"),
            accounts.c.currency == bindparam("currency"),
            OPEN_HOLD,
            holds.c.call != bindparam("but"),
        )
        .scalar_subquery(),
    )
)


def payer_within(
    connection: Connection,
    account: Account,
    found: Standing,
    call: Begin | Identify | Dial | Extend,
    extension: str,
    now: Callable[[], int],
) -> Payer:
    """Give what a decision over a call asks of whoever pays; its account is locked.

    Without a limit nothing is asked of the database.
    """
    limit = call.limit
    if limit is None:
        return Payer(found.left - found.held, account.unlimited)
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"extension": extension})
    at = now()
    values = {
        "extension": extension,
        "currency": account.currency,
        "hour": _NEVER if limit.per_hour is None else at - HOUR,
        "day": _NEVER if limit.per_day is None else at - DAY,
        "but": call.call,
    }
    hour, day, held = (int(sum_) for sum_ in _SPENT.one(connection, values))
    return Payer(found.left - found.held, account.unlimited, room_of(limit, hour, day, held))
