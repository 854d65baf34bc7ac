"""How often callbacks are made (G3): at most so many in a minute, an hour, a day. Pure.

Callbacks are counted by whom they are for: the number that is called, its block, the DID that was
rung, the extension, its client; and by what makes them: the node, and all together. A callback
counts once, when its first return call is made: one that a trigger call joins (T6) is none, and
neither are its further tries (T5). Return calls that came to nothing (G4: not answered, or over
within a moment) count each by itself, when they end, to a block and of an extension; no callback is
made, and none tried again, where they were as many as there may be.

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

from controller.policy.clients import ClientLimits
from controller.policy.fields import Rate
from controller.policy.model import Policy

#: In so many parts a window is counted.
PARTS: Final = 60
#: The digits at the end of a number in which those of its block differ: a hundred numbers, what
#: telephone companies give out at least, and what those who ring in sequence go through.
BLOCK_DIGITS: Final = 2

_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}


class OftenKind(StrEnum):
    """What is counted together."""

    NUMBER = "number"
    BLOCK = "block"
    DID = "did"
    EXTENSION = "extension"
    UNANSWERED_BLOCK = "unanswered_block"
    UNANSWERED_EXTENSION = "unanswered_extension"
    CLIENT = "client"
    NODE = "node"
    ALL = "all"

    @property
    def unanswered(self) -> bool:
        """Whether return calls that came to nothing are counted: a callback only asks."""
        return self in (OftenKind.UNANSWERED_BLOCK, OftenKind.UNANSWERED_EXTENSION)

    @property
    def waits(self) -> bool:
        """Whether a callback waits where it is reached, and does not end.

        Anybody's calls count there: nobody loses his callback since others ring.
        """
        return self in (OftenKind.NODE, OftenKind.ALL)

    @property
    def reason(self) -> str:
        """Why no callback is made beyond a limit of this kind (T10)."""
        if self.unanswered:
            return self.value.replace("unanswered_", "unanswered_too_often_")
        return f"too_often_{self.value}"


class Limit(msgspec.Struct, frozen=True):
    """At most `most` of one kind in so many seconds.

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
    def owner(self) -> str:
        """Give whose limit it is: an extension, a client or a node; empty: everybody's."""
        return self.name.partition(":")[0]

    @property
    def part_ms(self) -> int:
        """Give how long a part of the window is, milliseconds."""
        return self.seconds * 1000 // PARTS

    @property
    def reason(self) -> str:
        """Give why no callback is made beyond it (T10)."""
        return self.kind.reason


#: All reasons there are.
REASONS: Final = tuple(kind.reason for kind in OftenKind)


class Over(msgspec.Struct, frozen=True):
    """A limit that is reached, and when another callback may be made."""

    limit: Limit
    free_at: int


class Count(msgspec.Struct, frozen=True):
    """How many there were of a limit, and when there may be another one: at once, or later."""

    limit: Limit
    count: int
    free_at: int


class Rates(msgspec.Struct, frozen=True):
    """How often callbacks are made whosever they are: on one node, and all together."""

    node: Rate = Rate()
    together: Rate = Rate()


#: Everybody's are limited by nothing.
NO_RATES: Final = Rates()


def block_of(number: str) -> str:
    """Give what the numbers of a block have in common: all but their last digits."""
    return number[:-BLOCK_DIGITS]


def limits_of(
    policy: Policy,
    number: str,
    did: str,
    client: ClientLimits | None = None,
    node: str = "",
    rates: Rates = NO_RATES,
) -> tuple[Limit, ...]:
    """Give the limits of a callback to an E.164 number; `did` may be empty.

    In the order in which they are asked: those that end a callback before those that put it off.
    `node` empty: its own are left out.
    """
    extension = policy.extension
    counted: tuple[tuple[OftenKind, str, Rate], ...] = (
        (OftenKind.NUMBER, f"{extension}:{number}", policy.callbacks_per_number),
        (OftenKind.BLOCK, f"{extension}:{block_of(number)}", policy.callbacks_per_block),
        (OftenKind.DID, f"{extension}:{did}", policy.callbacks_per_did if did else Rate()),
        (OftenKind.EXTENSION, extension, policy.callbacks_per_extension),
    )
    of_client = Rate() if client is None else client.callbacks
    return (
        *_limits(counted),
        *unanswered_limits(policy, number),
        *_windows(OftenKind.CLIENT, policy.client, of_client),
        *(node_limits(node, rates) if node else ()),
        *_windows(OftenKind.ALL, "", rates.together),
    )


def node_limits(node: str, rates: Rates) -> tuple[Limit, ...]:
    """Give the limits of the callbacks that one node makes."""
    return tuple(_windows(OftenKind.NODE, node, rates.node))


def unanswered_limits(policy: Policy, number: str) -> tuple[Limit, ...]:
    """Give the limits by which return calls to a number are counted that came to nothing."""
    extension = policy.extension
    return _limits(
        (
            (
                OftenKind.UNANSWERED_BLOCK,
                f"{extension}:{block_of(number)}",
                policy.unanswered_per_block,
            ),
            (OftenKind.UNANSWERED_EXTENSION, extension, policy.unanswered_per_extension),
        )
    )


def _limits(rates: tuple[tuple[OftenKind, str, Rate], ...]) -> tuple[Limit, ...]:
    return tuple(limit for kind, name, rate in rates for limit in _windows(kind, name, rate))


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


def turn_after(limit: Limit, free: int, last: int) -> int:
    """Give when one is asked again that waits for a limit.

    `free`: when that is free again; `last`: when the one who waits for it is asked who came before;
    0: none waits. They come as far apart as the limit lets them through: were all of them asked
    as soon as it is free, nearly all would be asked in vain, again and again.
    """
    apart = -(-limit.part_ms * (PARTS + 1) // max(limit.most, 1))
    return max(free, last + apart)
