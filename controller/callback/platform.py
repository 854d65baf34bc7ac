"""What the platform itself says of numbers, whatever the extension (D3, G2)."""

from __future__ import annotations

import msgspec

from controller.guard.ranges import NO_RANGES, Ranges
from controller.numbers.special import is_emergency


class Platform(msgspec.Struct, frozen=True):
    """Numbers that are no ordinary destinations.

    Attributes:
        internal_lengths: how many digits an extension of the platform has; none: there is no way
            to them.
        internal_prefixes: how E.164 numbers begin that are the platform's own too.
        emergency_numbers: emergency numbers besides those of the extension's country.
        emergency_connected: whether emergency calls are connected; else the caller is told.
        ranges: numbers that are known for fraud.

    """

    internal_lengths: tuple[int, ...] = ()
    internal_prefixes: tuple[str, ...] = ()
    emergency_numbers: tuple[str, ...] = ()
    emergency_connected: bool = False
    ranges: Ranges = NO_RANGES

    def is_emergency(self, number: str, country: str) -> bool:
        """Whether this is an emergency number where the extension is."""
        return is_emergency(number, country, self.emergency_numbers)

    def is_internal(self, number: str) -> bool:
        """Whether a destination, which is no emergency number, stays on the platform."""
        if number[:1] == "+":
            return number.startswith(self.internal_prefixes)
        return len(number) in self.internal_lengths
