"""What the soak calls flat: what stays, whatever a stalling machine does to some samples."""

from __future__ import annotations

import random

import pytest

from bench.soak import left_by, line_of
from bench.soak_lines import Line, Sample, judge, slope, table
from bench.soak_site import COUNTED, PER_CALL

#: Half an hour, a sample every ten seconds; four calls a second.
MOMENTS = [10.0 * n for n in range(181)]
RATE = 4.0
MEMORY = Line("memory", unit="MiB", bound=4.0, share=0.02)


def series(per_call_kib: float, noise: float = 0.0, begin: float = 100.0) -> list[Sample]:
    """Give the memory of a process that keeps so much of each call."""
    chance = random.Random(1)
    grown = per_call_kib * RATE / 1024
    return [(at, begin + grown * at + chance.uniform(-noise, noise)) for at in MOMENTS]


def test_what_stays_is_flat_and_what_grows_is_not() -> None:
    """A kilobyte of each call is seen in half an hour, within noise of ten times as much."""
    for per_call, flat in ((0.0, True), (0.2, True), (1.0, False), (20.0, False)):
        found = judge(MEMORY, series(per_call, noise=2.0), RATE)
        assert found.well is flat, per_call
        assert found.per_call * 1024 == pytest.approx(per_call, abs=0.2)


def test_a_third_of_the_samples_may_be_anything() -> None:
    """Now and then a process has much more, or a machine stands still."""
    wild = [
        (at, value + (150 if n % 4 == 3 else 0)) for n, (at, value) in enumerate(series(0.0, 0.5))
    ]
    assert judge(MEMORY, wild, RATE).well
    assert abs(slope(wild)) < 1e-3


def test_what_is_made_at_the_beginning_is_no_growth() -> None:
    """Pools and caches: the first third does not count; less of something is no fault either."""
    warm = [(at, 60.0 + min(at, 500.0) / 10) for at in MOMENTS]
    assert judge(MEMORY, warm, RATE).well
    assert judge(MEMORY, series(-5.0), RATE).well


def test_every_line_is_judged_and_an_unknown_one_must_not_grow() -> None:
    """A table of later is to stay as it is, unless somebody says otherwise."""
    assert line_of("rows of callback_request").kind == "history"
    assert line_of("switch one: memory").kind == "shown"
    assert line_of("two: sockets").kind == "flat"
    assert (line_of(COUNTED).kind, line_of("redis: other keys").kind) == ("each", "flat")
    unknown = line_of("rows of something_new")
    assert (unknown.kind, unknown.bound, unknown.share) == ("flat", 0, 0)
    assert judge(unknown, [(at, at // 60) for at in MOMENTS], RATE).well is False
    with pytest.raises(ValueError, match="something_new"):
        judge(unknown, [], RATE)


def test_of_what_each_call_leaves_for_a_while_there_is_one_at_most() -> None:
    """Redis knows for an hour which callbacks were counted: growing so is well, by more is not."""
    line = line_of(COUNTED)
    placed = [(at, RATE * at) for at in MOMENTS]
    assert judge(line, [(at, 0.0) for at in MOMENTS], RATE, placed).well
    found = judge(line, placed, RATE, placed)
    assert found.well
    assert (found.bound, found.growth, found.per_call) == pytest.approx((4800, 4800, 1))
    # One too many, once, also at the beginning.
    for wrong in (0, 5, 180):
        more = [(at, made + (n == wrong)) for n, (at, made) in enumerate(placed)]
        assert judge(line, more, RATE, placed).well is False
    # As many as calls would be no fault of the slope, where few of them were made.
    assert judge(line, placed, RATE, [(at, made / 2) for at, made in placed]).well is False


def test_the_table_says_which_lines_are_not_flat() -> None:
    """The judged ones come first, with what they may grow by."""
    lines = [judge(line_of("records told"), [(at, at) for at in MOMENTS], RATE)]
    lines += [judge(MEMORY, series(kept), RATE) for kept in (0.0, 9.0)]
    placed = [(at, RATE * at) for at in MOMENTS]
    for times in (1, 2):
        left = [(at, made * times) for at, made in placed]
        lines.append(judge(line_of(COUNTED), left, RATE, placed))
    _, flat, grown, one, two, history = table(lines).splitlines()
    assert (one.split()[-7], one.split()[-6]) == ("4,800", "1.000")
    assert one.endswith("  at most one a call")
    assert two.endswith("  MORE THAN ONE A CALL")
    assert flat.endswith("flat")
    assert grown.endswith("NOT FLAT")
    assert history.startswith("records told")
    assert history.endswith("history")


def test_each_call_leaves_exactly_its_rows() -> None:
    """One row too many is a fault; what a stalling machine spoils of a thousand calls is none."""
    grown = {name: 1000 * (count or 7) for name, count in PER_CALL.items()}
    assert left_by(1000, {"completed": 1000}, grown) == []
    (fault,) = left_by(1000, {"completed": 1000}, {**grown, "call_leg": 2001})
    assert "call_leg" in fault
    assert left_by(1000, {"completed": 999, "unknown": 1}, {**grown, "call_leg": 1998}) == []
    (fault,) = left_by(1000, {"completed": 990, "unknown": 10}, grown)
    assert "unknown" in fault
