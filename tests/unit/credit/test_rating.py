"""M2: what seconds cost, and how many of them money buys."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.credit.model import Price
from controller.credit.rating import billed, charge, longest, seconds_for
from tests.unit.examples import many

SECOND = 1_000_000

PRICES = st.none() | st.builds(
    Price,
    prefix=st.just("+"),
    per_minute=st.integers(0, 200) | st.integers(0, 50_000_000),
    setup_fee=st.just(0) | st.integers(0, 200) | st.integers(0, 2_000_000),
    first_block=st.sampled_from((1, 1, 2, 6, 30, 60)),
    interval=st.sampled_from((1, 1, 2, 6, 30, 60)),
)
MONEY = st.integers(-2, 300) | st.integers(-2, 100_000_000)


def price(per_minute: int, setup: int = 0, block: int = 1, interval: int = 1) -> Price:
    return Price("+49", per_minute, setup, block, interval)


def slow_charge(of: Price | None, seconds: int) -> int:
    """Count second by second."""
    if of is None or seconds == 0:
        return 0
    paid = of.first_block
    for second in range(1, seconds + 1):
        if second > paid:
            paid += of.interval
    return of.setup_fee + math.ceil(Fraction(of.per_minute * paid, 60))


@pytest.mark.parametrize(
    ("micros", "seconds"),
    [
        (0, 1), (1, 1), (499_999, 1), (1_499_999, 1), (1_500_000, 2), (19_000_001, 19),
        (19_500_000, 20), (20_499_999, 20), (20_500_000, 21), (-5_000_000, 1),
    ],
)  # fmt: skip
def test_m7_a_leg_is_charged_to_the_nearest_second_and_for_one_at_least(
    micros: int, seconds: int
) -> None:
    assert billed(1_700_000_000_123_456, 1_700_000_000_123_456 + micros) == seconds


@pytest.mark.parametrize(
    ("of", "seconds", "cost"),
    [
        (None, 100, 0),
        (price(60_000_000, setup=5), 0, 0),
        (price(600_000), 1, 10_000),
        (price(600_000), 61, 610_000),
        # 60/60: a begun minute is a minute.
        (price(600_000, 0, 60, 60), 1, 600_000),
        (price(600_000, 0, 60, 60), 60, 600_000),
        (price(600_000, 0, 60, 60), 61, 1_200_000),
        # 30/6, and a set-up fee once.
        (price(600_000, 50_000, 30, 6), 30, 350_000),
        (price(600_000, 50_000, 30, 6), 31, 410_000),
        (price(600_000, 50_000, 30, 6), 36, 410_000),
        (price(600_000, 50_000, 30, 6), 37, 470_000),
        # A third of a micro-unit is one, but once for the leg and not for each second.
        (price(20), 1, 1),
        (price(20), 3, 1),
        (price(20), 4, 2),
        # JPY has no coins below the yen: 10 yen a minute are 10 million; 7 s are 1.166667 yen.
        (price(10_000_000), 7, 1_166_667),
        # KWD has a thousand fils: 0.0125 KWD a minute; 90 s are 18.75 fils.
        (price(12_500), 90, 18_750),
    ],
)
def test_m2_what_seconds_cost(of: Price | None, seconds: int, cost: int) -> None:
    assert charge(of, seconds) == cost


@pytest.mark.parametrize(
    ("of", "money", "most", "seconds"),
    [
        (price(600_000), 199_999, 3600, 19),
        (price(600_000), 200_000, 3600, 20),
        (price(600_000), 200_000, 15, 15),
        (price(600_000, 0, 60, 60), 599_999, 3600, 0),
        (price(600_000, 0, 60, 60), 1_199_999, 3600, 60),
        (price(600_000, 100, 30, 6), 300_099, 3600, 0),
        (price(600_000, 100, 30, 6), 300_100, 3600, 30),
        (price(0, 100), 99, 3600, 0),
        (price(0, 100), 100, 3600, 3600),
        (None, 0, 3600, 3600),
        (None, -1, 3600, 0),
        (None, 5, -1, 0),
    ],
)
def test_m4_what_money_buys(of: Price | None, money: int, most: int, seconds: int) -> None:
    assert seconds_for(of, money, most) == seconds


@settings(max_examples=many(300))
@given(PRICES, st.integers(0, 400))
def test_m2_it_costs_what_the_slow_count_says_and_more_never_costs_less(
    of: Price | None, seconds: int
) -> None:
    assert charge(of, seconds) == slow_charge(of, seconds)
    assert charge(of, seconds) <= charge(of, seconds + 1)


@settings(max_examples=many(300))
@given(PRICES, MONEY, st.integers(-1, 400))
def test_m4_money_buys_the_longest_that_it_pays_for(
    of: Price | None, money: int, most: int
) -> None:
    tried = [n for n in range(1, most + 1) if slow_charge(of, n) <= money]
    assert seconds_for(of, money, most) == max(tried, default=0)


@settings(max_examples=many(300))
@given(PRICES, PRICES, st.integers(0, 150), MONEY, st.integers(-1, 200), st.integers(0, 300))
def test_m4_two_legs_last_as_long_as_a_search_second_by_second_finds(
    first: Price | None, second: Price | None, elapsed: int, money: int, most: int, at_least: int
) -> None:
    tried = [
        n
        for n in range(1, most + 1)
        if charge(first, max(elapsed + n, at_least)) + charge(second, n) <= money
    ]
    assert longest(first, elapsed, second, money, most, at_least) == max(tried, default=0)


def test_m4_two_prices_two_starts() -> None:
    """The first leg runs for 30 s already; each second of both costs 30 000 more."""
    back, there = price(600_000), price(1_200_000)
    assert longest(back, 30, there, 300_000 + 20 * 30_000, 3600) == 20
    assert longest(back, 30, there, 300_000 + 20 * 30_000 - 1, 3600) == 19
    assert longest(back, 30, there, 329_999, 3600) == 0
    assert longest(back, 30, there, 10**9, 3600) == 3600
