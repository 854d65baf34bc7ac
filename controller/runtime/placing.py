"""What destinations are called by, and what is kept of how each was called (I9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.callback.uuids import destination_legs
from controller.callerid.model import Rang
from controller.policy.trunks import Trunks
from controller.routing.model import Plan
from controller.runtime.background import Background
from controller.store.destinations import Called, Change, Connected, Destinations, Over
from controller.store.plans import read_plan, write_causes, write_plan
from controller.store.requests import Request

if TYPE_CHECKING:
    from controller.runtime.services import Services


def rang_of(request: Request, trunks: Trunks) -> Rang:
    """Give the trigger call of a request, as far as it may be shown to others (I1, I2).

    Nothing of it where several have rung, and the last was not the first (T3: `fixed`): nobody
    knows which of them is called back. Its number is true if a call brought it over a channel that
    says true ones, by the table as it is now.
    """
    if request.last_caller is None or request.last_caller != request.caller:
        return Rang()
    channel = trunks.get(request.channel) if request.source == "call" else None
    return Rang(
        number=request.last_caller,
        name=request.last_name or "",
        trusted=channel is not None and channel.trust_callers,
    )


class Placing:
    """Notes what becomes of destinations; it is written within a second, for all calls at once.

    `request`, `leg` (the return leg's uuid) and `position` (the how-manieth of that leg) say which
    destination it is, and `at` when, microseconds since 1970. What one controller notes is written
    in order. Another may go on with a call: what is said of a destination that was never noted, or
    is over, changes nothing. A controller that is killed takes the last second with it.
    """

    def __init__(self, services: Services, destinations: Destinations) -> None:
        self._destinations = destinations
        self._changes: Background[Change] = Background(
            services, destinations.keep, "destinations", first=True
        )

    def plan(self, request: str, leg: str, position: int) -> Plan | None:
        """Give how a destination is called, which another controller found. It blocks."""
        return read_plan(self._destinations.plan(request, leg, position))

    def open_of(self, request: str) -> list[tuple[str, int]]:
        """Give the leg and position of each destination that is not over. It blocks."""
        return self._destinations.open_of(request)

    def begin(
        self, request: str, leg: str, position: int, number: str, plan: Plan, at: int
    ) -> None:
        """Note that a number is called; one that has no way (`plan.refusal`) as well."""
        self._changes.add(Called(request, leg, position, number, write_plan(plan), at))

    def connected(self, request: str, leg: str, position: int, channel: str, at: int) -> None:
        """Note over which channel people talk."""
        self._changes.add(Connected(request, leg, position, channel, at))

    def over(
        self,
        request: str,
        leg: str,
        position: int,
        cause: str | None,
        causes: Mapping[str, str],
        at: int,
    ) -> None:
        """Note that it is over, or came to nothing; `causes`: those of channels that failed."""
        self._changes.add(Over(request, leg, position, cause, write_causes(causes), at))

    def flush(self) -> None:
        """Write what waits. It waits for the store."""
        self._changes.flush()

    def flush_called(self, request: str, position: int) -> None:
        """Write that a destination was called, if that waits still. It waits for the store."""

        def is_it(one: Change) -> bool:
            return isinstance(one, Called) and (one.request, one.position) == (request, position)

        self._changes.flush(is_it)


def found_talking(
    services: Services, request: str, leg: str, position: int, other: str, at: int
) -> None:
    """Note that people are found to talk since `at` of whom nobody may have been told.

    `other`: the destination's leg, which says over which channel. It waits for the store.
    """
    plan = services.reads.run(services.placing.plan, request, leg, position)
    legs = destination_legs(leg, position)
    if plan is not None and other in legs[: len(plan.channels)]:
        services.placing.connected(request, leg, position, plan.channels[legs.index(other)], at)
