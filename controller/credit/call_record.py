"""A leg that is over, as it is told: in the API, in files, to other servers (M7, O5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from controller.credit.model import Price, Side
from controller.policy.moments import written as when


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One leg that is over. Amounts are micro-units, times microseconds since 1970.

    Channels, switches and what calls cost the operator are for his eyes alone.

    Attributes:
        leg: its uuid, by which it is known for good: of no leg are there two records.
        serial: counts records as they were kept; the operator alone sees it.
        call, request: the try of a callback that it was part of, and the callback.
        position: the how-manieth destination; 0: a return leg.
        caller: who asked for the callback; None: nobody knows.
        number: whom this leg called: E.164, or as it is dialled on the platform.
        shown: which number it showed, or `anonymous`; None: nobody knows.
        begun, answered, ended: by the switch's own clock; `answered` None: nobody did.
        cause: why it ended, as the switch says it.
        seconds: for which it was charged; 0 where nobody answered.
        account, currency, price, charge: who paid, by which rate, and what; None: nobody pays.
        uncovered: what it cost beyond what was held, and nobody was charged.
        cost_currency, cost_price, cost: what the channel takes for it, where that is known.
        margin: `charge` less `cost`, where both are of one currency.
        source: `event`, `record` (of the switch), or `estimate`: nobody knows when it ended.
        kept: when this was written.

    """

    leg: str
    serial: int | None
    call: str
    request: str
    side: Side
    position: int
    extension: str
    client: str | None
    caller: str | None
    number: str
    shown: str | None
    node: str | None
    channel: str | None
    begun: int
    answered: int | None
    ended: int
    cause: str | None
    seconds: int
    account: str | None
    currency: str | None
    price: Price | None
    charge: int
    uncovered: int
    cost_currency: str | None
    cost_price: Price | None
    cost: int | None
    margin: int | None
    source: str
    kept: int


class CallTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What several legs came to in one currency, micro-units.

    `cost`, `margin`: None where of no leg it is known, or not for whoever looks to see.
    """

    currency: str
    charge: int
    uncovered: int
    cost: int | None
    margin: int | None


#: Fields that are times.
TIMES: Final = ("begun", "answered", "ended", "kept")
#: What the operator alone sees.
OPERATORS: Final = (
    "serial", "node", "channel", "cost_currency", "cost_price", "cost", "margin",
)  # fmt: skip


def margin(
    currency: str | None, charge: int, cost_currency: str | None, cost: int | None
) -> int | None:
    """Give what is left of a charge after the cost; None where they are of no one currency."""
    if cost is None or currency is None or currency != cost_currency:
        return None
    return charge - cost


def for_client(record: CallRecord) -> CallRecord:
    """Give a record without what the operator alone sees."""
    return msgspec.structs.replace(record, **dict.fromkeys(OPERATORS))


def totals(records: Iterable[CallRecord]) -> tuple[CallTotal, ...]:
    """Give what legs came to, by currency, in the order of their names."""
    made: dict[str, CallTotal] = {}

    def add(currency: str, **amounts: int | None) -> None:
        one = made.get(
            currency,
            CallTotal(currency=currency, charge=0, uncovered=0, cost=None, margin=None),
        )
        sums = {
            name: (getattr(one, name) or 0) + amount
            for name, amount in amounts.items()
            if amount is not None
        }
        made[currency] = msgspec.structs.replace(one, **sums)

    for record in records:
        if record.currency is not None:
            add(
                record.currency,
                charge=record.charge,
                uncovered=record.uncovered,
                margin=record.margin,
            )
        if record.cost_currency is not None:
            add(record.cost_currency, cost=record.cost)
    return tuple(made[currency] for currency in sorted(made))


def written(record: CallRecord) -> dict[str, Any]:
    """Give a record as JSON has it: times as RFC 3339 writes them, amounts as micro-units."""
    made = msgspec.structs.asdict(record)
    return made | {name: when(made[name]) for name in TIMES if made[name] is not None}
