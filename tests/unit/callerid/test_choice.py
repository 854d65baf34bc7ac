"""I3: one of several numbers, at random or always the same for a destination."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callerid.model import Numbers
from controller.callerid.resolver import resolve
from controller.policy.model import Policy
from tests.unit.callerid.given import DESTINATION, NOBODY, OUT, dice, policy, shown

POOL = tuple(f"+12025550{n}" for n in range(101, 112))
DRAWS = 10_000


def p_value(counts: Iterable[float], kinds: int) -> float:
    """Give how likely counts at least so uneven are, were all kinds equally likely (chi-square).

    Of an even number of degrees of freedom it is a finite sum: Abramowitz and Stegun, 26.4.5.
    """
    seen = [*counts]
    seen += [0] * (kinds - len(seen))
    expected = sum(seen) / kinds
    half = sum((count - expected) ** 2 for count in seen) / expected / 2
    terms, odd = divmod(kinds - 1, 2)
    assert not odd
    return math.exp(-half) * sum(half**k / math.factorial(k) for k in range(terms))


def test_the_chi_square_is_that_of_the_tables() -> None:
    """2 degrees of freedom: 13.816 at 0.001; 10: 18.307 at 0.05."""
    assert math.isclose(p_value([1000, 1000, 1000], 3), 1)
    # (100² + 0 + 100²) / 1000 = 20: e^-10.
    assert math.isclose(p_value([1100, 1000, 900], 3), math.exp(-10))
    off = math.sqrt(18.307 * 1000 / 2)
    uneven = [1000 + off, 1000 - off, *[1000.0] * 9]
    assert math.isclose(p_value(uneven, 11), 0.05, rel_tol=1e-3)


@pytest.mark.parametrize("size", [3, 5, 11])
def test_i3_each_number_is_as_likely_as_any_other(size: int) -> None:
    pool = POOL[:size]
    by, numbers = policy(*pool), Numbers(dict.fromkeys(pool, OUT))
    rng = dice(20_240_601)
    drawn: Counter[str] = Counter()
    for _ in range(DRAWS):
        decision = resolve(
            by, numbers, NOBODY, channel=OUT, destination=DESTINATION, pick=rng.randrange
        )
        assert decision.shown is not None
        drawn[decision.shown.number] += 1
    assert p_value(drawn.values(), size) > 0.001, drawn


def sticky(pool: Iterable[str]) -> tuple[Policy, dict[str, str]]:
    """Give a policy that chooses for each destination, and its numbers."""
    return policy(*pool, choice="sticky"), dict.fromkeys(pool, OUT)


def seen_by(pool: Iterable[str], destination: str) -> str:
    """Give the number that a destination sees."""
    decision = shown(*sticky(pool), destination=destination)
    assert decision.shown is not None
    return decision.shown.number


@pytest.mark.parametrize(
    ("destination", "number"),
    [
        # The largest of `printf '100 +442079460000 +12025550101' | sha256sum` and its like.
        ("+442079460000", "+12025550103"),
        ("+33142345678", "+12025550102"),
        ("+12125550199", "+12025550102"),
        ("+14165550199", "+12025550101"),
    ],
)
def test_i3_sticky_is_the_same_in_every_process_and_on_every_python(
    destination: str, number: str
) -> None:
    assert seen_by(POOL[:3], destination) == number


@given(st.permutations(POOL[:6]), st.integers(0, 5))
def test_i3_sticky_asks_for_no_randomness_and_not_for_the_order(pool: list[str], at: int) -> None:
    by, channels = sticky(pool)
    assert shown(by, channels, index=at) == shown(by, channels)
    assert seen_by(pool, DESTINATION) == seen_by(POOL[:6], DESTINATION)


def test_i3_sticky_is_each_extensions_own() -> None:
    destinations = [f"+1212{2_000_000 + n}" for n in range(50)]
    by, channels = sticky(POOL)
    other = msgspec.structs.replace(by, extension="101")
    ours = [shown(by, channels, destination=one).shown for one in destinations]
    theirs = [shown(other, channels, destination=one).shown for one in destinations]
    assert ours != theirs


def test_i3_sticky_shares_evenly_and_an_added_number_takes_only_its_share() -> None:
    destinations = [f"+1212{2_000_000 + n}" for n in range(5_000)]
    ten = {one: seen_by(POOL[:10], one) for one in destinations}
    eleven = {one: seen_by(POOL, one) for one in destinations}
    assert p_value(Counter(eleven.values()).values(), 11) > 0.001
    moved = [one for one in destinations if ten[one] != eleven[one]]
    # Taking it away again moves the same ones back, and no other.
    assert {eleven[one] for one in moved} == {POOL[10]}
    assert 0.07 < len(moved) / len(destinations) < 0.11
