"""The time: seconds since 1970 (UTC), which never goes backwards while we run."""

from __future__ import annotations

import time
from typing import Final

#: A smaller difference of the two clocks is drift, not a step.
STEP_SECONDS: Final = 1.0


class Clock:
    """A clock set from the wall and driven by the monotonic one in between.

    A step of the wall clock (NTP, an operator) must neither end a caller's time to dial nor
    stretch it; but what controllers share, leases, they must also measure alike. So `now` follows
    the wall at moments when no deadline is being measured (`follow`), and `micros`, which leases
    are made of, is the wall's own time.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970, for the deadlines of legs."""
        return time.monotonic() + self._offset

    def follow(self) -> None:
        """Set the clock from the wall again, where the wall was set anew since."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > STEP_SECONDS:
            self._offset = offset

    def micros(self) -> int:
        """Microseconds since 1970, as the store keeps them and leases count."""
        return int(time.time() * 1_000_000)
