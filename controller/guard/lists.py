"""The lists of controllers that a switch's dialplan reads (`fs-config/dialplan/callback.xml`, O4).

There are 16 of them, one for each last digit of a leg's uuid. Each has every controller that takes
legs, once: so each gets its share, and where one refuses, the next of the list is tried. Whoever
lags comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from controller.guard.members import SERVING, Member

#: The last digits of uuids.
SLOTS: Final = "0123456789abcdef"
#: So many hosts `socket` takes; it loses what comes after them (seen on FreeSWITCH 1.11.1).
MOST: Final = 50
#: No lists: the dialplan then goes by the one of its settings.
NONE: Final = dict.fromkeys(SLOTS, "")

_ADDRESS: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Za-z._-]{1,253})):([0-9]{1,5})\Z"
)
_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,64}\Z")


def is_address(text: str) -> bool:
    """Whether it is a host and a port that a switch can be told of."""
    found = _ADDRESS.match(text)
    return found is not None and 0 < int(found[3]) < 1 << 16


def entry(member: Member) -> str | None:
    """Give a controller as `socket` takes it, `host:port/name`; None: nobody knows where it is.

    An address of IPv6 has no brackets there: in brackets FreeSWITCH takes it for a name.
    """
    found = _ADDRESS.match(member.address)
    if found is None or not is_address(member.address) or not _NAME.match(member.name):
        return None
    return f"{found[1] or found[2]}:{found[3]}/{member.name}"


def unknown(members: Iterable[Member]) -> tuple[str, ...]:
    """Name the controllers that take legs and that no switch can be told of.

    Either nobody knows where they are reached, or two say that it is the same place.
    """
    serving = [member for member in members if member.state == SERVING]
    places = [member.address for member in serving]
    return tuple(
        member.name
        for member in serving
        if entry(member) is None or places.count(member.address) > 1
    )


def lists_of(members: Iterable[Member]) -> Mapping[str, str] | None:
    """Give the list of each slot. None: nobody takes legs, and the lists stay as they are.

    Where there is somebody whom a switch cannot be told of, there are no lists, for he would get
    nothing. Each list begins with another controller: how often any two of them come first, or
    second behind the same one, differs by one at most. Those that lag come last.
    """
    serving = sorted(
        (member for member in members if member.state == SERVING), key=lambda one: one.name
    )
    if not serving:
        return None
    if unknown(serving):
        return NONE
    ready = [entry(member) or "" for member in serving if not member.busy]
    late = [entry(member) or "" for member in serving if member.busy]
    return {
        slot: "|".join((_turned(ready, turn) + _turned(late, turn))[:MOST])
        for turn, slot in enumerate(SLOTS)
    }


def _turned(entries: Sequence[str], turn: int) -> list[str]:
    """Begin with another one at each turn; when all have been first, others come second."""
    if not entries:
        return []
    rounds, first = divmod(turn, len(entries))
    others = [*entries[first + 1 :], *entries[:first]]
    second = rounds % len(others) if others else 0
    return [entries[first], *others[second:], *others[:second]]
