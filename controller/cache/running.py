"""How what blocks is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Run(Protocol):
    """Runs what blocks in a thread, such as `Offload.run`; all greenlets but the caller's go on."""

    def __call__(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Give what the function gives, or raise what it raises."""
        ...
