"""Rates as they lie in the database (M2), and prices as they are kept with a call."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from controller.credit.model import Price
from controller.credit.pricing import Dated, in_effect, prefixes
from controller.store.schema_money import rate as rates

_FIELDS: Final = [rates.c[name] for name in Dated.__struct_fields__]
#: What of a rate is kept with a call: not since when it was one.
_KEPT: Final = Price.__struct_fields__
_PRICE: Final = msgspec.json.Decoder(Price)

_OF: Final = select(*_FIELDS).where(
    rates.c.price_list == bindparam("of"),
    rates.c.prefix.in_(bindparam("prefixes", expanding=True)),
    rates.c.since <= bindparam("at"),
)


def price_of(connection: Connection, price_list: str, number: str, at: int) -> Price | None:
    """Give what a call to a number costs by a list at a moment; None: the list has no rate."""
    rows = connection.execute(_OF, {"of": price_list, "prefixes": prefixes(number), "at": at}).all()
    found = in_effect((Dated(**row._mapping) for row in rows), at)
    return None if found is None else Price(*(getattr(found, name) for name in _KEPT))


def write_price(price: Price | None) -> str | None:
    """Give a price as it is kept; None: the call is free."""
    return None if price is None else msgspec.json.encode(price).decode()


def read_price(document: str | None) -> Price | None:
    """Give a price as it was kept."""
    return None if document is None else _PRICE.decode(document)
