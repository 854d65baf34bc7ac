"""The records of legs that are over (M7): whose they were, what they showed and have cost us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Boolean,
    Connection,
    Integer,
    String,
    and_,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.callback.uuids import destination_legs
from controller.credit.estimating import ESTIMATE
from controller.credit.model import LegEnd, Price, Side
from controller.credit.rating import charge
from controller.store.charging_accounts import STANDING, Standing, standing_of
from controller.store.charging_holds import Hold
from controller.store.charging_prices import price_of, write_price
from controller.store.plans import LONGEST_CAUSE, read_plan
from controller.store.prepared import Prepared
from controller.store.schema import channel as channels
from controller.store.schema import extension as extensions
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import price_list as price_lists

#: What is shown where the number is hidden (I6).
ANONYMOUS: Final = "anonymous"


class Facts(msgspec.Struct, frozen=True):
    """What is known of a leg besides what the switch says. `cost_list`: its channel's, if any.

    `node`: where its call was made, whoever read its record.
    """

    node: str | None = None
    extension: str | None = None
    client: str | None = None
    caller: str | None = None
    number: str | None = None
    plan: str | None = None
    cost_list: str | None = None
    cost_currency: str | None = None


class Charged(msgspec.Struct, frozen=True):
    """What a leg was charged, and to whom; `account` None: nobody pays."""

    seconds: int
    account: str | None = None
    currency: str | None = None
    price: Price | None = None
    charge: int = 0
    uncovered: int = 0


class Known(msgspec.Struct, frozen=True):
    """A leg of which there is a record already."""

    account: str | None
    seconds: int
    charge: int
    uncovered: int


#: Of the ways of a call one is answered. An estimate takes one of those that may have been: where
#: it was another, that is charged already, whichever of the two is told first.
_KNOWN: Final = (
    select(*(legs.c[name] for name in Known.__struct_fields__))
    .where(
        or_(
            legs.c.leg == bindparam("of"),
            and_(
                bindparam("answered", type_=Boolean),
                legs.c.request == bindparam("request"),
                legs.c.call == bindparam("call"),
                legs.c.side == bindparam("side"),
                legs.c.position == bindparam("position"),
                or_(legs.c.source == ESTIMATE, bindparam("source") == ESTIMATE),
                legs.c.answered.is_not(None),
            ),
        )
    )
    .limit(literal_column("1"))
)


def _read() -> Any:  # noqa: ANN401  (a query)
    # There is a row whatever is known.
    one = select(literal_column("1", Integer).label("one")).subquery("one")
    known = _KNOWN.subquery("known")
    extension = case(
        (requests.c.extension.is_not(None), requests.c.extension),
        else_=bindparam("extension", type_=String),
    )
    return (
        select(
            *(known.c[name] for name in Known.__struct_fields__),
            *STANDING,
            # Of a destination: of several return calls each has some of its own, counted from 1.
            destinations.c.leg,
            destinations.c.number,
            destinations.c.plan,
            # As `Facts` has it.
            attempts.c.node,
            extension,
            extensions.c.client,
            requests.c.caller,
            attempts.c.number,
            attempts.c.plan,
            channels.c.cost_list,
            price_lists.c.currency,
        )
        .select_from(one)
        .outerjoin(known, true())
        .outerjoin(requests, requests.c.id == bindparam("request"))
        .outerjoin(extensions, extensions.c.extension == extension)
        .outerjoin(attempts, attempts.c.id == bindparam("call"))
        .outerjoin(channels, channels.c.name == bindparam("channel", type_=String))
        .outerjoin(price_lists, price_lists.c.name == channels.c.cost_list)
        .outerjoin(
            destinations,
            and_(
                destinations.c.request == bindparam("request"),
                destinations.c.position == bindparam("position"),
            ),
        )
    )


_READ: Final = Prepared(_read())
_KNOWN_ALONE: Final = Prepared(_KNOWN)
_KEPT: Final = tuple(column.name for column in legs.columns if column.name != "serial")


class Found(msgspec.Struct, frozen=True):
    """What is read of a leg that is over, and of the account that its call is held on.

    `known`: what was kept of it, where that was done before.
    """

    known: Known | None
    standing: Standing
    facts: Facts


def read(connection: Connection, end: LegEnd, hold: Hold | None) -> Found:
    """Read all that the end of a leg is settled by.

    `hold`: what is held for its call, whose account is locked. It is of its extension, where the
    request is gone.
    """
    values = _of(end)
    values["extension"] = None if hold is None else hold.extension
    values["channel"] = end.channel
    values["id"], values["but"] = None if hold is None else hold.account, end.call
    rows = _READ.all(connection, values)
    first = rows[0]
    known = None if first[1] is None else Known(*first[:4])
    found = Facts(*first[10:])
    if end.side is Side.DESTINATION:
        number, plan = None, None
        for row in rows:
            # By its name, and not by the time: our clock is not the switch's.
            if row[7] is not None and end.leg in destination_legs(row[7], end.position):
                number, plan = row[8], row[9]
        found = msgspec.structs.replace(found, number=number, plan=plan)
    return Found(known, standing_of(first[4:7]), found)


def known(connection: Connection, end: LegEnd) -> Known | None:
    """Give what is kept of a leg, or of the one that was taken for it; or None."""
    row = _KNOWN_ALONE.first(connection, _of(end))
    return None if row is None else Known(*row)


def _of(end: LegEnd) -> dict[str, Any]:
    return {
        "of": end.leg,
        "answered": end.answered is not None,
        "request": end.request,
        "call": end.call,
        "side": end.side.value,
        "position": end.position,
        "source": end.source,
    }


def kept(connection: Connection, of: Sequence[str]) -> frozenset[str]:
    """Give those of these legs that there is a record of."""
    return frozenset(connection.execute(select(legs.c.leg).where(legs.c.leg.in_(of))).scalars())


def inserting(dialect: str) -> Prepared:
    """Give the statement that keeps a leg and gives its serial; none where it is kept already."""
    database = postgresql if dialect == "postgresql" else sqlite
    values: dict[str, Any] = {name: bindparam(name) for name in _KEPT}
    return Prepared(
        database.insert(legs)
        .values(values)
        .on_conflict_do_nothing(index_elements=[legs.c.leg])
        .returning(legs.c.serial)
    )


def values_of(
    connection: Connection, end: LegEnd, facts: Facts, charged: Charged, now: int
) -> dict[str, Any]:
    """Give the row of a leg. What its channel takes is by the rate of when it began."""
    number = facts.number or ""
    cost_price, cost = None, None
    if facts.cost_list is not None and number:
        cost_price = price_of(connection, facts.cost_list, number, end.begun)
        if cost_price is not None:
            cost = charge(cost_price, charged.seconds)
    return {
        "leg": end.leg,
        "call": end.call,
        "request": end.request,
        "side": end.side.value,
        "position": end.position,
        "extension": facts.extension or "",
        "client": facts.client,
        "caller": facts.caller,
        "number": number,
        "node": facts.node or end.node,
        "channel": end.channel,
        "shown": _shown(facts.plan, end.channel),
        "begun": end.begun,
        "answered": end.answered,
        "ended": end.ended,
        "cause": None if end.cause is None else end.cause[:LONGEST_CAUSE],
        "seconds": charged.seconds,
        "account": charged.account,
        "currency": charged.currency,
        "price": write_price(charged.price),
        "charge": charged.charge,
        "uncovered": charged.uncovered,
        "cost_currency": None if cost is None else facts.cost_currency,
        "cost_price": write_price(cost_price),
        "cost": cost,
        "source": end.source,
        "kept": now,
    }


def _shown(document: str | None, channel: str | None) -> str | None:
    plan = read_plan(document)
    if plan is None:
        return None
    for way in plan.ways:
        if way.channel == channel:
            return ANONYMOUS if way.shown.hidden else way.shown.number or None
    return None
