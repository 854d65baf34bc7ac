"""What seconds cost, and how many of them money buys (M2, M4): in integers, rounded one way.

The rules:

* A leg's length is from its answer to its end by the switch's own clock, to the nearest second,
  half a second up. The switch cuts a leg that may last N seconds after N-1 to about N + 0.5 (its
  scheduler counts whole seconds of the clock, and looks twice in each), so that it is hardly ever
  charged for N+1, and never for more than is held. An answered leg is charged for 1 s at least.
* The first block is charged whole; what goes beyond it, in whole intervals.
* The price of these seconds is rounded up to a whole micro-unit, once for a leg.

A micro-unit is a millionth of a currency's unit whether that has no coins below it (JPY), a hundred
(EUR) or a thousand (KWD): nothing here knows of them.
"""

from __future__ import annotations

from typing import Final

from controller.credit.model import Price

SECOND: Final = 1_000_000


def billed(answered: int, ended: int) -> int:
    """Give the seconds that an answered leg is charged for, of two moments of the switch's."""
    return max(1, (ended - answered + SECOND // 2) // SECOND)


def charge(price: Price | None, seconds: int) -> int:
    """Give what so many seconds cost, micro-units; 0 s: it was not answered. None: it is free."""
    if price is None or seconds <= 0:
        return 0
    beyond = max(0, seconds - price.first_block)
    paid = price.first_block + -(-beyond // price.interval) * price.interval
    return price.setup_fee + -(-price.per_minute * paid // 60)


def seconds_for(price: Price | None, money: int, most: int) -> int:
    """Give the longest, at most `most`, whose charge is no more than `money`; 0: none is."""
    if money < 0 or most <= 0:
        return 0
    if price is None:
        return most
    if money < price.setup_fee:
        return 0
    if price.per_minute == 0:
        return most
    paid = (money - price.setup_fee) * 60 // price.per_minute
    if paid < price.first_block:
        return 0
    beyond = (paid - price.first_block) // price.interval * price.interval
    return min(most, price.first_block + beyond)


def longest(
    first: Price | None,
    elapsed: int,
    second: Price | None,
    money: int,
    most: int,
    at_least: int = 0,
) -> int:
    """Give the longest N, at most `most`, that two legs may go on together for; 0: none.

    That is: `elapsed` + N seconds of the first, and N of the second, cost no more than `money`.
    Of the first, `at_least` seconds are paid in any case.
    """
    # Either may have long intervals, so that no formula gives it; but more never costs less.
    bought, unaffordable = 0, seconds_for(second, money, most) + 1
    while unaffordable - bought > 1:
        tried = (bought + unaffordable) // 2
        cost = charge(first, max(elapsed + tried, at_least)) + charge(second, tried)
        if cost <= money:
            bought = tried
        else:
            unaffordable = tried
    return bought
