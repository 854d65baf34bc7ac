"""What the nodes' links bring: answers to our jobs, ends of legs, how gateways and nodes do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import gevent

from controller.callback.uuids import leg_uuids
from controller.esl.events import Event, text
from controller.runtime import attaching
from controller.runtime.about import about
from controller.runtime.calling import Calling
from controller.runtime.health import HEALTH_EVENTS, HEALTH_FILTERS
from controller.runtime.node_health import NODE_EVENTS, NODE_FILTERS
from controller.runtime.return_leg import ReturnLeg
from controller.runtime.services import Services

#: What a node's link is asked for.
LINK_EVENTS: Final = (
    "BACKGROUND_JOB",
    "CHANNEL_HANGUP_COMPLETE",
    *NODE_EVENTS,
    # What modules tell comes last: so it is written.
    *HEALTH_EVENTS,
)
LINK_FILTERS: Final = (
    ("Event-Name", "BACKGROUND_JOB"),
    ("variable_callback_leg", "return"),
    ("variable_callback_leg", "destination"),
    *NODE_FILTERS,
    *HEALTH_FILTERS,
)
#: How long an answer, or the end of a return leg, is left to the one whose it is. Whoever takes it
#: then moves nothing that was moved already; who dies meanwhile takes his knowledge of it along.
UNSEEN_SECONDS: Final = 0.5
#: After so long the last words that a switch says by itself are no short goodbye.
PARTING_SECONDS: Final = 2.0


class LinkEvents:
    """Takes the events of all nodes' links."""

    def __init__(self, services: Services, calling: Calling) -> None:
        self._services = services
        self._calling = calling
        services.settling.is_calling = calling.is_calling
        services.settling.told_late = self._told_late
        self._stopped = False

    def stop(self) -> None:
        """Take nothing more of what was left to others."""
        self._stopped = True
        self._services.settling.stop()

    def take(self, node: str, event: Event) -> None:
        """Take one event of a node."""
        # First: what it tells of may be another's by now.
        self._services.standing.check()
        if event.name == "HEARTBEAT":
            self._services.node_health.told(node, event)
            return
        if event.name == "CUSTOM":
            self._services.health.told(node, event)
            return
        if event.name == "BACKGROUND_JOB":
            self._later(self._calling.answers.unseen, event)
            return
        if event.name == "CHANNEL_HANGUP_COMPLETE":
            # First, as long as it is known who follows the call.
            self._services.settling.leg_ended(node, event)
            if event.leg == "destination":
                call, uuid = text(event.call) or "", text(event.uuid) or ""
                self._services.metering.destination_ended(call, uuid)
                self._may_part(call, event)
        leg = self._services.legs.get(text(event.uuid) or "")
        if leg is not None and leg.socket is None:
            leg.leg_ended(event)
        elif event.leg == "return":
            self._calling.leg_failed(event)
            # Its own connection tells whoever holds it; what nobody was told is left to us.
            self._later(self._unseen_end, event)

    def _may_part(self, call: str, event: Event) -> None:
        """A destination is over: the dialplan may say the last words of a call of ours."""
        for uuid in leg_uuids(call):
            leg = self._services.legs.get(uuid)
            if isinstance(leg, ReturnLeg) and leg.parting.may_follow(event):
                self._later(leg.parting.lasts, event, PARTING_SECONDS)
                return

    def _later(
        self, function: Callable[[Event], None], event: Event, seconds: float = UNSEEN_SECONDS
    ) -> None:
        gevent.spawn_later(seconds, self._unseen, function, event)

    def _unseen(self, function: Callable[[Event], None], event: Event) -> None:
        if self._stopped:
            return
        with about(request=text(event.request), attempt=text(event.call), leg=text(event.uuid)):
            self._services.spawn(function, event)

    def _unseen_end(self, event: Event) -> None:
        leg = self._services.legs.get(text(event.uuid) or "")
        if leg is not None:
            leg.leg_ended(event)
        else:
            attaching.unseen_end(self._services, event)

    def _told_late(self, event: Event) -> None:
        """Take what a switch's record says of a return leg, as its event would have been taken."""
        if text(event.answer_uepoch) in (None, "0"):
            self._calling.answers.recorded(event)
        else:
            self._unseen_end(event)
