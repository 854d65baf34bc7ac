"""Amounts of money as they are written, `12.50`, and as they are counted: micro-units, exactly."""

from __future__ import annotations

import re
from typing import Final

from controller.policy.fields import MICRO

_DIGITS: Final = 6
_AMOUNT: Final = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]+))?\Z", re.ASCII)


def counted(text: str) -> int:
    """Read an amount of a currency's unit as micro-units. Raises `ValueError`, which says why."""
    found = _AMOUNT.match(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no amount; write digits with a point: 12.50")
    sign, whole, part = found[1], found[2], found[3] or ""
    if len(part) > _DIGITS:
        raise ValueError(
            f"{text[:40]} has more than {_DIGITS} digits after the point; no account counts finer"
        )
    value = int(whole + part.ljust(_DIGITS, "0"))
    return -value if sign == "-" else value


def written(amount: int, digits: int = 0) -> str:
    """Give micro-units as an amount with `digits` after its point, more only where it is finer."""
    whole, rest = divmod(abs(amount), MICRO)
    part = f"{rest:0{_DIGITS}d}"
    part = part[: max(digits, len(part.rstrip("0")))]
    return f"{'-' if amount < 0 else ''}{whole}{f'.{part}' if part else ''}"
