"""Calls in progress, over all controllers, as they lie in the database: a page of them, and counts.

Whatever there ever was is not looked at: what is open is found by indexes of its own, a page reads
as many rows as it has, and counts read one entry for each call that is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select, text, union_all

from controller.store.request_rows import FIELDS, OPEN, Request, request_of
from controller.store.schema import account as accounts
from controller.store.schema import extension as extensions
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import credit_hold as holds
from controller.store.standings import HELD, LEFT


class OpenHold(msgspec.Struct, frozen=True):
    """What is held for a call, and what its account has. Micro-units; times are microseconds.

    `left`: what is on the account and held for no call.
    """

    account: str
    currency: str
    unlimited: bool
    amount: int
    left: int
    return_answered: int | None
    return_seconds: int
    destination_answered: int | None
    destination_seconds: int


class OpenDestination(msgspec.Struct, frozen=True):
    """A destination that is being called, or talks."""

    number: str
    begun: int
    connected: int | None
    channel: str | None


class OpenCall(msgspec.Struct, frozen=True):
    """A callback that is open, with what is known of the try under way.

    `policy` is the extension's, as it is stored; None: the extension is gone. `channels` are those
    of the try, in order; `channel`: over which of them it was answered.
    """

    request: Request
    client: str | None
    policy: str | None
    begun: int | None = None
    answered: int | None = None
    channels: tuple[str, ...] = ()
    channel: str | None = None
    destination: OpenDestination | None = None
    hold: OpenHold | None = None


class Money(msgspec.Struct, frozen=True):
    """What is held in one currency, for how many calls."""

    currency: str
    amount: int
    calls: int


def of_client(client: str | None) -> list[ColumnElement[bool]]:
    """Give the condition that a request is of a client's extension; none: of anybody's."""
    if client is None:
        return []
    own = select(extensions.c.extension).where(extensions.c.client == client)
    return [requests.c.extension.in_(own)]


def counts(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    """Give how many callbacks are in each open state."""
    rows = connection.execute(
        select(requests.c.state, func.count()).where(OPEN, *conditions).group_by(requests.c.state)
    )
    return {str(state): int(number) for state, number in rows}


def talking(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
    """Count the answered calls on which people talk."""
    return int(
        connection.execute(
            select(func.count(requests.c.id.distinct()))
            .join(destinations, destinations.c.request == requests.c.id)
            .where(
                text("callback_request.state = 'answered'"),
                destinations.c.ended.is_(None),
                destinations.c.connected.is_not(None),
                *conditions,
            )
        ).scalar_one()
    )


def money(connection: Connection, client: str | None) -> tuple[Money, ...]:
    """Give what is held for all calls, by currency."""
    of = holds.c.extension.in_(select(extensions.c.extension).where(extensions.c.client == client))
    each = (
        select(
            holds.c.account, func.sum(holds.c.amount).label("amount"), func.count().label("calls")
        )
        .where(OPEN_HOLD, *(() if client is None else (of,)))
        .group_by(holds.c.account)
        .subquery()
    )
    rows = connection.execute(
        select(accounts.c.currency, func.sum(each.c.amount), func.sum(each.c.calls))
        .join(each, each.c.account == accounts.c.id)
        .group_by(accounts.c.currency)
        .order_by(accounts.c.currency)
    )
    return tuple(Money(currency, int(amount), int(calls)) for currency, amount, calls in rows)


def settling(connection: Connection, conditions: Sequence[ColumnElement[bool]], most: int) -> int:
    """Count the calls that are over and for which something is held still, `most` at most."""
    found = select(requests.c.id).where(*_settling(conditions)).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(found)).scalar_one())


def count(
    connection: Connection, states: Sequence[str], conditions: Sequence[ColumnElement[bool]]
) -> int:
    """Count the open callbacks in some states for which something is so."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(requests)
            .where(OPEN, requests.c.state.in_(states), *conditions)
        ).scalar_one()
    )


def _settling(conditions: Sequence[ColumnElement[bool]]) -> tuple[ColumnElement[bool], ...]:
    held = select(holds.c.request).where(OPEN_HOLD)
    # No index of states is to be used: almost all that there ever was is over.
    return (requests.c.state.concat("") == "done", requests.c.id.in_(held), *conditions)


def page(
    connection: Connection,
    states: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
    *,
    first: int,
    limit: int,
) -> list[str]:
    """Give the ids of some open callbacks, those first that were or are due last, behind `first`.

    Of all of them each state is read from its own end of an index, so that none is sorted; of some
    (a client's, say) others indexes lead to them, and these are sorted.
    """
    newest = (requests.c.due.desc(), requests.c.id.desc())
    if conditions:
        chosen = select(requests.c.id).where(OPEN, requests.c.state.in_(states), *conditions)
        rows = connection.execute(chosen.order_by(*newest).limit(limit).offset(first))
        return list(rows.scalars())
    parts = [
        select(requests.c.id, requests.c.due)
        .where(requests.c.state == state)
        .order_by(*newest)
        .limit(first + limit)
        .subquery()
        for state in states
    ]
    found = union_all(*(select(part.c.id, part.c.due) for part in parts)).subquery()
    rows = connection.execute(
        select(found.c.id)
        .order_by(found.c.due.desc(), found.c.id.desc())
        .limit(limit)
        .offset(first)
    )
    return list(rows.scalars())


