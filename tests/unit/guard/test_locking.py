"""A3, G1: the rules of lock-outs, by themselves."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.locking import (
    DidRule,
    ExtensionRule,
    LockKind,
    NumberRule,
    Rule,
    Rules,
    Tally,
    aged,
    merged,
    target_of,
    targets,
    wrong,
    wrong_alone,
)

START = 1_795_000_000_000
NUMBER = "+12125550199"
RULE = Rule(
    failures=3, window_seconds=100, first_seconds=10, growth=2, longest_seconds=50,
    remember_seconds=86_400,
)  # fmt: skip


def lengths(rule: Rule, locks: int) -> list[int]:
    """Give how long lock after lock lasts, seconds; each wrong password as soon as it may be."""
    tally, now = Tally(), START
    found: list[int] = []
    while len(found) < locks:
        before, tally = tally, wrong(tally, rule, now)
        if tally.level > before.level:
            found.append((tally.until - now) // 1000)
            now = tally.until
        else:
            now += 1000
    return found


def test_a3_each_third_wrong_password_locks_a_number_for_longer() -> None:
    assert lengths(NumberRule(), 7) == [60, 300, 1500, 7500, 37_500, 86_400, 86_400]


def test_a3_extensions_and_dids_are_locked_for_hours_at_most() -> None:
    for rule in (ExtensionRule(), DidRule()):
        assert lengths(rule, 5) == [300, 1500, 7500, 14_400, 14_400]


def test_a3_one_telephone_alone_locks_no_extension() -> None:
    """Its own lock keeps it from the failures that an extension takes: no cheap way to shut one."""
    pair, extension, now = Tally(), Tally(), START
    for _ in range(200):
        pair = wrong(pair, NumberRule(), now)
        extension = wrong(extension, ExtensionRule(), now)
        assert extension.level == 0
        now = max(now + 1, pair.until)


def test_a3_wrong_passwords_far_apart_do_not_lock() -> None:
    tally, now = Tally(), START
    for _ in range(50):
        tally, now = wrong(tally, RULE, now), now + 50_000
    assert tally.level == 0
    assert len(tally.times) == 2


def test_a3_a_locks_level_is_forgotten_after_its_time_and_not_before() -> None:
    tally = Tally()
    for _ in range(3):
        tally = wrong(tally, RULE, START)
    end = tally.until + RULE.remember_ms
    assert aged(tally, RULE, end - 1).level == 1
    assert aged(tally, RULE, end) == Tally()


def test_a3_a_level_is_remembered_longer_than_the_longest_lock_by_default() -> None:
    for kind in LockKind:
        rule = Rules().of(kind)
        assert rule.remember_seconds > rule.longest_seconds
        assert rule.growth > 1


def test_a3_wrong_passwords_during_a_lock_make_it_longer() -> None:
    tally = Tally()
    for _ in range(6):
        tally = wrong(tally, RULE, START)
    assert (tally.level, tally.since, tally.until) == (2, START, START + 20_000)


@pytest.mark.parametrize(
    "number",
    ["", "+", "12125550199", "+1212555019\n", "+1/2", "+12125550199/9", "+0125550199", "*",
     "+1212555019{", "+\uff11\uff12125550199", "anonymous", "+1212555019999999",
     "%s", "a b\r\nDEL"],
)  # fmt: skip
def test_g1_what_is_no_number_becomes_no_target(number: str) -> None:
    assert [one.key for one in targets("100", (number, NUMBER), number)] == [
        f"number/100/{NUMBER}",
        "extension/100",
    ]
    assert target_of(f"number/100/{number}") is None
    assert target_of(f"did/{number}") is None


@pytest.mark.parametrize("extension", ["", "1/2", "10a", "\u0661", "100\n", "12345678901", "-1"])
def test_g1_what_is_no_extension_becomes_no_target(extension: str) -> None:
    assert targets(extension, (NUMBER,), "") == []
    assert target_of(f"extension/{extension}") is None
    assert target_of(f"number/{extension}/{NUMBER}") is None


def test_a3_a_number_that_is_given_twice_counts_once() -> None:
    found = targets("100", (NUMBER, NUMBER), "+12025550100")
    assert [one.kind for one in found] == [LockKind.NUMBER, LockKind.EXTENSION, LockKind.DID]
    assert [target_of(one.key) for one in found] == found
    assert target_of("nothing/100") is None


gaps = st.lists(st.integers(0, 120_000), min_size=1, max_size=60)
rules = st.builds(
    Rule,
    failures=st.integers(1, 6),
    window_seconds=st.integers(60, 400),
    first_seconds=st.integers(1, 100),
    growth=st.integers(1, 4),
    longest_seconds=st.integers(100, 1000),
    remember_seconds=st.integers(86_400, 90_000),
)


@given(gaps=gaps, rule=rules, alone=st.lists(st.booleans(), min_size=60, max_size=60))
def test_a3_it_is_never_looser_to_count_alone(
    gaps: list[int], rule: Rule, alone: list[bool]
) -> None:
    """Whatever part of the wrong passwords is counted alone, each lock lasts at least as long."""
    shared, strict = Tally(), Tally()
    for now, by_itself in zip(itertools.accumulate(gaps, initial=START), alone, strict=False):
        shared = wrong(shared, rule, now)
        strict = (wrong_alone if by_itself else wrong)(strict, rule, now)
        assert strict.until >= shared.until
        assert strict.level >= shared.level
        assert strict.times == shared.times


@given(gaps=gaps, rule=rules, whose=st.lists(st.integers(0, 2), min_size=60, max_size=60))
def test_a3_what_two_know_of_each_other_is_put_together_in_any_order(
    gaps: list[int], rule: Rule, whose: list[int]
) -> None:
    """Merging is commutative and idempotent, and loses nothing that one of them counted."""
    sides = [Tally(), Tally()]
    for now, who in zip(itertools.accumulate(gaps, initial=START), whose, strict=False):
        for side in (0, 1):
            if who in (side, 2):
                sides[side] = wrong(sides[side], rule, now)
    one, other = sides
    both = merged(one, other, rule)
    assert msg(merged(other, one, rule)) == msg(both)
    assert merged(both, one, rule) == merged(one, both, rule) == both
    assert merged(one, one, rule) == one
    assert both.until >= max(one.until, other.until)


def msg(tally: Tally) -> tuple[int, ...]:
    """Give what of a tally does not depend on whose it was: of two equal locks, either began it."""
    return (*tally.times, tally.level, tally.until, tally.cleared, tally.last, tally.released)


def test_a3_what_was_released_is_not_brought_back_by_who_had_not_heard() -> None:
    old = Tally()
    for _ in range(4):
        old = wrong(old, RULE, START)
    released = Tally(released=START + 5)
    assert merged(old, released, RULE) == merged(released, old, RULE) == released
    newer = wrong(old, RULE, START + 6)
    assert merged(newer, released, RULE).level == 1
