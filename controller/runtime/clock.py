"""The time: seconds since 1970 (UTC), which never goes backwards while we run."""

from __future__ import annotations

import time


class Clock:
    """A clock set once from the wall and then driven by the monotonic one.

    A step of the wall clock (NTP, an operator) must neither end a caller's time to dial nor
    stretch it.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.monotonic() + self._offset

    def micros(self) -> int:
        """Microseconds since 1970, as the store keeps them."""
        return int(self.now() * 1_000_000)
