"""M2: the longest beginning, and the effective dates."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.credit.pricing import Dated, in_effect, prefixes
from tests.unit.examples import many

DATED = st.builds(
    Dated,
    prefix=st.sampled_from(prefixes("+4930")),
    per_minute=st.integers(0, 9),
    since=st.integers(0, 9),
    until=st.none() | st.integers(0, 12),
)


def rate(prefix: str, since: int, until: int | None = None) -> Dated:
    return Dated(prefix, 1, since=since, until=until)


def test_m2_the_beginnings_of_a_number_the_longest_first() -> None:
    assert prefixes("+4930") == ("+4930", "+493", "+49", "+4", "+")
    assert prefixes("+") == ("+",)
    # What is no E.164 number is one of all numbers.
    assert prefixes("4711") == ("+",)


def test_m2_the_longest_beginning_counts_though_a_shorter_one_is_newer() -> None:
    all_of_it, berlin = rate("+49", 5), rate("+4930", 1)
    assert in_effect([all_of_it, berlin], 9) == berlin
    assert in_effect([berlin, all_of_it], 9) == berlin


def test_m2_a_rate_begins_and_ends_at_its_moment() -> None:
    old, new, other = rate("+49", 0), rate("+49", 10, 20), rate("+", 0, 30)
    rates = [old, new, other]
    assert in_effect(rates, 9) == old
    assert in_effect(rates, 10) == new
    assert in_effect(rates, 19) == new
    assert in_effect(rates, 20) == old
    assert in_effect([new, other], 20) == other
    assert in_effect([new, other], 30) is None
    assert in_effect([], 0) is None


@settings(max_examples=many(200))
@given(st.lists(DATED, max_size=6), st.integers(0, 12))
def test_m2_no_rate_in_effect_comes_before_the_one_that_counts(rates: list[Dated], at: int) -> None:
    found = in_effect(rates, at)
    current = [one for one in rates if one.since <= at < (13 if one.until is None else one.until)]
    assert (found in current) if current else found is None
    for one in current:
        assert found is not None
        assert (len(one.prefix), one.since) <= (len(found.prefix), found.since)
