"""Whose account pays for a call (M9), what is on it, and who is told that it is low.

Whoever decides over an account's credit locks it first, so that of two one waits for the other.
SQLite takes one writer at a time as it is.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, func, or_, select, update

from controller.callback.events import Credit
from controller.store.notices import leave
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


_FIELDS: Final = [accounts.c[name] for name in Account.__struct_fields__]
#: One statement each for what was found and for what is locked: a lock that was waited for shows
#: the row as it is then, and no other row.
_OWNED: Final = select(*_FIELDS).where(
    accounts.c.extension == bindparam("extension"),
    or_(
        accounts.c.caller.is_(None),
        accounts.c.caller == bindparam("caller"),
        accounts.c.caller == bindparam("fallback"),
    ),
)
_BY_ID: Final = select(*_FIELDS).where(accounts.c.id == bindparam("id"))
_LOCKED: Final = _BY_ID.with_for_update()


def _last(column: Any) -> Any:  # noqa: ANN401  (a column, and a query of it)
    return (
        select(column)
        .where(entries.c.account == bindparam("id"))
        .order_by(entries.c.position.desc())
        .limit(1)
        .scalar_subquery()
    )


_STANDING: Final = select(
    func.coalesce(_last(entries.c.left_after), 0),
    func.coalesce(_last(entries.c.position), 0),
    select(func.coalesce(func.sum(holds.c.amount), 0))
    .where(holds.c.account == bindparam("id"), OPEN_HOLD, holds.c.call != bindparam("but"))
    .scalar_subquery(),
)
_TOLD: Final = (
    update(accounts).where(accounts.c.id == bindparam("of")).values(low_told=bindparam("told"))
)


def payer_of(
    connection: Connection, extension: str, caller: str | None, fallback: str | None = None
) -> Account | None:
    """Give whose account pays: the caller's, else the extension's, else `fallback`'s (M9)."""
    rows = connection.execute(
        _OWNED, {"extension": extension, "caller": caller, "fallback": fallback}
    ).all()
    found = {row.caller: Account(*row) for row in rows}
    for owner in (caller, None, fallback):
        if owner in found:
            return found[owner]
    return None


def lock(connection: Connection, account: str) -> Account:
    """Lock an account until the transaction is over, and give it as it is now."""
    return Account(*connection.execute(_LOCKED, {"id": account}).one())


def standing(connection: Connection, account: str, call: str) -> Standing:
    """Give what is on an account that is locked, and what calls other than this hold of it."""
    left, position, held = connection.execute(_STANDING, {"id": account, "but": call}).one()
    return Standing(int(left), int(position), int(held))


def credit_of(
    connection: Connection, extension: str, caller: str | None, call: str = ""
) -> Credit | None:
    """Give what whoever pays has to spend: what is held is not, but for `call`.

    None: there is no account.
    """
    account = payer_of(connection, extension, caller)
    if account is None:
        return None
    found = standing(connection, account.id, call)
    return Credit(found.left - found.held, account.currency, account.unlimited)


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
