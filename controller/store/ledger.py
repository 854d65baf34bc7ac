"""The ledger of accounts (SPEC M1): lines are added, and nothing else ever happens to them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select

from controller.policy.records import LEG_KEY, Entry, EntryKind
from controller.store.charging_accounts import lock, tell_low
from controller.store.prepared import Prepared
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
    #: Of a charge (M7): the call, from whose hold it was taken.
    call: str | None = None


#: Who is said to have made the line of a call.
ACTOR: Final = "calls"
#: The names of what is kept of a line.
ENTRY_FIELDS: Final = Line.__struct_fields__
_FIELDS = [entries.c[name] for name in ENTRY_FIELDS]
_TAKE: Final = Prepared(insert(entries).values({name: bindparam(name) for name in ENTRY_FIELDS}))
_LEG: Final = re.compile(r"[A-Za-z0-9_.:/+-]{1,60}\Z")


def add(
    connection: Connection, account: str, entry: Entry, *, actor: str, now: int
) -> tuple[Line, bool]:
    """Add a line, and give it; False where a line of the same key was there already.

    The account is locked: of two who add to it, one waits for the other.
    """
    locked = lock(connection, account)
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
    # Whoever puts too little on an account that was low from the start knows it.
    if entry.amount < 0 or locked.low_told:
        tell_low(connection, locked, line.left_after, line.position, now)
    return line, True


def take(
    connection: Connection,
    account: str,
    call: str,
    leg: str,
    amount: int,
    notes: str,
    after: tuple[int, int],
    now: int,
) -> None:
    """Add the line of what a leg has cost, micro-units (M7), to an account that is locked.

    `after`: position and balance of the line before it. The database takes the amount from what is
    held for the call as well, and refuses it where that is less.
    """
    position, left = after
    _TAKE.change(
        connection,
        {
            "account": account,
            "position": position + 1,
            "key": leg_key(leg),
            "kind": EntryKind.CALL.value,
            "amount": -amount,
            "left_after": left - amount,
            "order_number": "",
            "notes": notes,
            "actor": ACTOR,
            "created": now,
            "call": call,
        },
    )


def leg_key(leg: str) -> str:
    """Give the key of the line by which a leg is charged."""
    # A key has its letters and its length; a leg's name is the switch's.
    name = leg if _LEG.match(leg) else hashlib.sha256(leg.encode()).hexdigest()[:60]
    return f"{LEG_KEY}{name}"


def line(connection: Connection, account: str, key: str) -> Line | None:
    """Give the line of an account that has this key; None: there is none."""
    row = connection.execute(
        select(*_FIELDS).where(entries.c.account == account, entries.c.key == key)
    ).first()
    return None if row is None else Line(*row)


def lines(
    connection: Connection,
    account: str,
    after: int,
    limit: int,
    *,
    kind: EntryKind | None = None,
    since: int | None = None,
    until: int | None = None,
    newest_first: bool = False,
) -> list[Line]:
    """Give lines of an account in order, those after a position.

    `newest_first`: the last first, and then those before the position; 0 is no position.
    `kind`: of it alone; `since`, `until`: made then or later, before; microseconds since 1970.
    """
    conditions = [entries.c.account == account]
    if not newest_first:
        conditions.append(entries.c.position > after)
    elif after:
        conditions.append(entries.c.position < after)
    if kind is not None:
        conditions.append(entries.c.kind == kind.value)
    if since is not None:
        conditions.append(entries.c.created >= since)
    if until is not None:
        conditions.append(entries.c.created < until)
    order = entries.c.position.desc() if newest_first else entries.c.position
    rows = connection.execute(
        select(*_FIELDS).where(*conditions).order_by(order).limit(limit)
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
