"""Records of legs (`call_leg`), as they are read: `store.charging` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from controller.credit.call_record import CallRecord, margin
from controller.credit.model import Side
from controller.store.charging_prices import read_price
from controller.store.prepared import Prepared
from controller.store.schema_money import call_leg as legs

_NAMES: Final = tuple(name for name in CallRecord.__struct_fields__ if name != "margin")
_FIELDS: Final = [legs.c[name] for name in _NAMES]


class Place(msgspec.Struct, frozen=True):
    """Where a list goes on: the begin of a leg, and its uuid."""

    begun: int
    leg: str


def page(
    connection: Connection,
    conditions: Sequence[ColumnElement[bool]],
    after: Place | None,
    limit: int,
    *,
    newest_first: bool,
) -> list[CallRecord]:
    """Give legs behind a place, in the order in which they began.

    Not by serial: each index of what is looked for goes on by when legs began, so that a page is
    read without sorting all that came before it.
    """
    begun, leg = legs.c.begun, legs.c.leg
    statement = select(*_FIELDS).where(*conditions).limit(limit)
    if newest_first:
        statement = statement.order_by(begun.desc(), leg.desc())
        if after is not None:
            rest = or_(begun < after.begun, leg < after.leg)
            statement = statement.where(and_(begun <= after.begun, rest))
    else:
        statement = statement.order_by(begun, leg)
        if after is not None:
            rest = or_(begun > after.begun, leg > after.leg)
            statement = statement.where(and_(begun >= after.begun, rest))
    return [_record(row) for row in connection.execute(statement)]


def find(connection: Connection, leg: str) -> CallRecord | None:
    """Give the record of a leg, or None."""
    row = connection.execute(select(*_FIELDS).where(legs.c.leg == leg)).first()
    return None if row is None else _record(row)


_BETWEEN: Final = Prepared(
    select(*_FIELDS)
    .where(legs.c.serial > bindparam("after"), legs.c.serial <= bindparam("until"))
    .order_by(legs.c.serial)
    .limit(bindparam("at_most"))
)


def legs_of(connection: Connection, request: str) -> list[CallRecord]:
    """Give the legs of a callback, in the order in which they began."""
    statement = select(*_FIELDS).where(legs.c.request == request).order_by(legs.c.begun, legs.c.leg)
    return [_record(row) for row in connection.execute(statement)]


def kept_between(connection: Connection, after: int, until: int, limit: int) -> list[CallRecord]:
    """Give legs by their serials, from behind `after` until `until`, in order."""
    known = {"after": after, "until": until, "at_most": limit}
    return [_record(row) for row in _BETWEEN.all(connection, known)]


def _record(row: Any) -> CallRecord:  # noqa: ANN401  (a row)
    values = dict(zip(_NAMES, row, strict=True))
    values["side"] = Side(values["side"])
    for name in ("price", "cost_price"):
        values[name] = read_price(values[name])
    made = margin(values["currency"], values["charge"], values["cost_currency"], values["cost"])
    return CallRecord(**values, margin=made)