def settling_page(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    *,
    first: int,
    limit: int,
) -> list[str]:
    """Give the ids of some calls that are over and for which something is held still."""
    rows = connection.execute(
        select(requests.c.id)
        .where(*_settling(conditions))
        .order_by(requests.c.due.desc(), requests.c.id.desc())
        .limit(limit)
        .offset(first)
    )
    return list(rows.scalars())


def calls(connection: Connection, ids: Sequence[str]) -> list[OpenCall]:
    """Give callbacks with what is known of each, in this order; those that are gone are left out.

    It takes five statements, however many there are.
    """
    rows = {
        row[0]: row
        for row in connection.execute(
            select(*FIELDS, extensions.c.client, extensions.c.policy)
            .outerjoin(extensions, extensions.c.extension == requests.c.extension)
            .where(requests.c.id.in_(ids))
        )
    }
    found = [(request_of(rows[id_][:-2]), *rows[id_][-2:]) for id_ in ids if id_ in rows]
    tries = _attempts(connection, [one.attempt for one, _, _ in found if one.attempt])
    talks = _destinations(connection, [one.id for one, _, _ in found if one.state == "answered"])
    held = _holds(connection, list(tries))
    made = []
    for request, client, policy in found:
        attempt = tries.get(request.attempt or "")
        if attempt is None:
            made.append(OpenCall(request, client, policy))
            continue
        # One that an earlier try left behind, when nobody told its end, is none of this one.
        called = [one for one in talks.get(request.id, ()) if one.begun >= attempt.begun]
        made.append(
            OpenCall(
                request,
                client,
                policy,
                begun=attempt.begun,
                answered=attempt.answered,
                channels=tuple(msgspec.json.decode(attempt.channels, type=list[str])),
                channel=attempt.channel,
                destination=called[-1] if called else None,
                hold=held.get(attempt.id),
            )
        )
    return made


def _attempts(connection: Connection, ids: Sequence[str]) -> Mapping[str, Any]:
    if not ids:
        return {}
    rows = connection.execute(
        select(
            attempts.c.id,
            attempts.c.begun,
            attempts.c.answered,
            attempts.c.channels,
            attempts.c.channel,
        ).where(attempts.c.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _destinations(
    connection: Connection, ids: Sequence[str]
) -> Mapping[str, Sequence[OpenDestination]]:
    if not ids:
        return {}
    names = OpenDestination.__struct_fields__
    rows = connection.execute(
        select(destinations.c.request, *(destinations.c[name] for name in names))
        .where(destinations.c.request.in_(ids), destinations.c.ended.is_(None))
        .order_by(destinations.c.begun, destinations.c.position)
    )
    found: dict[str, list[OpenDestination]] = {}
    for request, *values in rows:
        found.setdefault(request, []).append(OpenDestination(*values))
    return found


def _holds(connection: Connection, ids: Sequence[str]) -> Mapping[str, OpenHold]:
    if not ids:
        return {}
    rows = connection.execute(
        select(
            holds.c.call,
            holds.c.account,
            accounts.c.currency,
            accounts.c.unlimited,
            holds.c.amount,
            holds.c.return_answered,
            holds.c.return_seconds,
            holds.c.destination_answered,
            holds.c.destination_seconds,
        )
        .join(accounts, accounts.c.id == holds.c.account)
        .where(holds.c.call.in_(ids), OPEN_HOLD)
    ).all()
    free = _free(connection, sorted({row.account for row in rows}))
    return {
        call: OpenHold(account, currency, bool(unlimited), amount, free[account], *times)
        for call, account, currency, unlimited, amount, *times in rows
    }


def _free(connection: Connection, ids: Sequence[str]) -> Mapping[str, int]:
    """Give what is on accounts and held for no call."""
    if not ids:
        return {}
    rows = connection.execute(select(accounts.c.id, LEFT, HELD).where(accounts.c.id.in_(ids)))
    return {account: int(on_it) - int(taken) for account, on_it, taken in rows}


def about(number: str) -> ColumnElement[bool]:
    """Give the condition that a callback is of a number: it rang, or is called."""
    return or_(requests.c.number == number, requests.c.caller == number)


def of_extension(extension: str) -> ColumnElement[bool]:
    """Give the condition that a callback is of an extension."""
    return requests.c.extension == extension
