"""Rates as they lie in the database (M2), and prices as they are kept with a call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, select

from controller.credit.model import Price
from controller.credit.pricing import Dated, in_effect, prefixes
from controller.store.prepared import Prepared, Row
from controller.store.schema_money import rate as rates

#: What of a rate is kept with a call: not since when it was one.
_KEPT: Final = Price.__struct_fields__
#: A rate as `price_in` takes it.
RATE: Final = [rates.c[name] for name in (*_KEPT, "since", "until")]
_PRICE: Final = msgspec.json.Decoder(Price)
_ENCODE: Final = msgspec.json.Encoder().encode

#: By which names a statement asks for prefixes: as many as a prefix may have characters. A list of
#: which the length differs would have to be written anew for each.
_PREFIXES: Final = tuple(f"prefix_{length}" for length in range(16))
#: The rates that a number's may be, with the values of `rates_by`.
RATES: Final = (
    rates.c.price_list == bindparam("price_list"),
    rates.c.prefix.in_([bindparam(name) for name in _PREFIXES]),
    rates.c.since <= bindparam("at", type_=BigInteger),
)
_OF: Final = Prepared(select(*RATE).where(*RATES))


def rates_by(price_list: str | None, number: str, at: int) -> dict[str, object]:
    """Give what `RATES` asks with: for a number, by a list, at a moment; None: there are none."""
    # No prefix is longer, so of a longer number its beginning is enough; `+` is asked for again.
    asked = prefixes(number[: len(_PREFIXES)])
    known: dict[str, object] = dict(zip(_PREFIXES, asked, strict=False))
    for name in _PREFIXES[len(asked) :]:
        known[name] = "+"
    known["price_list"], known["at"] = price_list, at
    return known


def price_in(rows: Iterable[Row], at: int) -> Price | None:
    """Give the price by rates that may be a number's, rows of `RATE`; None: it is none of them."""
    count = len(_KEPT)
    found = in_effect(
        (Dated(*row[:count], since=row[count], until=row[count + 1]) for row in rows), at
    )
    return None if found is None else Price(*(getattr(found, name) for name in _KEPT))


def price_of(connection: Connection, price_list: str, number: str, at: int) -> Price | None:
    """Give what a call to a number costs by a list at a moment; None: the list has no rate."""
    return price_in(_OF.all(connection, rates_by(price_list, number, at)), at)


def write_price(price: Price | None) -> str | None:
    """Give a price as it is kept; None: the call is free."""
    return None if price is None else _ENCODE(price).decode()


def read_price(document: str | None) -> Price | None:
    """Give a price as it was kept."""
    return None if document is None else _PRICE.decode(document)
