"""Which nodes may make a return call, and in which order they are asked: by load and health.

A node's load is its live calls, relative to what it may have (`most_sessions`): of two nodes the
one of twice the size gets twice as many. One that is short (little idle time, few sessions left)
comes after all that are not; one that is full, refuses calls, is drained, or cannot be asked gets
none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

#: What a switch may have that has not said so: FreeSWITCH's own default.
USUAL_SESSIONS: Final = 1000
#: A node is short when so much of its sessions is in use, or so little of its time idle, percent.
SHORT_SESSIONS: Final = 90
SHORT_IDLE: Final = 10

#: Why a node gets no call now; `""`: it may.
DOWN: Final = "down"
DRAINED: Final = "drained"
SILENT: Final = "silent"
REFUSING: Final = "refusing"
FULL: Final = "full"
BUSY: Final = "busy"
SHORT: Final = "short"


class NodeState(msgspec.Struct, frozen=True):
    """What is known of a node.

    Attributes:
        up: whether there is a link to it.
        drained: whether it is to get no new calls.
        silent: it owes an answer, and for longer than it should.
        refusing: it refused calls for its own reasons, and is left alone for a while.
        calling, answered: return calls that it has, of all controllers.
        sessions: the legs that it has, whosever, as it said last; None: it has not, or long ago.
        most_sessions: how many it may have.
        idle: how much of its machine's time is idle, percent.

    """

    name: str
    up: bool = True
    drained: bool = False
    silent: bool = False
    refusing: bool = False
    calling: int = 0
    answered: int = 0
    sessions: int | None = None
    most_sessions: int | None = None
    idle: int | None = None

    @property
    def live(self) -> int:
        """The calls that it has."""
        return self.calling + self.answered

    @property
    def capacity(self) -> int:
        """The legs that it may have."""
        return USUAL_SESSIONS if self.most_sessions is None else self.most_sessions

    @property
    def in_use(self) -> int:
        """The legs that it has: as it said, or as many as there are calls of ours by now."""
        return max(self.sessions or 0, self.live)


def trouble(node: NodeState, most_calling: int) -> str:
    """Give why a node gets no call, or `short`: it gets one after all others; `""`: it is well.

    `most_calling`: how many may be set up at a time on one node.
    """
    if not node.up:
        return DOWN
    if node.drained:
        return DRAINED
    if node.silent:
        return SILENT
    if node.refusing:
        return REFUSING
    if node.in_use >= node.capacity:
        return FULL
    if node.calling >= most_calling:
        return BUSY
    if 100 * node.in_use >= SHORT_SESSIONS * node.capacity:
        return SHORT
    if node.idle is not None and node.idle < SHORT_IDLE:
        return SHORT
    return ""


def nodes_in_order(nodes: Iterable[NodeState], most_calling: int) -> tuple[str, ...]:
    """Give the nodes that may make a call, the one that is to be asked first in front.

    In whichever order they are given, the answer is the same.
    """
    places: list[tuple[bool, float, int, str]] = []
    for node in nodes:
        why = trouble(node, most_calling)
        if why in ("", SHORT):
            places.append((why == SHORT, node.live / node.capacity, node.calling, node.name))
    return tuple(name for *_, name in sorted(places))
