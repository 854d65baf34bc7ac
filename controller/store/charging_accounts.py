"""Whose account pays for a call (M9), what is on it, and who is told that it is low.

Whoever decides over an account's credit locks it first, so that of two one waits for the other.
SQLite takes one writer at a time as it is.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import (
    Connection,
    String,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from controller.callback.events import Credit
from controller.store.notices import leave
from controller.store.prepared import Prepared, Row
from controller.store.schema import account as accounts
from controller.store.schema import account_entry as entries
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import credit_hold as holds


class Account(msgspec.Struct, frozen=True):
    """An account that pays; see the schema."""

    id: str
    extension: str | None
    caller: str | None
    owner: str
    currency: str
    unlimited: bool
    price_list: str | None
    low_credit: int | None
    low_told: bool


class Standing(msgspec.Struct, frozen=True):
    """What is on an account, micro-units, by its last entry; and what other calls hold of it."""

    left: int
    position: int
    held: int


#: The columns of an account, in the order of its fields.
FIELDS: Final = [accounts.c[name] for name in Account.__struct_fields__]


def _payer() -> Any:  # noqa: ANN401  (a query)
    mine, caller = accounts.alias("payer"), bindparam("caller", type_=String)
    first = case(
        (mine.c.caller == caller, literal_column("0")),
        (mine.c.caller.is_(None), literal_column("1")),
        else_=literal_column("2"),
    )
    return (
        select(mine.c.id)
        .where(
            mine.c.extension == bindparam("extension"),
            or_(
                mine.c.caller.is_(None),
                mine.c.caller == caller,
                mine.c.caller == bindparam("fallback", type_=String),
            ),
        )
        .order_by(first)
        .limit(literal_column("1"))
        .scalar_subquery()
    )


#: Whose account pays (M9), its id: the `caller`'s, else the `extension`'s, else the `fallback`'s.
PAYER: Final = _payer()
#: One statement each for what was found and for what is asked of it: a lock that was waited for
#: shows the row as it is then, and all other rows as they were.
_LOCKED: Final = select(*FIELDS).with_for_update()
_PAYER_LOCKED: Final = Prepared(_LOCKED.where(accounts.c.id == PAYER))
_BY_ID_LOCKED: Final = Prepared(_LOCKED.where(accounts.c.id == bindparam("id")))


def _last(column: Any, account: Any) -> Any:  # noqa: ANN401  (a column, and a query of it)
    return (
        select(column)
        .where(entries.c.account == account)
        .order_by(entries.c.position.desc())
        .limit(literal_column("1"))
        .correlate(accounts)
        .scalar_subquery()
    )


def _standing(account: Any) -> tuple[Any, ...]:  # noqa: ANN401  (its id, and what there is)
    return (
        func.coalesce(_last(entries.c.left_after, account), literal_column("0")),
        func.coalesce(_last(entries.c.position, account), literal_column("0")),
        select(func.coalesce(func.sum(holds.c.amount), literal_column("0")))
        .where(holds.c.account == account, OPEN_HOLD, holds.c.call != bindparam("but"))
        .correlate(accounts)
        .scalar_subquery(),
    )


#: What is on the account `id`, and what calls other than `but` hold of it: as `Standing` has it.
STANDING: Final = _standing(bindparam("id", type_=String))
_STANDING: Final = Prepared(select(*STANDING))
_CREDIT: Final = Prepared(
    select(*_standing(accounts.c.id), accounts.c.currency, accounts.c.unlimited).where(
        accounts.c.id == PAYER
    )
)
_TOLD: Final = (
    update(accounts).where(accounts.c.id == bindparam("of")).values(low_told=bindparam("told"))
)


def lock_payer(
    connection: Connection, extension: str, caller: str | None, fallback: str | None = None
) -> Account | None:
    """Lock the account that pays, if there is one, and give it as it is now (M9).

    It is the caller's, else the extension's, else `fallback`'s.
    """
    row = _PAYER_LOCKED.first(
        connection, {"extension": extension, "caller": caller, "fallback": fallback}
    )
    return None if row is None else Account(*row)


def lock(connection: Connection, account: str) -> Account:
    """Lock an account until the transaction is over, and give it as it is now."""
    return Account(*_BY_ID_LOCKED.one(connection, {"id": account}))


def standing(connection: Connection, account: str, call: str) -> Standing:
    """Give what is on an account that is locked, and what calls other than this hold of it."""
    return standing_of(_STANDING.one(connection, {"id": account, "but": call}))


def standing_of(row: Row) -> Standing:
    """Make it of a row of `STANDING`."""
    left, position, held = row
    # A sum is of no integer type in PostgreSQL.
    return Standing(int(left), int(position), int(held))


def credit_of(
    connection: Connection, extension: str, caller: str | None, call: str = ""
) -> Credit | None:
    """Give what whoever pays has to spend: what is held is not, but for `call`.

    None: there is no account.
    """
    known = {"extension": extension, "caller": caller, "fallback": None, "but": call}
    row = _CREDIT.first(connection, known)
    if row is None:
        return None
    left, _, held, currency, unlimited = row
    return Credit(int(left) - int(held), currency, unlimited)


def tell_low(connection: Connection, account: Account, left: int, position: int, now: int) -> None:
    """Leave a notice where an account that is locked has less than `low_credit`.

    Once, until it has more again. `left`, `position`: those of its last entry.
    """
    low = account.low_credit is not None and left < account.low_credit
    if low == account.low_told:
        return
    connection.execute(_TOLD, {"of": account.id, "told": low})
    if not low:
        return
    body = {
        "account": account.id,
        "owner": account.owner,
        "extension": account.extension,
        "caller": account.caller,
        "currency": account.currency,
        "left": left,
        "threshold": account.low_credit,
        "at": now,
    }
    leave(connection, kind="low_credit", key=f"low:{account.id}:{position}", body=body, now=now)
