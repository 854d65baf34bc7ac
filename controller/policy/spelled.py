"""How a telephone number stands in a text (O7): found by its digits, told from a longer one."""

from __future__ import annotations

import re

#: What stands in the place of a number that was erased begins with this, and letters follow: it is
#: no number, and as long as it was.
ERASED = "~"


def spelled(number: str) -> re.Pattern[str]:
    """Give the pattern of an E.164 number: `+4930…`, `4930…`, `004930…`, `0114930…`, none longer.

    As it is dialled within its country it is not looked for: many countries have such a number.
    """
    digits = re.escape(number.removeprefix("+"))
    return re.compile(rf"(?<![0-9])(?:\+|00|011)?{digits}(?![0-9])", re.ASCII)


def without(text: str, pattern: re.Pattern[str], pseudonym: str) -> str:
    """Give a text with a pseudonym wherever a number stands; it does not get longer."""
    return pattern.sub(lambda found: pseudonym[: len(found[0])], text)
