"""Charts as numbers: whatever is shown, what is drawn is right (O2)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.web.pages.charts import (
    BOTTOM,
    TOP,
    Phase,
    Series,
    below,
    columns,
    line,
    scale,
    shares,
    time_line,
)


def written(value: float) -> str:
    """Write a value."""
    return f"{value:g}"


@pytest.mark.parametrize(
    ("most", "top", "step"),
    [
        (0, 1, 1),
        (1, 1, 1),
        (4, 4, 1),
        (5, 6, 2),
        (9, 10, 5),
        (100, 100, 50),
        (4_300_000, 6_000_000, 2_000_000),
    ],
)
def test_an_axis_ends_where_people_would_end_it(most: float, top: float, step: float) -> None:
    """Lines are 1, 2, 5, 10, … apart, and the highest value is below the last."""
    assert scale(most) == (top, step)


@given(st.floats(min_value=0, max_value=1e15))
def test_an_axis_has_few_lines_and_room_for_all(most: float) -> None:
    """Whatever there is to show."""
    top, step = scale(most)
    assert top >= most
    assert 1 <= top / step <= 5


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    """And those of two series lie on top of each other, without a gap."""
    chart = columns(["a", "b"], [Series("made", (3, 0)), Series("refused", (1, 2))], written)
    assert [(bar.series, bar.said) for bar in chart.bars] == [
        (0, "a: made 3"),
        (1, "a: refused 1"),
        (1, "b: refused 2"),
    ]
    made, refused, other = chart.bars
    whole = BOTTOM - TOP
    assert made.height == pytest.approx(whole * 3 / 4)
    assert refused.height == pytest.approx(whole / 4)
    assert refused.y + refused.height == pytest.approx(made.y)
    assert other.y + other.height == pytest.approx(BOTTOM)
    assert made.x == refused.x < other.x
    assert chart.rows == (("3", "1"), ("0", "2"))
    assert [tick.label for tick in chart.ticks] == ["0", "1", "2", "3", "4"]


def test_nothing_is_a_chart_without_bars_that_says_so() -> None:
    """It is drawn as a sentence then."""
    assert columns(["a"], [Series("made", (0,))], written).is_empty
    assert columns([], [], written).is_empty
    assert line(["a"], Series("answered", (None,)), written).is_empty


def test_a_line_is_broken_where_there_is_nothing_to_say() -> None:
    """No ratio is made up for an hour without calls; one between two such is a dot."""
    chart = line(
        ["a", "b", "c", "d", "e"], Series("answered", (100, 0, None, 50, None)), written, top=100
    )
    assert chart.lines == ("10.0,0.0 30.0,168.0",)
    assert chart.dots == ((70.0, (TOP + BOTTOM) / 2),)
    assert chart.rows == (("100",), ("0",), ("",), ("50",), ("",))
    assert [tick.label for tick in chart.ticks] == ["0", "25", "50", "75", "100"]


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=170))
def test_whatever_is_drawn_stays_in_its_plot(values: list[int]) -> None:
    """Across between 0 and 100 percent, down between the ends of the axis."""
    labels = [str(place) for place in range(len(values))]
    chart = columns(labels, [Series("x", tuple(values))], written)
    for bar in chart.bars:
        assert 0 <= bar.x <= 100
        assert bar.x + bar.width <= 100.01
        assert bar.y >= TOP - 0.02
        assert bar.y + bar.height <= BOTTOM + 0.02
    assert len(below(labels)) <= 4


def test_bars_that_lie_are_shares_of_the_longest() -> None:
    """The most frequent fills its line."""
    assert shares([4, 2, 1]) == (100, 50, 25)
    assert shares([0]) == (0,)
    assert shares([]) == ()


def test_o3_lanes_lie_on_one_axis() -> None:
    """O3: what happened at the same time stands below each other."""
    second = 1_000_000
    drawn = time_line(
        [
            ("Return call", [Phase(0, 10 * second, "ringing", "rang")]),
            ("Destination", [Phase(5 * second, 20 * second, "talking", "talked")]),
        ],
        written,
    )
    assert drawn is not None
    (one, _), (other, kind) = drawn.lanes[0].bars[0], drawn.lanes[1].bars[0]
    assert (one.x, one.width) == (0, 50)
    assert (other.x, other.width, kind) == (25, 75, "talking")
    assert other.y > one.y + one.height
    assert [(mark.at, mark.label) for mark in drawn.marks] == [(0, "0"), (50, "10"), (100, "20")]


def test_o3_what_lasted_no_time_can_be_seen() -> None:
    """O3: and stays on the axis."""
    drawn = time_line([("a", [Phase(0, 10**9, "waiting", ""), Phase(10**9, 10**9, "x", "")])], str)
    assert drawn is not None
    bar = drawn.lanes[0].bars[1][0]
    assert bar.width > 0
    assert bar.x + bar.width <= 100
    assert time_line([("a", [])], str) is None
    alone = time_line([("a", [Phase(5, 5, "x", "")])], str)
    assert alone is not None
    assert alone.ended > alone.begun


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)).map(sorted),
        min_size=1,
        max_size=20,
    )
)
def test_o3_whatever_lasted_is_on_the_axis_in_order(spans: list[list[int]]) -> None:
    """O3: those that began first are furthest left."""
    phases = [Phase(begun, ended, "x", "") for begun, ended in sorted(spans)]
    drawn = time_line([("a", phases)], str)
    assert drawn is not None
    bars = [bar for bar, _ in drawn.lanes[0].bars]
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.02 for bar in bars)
    assert all(one.x <= other.x + 0.41 for one, other in pairwise(bars))
