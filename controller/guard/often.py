"""How often callbacks are made (G3): at most so many in a minute, an hour, a day. Pure.

Callbacks are counted by whom they are for: the number that is called, its block, the DID that was
rung, the extension. A callback counts once, when its first return call is made: one
that a trigger call joins (T6) is none, and neither are its further tries (T5).

Windows slide. Each is counted in parts of a sixtieth, and a part counts until all of it has left
the window: there are never more than so many in any minute, hour or day, and who is over the limit
waits a sixtieth of it too long at most. Scripts in Redis reckon with the same
(`cache.often_scripts`). Times are whole milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from controller.policy.fields import Rate
from controller.policy.model import Policy

#: In so many parts a window is counted.
PARTS: Final = 60
#: The digits at the end of a number in which those of its block differ: a hundred numbers, what
#: telephone companies give out at least, and what those who ring in sequence go through.
BLOCK_DIGITS: Final = 2

_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}


class OftenKind(StrEnum):
    """Whose callbacks are counted together."""

    NUMBER = "number"
    BLOCK = "block"
    DID = "did"
    EXTENSION = "extension"


class Limit(msgspec.Struct, frozen=True):
    """At most `most` callbacks of one kind in so many seconds.

    `name` says whose: a number, its block and a DID are counted for each extension by itself, since
    its policy is what limits them.
    """

    kind: OftenKind
    name: str
    seconds: int
    most: int

    @property
    def key(self) -> str:
        """Give the name by which it is counted."""
        return f"{self.kind.value}:{self.name}:{self.seconds}"

    @property
    def part_ms(self) -> int:
        """Give how long a part of the window is, milliseconds."""
        return self.seconds * 1000 // PARTS

    @property
    def reason(self) -> str:
        """Give why no callback is made beyond it (T10)."""
        return f"too_often_{self.kind.value}"


#: All reasons there are.
REASONS: Final = tuple(f"too_often_{kind.value}" for kind in OftenKind)


class Over(msgspec.Struct, frozen=True):
    """A limit that is reached, and when another callback may be made."""

    limit: Limit
    free_at: int


def block_of(number: str) -> str:
    """Give what the numbers of a block have in common: all but their last digits."""
    return number[:-BLOCK_DIGITS]


def limits_of(policy: Policy, number: str, did: str) -> tuple[Limit, ...]:
    """Give the limits that a callback to an E.164 number is counted by; `did` may be empty."""
    extension = policy.extension
    counted: tuple[tuple[OftenKind, str, Rate], ...] = (
        (OftenKind.NUMBER, f"{extension}:{number}", policy.callbacks_per_number),
        (OftenKind.BLOCK, f"{extension}:{block_of(number)}", policy.callbacks_per_block),
        (OftenKind.DID, f"{extension}:{did}", policy.callbacks_per_did if did else Rate()),
        (OftenKind.EXTENSION, extension, policy.callbacks_per_extension),
    )
    return tuple(limit for kind, name, rate in counted for limit in _windows(kind, name, rate))


def _windows(kind: OftenKind, name: str, rate: Rate) -> Iterator[Limit]:
    for window, seconds in _SECONDS.items():
        most = getattr(rate, window)
        if most is not None:
            yield Limit(kind, name, seconds, most)


def counted(parts: Mapping[int, int], limit: Limit, now: int) -> int:
    """Give how many there were within the window; `parts`: how many in each part, by its number."""
    last = now // limit.part_ms
    return sum(count for part, count in parts.items() if last - PARTS <= part)


def free_at(parts: Mapping[int, int], limit: Limit, now: int) -> int:
    """Give when there may be another one: `now`, or when enough parts have left the window."""
    left = counted(parts, limit, now) - limit.most
    if left < 0:
        return now
    last = now // limit.part_ms
    for part in sorted(part for part in parts if last - PARTS <= part):
        left -= parts[part]
        if left < 0:
            return (part + PARTS + 1) * limit.part_ms
    return now + limit.seconds * 1000  # what others have counted that nobody here knows
