"""Amounts in words, as they are written on cheques: a point in the wrong place is seen by them."""

from __future__ import annotations

from typing import Final

from controller.policy.fields import MICRO

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS: Final = (
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_GROUPS: Final = (
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (1000, "thousand"),
    (1, ""),
)


def in_words(micros: int, currency: str) -> str:
    """Give an amount of micro-units in English: `minus twelve EUR and 50/100`."""
    whole, part = divmod(abs(micros), MICRO)
    text = f"{'minus ' if micros < 0 else ''}{_number(whole)} {currency}"
    if not part:
        return text
    hundredths, finer = divmod(part, MICRO // 100)
    return f"{text} and {part:06d}/1000000" if finer else f"{text} and {hundredths:02d}/100"


def _number(count: int) -> str:
    if not count:
        return _SMALL[0]
    said = []
    for size, name in _GROUPS:
        group, count = divmod(count, size)
        if group:
            said.append(f"{_hundreds(group)} {name}".rstrip())
    return " ".join(said)


def _hundreds(count: int) -> str:
    hundreds, rest = divmod(count, 100)
    said = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    if rest >= len(_SMALL):
        tens, ones = divmod(rest, 10)
        said.append(_TENS[tens] + (f"-{_SMALL[ones]}" if ones else ""))
    elif rest:
        said.append(_SMALL[rest])
    return " ".join(said)
