"""How much is tried: all on one Python, and some on the others, since it is the same code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

#: Whether the code is tried with all of them already, on another Python.
FEW = os.environ.get("TEST_EXAMPLES") == "few"


#: So many cases of a test are tried anyhow.
_FEWEST: Final = 5

T = TypeVar("T")


def many(examples: int) -> int:
    """Give how many of these are tried: all, or a tenth where the code was tried already."""
    return max(examples // 10, min(examples, _FEWEST)) if FEW else examples


def some(cases: Sequence[T]) -> Sequence[T]:
    """Give those of a test's cases that are tried where all were tried already.

    They are spread over all, for cases that are alike stand together.
    """
    return cases[:: max(1, min(4, len(cases) // _FEWEST))]
