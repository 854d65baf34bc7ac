"""The destinations of a return leg: how each is called, by which channel, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import gevent
import msgspec

from controller.callback.effects import CallConnected, CallOver, FindRoute
from controller.callback.events import RouteFound
from controller.callback.limits import WAY_SECONDS
from controller.callback.return_session import ReturnSession
from controller.callerid.model import Numbers, Rang
from controller.credit.model import Granted, Refused
from controller.routing.model import Plan
from controller.runtime.paying import Paying
from controller.runtime.services import KEEP_FIRST_WAIT, Services
from controller.runtime.ways import (
    PLACE_SLACK_SECONDS,
    Wanted,
    find_destination,
    give_back,
    has_limits,
    member_of,
    note_causes,
)
from controller.store.database import Away


class CallsOut:
    """What is known of a leg's destinations beyond its session; it may be another controller's."""

    def __init__(
        self,
        services: Services,
        *,
        node: str | None,
        numbers: Numbers,
        rang: Rang,
        plans: Mapping[int, Plan] | None = None,
        paying: Paying | None = None,
    ) -> None:
        self._services = services
        self._node = node
        self._numbers = numbers
        self._rang = rang
        self._paying = paying
        self._epoch = services.standing.epoch
        #: How the last destination is called, by its position.
        self.plans: Mapping[int, Plan] = plans or {}

    def find(self, session: ReturnSession, effect: FindRoute) -> RouteFound:
        """Find how a destination is called, hold for it (M4), and keep that.

        It waits for the store and Redis.
        """
        services = self._services
        plan = find_destination(
            services,
            Wanted(
                policy=session.policy,
                node=self._node or "",
                member=member_of(session.leg, effect.position),
                number=effect.number,
                caller=session.number,
                numbers=self._numbers,
                rang=self._rang,
            ),
        )
        granted = None
        suspected = services.watching.destination_refusal(session.policy)
        if suspected is not None and plan.ways and plan.kind == "public":
            give_back(services, member_of(session.leg, effect.position))
            plan = msgspec.structs.replace(plan, ways=(), refusal=suspected)
        if plan.ways and self._paying is not None:
            granted = self._dial(self._paying, effect, plan)
        if isinstance(granted, Refused):
            give_back(services, member_of(session.leg, effect.position))
            plan, granted = msgspec.structs.replace(plan, ways=(), refusal=granted.reason), None
        self.plans = {effect.position: plan}
        now = services.clock.micros()
        key = (session.request, session.leg, effect.position)
        services.placing.begin(*key, effect.number, plan, now)
        if granted is not None and granted.charged:
            # What somebody pays for is there before it is dialled, whatever dies.
            services.placing.flush()
        if not plan.ways:
            services.metrics.not_routed.labels(plan.refusal).inc()
            services.placing.over(*key, plan.refusal, {}, now)
        return RouteFound(effect.step, plan, granted)

    def _dial(self, paying: Paying, effect: FindRoute, plan: Plan) -> Granted | Refused | None:
        """Hold for a destination. Raises `Away` where the store is, for longer than callers wait.

        One connection that broke is no reason to tell somebody to dial anew: what was granted
        already, and not heard, is granted again.
        """
        services = self._services
        until = services.clock.now() + WAY_SECONDS / 2
        while True:
            try:
                return paying.dial(effect.number, effect.position, plan)
            except Away:
                services.note_store_fault("dial")
                if services.clock.now() >= until:
                    raise
                gevent.sleep(KEEP_FIRST_WAIT)

    def connected(self, session: ReturnSession, effect: CallConnected) -> None:
        """People talk: keep over which channel. It waits for Redis, where that has a limit."""
        services = self._services
        channel = self._channel(session, effect.position, effect.leg)
        if channel is None:
            return
        key = (session.request, session.leg, effect.position)
        services.placing.connected(*key, channel, services.clock.micros())
        # Now, and not when they have talked: then it would be of an hour ago.
        causes = self._causes(session, effect.position, effect.failed)
        note_causes(services, self._node, session.destination, causes, channel)
        if has_limits(services):
            lasts = session.policy.longest_call_seconds + PLACE_SLACK_SECONDS
            until = services.clock.now() + lasts
            member = member_of(session.leg, effect.position)
            services.places.hold(member, (channel,), until)

    def over(self, session: ReturnSession, effect: CallOver) -> None:
        """A destination is over: keep why, and give its places back."""
        services = self._services
        causes = self._causes(session, effect.position, effect.failed)
        if effect.leg is None:
            note_causes(services, self._node, session.destination, causes, None)
        key = (session.request, session.leg, effect.position)
        services.placing.over(*key, effect.cause, causes, services.clock.micros())
        give_back(services, member_of(session.leg, effect.position))

    def abandon(self, session: ReturnSession, effect: FindRoute) -> None:
        """A way was found that nobody goes any more: the caller is gone, or was told otherwise."""
        services = self._services
        if services.standing.epoch != self._epoch:
            return  # we stood still: somebody else may call by that way now
        key = (session.request, session.leg, effect.position)
        services.placing.over(*key, "too_late", {}, services.clock.micros())
        give_back(services, member_of(session.leg, effect.position))
        if self._paying is not None:
            services.spawn(self._paying.not_called, effect.position)

    def _causes(
        self, session: ReturnSession, position: int, failed: Iterable[tuple[str, str]]
    ) -> dict[str, str]:
        return {
            channel: cause
            for leg, cause in failed
            if (channel := self._channel(session, position, leg)) is not None
        }

    def _channel(self, session: ReturnSession, position: int, leg: str | None) -> str | None:
        """Give the channel of a destination's leg; None where nobody knows how it was called."""
        plan = self.plans.get(position)
        legs = session.destination_legs
        if plan is None or leg not in legs or position != session.dialled:
            return None
        index = legs.index(leg)
        return plan.ways[index].channel if index < len(plan.ways) else None
