"""Legs that are over, as the store keeps them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, insert

from controller.credit.model import Price
from controller.store.schema_money import call_leg

SECOND: Final = 1_000_000
#: When the first of them began.
BEGUN: Final = 1_795_000_000_000_000
#: A cent a minute, after two at the beginning.
PRICE: Final = Price("+44", 10_000, 20_000, 60, 30)
COST: Final = Price("+44", 4_000)


def uuid(number: int) -> str:
    """Give a uuid."""
    return f"00000000-0000-4000-8000-{number:012x}"


def values(which: int, /, **more: Any) -> dict[str, Any]:
    """Give the row of a destination's leg that was charged, unless told otherwise."""
    begun = BEGUN + which * 60 * SECOND
    return {
        "leg": uuid(which),
        "call": uuid(0xA000),
        "request": uuid(0xB000),
        "side": "destination",
        "position": 1,
        "extension": "100",
        "client": "main",
        "caller": "+12125550199",
        "number": "+442079460000",
        "node": "fs1",
        "channel": "pstn",
        "shown": "+12025550100",
        "begun": begun,
        "answered": begun + 5 * SECOND,
        "ended": begun + 65 * SECOND,
        "cause": "NORMAL_CLEARING",
        "seconds": 60,
        "account": "11111111-1111-4111-8111-111111111111",
        "currency": "EUR",
        "price": msgspec.json.encode(PRICE).decode(),
        "charge": 30_000,
        "uncovered": 0,
        "cost_currency": "EUR",
        "cost_price": msgspec.json.encode(COST).decode(),
        "cost": 4_000,
        "source": "event",
        "kept": begun + 66 * SECOND,
    } | more


#: What of a leg is another thing where nobody pays.
FREE: Final[dict[str, Any]] = {
    "account": None, "currency": None, "price": None, "charge": 0, "cost_currency": None,
    "cost_price": None, "cost": None,
}  # fmt: skip


def keep_leg(store: Engine | Connection, which: int, /, **more: Any) -> str:
    """Keep a leg, and give its uuid."""
    row = values(which, **more)
    if isinstance(store, Connection):
        store.execute(insert(call_leg).values(**row))
    else:
        with store.begin() as connection:
            connection.execute(insert(call_leg).values(**row))
    return str(row["leg"])
