"""The uuids of a call's legs: made from each other, so that any controller knows them all."""

from __future__ import annotations

import uuid
from functools import lru_cache

from controller.routing.model import MOST_WAYS


# All of one call are asked for again and again, and each takes five hashes.
@lru_cache(maxsize=2_000)
def leg_uuids(attempt: str, channels: int = MOST_WAYS) -> tuple[str, ...]:
    """Give the uuid of an attempt's leg on each channel; the first is the attempt's own.

    Each channel's leg needs one of its own: with a common one the second is refused as a
    duplicate of the first.
    """
    seed = uuid.uuid5(uuid.NAMESPACE_OID, attempt)
    others = (str(uuid.uuid5(seed, str(position))) for position in range(1, channels))
    return (attempt, *others)


# The same is asked for at each event of a leg, and takes six hashes.
@lru_cache(maxsize=2_000)
def destination_legs(leg: str, dialled: int) -> tuple[str, ...]:
    """Give the uuids of the legs to the how-manieth destination of a return leg."""
    seed = uuid.uuid5(uuid.NAMESPACE_OID, leg)
    return tuple(str(uuid.uuid5(seed, f"{dialled}/{position}")) for position in range(MOST_WAYS))
