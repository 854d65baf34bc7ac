"""M1, M3-M5, M7, M9, G3: a slice of `python -m bench.credit`: whole calls, and what kills them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import credit
from tests.unit.examples import many


def test_m7_the_books_are_in_order_after_each_step_of_any_calls() -> None:
    seen = credit.sequences(seed=7, first=0, count=3000)
    for what in (
        "talking", "extended", "as it was", "crash", "recovered", "cut", "return leg cut",
        "settled again", "identified", "stayed", "begin: no_credit", "begin: no_rate",
        "identify: no_credit", "dial: no_credit", "dial: no_rate",
        "begin: spend_limit", "identify: spend_limit", "dial: spend_limit",
    ):  # fmt: skip
        assert seen[what] > 0, what


@settings(max_examples=many(100), deadline=None)
@given(st.randoms(use_true_random=False))
def test_m7_nor_does_hypothesis_find_a_call_that_upsets_them(chance: random.Random) -> None:
    credit.Sequence(chance, thorough=True).run()


def test_a_fault_is_told_with_what_shows_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(credit, "charge", lambda price, seconds: 1)
    with pytest.raises(credit.Fault, match=r"seed 5, sequence \d+"):
        credit.sequences(5, 0, 100)


def test_the_command_says_how_many_and_what_came_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert credit.main(["--sequences", "200", "--seed", "3"]) == 0
    assert "200 sequences, seed 3" in capsys.readouterr().out
