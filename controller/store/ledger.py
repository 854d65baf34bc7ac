"""The ledger of accounts (SPEC M1): lines are added, and nothing else ever happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, func, insert, select

from controller.policy.records import Entry
from controller.store.schema import account as accounts
from controller.store.schema import account_entry as entries

#: The most that can be on an account, either way: a 64-bit integer holds it.
MOST_LEFT: Final = 9 * 10**18


class TooMuch(ValueError):
    """An entry after which the balance would be more than can be counted."""


class Line(msgspec.Struct, frozen=True):
    """A line as it is kept; amounts are micro-units, `created` microseconds since 1970."""

    account: str
    position: int
    key: str
    kind: str
    amount: int
    left_after: int
    order_number: str
    notes: str
    actor: str
    created: int


_FIELDS = [entries.c[name] for name in Line.__struct_fields__]


def add(
    connection: Connection, account: str, entry: Entry, *, actor: str, now: int
) -> tuple[Line, bool]:
    """Add a line, and give it; False where a line of the same key was there already.

    The account is locked: of two who add to it, one waits for the other.
    """
    connection.execute(
        select(accounts.c.id).where(accounts.c.id == account).with_for_update()
    ).one()
    known = connection.execute(
        select(*_FIELDS).where(entries.c.account == account, entries.c.key == entry.key)
    ).first()
    if known is not None:
        return Line(*known), False
    last = connection.execute(
        select(entries.c.position, entries.c.left_after)
        .where(entries.c.account == account)
        .order_by(entries.c.position.desc())
        .limit(1)
    ).first()
    position, left = (0, 0) if last is None else (last.position, last.left_after)
    if abs(left + entry.amount) > MOST_LEFT:
        raise TooMuch(f"the balance would be {left + entry.amount} micro-units")
    line = Line(
        account=account,
        position=position + 1,
        key=entry.key,
        kind=entry.kind.value,
        amount=entry.amount,
        left_after=left + entry.amount,
        order_number=entry.order_number,
        notes=entry.notes,
        actor=actor,
        created=now,
    )
    connection.execute(insert(entries).values(**msgspec.structs.asdict(line)))
    return line, True


def lines(connection: Connection, account: str, after: int, limit: int) -> list[Line]:
    """Give lines of an account in order, those after a position."""
    rows = connection.execute(
        select(*_FIELDS)
        .where(entries.c.account == account, entries.c.position > after)
        .order_by(entries.c.position)
        .limit(limit)
    ).all()
    return [Line(*row) for row in rows]


def balances(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Give the balances of accounts, micro-units: each is the sum of its entries.

    The last line has it; that it is the sum is what the database's triggers see to.
    """
    last = (
        select(entries.c.account, func.max(entries.c.position).label("position"))
        .where(entries.c.account.in_(ids))
        .group_by(entries.c.account)
        .subquery()
    )
    rows = connection.execute(
        select(entries.c.account, entries.c.left_after).join(
            last,
            (entries.c.account == last.c.account) & (entries.c.position == last.c.position),
        )
    ).all()
    found = {row.account: row.left_after for row in rows}
    return {account: found.get(account, 0) for account in ids}
