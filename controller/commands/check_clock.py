"""Whether clocks agree, for `callbackd check`: leases, limits and charges are told by several."""

from __future__ import annotations

from typing import Final

from controller.commands.findings import Finding

#: By more than that clocks of machines that keep time do not differ, seconds.
_MOST: Final = 1.0


def clock(
    whose: str,
    there: float,
    before: float,
    after: float,
    *,
    unit: float = 0.0,
    node: str | None = None,
) -> Finding:
    """Compare a clock with this machine's; all are seconds since 1970.

    `before`, `after`: when it was asked here, and had answered. `unit`: in what it counts, whole
    ones alone; it is `unit` behind at the most.
    """
    ahead = there - after
    behind = before - (there + unit)
    off = max(ahead, behind)
    if off <= _MOST:
        return Finding(subject="clock", node=node, well=True, text=f"{whose} has the same time")
    how = "ahead of" if ahead > behind else "behind"
    return Finding(
        subject="clock",
        node=node,
        well=True,
        text=f"the clock of {whose} is {off:.1f} s {how} this machine's: leases end too soon or "
        "too late, and what is said of when is wrong",
        remedy="have both keep time: timedatectl status, chronyc tracking",
    )
