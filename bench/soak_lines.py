"""What a soak judges: series of samples, and whether each stays where it is.

No I/O. Looked at are the last two thirds of the run: what is made once, such as pools and caches,
is there by then. The line through the samples is the median of the slopes between all pairs of
them (Theil and Sen): a third of them may be anything, as on a machine that stalls.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final, Literal

import msgspec

#: What is left out at the beginning, in parts of the run.
WARM_UP: Final = 1 / 3
#: Of how many samples "start", "middle" and "end" are the medians, in parts of the window.
SHOWN: Final = 1 / 10

#: (seconds, value)
Sample = tuple[float, float]


class Line(msgspec.Struct, frozen=True):
    """One thing that is sampled.

    Attributes:
        name: what it is, as it is shown.
        kind: `flat`: it is judged; `each`: each call may leave one, for longer than a run lasts,
            and never another; `history`: it grows by what each call leaves, and is judged at the
            end; `shown`: it is none of these.
        unit: of its values.
        bound: by how much it may grow in the window, in its unit.
        share: the same in parts of its median; the larger of the two counts.

    """

    name: str
    kind: Literal["flat", "each", "history", "shown"] = "flat"
    unit: str = ""
    bound: float = 0.0
    share: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """What became of a line in the window; `growth` is by the slope, `well` None: not judged."""

    name: str
    kind: str
    unit: str
    start: float
    middle: float
    end: float
    growth: float
    per_call: float
    bound: float
    well: bool | None

    @property
    def said(self) -> str:
        """What is said of it in a word or two."""
        return _SAID.get(self.kind, {}).get(self.well, self.kind)


_SAID: Final[dict[str, dict[bool | None, str]]] = {
    "flat": {True: "flat", False: "NOT FLAT"},
    "each": {True: "at most one a call", False: "MORE THAN ONE A CALL"},
}


def slope(samples: Sequence[Sample]) -> float:
    """Give the median of the slopes between all pairs, per second; 0 where there is no pair."""
    slopes = [
        (value - before) / (at - then)
        for position, (at, value) in enumerate(samples)
        for then, before in samples[:position]
        if at > then
    ]
    return median(slopes) if slopes else 0.0


def window(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Give the samples that count: those after the warm-up."""
    if not samples:
        return samples
    first, last = samples[0][0], samples[-1][0]
    return [one for one in samples if one[0] >= first + WARM_UP * (last - first)]


def judge(
    line: Line, samples: Sequence[Sample], rate: float, calls: Sequence[Sample] = ()
) -> Verdict:
    """Judge a line by all its samples; `rate`: calls a second, by which growth is told per call.

    Only growth is a fault: what is warm may still fall. `calls`: how many there had been at each
    sample; of what each may leave there are never more than that, from the first sample on. Raises
    `ValueError` without samples.
    """
    counted = window(samples)
    if not counted:
        raise ValueError(f"{line.name} was never sampled")
    values = [value for _, value in counted]
    part = max(1, round(len(values) * SHOWN))
    centre = (len(values) - part) // 2
    per_second = slope(counted)
    growth = per_second * (counted[-1][0] - counted[0][0])
    bound = max(line.bound, line.share * median(values))
    well: bool | None = None
    if line.kind == "flat":
        well = growth <= bound
    elif line.kind == "each":
        bound = calls[-1][1] - calls[-len(counted)][1]
        well = all(left <= made for (_, left), (_, made) in zip(samples, calls, strict=True))
    return Verdict(
        name=line.name,
        kind=line.kind,
        unit=line.unit,
        start=median(values[:part]),
        middle=median(values[centre : centre + part]),
        end=median(values[-part:]),
        growth=growth,
        per_call=per_second / rate,
        bound=bound,
        well=well,
    )


def shown(value: float) -> str:
    """Write a value for people: whole numbers as such, others with two digits."""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.2f}"


def table(verdicts: Sequence[Verdict]) -> str:
    """Give the verdicts as lines for people: what is judged first."""
    head = ("", "start", "middle", "end", "growth", "at most", "per call", "")
    rows: list[tuple[str, ...]] = [head]
    for kind in ("flat", "each", "history", "shown"):
        rows += [
            (
                f"{one.name}, {one.unit}" if one.unit else one.name,
                *(shown(value) for value in (one.start, one.middle, one.end, one.growth)),
                shown(one.bound) if one.well is not None else "",
                f"{one.per_call:,.3f}",
                one.said,
            )
            for one in verdicts
            if one.kind == kind
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(head) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
