"""What calls cost (M2): price lists, and the rates that they are made of.

An account is charged by the rates of its list (`Account.price_list`), and a channel costs what its
own list says (`Channel.cost_list`). A rate that has begun is history: it is ended (`until`) and
followed by another, and never changed. Calls that are being made keep the price they began with.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from controller.policy.fields import (
    Beginnings,
    Currency,
    Line,
    Moment,
    PositiveMicros,
    PriceListName,
    is_currency,
)
from controller.policy.model import PolicyError
from controller.policy.moments import counted
from controller.policy.records import Record

#: What of a rate may be changed when it has begun.
CHANGEABLE: Final = frozenset({"until", "description"})

Block = Annotated[int, Meta(ge=1, le=3600)]


class PriceList(Record, frozen=True, kw_only=True):
    """A list of rates.

    Attributes:
        name: in commands; it never changes.
        currency: of all its rates; it stays while anybody uses the list, and while it has rates.

    """

    name: PriceListName
    currency: Currency
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        if not is_currency(self.currency):
            raise PolicyError(
                f"currency: {self.currency!r} is none of ISO 4217; write three capitals: EUR"
            )


class CallRate(Record, frozen=True, kw_only=True):
    """What calls to numbers of one beginning cost, from one time on.

    Of the rates that are in effect the one of the longest beginning counts, and of these the one
    that began last.

    Attributes:
        price_list: the list that it is part of.
        prefix: how the numbers begin; `+` is all of them.
        since: from when on. `until`: up to then, itself not included; None: it goes on.
        setup_fee: micro-units, once where the call is answered.
        per_minute: micro-units.
        first_block: seconds that are charged at least.
        interval: after these it is charged in steps of so many seconds.

    """

    price_list: PriceListName
    prefix: Beginnings
    since: Moment
    until: Moment | None = None
    setup_fee: PositiveMicros = 0
    per_minute: PositiveMicros
    first_block: Block = 1
    interval: Block = 1
    description: Line = ""

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        times = []
        for field in ("since", "until"):
            try:
                text = getattr(self, field)
                times.append(None if text is None else counted(text))
            except ValueError as error:
                raise PolicyError(
                    f"{field}: there is no such time; write 2027-01-31T00:00:00Z"
                ) from error
        since, until = times
        if since is not None and until is not None and until <= since:
            raise PolicyError(
                "until: is not after since, so that it would never count; write a later time, or "
                "leave it out"
            )
