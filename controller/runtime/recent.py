"""What is small, changes seldom and is asked of every call: trunks and stops, half a second old.

It is read again and again whether anybody asks or not, so that no call waits for it. While the
store is away, what was known last goes on to count: a trunk is no other trunk for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import gevent
import structlog

from controller.runtime.offload import Offload
from controller.store.database import Away

log: Any = structlog.get_logger("runtime")

T = TypeVar("T")

#: How long from one reading to the next, seconds.
RECENT_SECONDS: Final = 0.5


class Recent(Generic[T]):
    """A value that `load` reads; `on_change` is told when it is another. `Recents` reads it."""

    def __init__(self, load: Callable[[], T], *, on_fault: Callable[[], None]) -> None:
        self._load = load
        self._on_fault = on_fault
        self._value: T | None = None
        self._well = True
        self.on_change: Callable[[], None] = lambda: None

    def get(self) -> T:
        """Give the value, at once."""
        assert self._value is not None, "start() comes first"
        return self._value

    def begin(self) -> None:
        """Read it for the first time. It blocks, and raises what the store raises."""
        self._value = self._load()

    def read(self) -> T | Exception:
        """Read it, or give why it cannot be read. It blocks."""
        try:
            return self._load()
        except Exception as error:  # noqa: BLE001  (told by `take`, outside of the thread)
            return error

    def take(self, found: T | Exception) -> None:
        """Take what `read` gave."""
        if not isinstance(found, Exception):
            self._well = True
            changed = found != self._value
            self._value = found
            if changed:
                self.on_change()
            return
        # It outlives any fault, as the dispatcher does.
        if self._well and isinstance(found, Away):
            # The store's own fault is told where it is written to.
            log.warning("not_read", what=getattr(self._load, "__name__", "value"))
        elif self._well:
            log.error("fault", where="recent", exc_info=found)
            self._on_fault()
        self._well = False


class Recents:
    """Reads values again and again, all of them in one hop to a thread of `reads`."""

    def __init__(self, values: Sequence[Recent[Any]], *, reads: Offload) -> None:
        self._values = values
        self._reads = reads
        self._greenlet: Any = None

    def start(self) -> None:
        """Read all, and from then on again and again. Raises what the store raises."""
        self._reads.run(self._begin)
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Read them no more."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _begin(self) -> None:
        for value in self._values:
            value.begin()

    def _read(self) -> list[Any]:
        return [value.read() for value in self._values]

    def _run(self) -> None:
        while True:
            gevent.sleep(RECENT_SECONDS)
            for value, found in zip(self._values, self._reads.run(self._read), strict=True):
                value.take(found)
