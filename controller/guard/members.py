"""The controllers that work on one store, as they tell of themselves and see each other (O4)."""

from __future__ import annotations

import msgspec

#: A controller that takes legs, and one that takes no more and hands over what it has.
SERVING, LEAVING = "serving", "leaving"


class Member(msgspec.Struct, frozen=True):
    """What a controller tells of itself.

    Attributes:
        name: its own; two that run at a time with one name are a fault of the operator.
        run: random, of this run of the process.
        state: `serving` or `leaving`.
        address: where the switches reach it, "host:port"; empty where that is not known.
        web: where its web pages are, "host:port"; empty where that is not known.
        version: its release.
        since: when this run began, microseconds since 1970.
        legs: how many it holds or follows.
        busy: its loop lags.

    """

    name: str
    run: str
    state: str = SERVING
    address: str = ""
    web: str = ""
    version: str = ""
    since: int = 0
    legs: int = 0
    busy: bool = False


class Seen(msgspec.Struct, frozen=True):
    """A controller as it stands in Redis.

    `left`: so much of its lease is left, milliseconds; negative: it ended so long ago.
    """

    member: Member
    left: int
