"""Charts as numbers: where bars and lines are, from what there is to show. Pure; templates draw.

Across, places are percent of the width, so that a chart is as wide as its page and its words stay
as large as any other; down they are pixels. Nothing is drawn with a style: the sheet has colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

#: How high a chart is, and where in it the plot begins and ends, pixels.
HEIGHT: Final = 210
TOP: Final = 16
BOTTOM: Final = 184
#: How high a lane of a time line is, its label and its bar together.
LANE: Final = 44
#: Above that many lines the axis has fewer.
_MOST_TICKS: Final = 5
#: How many labels stand below a chart, so that none touches the next on a telephone.
_MOST_LABELS: Final = 4
#: So much of its place a bar fills, and the least that one is wide that there is, percent.
_FILLED: Final = 0.8
_LEAST_WIDTH: Final = 0.4
_STEPS: Final = (1, 2, 5, 10)


class Series(msgspec.Struct, frozen=True):
    """What is shown: values of one meaning, one for each place. None: there is nothing to say."""

    name: str
    values: tuple[float | None, ...]


class Mark(msgspec.Struct, frozen=True):
    """A label of an axis, and where it is: percent across, or pixels down. `anchor`: its side."""

    at: float
    label: str
    anchor: str = "middle"


class Bar(msgspec.Struct, frozen=True):
    """A bar: `x` and `width` percent, `y` and `height` pixels; `series` counts from 0.

    `said`: what it stands for, in words.
    """

    x: float
    y: float
    width: float
    height: float
    series: int
    said: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart. `lines`: points of lines, as SVG writes them, in a plot of 100 by `plot` pixels.

    `dots`: places with a value that no line goes through, percent and pixels.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    ticks: tuple[Mark, ...]
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...] = ()
    lines: tuple[str, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    is_empty: bool = False
    height: int = HEIGHT
    top: int = TOP
    bottom: int = BOTTOM

    @property
    def plot(self) -> int:
        """How high the plot is, pixels."""
        return self.bottom - self.top


def columns(
    labels: Sequence[str], series: Sequence[Series], written: Callable[[float], str]
) -> Chart:
    """Give a chart of bars, those of several series on top of each other.

    `written` writes a value.
    """
    sums = [sum(one.values[place] or 0 for one in series) for place in range(len(labels))]
    top, step = scale(max(sums, default=0))
    bars = []
    for place, label in enumerate(labels):
        base = 0.0
        for number, one in enumerate(series):
            value = one.values[place]
            if not value or value < 0:
                continue
            x, width = _place(place, len(labels))
            upper, lower = _down(base + value, top), _down(base, top)
            said = f"{label}: {one.name} {written(value)}"
            bars.append(Bar(x, upper, width, _round(lower - upper), number, said))
            base += value
    return Chart(
        names=tuple(one.name for one in series),
        labels=tuple(labels),
        rows=_rows(series, len(labels), written),
        ticks=_ticks(top, step, written),
        marks=below(labels),
        bars=tuple(bars),
        is_empty=not any(sums),
    )


def line(
    labels: Sequence[str], one: Series, written: Callable[[float], str], *, top: float | None = None
) -> Chart:
    """Give a chart of a line, which is broken where there is nothing to say.

    `top`: the end of its axis; None: as the values are.
    """
    values = one.values
    known = [value for value in values if value is not None]
    if top is None:
        end, step = scale(max(known, default=0))
    else:
        end, step = top, top / 4
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x, width = _place(place, len(labels))
        runs[-1].append((_round(x + width / 2), _down(value, end)))
    lines = tuple(
        " ".join(f"{x},{_round(y - TOP)}" for x, y in run) for run in runs if len(run) > 1
    )
    return Chart(
        names=(one.name,),
        labels=tuple(labels),
        rows=_rows([one], len(labels), written),
        ticks=_ticks(end, step, written),
        marks=below(labels),
        lines=lines,
        dots=tuple(run[0] for run in runs if len(run) == 1),
        is_empty=not known,
    )


def scale(most: float) -> tuple[float, float]:
    """Give where an axis ends that has values up to `most`, and how far apart its lines are.

    Both are whole numbers of the kind that people count in: 1, 2, 5, 10, 20, …
    """
    step = 1.0
    while step * (_MOST_TICKS - 1) < most:
        # The next of 1, 2, 5, 10.
        power = 10 ** (len(str(int(step))) - 1)
        step = next(one * power for one in _STEPS if one * power > step)
    lines = max(1, -int(-most // step))
    return lines * step, step


def below(labels: Sequence[str]) -> tuple[Mark, ...]:
    """Give the labels that stand below: few enough to be read, each where its place is."""
    count = len(labels)
    apart = max(1, -(-count // _MOST_LABELS))
    # Each begins where its bar does: none of them needs room on its left.
    return tuple(
        Mark(_place(place, count)[0], labels[place], "start") for place in range(0, count, apart)
    )


def shares(counts: Sequence[int]) -> tuple[float, ...]:
    """Give how wide bars are that lie, percent of the widest."""
    most = max(counts, default=0)
    return tuple(_round(100 * count / most) if most else 0.0 for count in counts)


# --- time lines ----------------------------------------------------------------------------------


class Phase(msgspec.Struct, frozen=True):
    """Something that lasted, microseconds since 1970. `kind` is its class."""

    begun: int
    ended: int
    kind: str
    said: str


class Lane(msgspec.Struct, frozen=True):
    """What lies on one line: `bars` have the kind of their phase instead of a series."""

    name: str
    y: int
    bars: tuple[tuple[Bar, str], ...]


class TimeLine(msgspec.Struct, frozen=True, kw_only=True):
    """Lanes on one time axis."""

    begun: int
    ended: int
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    height: int


def time_line(
    lanes: Sequence[tuple[str, Sequence[Phase]]], written: Callable[[float], str]
) -> TimeLine | None:
    """Give lanes on one axis, from the first beginning to the last end; None: nothing lasted.

    `written` writes seconds.
    """
    phases = [phase for _, lane in lanes for phase in lane]
    if not phases:
        return None
    begun = min(phase.begun for phase in phases)
    ended = max(begun + 1, *(phase.ended for phase in phases))
    whole = ended - begun
    made = []
    for number, (name, lane) in enumerate(lanes):
        y = number * LANE
        bars = []
        for phase in lane:
            x = 100 * (phase.begun - begun) / whole
            width = max(100 * (phase.ended - phase.begun) / whole, _LEAST_WIDTH)
            # One that is widened stays on the axis.
            x = min(x, 100 - width)
            bar = Bar(_round(x), y + 20, _round(width), LANE - 24, number, phase.said)
            bars.append((bar, phase.kind))
        made.append(Lane(name, y, tuple(bars)))
    # Its beginning, its middle and its end: more words would touch on a telephone.
    marks = tuple(
        Mark(50.0 * place, written(whole * place / 2_000_000), side)
        for place, side in enumerate(("start", "middle", "end"))
    )
    return TimeLine(
        begun=begun,
        ended=ended,
        lanes=tuple(made),
        marks=marks,
        height=len(lanes) * LANE + 28,
    )


# --- parts ---------------------------------------------------------------------------------------


def _place(place: int, count: int) -> tuple[float, float]:
    """Give where the bar of a place is, and how wide: percent."""
    slot = 100 / max(count, 1)
    return _round(place * slot + slot * (1 - _FILLED) / 2), _round(slot * _FILLED)


def _down(value: float, top: float) -> float:
    return _round(BOTTOM - (BOTTOM - TOP) * min(value, top) / top)


def _ticks(top: float, step: float, written: Callable[[float], str]) -> tuple[Mark, ...]:
    count = round(top / step)
    return tuple(
        Mark(_down(place * step, top), written(place * step)) for place in range(count + 1)
    )


def _rows(
    series: Sequence[Series], count: int, written: Callable[[float], str]
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple("" if (value := one.values[place]) is None else written(value) for one in series)
        for place in range(count)
    )


def _round(value: float) -> float:
    return round(value, 2)
