"""Work that would stop the event loop runs in threads: SQL, password hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from gevent.threadpool import ThreadPool

P = ParamSpec("P")
R = TypeVar("R")


class Offload:
    """A pool of threads; the greenlet that asks waits, all others go on."""

    def __init__(self, threads: int) -> None:
        self._pool: Any = ThreadPool(threads)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in a thread and give what it gives, or raise what it raises."""
        # An error is given back as a value: the pool would print one that it sees, on lines of
        # its own among the log's.
        result, error = self._pool.apply(_attempt, (function, args, kwargs))
        if error is not None:
            raise error
        answer: R = result
        return answer

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._pool.join()
        self._pool.kill()


def _attempt(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return function(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001  (raised again by `run`, in the greenlet)
        return None, error
