"""Who rings in a day: honest people, and those who live on other people's telephone bills.

Everybody is made of a seed. What a caller does is decided before anything is asked: how often he
rings and when, whether he takes the return call and for how long, what he dials. The service is
what answers; nobody here knows what it will do.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

#: A day, seconds; the attacks begin when it is this far on: there is some history by then.
DAY: Final = 86_400
ATTACKS_FROM: Final = 10 * 3_600
EXTENSIONS: Final = 100
#: What a carrier takes for a minute, millionths of a dollar, by the beginning of a number. The two
#: dear ones are a Latvian mobile range and Jamaica: countries to which honest people call too.
COSTS: Final = {"+1": 8_000, "+44": 15_000, "+49": 15_000, "+371": 250_000, "+1876": 220_000}
#: Where the operator's customers travel: what their extensions allow.
COUNTRIES: Final = ("US", "GB", "DE", "LV", "JM")


class Ring(msgspec.Struct, frozen=True, order=True):
    """One trigger call: when (seconds from the day's beginning), by whom, of which extension."""

    at: float
    number: str
    extension: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A caller, and what his telephone does when it is called back.

    Attributes:
        kind: `honest`, or the fraud that he is at.
        number: E.164.
        rings: his trigger calls.
        answers: how likely he takes a return call.
        stays: how long the return call lasts where he dials nothing, seconds.
        dials: the destination, or None; talks: how long for, seconds.
        knows: whether he knows the password.

    """

    kind: str
    number: str
    rings: tuple[Ring, ...]
    answers: float
    stays: float = 8.0
    dials: str | None = None
    talks: float = 0.0
    knows: bool = True


def people(count: int, seed: int) -> list[Person]:
    """Make so many callers, seven of ten honest."""
    chance = random.Random(seed)
    honest = count * 7 // 10
    made = list(_honest(honest, chance))
    kinds = (_pumping, _block, _roaming, _briefly, _stolen)
    shares = (0.30, 0.40, 0.10, 0.15, 0.05)
    for make, share in zip(kinds, shares, strict=True):
        made += make(round((count - honest) * share), chance)
    return made


def did_of(extension: str) -> str:
    """Give the number that reaches an extension."""
    return f"+1202556{extension}"


def _extension(chance: random.Random) -> str:
    return str(1000 + chance.randrange(EXTENSIONS))


def _honest(count: int, chance: random.Random) -> Iterator[Person]:
    """People at their own extension, and the desks of firms that share a block of numbers."""
    for index in range(count):
        firm = index % 10 == 0
        home = str(1000 + index // 10 % EXTENSIONS) if firm else _extension(chance)
        number = (
            f"+16462{home[2:]}55{chance.randrange(100):02d}"
            if firm
            else chance.choice(
                (
                    f"+1212{chance.randrange(2_000_000, 8_999_999)}",
                    f"+447400{chance.randrange(100_000, 999_999)}",
                    f"+4915112{chance.randrange(100_000, 999_999)}",
                )
            )
        )
        times = sorted(chance.uniform(0, DAY) for _ in range(chance.choice((1, 1, 2, 3))))
        abroad = chance.random() < 0.02
        yield Person(
            kind="honest",
            number=number,
            rings=tuple(Ring(at, number, home) for at in times),
            answers=0.85,
            dials=f"+37126{chance.randrange(100_000, 999_999)}"
            if abroad
            else f"+1718{chance.randrange(2_000_000, 8_999_999)}",
            talks=min(chance.expovariate(1 / 150), 1_500),
        )


def _attack(chance: random.Random) -> float:
    return chance.uniform(ATTACKS_FROM, DAY - 3_600)


def _pumping(count: int, chance: random.Random) -> Iterator[Person]:
    """Dear numbers that share what a call brings ask to be called, and hold the line."""
    for _ in range(count):
        number = chance.choice(
            (
                f"+37129{chance.randrange(100_000, 999_999)}",
                f"+1876{chance.randrange(3_000_000, 4_999_999)}",
            )
        )
        begin, home = _attack(chance), _extension(chance)
        rings = tuple(Ring(begin + 90 * turn, number, home) for turn in range(6))
        yield Person(
            kind="pumping", number=number, rings=rings, answers=1.0, stays=60.0, knows=False
        )


def _block(count: int, chance: random.Random) -> Iterator[Person]:
    """A forged CallerID of one block after the other: whoever has it is rung out of bed."""
    for index in range(count):
        if index % 50 == 0:
            begin, home = _attack(chance), _extension(chance)
            block = f"+1917{chance.randrange(20_000, 99_999)}"
        number = f"{block}{index % 100:02d}"
        ring = Ring(begin + index % 50 * 2.0, number, home)
        yield Person(kind="block", number=number, rings=(ring,), answers=0.3, knows=False)


def _roaming(count: int, chance: random.Random) -> Iterator[Person]:
    """One number goes through all extensions, to find one that asks for no password."""
    for _ in range(count):
        number, begin = f"+1347{chance.randrange(2_000_000, 8_999_999)}", _attack(chance)
        first = chance.randrange(EXTENSIONS)
        rings = tuple(
            Ring(begin + 20 * turn, number, str(1000 + (first + turn) % EXTENSIONS))
            for turn in range(10)
        )
        yield Person(kind="roaming", number=number, rings=rings, answers=1.0, knows=False)


def _briefly(count: int, chance: random.Random) -> Iterator[Person]:
    """Taken up and over within a second, again and again: each call has its price."""
    for _ in range(count):
        number = f"+37128{chance.randrange(100_000, 999_999)}"
        begin, home = _attack(chance), _extension(chance)
        rings = tuple(Ring(begin + 45 * turn, number, home) for turn in range(12))
        yield Person(
            kind="briefly", number=number, rings=rings, answers=1.0, stays=1.0, knows=False
        )


def _stolen(count: int, chance: random.Random) -> Iterator[Person]:
    """A stolen password, and the longest calls to a dear country that the credit lets him make."""
    for _ in range(count):
        number, begin = f"+1929{chance.randrange(2_000_000, 8_999_999)}", _attack(chance)
        home = _extension(chance)
        rings = tuple(Ring(begin + 1_900 * turn, number, home) for turn in range(12))
        yield Person(
            kind="stolen",
            number=number,
            rings=tuple(ring for ring in rings if ring.at < DAY),
            answers=1.0,
            dials=f"+1876{chance.randrange(3_000_000, 4_999_999)}",
            talks=1_800.0,
        )
