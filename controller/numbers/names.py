"""The name that comes beside a caller's number, as far as it may be shown to others (I1, G1).

It is taken as it came, or not at all: what is taken out of a name that somebody made up leaves
another one that nobody has.
"""

from __future__ import annotations

import msgspec

from controller.numbers import withheld
from controller.policy.fields import ShownName


def shown_name(display: str | None) -> str:
    """Give the name that a header has beside its number, or "" where that is none to be shown.

    That is one of other letters than `ShownName`'s, one that says that there is none, and one
    without any letter: a number in a name's place is a number that nobody has checked. Blanks
    around it do not count: American carriers fill names up to 15 letters.
    """
    name = (display or "").strip(" ")
    if not any(letter.isalpha() for letter in name) or withheld.says(name) is not None:
        return ""
    try:
        return msgspec.convert(name, ShownName)
    except msgspec.ValidationError:
        return ""
