"""How calls were placed, as it is shown (I9): all of it to the operator, to a client what was seen.

A client sees the numbers that his calls showed and by which rules, and neither channels nor prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.admin.callback_shapes import (
    CallPassed,
    CallPlan,
    CallWay,
    DestinationTry,
    Try,
)
from controller.admin.model import Actor
from controller.routing.model import Plan, Way
from controller.store.destinations import Destination
from controller.store.plans import read_plan
from controller.store.requests import Attempt


def shown_try(actor: Actor, attempt: Attempt) -> Try:
    """Give a try of a callback as somebody sees it."""
    values = {
        name: getattr(attempt, name)
        for name in ("id", "begun", "answered", "ended", "outcome", "cause")
    }
    if actor.client is None:
        values |= {"channels": attempt.channels, "node": attempt.node}
    else:
        values |= {"channels": (), "node": None}
    return Try(**values, **_placed(actor, attempt))


def shown_destination(actor: Actor, destination: Destination) -> DestinationTry:
    """Give a destination that was called as somebody sees it."""
    values = {
        name: getattr(destination, name)
        for name in ("number", "begun", "connected", "ended", "cause")
    }
    return DestinationTry(**values, **_placed(actor, destination))


def _placed(actor: Actor, call: Attempt | Destination) -> dict[str, Any]:
    plan = read_plan(call.plan)
    if actor.client is not None:
        own = None if plan is None else _for_client(plan, call.channel, call.causes)
        return {"channel": None, "causes": {}, "plan": own}
    whole = None if plan is None else _for_operator(plan)
    return {"channel": call.channel, "causes": call.causes, "plan": whole}


def _for_operator(plan: Plan) -> CallPlan:
    passed = (
        CallPassed(channel=one.channel, reason=one.reason, tried=one.tried) for one in plan.passed
    )
    return CallPlan(
        kind=plan.kind,
        refusal=plan.refusal or None,
        ways=tuple(_way(way) for way in plan.ways),
        passed=tuple(passed),
    )


def _way(way: Way) -> CallWay:
    return CallWay(
        channel=way.channel,
        number=way.number,
        shown=way.shown,
        caller_id=way.caller_id,
        p_asserted=way.p_asserted,
        p_preferred=way.p_preferred,
        beginning=way.beginning,
        cost=way.cost,
        tried=way.tried,
    )


def _for_client(plan: Plan, channel: str | None, causes: Mapping[str, str]) -> CallPlan:
    """Give what a client sees: what was shown where the call went, each once.

    Of a call that nobody answered it went by the channels that failed; before anything is known of
    it, by the first.
    """
    if channel is not None:
        taken = [way for way in plan.ways if way.channel == channel]
    else:
        taken = [way for way in plan.ways if way.channel in causes] or list(plan.ways[:1])
    shown = []
    for way in taken:
        if way.shown not in shown:
            shown.append(way.shown)
    ways = tuple(
        CallWay(
            channel=None,
            number=None,
            shown=one,
            caller_id=None,
            p_asserted=None,
            p_preferred=None,
            beginning=None,
            cost=None,
            tried=(),
        )
        for one in shown
    )
    return CallPlan(kind=plan.kind, refusal=plan.refusal or None, ways=ways, passed=())
