"""What is kept about a person, by his number (O7): which calls and accounts are his, and more.

Every function is inside the transaction of its connection. Nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, and_, or_, select, update

from controller.policy.spelled import spelled
from controller.store import schema
from controller.store.request_rows import OPEN
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_callbacks import callback_transcript as lines
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import credit_hold as holds

#: How many ids one statement names.
_AT_ONCE: Final = 500
#: Fewer digits that were typed are a choice, a speed dial, or an extension.
_LEAST_TYPED: Final = 5
_OVER: Final = ("done", "refused")


class Own(msgspec.Struct, frozen=True):
    """What is a person's own.

    Attributes:
        requests: callbacks that he asked for, or that call him.
        callers: his entries in lists of authorised CallerIDs: extension and number.
        accounts: accounts of those, also where the entry is gone.

    """

    requests: tuple[str, ...]
    callers: tuple[tuple[str, str], ...]
    accounts: tuple[str, ...]


def own(connection: Connection, number: str) -> Own:
    """Give what is a person's own."""
    accounts, callers = schema.account, schema.authorised_caller
    # Each by its index.
    found: set[str] = set()
    for column in (requests.c.caller, requests.c.number):
        found.update(connection.execute(select(requests.c.id).where(column == number)).scalars())
    entries = connection.execute(
        select(callers.c.extension, callers.c.number).where(callers.c.number == number)
    ).all()
    held = connection.execute(
        select(accounts.c.id).where(
            or_(accounts.c.caller == number, accounts.c.owner.endswith(f"/{number}"))
        )
    ).scalars()
    return Own(
        tuple(sorted(found)),
        tuple(sorted((extension, caller) for extension, caller in entries)),
        tuple(sorted(held)),
    )


def under_way(connection: Connection, number: str, since: int) -> list[str]:
    """Give the callbacks that are to be made, or under way, and have to do with a number.

    Also his own that ended after `since`: what is told of them late is still being written.
    """
    of = or_(
        requests.c.caller == number, requests.c.number == number, requests.c.last_caller == number
    )
    found = set(
        connection.execute(
            select(requests.c.id).where(of, or_(OPEN, requests.c.ended > since))
        ).scalars()
    )
    return sorted(found | dialled(connection, number))


def dialled(connection: Connection, number: str) -> set[str]:
    """Give the callbacks that are not over on which a number was dialled.

    Also where nobody talks to it any more: the end of the call writes down whom it called last.
    """
    rows = connection.execute(
        select(requests.c.id)
        .join(destinations, destinations.c.request == requests.c.id)
        .where(OPEN, destinations.c.number == number)
    )
    return set(rows.scalars())


def held(connection: Connection, of: Own) -> list[str]:
    """Give the calls for which something is held, of a person's own or on his accounts."""
    rows = connection.execute(
        select(holds.c.call, holds.c.request, holds.c.account).where(OPEN_HOLD)
    ).all()
    requested, accounts = set(of.requests), set(of.accounts)
    return sorted(row.call for row in rows if row.request in requested or row.account in accounts)


def rows_of(
    connection: Connection, table: Table, column: str, values: Sequence[str]
) -> list[dict[str, Any]]:
    """Give the rows of a table by one of its columns."""
    found: list[dict[str, Any]] = []
    for some in _some(values):
        statement = select(table).where(table.c[column].in_(some)).order_by(*table.primary_key)
        found += [dict(row) for row in connection.execute(statement).mappings()]
    return found


def over(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Give those of these callbacks that are over, and keep others from changing them."""
    return sorted(
        connection.execute(
            select(requests.c.id)
            .where(requests.c.id.in_(ids), requests.c.state.in_(_OVER))
            .with_for_update()
        ).scalars()
    )


def forget_name(connection: Connection, number: str) -> int:
    """Take the name away that came with a number, where it was the last to ring for another's."""
    done = connection.execute(
        update(requests)
        .where(requests.c.last_caller == number, requests.c.last_name.is_not(None))
        .values(last_name=None)
    )
    return done.rowcount


def typed(connection: Connection, number: str) -> list[tuple[str, int, int]]:
    """Give the lines of transcripts in which a number was typed on calls of others that called it.

    Also as it is dialled within its country: nobody else is meant where that number was called
    then. Each is named by its callback, its time and its number.
    """
    pattern, digits = spelled(number), number.removeprefix("+")
    rows = connection.execute(
        select(lines.c.request, lines.c.at, lines.c.line, lines.c.text)
        .join(
            destinations,
            and_(destinations.c.request == lines.c.request, destinations.c.leg == lines.c.leg),
        )
        .where(destinations.c.number == number, lines.c.what == "typed")
        .distinct()
    )
    found = []
    for request, at, line, text in rows:
        keys = re.sub(r"[^0-9]", "", text).lstrip("0")
        if pattern.search(text) or (len(keys) >= _LEAST_TYPED and digits.endswith(keys)):
            found.append((request, at, line))
    return found


def forget_typed(connection: Connection, found: Sequence[tuple[str, int, int]]) -> int:
    """Take away what was typed in these lines of transcripts."""
    for request, at, line in found:
        connection.execute(
            update(lines)
            .where(lines.c.request == request, lines.c.at == at, lines.c.line == line)
            .values(text="(erased)")
        )
    return len(found)


def _some(values: Iterable[str]) -> Iterable[list[str]]:
    known = list(values)
    return (known[first : first + _AT_ONCE] for first in range(0, len(known), _AT_ONCE))


def children() -> Mapping[str, str]:
    """Give the tables that have something of a callback, and the column that says of which."""
    return {
        table.name: "request"
        for table in schema.metadata.sorted_tables
        if "request" in table.c and table is not requests
    }
