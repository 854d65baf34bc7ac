"""Who calls, whom they dial, and what everybody's phone does: all of it follows from a seed.

A phone's behaviour follows from its number, so that each switch knows it, also one that has just
been started. The numbers tell the journeys apart: the caller of call 17 is +12125560017, and whom
he dials is +16465560017.
"""

from __future__ import annotations

import random
from typing import Any, Final

import msgspec

from controller.simulator import Behaviour, HangUp, Keys
from controller.simulator.phones import Outcome

PASSWORD: Final = "2468"
#: Who may use `LISTED` alone: each with a PIN, and an account of his own.
CALLERS: Final = tuple(f"+1718556{number:04}" for number in range(10))
LISTED: Final = "1004"
CENT: Final = 10_000
#: How often somebody who is asked again answers again: a controller may have died.
PATIENT: Final = 8
#: So long may the longest conversation last, seconds.
LONGEST: Final = 40

#: By extension, what it has besides `COMMON`; `password` is a word of the administration's.
EXTENSIONS: Final[dict[str, dict[str, Any]]] = {
    # Nobody pays.
    "1001": {"dids": ("+12025550101",)},
    # On little credit, which is added to now and then.
    "1002": {"dids": ("+12025550102",), "password": PASSWORD, "further_calls": 1},
    # In another currency, and of another client.
    "1003": {"dids": ("+12025550103",), "client": "other", "further_calls": 1},
    LISTED: {"dids": ("+12025550104",), "return_calls": "authorized", "caller_passwords": True},
    # Called again where it was busy; few at a time.
    "1005": {
        "dids": ("+12025550105",),
        "client": "other",
        "retries_busy": 2,
        "retries_no_answer": 1,
        "retry_seconds": 5,
        "concurrent_calls": 6,
    },
}
COMMON: Final[dict[str, Any]] = {
    "country": "US",
    "ring_seconds": 1,
    "delay_seconds": 1,
    "return_ring_seconds": 6,
    "dial_seconds": 12,
    "destination_ring_seconds": 6,
    "longest_call_seconds": LONGEST,
    "warning_seconds": 5,
    "expiry_seconds": 120,
    "early_hang_up": "callback",
    # Numbers that follow each other are how journeys are told apart here.
    "on_sequential_numbers": "ignore",
    "on_short_answers": "ignore",
}
#: By extension that has an account: currency, price list, what is on it first, micro-units.
ACCOUNTS: Final[dict[str, tuple[str, str, int]]] = {
    "1002": ("USD", "usual", 400 * CENT),
    "1003": ("EUR", "dear", 1_000_000 * CENT),
}
#: What each of `CALLERS` has first.
OWN_CREDIT: Final = 150 * CENT
#: By price list: its currency, and what its one rate has.
PRICES: Final[dict[str, tuple[str, dict[str, int]]]] = {
    "usual": ("USD", {"per_minute": 60 * CENT}),
    "dear": ("EUR", {"per_minute": 90 * CENT, "setup_fee": CENT, "first_block": 5, "interval": 3}),
}


#: What a phone does that is not answered.
REFUSALS: Final[dict[str, Outcome]] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "reject": "reject",
    "unreachable": "unreachable",
}


class Journey(msgspec.Struct, frozen=True):
    """One person's call, and what comes of it if nothing fails.

    Attributes:
        caller, friend: their numbers, E.164.
        did: which number is rung, or of which extension a callback is asked for.
        extension: whose that is.
        by_api: it is asked for through the API.
        again: seconds after which the caller rings once more; None: he does not.
        gives_up: seconds after which he hangs up himself; None: he waits to be refused.

    """

    caller: str
    friend: str
    did: str
    extension: str
    by_api: bool
    again: float | None
    gives_up: float | None


def journey(seed: int, count: int) -> Journey:
    """Give the how-manieth call."""
    drawn = random.Random(f"{seed}/{count}")
    extension = drawn.choices(list(EXTENSIONS), (30, 22, 22, 12, 14))[0]
    caller = f"+1212556{count:04}"
    if extension == LISTED:
        caller = CALLERS[count % len(CALLERS)]
    return Journey(
        caller=caller,
        friend=f"+1646556{count:04}",
        did=EXTENSIONS[extension]["dids"][0],
        extension=extension,
        by_api=extension != LISTED and drawn.random() < 0.12,
        again=drawn.uniform(0.3, 6.0) if drawn.random() < 0.2 else None,
        gives_up=drawn.uniform(0.2, 0.9) if drawn.random() < 0.08 else None,
    )


def phone(seed: int, number: str, calls: int) -> Behaviour:
    """Give what the phone of a number does with a call, having had so many before."""
    drawn = random.Random(f"{seed}/{number}/{calls}")
    soon = drawn.uniform(0.05, 1.0)
    if number.startswith("1646"):
        return _friend(drawn, soon)
    return _caller(drawn, soon, number)


def _friend(drawn: random.Random, soon: float) -> Behaviour:
    kind = drawn.choices(
        ("talks", "stays", "long", "busy", "no_answer", "unreachable"), (46, 20, 12, 11, 7, 4)
    )[0]
    if kind in REFUSALS:
        return Behaviour(on_call=REFUSALS[kind], after=soon)
    lasts = {"talks": (0.3, 4.0), "stays": (5.0, 12.0), "long": (15.0, 60.0)}[kind]
    return Behaviour(after=soon, hang_up=HangUp(when="bridge", after=drawn.uniform(*lasts)))


def _caller(drawn: random.Random, soon: float, number: str) -> Behaviour:
    kind = drawn.choices(
        ("calls", "leaves", "silent", "busy", "no_answer", "reject"), (70, 10, 4, 8, 4, 4)
    )[0]
    if kind in REFUSALS:
        return Behaviour(on_call=REFUSALS[kind], after=soon)
    if kind == "silent":
        # He hangs up, after a while.
        return Behaviour(after=soon, hang_up=HangUp(when="answer", after=drawn.uniform(2.0, 15.0)))
    if kind == "leaves":
        left = HangUp(when="heard", what="enter", after=drawn.uniform(0.1, 2.0))
        return Behaviour(after=soon, hang_up=left, keys=_keys(drawn, number))
    when = drawn.choice(("bridge", "heard"))
    left = HangUp(when="bridge", after=drawn.uniform(0.5, 10.0))
    if when == "heard":
        left = HangUp(when="heard", what="enter_destination", after=1.5, count=3)
    return Behaviour(after=soon, hang_up=left, keys=_keys(drawn, number))


def _keys(drawn: random.Random, number: str) -> list[Keys]:
    """What is typed whenever it is asked for: the password, and a number."""
    friends = f"1646556{number[-4:]}"
    if number.startswith("1718"):
        # He calls often, and somebody else each time.
        friends = f"1646557{drawn.randrange(10_000):04}"
    after = drawn.uniform(0.2, 1.5)
    asked = (("enter_pin", PASSWORD), ("enter_destination", friends))
    return [
        Keys(when="heard", what=what, press=press + "#", after=after)
        for what, press in asked
        for _ in range(PATIENT)
    ]
