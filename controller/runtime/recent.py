"""What is small, changes seldom and is asked of every call: trunks and stops, half a second old.

It is read again and again whether anybody asks or not, so that no call waits for it. While the
store is away, what was known last goes on to count: a trunk is no other trunk for that.
"""

from __future__ import annotations

from collections.abc import Callable
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
    """A value that `load` reads, in a thread of `reads`; `on_change` is told when it is another."""

    def __init__(
        self,
        load: Callable[[], T],
        *,
        reads: Offload,
        on_fault: Callable[[], None],
    ) -> None:
        self._load = load
        self._reads = reads
        self._on_fault = on_fault
        self._value: T | None = None
        self._greenlet: Any = None
        self.on_change: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Read it, and from then on again and again. Raises what the store raises."""
        self._value = self._reads.run(self._load)
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Read it no more."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def get(self) -> T:
        """Give the value, at once."""
        assert self._value is not None, "start() comes first"
        return self._value

    def _run(self) -> None:
        well = True
        while True:
            gevent.sleep(RECENT_SECONDS)
            try:
                value = self._reads.run(self._load)
            except Away:
                # The store's own fault is told where it is written to.
                if well:
                    log.warning("not_read", what=getattr(self._load, "__name__", "value"))
                well = False
            except Exception:
                # It outlives any fault, as the dispatcher does.
                if well:
                    log.exception("fault", where="recent")
                    self._on_fault()
                well = False
            else:
                well = True
                changed = value != self._value
                self._value = value
                if changed:
                    self.on_change()
