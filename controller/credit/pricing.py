"""Which rate a number is charged by (M2): the longest beginning, of those in effect."""

from __future__ import annotations

from collections.abc import Iterable

from controller.credit.model import Price


class Dated(Price, frozen=True, kw_only=True):
    """A rate of a price list.

    Attributes:
        since: when it begins, microseconds since 1970.
        until: when it is over; None: it goes on.

    """

    since: int
    until: int | None = None


def prefixes(number: str) -> tuple[str, ...]:
    """Give the beginnings that a rate of an E.164 number may have, the longest first.

    `+` is the last: it is all numbers. One that is not E.164 has no other.
    """
    if not number.startswith("+"):
        return ("+",)
    return tuple(number[:length] for length in range(len(number), 0, -1))


def in_effect(rates: Iterable[Dated], at: int) -> Dated | None:
    """Give the rate that counts at a moment, of those for beginnings of one number.

    The longest beginning of which one is in effect; of these, that which began last. So one for
    some days interrupts one without an end. None: there is none.
    """
    current = (
        rate for rate in rates if rate.since <= at and (rate.until is None or at < rate.until)
    )
    return max(current, key=lambda rate: (len(rate.prefix), rate.since), default=None)
