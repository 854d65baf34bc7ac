"""A controller that is alone and never stands still, for tests of all else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def alone() -> Any:
    """Give what such a one knows of controllers."""
    return SimpleNamespace(
        epoch=0,
        members=(),
        away=frozenset(),
        others=frozenset(),
        check=lambda: False,
        fence=lambda: None,
        begun=lambda greenlet: None,
        is_held_by_another=lambda holder: False,
    )
