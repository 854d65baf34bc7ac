"""What switches announce of themselves in Redis, and which of it is believed: pure.

Whoever can write to Redis can announce anything, and a controller that believes it connects there
and sends the event socket's password. So only addresses of networks that the operator named are
believed, written as addresses: a name could mean another one each time it is asked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Announcement(msgspec.Struct, frozen=True):
    """Where a switch's event socket is."""

    host: str
    port: int


class Announced(msgspec.Struct, frozen=True):
    """A switch that is announced. `left`: milliseconds of its lease; negative: it ended before.

    `place`: None where what was said cannot be read.
    """

    name: str
    left: int
    place: Announcement | None

    @property
    def holds(self) -> bool:
        """Whether its lease holds."""
        return self.left > 0


class Doubt(StrEnum):
    """Why an announcement is not believed."""

    MALFORMED = "malformed"
    CONFIGURED = "configured"
    ADDRESS = "address"
    #: As many were found as may be.
    MANY = "many"


def read(name: bytes, left: int, said: bytes) -> Announced:
    """Read what lies in Redis: whatever that is."""
    try:
        place = msgspec.json.decode(said, type=Announcement)
    except (msgspec.DecodeError, UnicodeDecodeError):
        place = None
    return Announced(name.decode("ascii", "replace"), left, place)


def doubt(one: Announced, allow: Iterable[Network], configured: Iterable[str]) -> Doubt | None:
    """Give why a switch is not believed; None where it is."""
    place = one.place
    if place is None or not _NAME.match(one.name) or not 0 < place.port < 65_536:
        return Doubt.MALFORMED
    if one.name in configured:
        return Doubt.CONFIGURED
    try:
        address = ipaddress.ip_address(place.host)
    except ValueError:
        return Doubt.ADDRESS
    # `%` and whatever follows: an interface of whoever wrote it, and none of ours.
    scoped = "%" in place.host
    return None if not scoped and any(address in network for network in allow) else Doubt.ADDRESS
