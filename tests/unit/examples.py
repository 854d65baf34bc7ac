"""How many examples a property test tries."""

from __future__ import annotations

import os

#: Whether the code is tried with all of them already, on another Python.
FEW = os.environ.get("TEST_EXAMPLES") == "few"


def many(examples: int) -> int:
    """Give how many of these are tried: all, or a quarter where the code was tried already."""
    return examples // 4 if FEW else examples
