"""What is held for calls (M3, M4), as it lies in the database: one row for a call.

How it changes is `credit.holding`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from controller.credit import holding
from controller.credit.holding import Dialled
from controller.credit.model import Held
from controller.store.charging_accounts import FIELDS as ACCOUNT
from controller.store.charging_accounts import PAYER, Account, lock, lock_payer
from controller.store.charging_prices import read_price, write_price
from controller.store.prepared import Prepared, Row
from controller.store.schema import account as accounts
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds

#: So many calls are given at once; whoever asks again gets the next ones when these are dealt with.
MOST_GIVEN: Final = 1000


class Hold(holding.Hold):
    """What is held for a call; see the schema.

    `lies`: what of it lies in the database, as it does there; None: nothing does.
    """

    lies: dict[str, Any] | None = None


_NAMES: Final = tuple(name for name in Hold.__struct_fields__ if name != "lies")
_FIELDS: Final = [holds.c[name] for name in _NAMES]
_DIALLED: Final = msgspec.json.Decoder(tuple[Dialled, ...])
_ENCODE: Final = msgspec.json.Encoder().encode
_NONE_DIALLED: Final = "[]"

#: What is written each time: a trigger changes the one as well, and the other tells that it was.
_ALWAYS: Final = frozenset({"amount", "changed"})
_STAYS: Final = frozenset({"call", "created"})
_ONE: Final = holds.c.call == bindparam("of")
_OF: Final = Prepared(select(*_FIELDS).where(_ONE).with_for_update())


def _with(account: Any) -> Prepared:  # noqa: ANN401  (the id of one)
    return Prepared(
        select(*_FIELDS, *ACCOUNT)
        .join_from(holds, accounts, accounts.c.id == account)
        .where(_ONE)
        .with_for_update(of=[holds, accounts])
    )


_WITH_ITS_OWN: Final = _with(holds.c.account)
_WITH_PAYER: Final = _with(func.coalesce(PAYER, holds.c.account))
_INSERT: Final = Prepared(insert(holds).values({name: bindparam(name) for name in _NAMES}))
_FORGET: Final = Prepared(delete(holds).where(_ONE))
_HELD: Final = select(
    holds.c.call,
    holds.c.request,
    holds.c.account,
    holds.c.amount,
    select(func.coalesce(func.sum(legs.c.charge), 0))
    .where(legs.c.request == holds.c.request, legs.c.call == holds.c.call)
    .scalar_subquery(),
    holds.c.position,
    holds.c.return_seconds,
    holds.c.destination_seconds,
    holds.c.serial,
    holds.c.until,
    holds.c.return_answered,
    holds.c.destination_answered,
    select(requests.c.holder)
    .where(requests.c.id == holds.c.request)
    .correlate(holds)
    .scalar_subquery(),
)
_OVERDUE: Final = Prepared(
    _HELD.where(OPEN_HOLD, holds.c.until < bindparam("now"))
    .order_by(holds.c.until)
    .limit(MOST_GIVEN)
)
# Of those that are open, and not of all attempts there ever were; by `until` they are an index.
_NODE: Final = (
    select(attempts.c.node).where(attempts.c.id == holds.c.call).correlate(holds).scalar_subquery()
)
_ON: Final = Prepared(
    _HELD.where(OPEN_HOLD, holds.c.until >= 0, bindparam("node") == _NODE).order_by(holds.c.until)
)


def find(connection: Connection, call: str) -> Hold | None:
    """Give what is held for a call, or was, and keep others from changing it meanwhile.

    A hold is locked before an account is, whoever locks: two never wait for each other.
    """
    row = _OF.first(connection, {"of": call})
    return None if row is None else _hold(row)


def find_with_account(connection: Connection, call: str) -> tuple[Hold | None, Account | None]:
    """Lock what is held for a call, then the account that it is held on, and give both."""
    hold, account = _both(_WITH_ITS_OWN.first(connection, {"of": call}))
    if hold is None:
        # There is none; or it has moved while it was waited for, and the row was no more of both.
        hold = find(connection, call)
        account = None if hold is None else lock(connection, hold.account)
    return hold, account


def find_with_payer(
    connection: Connection, call: str, extension: str, caller: str
) -> tuple[Hold | None, Account | None]:
    """Lock what is held for a call, then the account that pays from now on, and give both.

    Where nobody has one it stays where it is held.
    """
    known = {"of": call, "extension": extension, "caller": caller, "fallback": None}
    hold, account = _both(_WITH_PAYER.first(connection, known))
    if hold is None:
        hold = find(connection, call)
        account = lock_payer(connection, extension, caller)
        if account is None and hold is not None:
            account = lock(connection, hold.account)
    return hold, account


def _both(row: Row | None) -> tuple[Hold | None, Account | None]:
    if row is None:
        return None, None
    count = len(_NAMES)
    return _hold(row[:count]), Account(*row[count:])


def _hold(row: Row) -> Hold:
    made = Hold(*row)
    # As they lie there, these are documents.
    lies = made.lies = dict(zip(_NAMES, row, strict=True))
    made.return_price = read_price(lies["return_price"])
    made.destination_price = read_price(lies["destination_price"])
    dialled = lies["destinations"]
    made.destinations = () if dialled == _NONE_DIALLED else _DIALLED.decode(dialled)
    return made


def keep(connection: Connection, hold: Hold) -> None:
    """Write what is held from now on, where that is locked or there is none yet.

    Of a column that is written SQLite writes each index anew, whether it changes or not; so only
    those are that do.
    """
    values = {name: getattr(hold, name) for name in _NAMES}
    values["return_price"] = write_price(hold.return_price)
    values["destination_price"] = write_price(hold.destination_price)
    dialled = hold.destinations
    values["destinations"] = _ENCODE(dialled).decode() if dialled else _NONE_DIALLED
    before, hold.lies = hold.lies, values
    if before is None:
        _INSERT.change(connection, values)
        return
    names = (name for name in _NAMES if name not in _STAYS)
    changed = tuple(name for name in names if name in _ALWAYS or values[name] != before[name])
    _writing(changed).change(connection, values | {"of": hold.call})


@cache
def _writing(names: tuple[str, ...]) -> Prepared:
    return Prepared(update(holds).where(_ONE).values({name: bindparam(name) for name in names}))


def forget(connection: Connection, call: str) -> None:
    """Remove what is held for a call of which nobody pays anything any more."""
    _FORGET.change(connection, {"of": call})


def overdue(connection: Connection, now: int) -> Sequence[Held]:
    """Give the calls whose hold has ended by itself, those first that have so longest."""
    return _held(_OVERDUE.all(connection, {"now": now}))


def held_on(connection: Connection, node: str) -> Sequence[Held]:
    """Give the calls of a node for which something is held."""
    return _held(_ON.all(connection, {"node": node}))


def _held(rows: Sequence[Row]) -> tuple[Held, ...]:
    # A sum is of no integer type in PostgreSQL.
    at = Held.__struct_fields__.index("charged")
    made = ((*row[:at], int(row[at]), *row[at + 1 :]) for row in rows)
    return tuple(Held(**dict(zip(Held.__struct_fields__, row, strict=True))) for row in made)
