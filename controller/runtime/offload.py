"""Work that would stop the event loop runs in threads: SQL, password hashes, files.

What waits as greenlets do, as SQL does with PostgreSQL (`store.waiting`), runs in greenlets: to
wake a thread and be woken by it costs a quarter of a millisecond, more than most statements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, ParamSpec, TypeVar

import gevent
from gevent.event import Event as Signal
from gevent.pool import Pool
from gevent.threadpool import ThreadPool

#: How long what a thread is at is waited for at the end, seconds: a store that is away may hang.
CLOSE_SECONDS: Final = 2.0

P = ParamSpec("P")
R = TypeVar("R")


class Offload:
    """A pool of threads, or of greenlets; the greenlet that asks waits, all others go on.

    What was begun is done to its end, also where who asked for it is killed meanwhile. Where all
    threads are at work those who ask wait their turn, in order, and before them whoever
    asks by `run_first`.
    """

    def __init__(self, threads: int, *, in_greenlets: bool = False) -> None:
        self._pool: Any = (Pool if in_greenlets else ThreadPool)(threads)
        self._free = threads
        self._first: deque[Signal] = deque()
        self._others: deque[Signal] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._first) + len(self._others)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in a thread and give what it gives, or raise what it raises."""
        return self._run(self._others, function, *args, **kwargs)

    def run_first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do as `run` does, before all others who wait: somebody on the telephone waits for it."""
        return self._run(self._first, function, *args, **kwargs)

    def _run(
        self,
        waiting: deque[Signal],
        function: Callable[P, R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        self._take(waiting)
        try:
            return self._in_thread(function, *args, **kwargs)
        finally:
            self._give()

    def _take(self, waiting: deque[Signal]) -> None:
        """Wait until a thread is free; it is ours then."""
        if self._free:
            self._free -= 1
            return
        turn = Signal()
        waiting.append(turn)
        try:
            turn.wait()
        except BaseException:
            if turn.is_set():
                self._give()
            else:
                waiting.remove(turn)
            raise

    def _give(self) -> None:
        """Let the next one have the thread."""
        for waiting in (self._first, self._others):
            if waiting:
                waiting.popleft().set()
                return
        self._free += 1

    def _in_thread(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        # An error is given back as a value: the pool would print one that it sees, on lines of
        # its own among the log's.
        result, error = self._pool.apply(_attempt, (function, args, kwargs))
        if error is not None:
            raise error
        answer: R = result
        return answer

    def close(self) -> None:
        """End the threads after what they are at; those that do not end are left to the process."""
        with suppress(gevent.Timeout), gevent.Timeout(CLOSE_SECONDS):
            self._pool.join()
            self._pool.kill()


def _attempt(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return function(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001  (raised again by `run`, in the greenlet)
        return None, error
