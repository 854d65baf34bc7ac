"""What is said and shown of nodes and controllers."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from controller.guard.members import Member, Seen
from controller.policy.fields import Line


class DrainInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a node is drained: why, for all administrators to see."""

    reason: Line = ""


class Source(StrEnum):
    """How a node is known here."""

    CONFIGURED = "configured"
    DISCOVERED = "discovered"
    #: By what other controllers wrote of it, or by its calls.
    ELSEWHERE = "elsewhere"


class KnownNode(msgspec.Struct, frozen=True):
    """What whoever asks knows of a node himself. `linked` None: he has no links."""

    source: Source
    linked: bool | None = None
    silent: bool = False
    refusing: bool = False
    core: str = ""


class NodeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A node: a FreeSWITCH that return calls are made on.

    `linked`: whether the controller that is asked has a link to it; null: a command was. `health`:
    `well`, `short` (it gets calls after all others), or why it gets none: `down`, `drained`,
    `silent`, `refusing`, `full`, `busy`. `seen`: when any controller had a link to it last.
    `calling`, `answered`: return calls that are being set up and that are answered. `sessions`, of
    `most_sessions`: all its legs, as it said last; `idle`: how much of its machine's time is idle,
    percent.
    """

    name: str
    source: Source
    linked: bool | None
    health: str
    seen: int | None
    core: str | None
    version: str | None
    calling: int
    answered: int
    sessions: int | None
    most_sessions: int | None
    idle: int | None
    drained_since: int | None
    drained_by: str | None
    reason: str | None


class ControllerShown(msgspec.Struct, frozen=True, kw_only=True):
    """A controller.

    `state`: `serving`, `leaving` (it takes no more legs), or `away` (it is dead or stands still).
    `address`: where the switches reach it, `web`: its pages; host:port, or empty. `legs`: those
    that it holds. `away_since`: when its lease ended.
    """

    name: str
    state: str
    address: str
    web: str
    version: str
    since: int
    legs: int
    busy: bool
    away_since: int | None


def controllers_shown(
    seen: Iterable[Seen], now: int, *, there: Iterable[Member] = ()
) -> tuple[ControllerShown, ...]:
    """Give controllers as they are shown, by name. `now`: microseconds since 1970.

    `there`: those that are known to be there, whatever became of their leases.
    """
    alive = {member.name: member for member in there}
    others = {one.member.name: one for one in seen if one.member.name not in alive}
    found = [
        *(_controller(member, None) for member in alive.values()),
        *(
            _controller(one.member, None if one.left > 0 else now + one.left * 1000)
            for one in others.values()
        ),
    ]
    return tuple(sorted(found, key=lambda controller: controller.name))


def _controller(member: Member, away: int | None) -> ControllerShown:
    return ControllerShown(
        name=member.name,
        state=member.state if away is None else "away",
        address=member.address,
        web=member.web,
        version=member.version,
        since=member.since,
        legs=member.legs,
        busy=member.busy,
        away_since=away,
    )
