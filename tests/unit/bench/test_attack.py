"""The attack of the bench: a day that is short, so that what it says can be looked at."""

from __future__ import annotations

import pytest

from bench.attack import DAYS, MICROS, Result, compare, shown
from bench.attack_callers import people
from controller.numbers.e164 import is_costly, parse
from tests.redis_servers import valkey_program
from tests.unit.examples import FEW

pytestmark = pytest.mark.skipif(FEW, reason="a day of the bench is the same on each Python")
needs_valkey = pytest.mark.skipif(valkey_program() is None, reason="there is no Valkey")


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return compare(60, seed=1)


def fraud(result: Result) -> int:
    return sum(spent for kind, spent in result.spent.items() if kind != "honest")


def test_everybody_has_a_number_that_can_be_called() -> None:
    for person in people(2_000, seed=7):
        for number in filter(None, (person.number, person.dials)):
            assert parse(number, "US") == number
            assert not is_costly(number)


@needs_valkey
def test_g2_g3_g4_fraud_costs_less_with_each_part_of_the_guard(results: dict[str, Result]) -> None:
    """What stays is less than a twentieth; honest people are refused by no limit."""
    assert list(results) == list(DAYS)
    without, limits, everything = (fraud(results[name]) for name in DAYS)
    assert without > 10 * MICROS
    assert limits < without / 2
    assert everything < without / 20
    for name in ("without", "limits"):
        assert not [reason for kind, reason in results[name].refused if kind == "honest"]
    honest = {reason for kind, reason in results["all"].refused if kind == "honest"}
    # Some have friends in Latvia, in a range that is known for fraud.
    assert honest <= {"risky_range"}


@needs_valkey
def test_the_same_day_comes_each_time_and_is_shown(results: dict[str, Result]) -> None:
    for result in results.values():
        assert result.rang == results["all"].rang
    lines = shown(results)
    for word in ("stolen", "honest", "risky_range", "spend_limit"):
        assert word in lines
