"""Work that would stop the event loop runs in threads: SQL, password hashes, files.

What waits as greenlets do, as SQL does with PostgreSQL (`store.waiting`), runs in greenlets: to
wake a thread and be woken by it costs a quarter of a millisecond, more than most statements.

The threads are none of gevent's: what its pool takes for each piece of work (a lock in Python, a
watcher of its own) was half of what a hop to a thread and back costs, and a thread of it goes to
sleep between two pieces though the second waits already.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

import gevent
from gevent.event import Event as Signal
from gevent.hub import Waiter

#: How long what a thread is at is waited for at the end, seconds: a store that is away may hang.
CLOSE_SECONDS: Final = 2.0

P = ParamSpec("P")
R = TypeVar("R")


class _Job:
    """Something that is to be done, and who waits for it; None: nobody any more."""

    __slots__ = ("args", "error", "function", "kwargs", "result", "waiter")

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.waiter: Any = Waiter()
        self.result: Any = None
        self.error: Exception | None = None

    def do(self) -> None:
        """Do it, in a thread; an error is raised in the greenlet that waits."""
        try:
            self.result = self.function(*self.args, **self.kwargs)
        except Exception as error:  # noqa: BLE001  (raised again by `run`)
            self.error = error


class Offload:
    """A pool of threads, or of greenlets; the greenlet that asks waits, all others go on.

    What was begun is done to its end, also where who asked for it is killed meanwhile. Where all
    are at work those who ask wait their turn, in order, and before them whoever asks by
    `run_first`. All of it is one event loop's, that of whoever makes it.
    """

    def __init__(self, threads: int, *, in_greenlets: bool = False) -> None:
        self._most = threads
        self._in_greenlets = in_greenlets
        self._greenlets: set[Any] = set()
        #: How many there are; they begin when they are needed.
        self._threads = 0
        self._first: deque[_Job] = deque()
        self._others: deque[_Job] = deque()
        #: One for each job that waits for a thread; False: one of them ends.
        self._wakes: SimpleQueue[bool] = SimpleQueue()
        #: What was done and is not told yet.
        self._done: deque[_Job] = deque()
        #: How many are to be done or told.
        self._open = 0
        self._idle = Signal()
        self._idle.set()
        # It runs while something is open, and keeps the loop from ending for as long.
        self._told: Any = gevent.get_hub().loop.async_()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._first) + len(self._others)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function in a thread and give what it gives, or raise what it raises."""
        answer: R = self._run(self._others, _Job(function, args, kwargs))
        return answer

    def run_first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do as `run` does, before all others who wait: somebody on the telephone waits for it."""
        answer: R = self._run(self._first, _Job(function, args, kwargs))
        return answer

    def _run(self, waiting: deque[_Job], job: _Job) -> Any:  # noqa: ANN401  (what the job gives)
        if not self._open:
            self._idle.clear()
            self._told.start(self._tell)
        self._open += 1
        waiting.append(job)
        if self._in_greenlets:
            self._begin_greenlet()
        else:
            if self._open > self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name="offload", daemon=True).start()
            self._wakes.put(True)
        try:
            job.waiter.get()
        except BaseException:
            job.waiter = None
            # It is not done if no thread is at it yet.
            with suppress(ValueError):
                waiting.remove(job)
                self._over()
            raise
        if job.error is not None:
            raise job.error
        return job.result

    def _work(self) -> None:
        """Do what there is to be done, in a thread."""
        while self._wakes.get():
            job = _take(self._first) or _take(self._others)
            if job is not None:
                job.do()
                self._done.append(job)
                self._told.send()

    def _begin_greenlet(self) -> None:
        if len(self._greenlets) < self._most:
            greenlet = gevent.spawn(self._work_here)
            self._greenlets.add(greenlet)
            greenlet.link(self._greenlets.discard)

    def _work_here(self) -> None:
        """Do what there is to be done, in a greenlet."""
        while (job := _take(self._first) or _take(self._others)) is not None:
            job.do()
            self._done.append(job)
            gevent.get_hub().loop.run_callback(self._tell)
        # Before anything is asked for anew: else that would wait for this one.
        self._greenlets.discard(gevent.getcurrent())

    def _tell(self) -> None:
        """Let those go on whose jobs are done. It runs in the loop."""
        while self._done:
            job = self._done.popleft()
            self._over()
            if job.waiter is not None:
                job.waiter.switch(None)

    def _over(self) -> None:
        self._open -= 1
        if not self._open:
            self._told.stop()
            self._idle.set()

    def close(self) -> None:
        """End the threads after what they are at; those that do not end are left to the process."""
        self._idle.wait(timeout=CLOSE_SECONDS)
        for _ in range(self._threads):
            self._wakes.put(False)
        self._threads = 0
        gevent.killall(list(self._greenlets), block=False)


def _take(waiting: deque[_Job]) -> _Job | None:
    """Take what came first, if there is anything: whoever asked for it may have gone away."""
    try:
        return waiting.popleft()
    except IndexError:
        return None
