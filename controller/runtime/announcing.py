"""Runs what administrators do in threads, and tells the caches of it before they are answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from controller.policy.changes import Change
from controller.runtime.offload import Offload

P = ParamSpec("P")
R = TypeVar("R")


class Announcing:
    """A pool of threads whose changes are announced on the hub.

    `note` is what the store calls, in the thread and after its commit; Redis is the hub's, so what
    was noted waits there until the work is done.
    """

    def __init__(self, threads: int, announce: Callable[[Change], None]) -> None:
        self._offload = Offload(threads)
        self._announce = announce
        self._thread = threading.local()

    def note(self, change: Change) -> None:
        """Remember a change that was committed in this thread."""
        self._thread.changes.append(change)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in a thread, announce what it changed, and give what it gives.

        What was committed before an error is announced too.
        """
        result, error, changes = self._offload.run(self._noting, function, args, kwargs)
        for change in changes:
            self._announce(change)
        if error is not None:
            raise error
        answer: R = result
        return answer

    def _noting(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Exception | None, list[Change]]:
        changes: list[Change] = []
        self._thread.changes = changes
        try:
            return function(*args, **kwargs), None, changes
        except Exception as error:  # noqa: BLE001  (raised again by `run`, in the greenlet)
            return None, error, changes

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._offload.close()
