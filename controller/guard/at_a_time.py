"""How many return calls there are at a time (G3): of an extension, of its client, in all. Pure.

A call counts from the moment that it is sent until its leg is over, whatever it does meanwhile;
the destinations that its caller has called, emergency services among them, do not. What is full
goes by: the callback waits, until it expires.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from controller.policy.clients import ClientLimits
from controller.policy.model import Policy

#: Under what each is counted. No channel has such a name (`policy.fields.ChannelName`), since
#: places on those are counted beside them.
_EXTENSION: Final = "extension/"
_CLIENT: Final = "client/"
_ALL: Final = "in/all"
#: Why a callback was not made until it expired (T10), by what is full, the narrowest first.
REASONS: Final = (
    "too_many_calls_extension",
    "too_many_calls_client",
    "too_many_calls_all",
)
#: When a callback is asked again for which there was no place, seconds.
AGAIN_SECONDS: Final = 10.0
#: So far apart those are asked at least that wait for the same, seconds: a place that gets free is
#: soon found, and however many wait, that they do is little work.
APART_SECONDS: Final = 0.1


def limits_at_a_time(policy: Policy, client: ClientLimits, in_all: int | None) -> dict[str, int]:
    """Give how many calls there may be at a time, by what a call of an extension counts under."""
    limits = {
        f"{_EXTENSION}{policy.extension}": policy.concurrent_calls,
        f"{_CLIENT}{client.client}": client.concurrent_calls,
        _ALL: in_all,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _reason(name: str) -> str:
    return REASONS[0 if name.startswith(_EXTENSION) else 2 if name == _ALL else 1]


def narrowest(full: Collection[str]) -> str:
    """Give which of those that are full is said to be."""
    return min(full, key=lambda name: REASONS.index(_reason(name)))


def reason_of(full: Collection[str]) -> str:
    """Give why a call is not made where these are full."""
    return _reason(narrowest(full))


def member_at_a_time(attempt: str) -> str:
    """Give by what the places of a return call are known. Not by its callback.

    Whoever is late to give back those of one try must not give back those of the next one.
    """
    return f"calls:{attempt}"


class Waiting:
    """The callbacks of one controller that wait for a place: each is asked in its turn."""

    def __init__(self) -> None:
        #: When the last one is asked again, by what is full.
        self._turns: dict[str, float] = {}

    def turn(self, name: str, now: float, last: float) -> float:
        """Give when one is asked again, seconds since 1970.

        `last`: one that has no turn until then is asked then, and nobody waits behind it.
        """
        turn = max(now + AGAIN_SECONDS, self._turns.get(name, 0.0) + APART_SECONDS)
        if turn > last:
            return max(now + AGAIN_SECONDS, last)
        self._turns[name] = turn
        return turn
