"""Finds the way of a call: what is known of channels now, and what the pure rooms make of it.

A channel with a limit of calls has a place taken on it before it is in a plan; the places of a call
are given back when it is over, by whichever controller is told of that, and end by themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from controller.callback.platform import Platform
from controller.callerid.model import Numbers, Rang
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.routing.choosing import choose
from controller.routing.model import MOST_WAYS, Candidate, Passed, Plan
from controller.routing.planning import (
    plan_destination,
    plan_emergency,
    plan_internal,
    plan_return,
    refused,
)
from controller.runtime.services import Services

log: Any = structlog.get_logger("ways")

#: How long a place is held beyond the time that its call can need it, seconds.
PLACE_SLACK_SECONDS: Final = 30


class Wanted(msgspec.Struct, frozen=True):
    """A destination that is to be called.

    Attributes:
        node: the node that calls it.
        member: by what the places of this call are known (`member_of`).
        number: as it was dialled: E.164, of an extension of the platform, of an emergency service.
        caller: whose call it is, E.164, or empty.

    """

    policy: Policy
    node: str
    member: str
    number: str
    caller: str
    numbers: Numbers
    rang: Rang


def platform_of(services: Services) -> Platform:
    """Give what is known of numbers that are no ordinary destinations, or known for fraud."""
    route = services.settings.route
    return Platform(
        internal_lengths=route.internal_lengths,
        internal_prefixes=route.internal_prefixes,
        emergency_numbers=route.emergency_numbers,
        emergency_connected=bool(route.emergency_channel),
        ranges=services.ranges,
    )


def member_of(leg: str, position: int) -> str:
    """Give by what the places of a destination are known, whichever controller asks."""
    return f"{leg}/{position}"


def find_destination(services: Services, wanted: Wanted) -> Plan:
    """Find how a destination is called. It waits for the store and for Redis, as they need it."""
    route, policy, number = services.settings.route, wanted.policy, wanted.number
    platform = platform_of(services)
    # Whatever as many digits could mean besides.
    if platform.is_emergency(number, policy.country):
        channel = services.trunks.get().get(route.emergency_channel)
        if channel is None:
            log.error("emergency_channel_missing", channel=route.emergency_channel)
            services.metrics.faults.labels("emergency_channel_missing").inc()
            return refused("emergency")
        return plan_emergency(number, channel, route.emergency_caller_id)
    if number[0] == "+" and services.policies.by_dids([number]) is not None:
        # It would leave and come back, and be refused: T7.
        return refused("own_number")
    if platform.is_internal(number):
        return plan_internal(number, route.internal_gateway, policy=policy, caller=wanted.caller)
    lasts = policy.destination_ring_seconds * MOST_WAYS + PLACE_SLACK_SECONDS
    candidates, passed = _with_places(
        services, wanted.member, *_choose(services, wanted.node, number), lasts
    )
    plan = plan_destination(
        number,
        candidates,
        passed,
        policy=policy,
        numbers=wanted.numbers,
        rang=wanted.rang,
        domain=route.domain,
        pick=secrets.randbelow,
    )
    services.health.trying(wanted.node, plan.channels[:1], services.clock.now())
    return plan


def find_return(
    services: Services,
    *,
    policy: Policy,
    node: str,
    member: str,
    number: str,
    did: str,
    busy: Sequence[str],
) -> Plan:
    """Find how a return call is made; `busy`: channels with as many being set up as they may have.

    It waits for Redis, where a channel has a limit.
    """
    route = services.settings.route
    if platform_of(services).is_internal(number):
        return plan_internal(number, route.internal_gateway, policy=policy, caller=did)
    chosen, passed = _choose(services, node, number)
    passed = (*passed, *(Passed(c.channel.name, "full") for c in chosen if c.channel.name in busy))
    chosen = tuple(c for c in chosen if c.channel.name not in busy)
    lasts = policy.return_ring_seconds * MOST_WAYS + PLACE_SLACK_SECONDS
    candidates, passed = _with_places(services, member, chosen, passed, lasts)
    plan = plan_return(number, candidates, passed, policy=policy, did=did, domain=route.domain)
    services.health.trying(node, plan.channels[:1], services.clock.now())
    return plan


def _choose(
    services: Services, node: str, number: str
) -> tuple[tuple[Candidate, ...], tuple[Passed, ...]]:
    troubles = services.health.troubles(node, services.clock.now())
    channels = services.trunks.get().channels
    choice = choose(number, channels, troubles, services.clock.micros())
    return choice.candidates, choice.passed


def _with_places(
    services: Services,
    member: str,
    candidates: tuple[Candidate, ...],
    passed: tuple[Passed, ...],
    seconds: float,
) -> tuple[tuple[Candidate, ...], tuple[Passed, ...]]:
    """Take a place on each channel that has a limit: on as many as one call tries."""
    until = services.clock.now() + seconds
    had: list[Candidate] = []
    rest = list(candidates)
    while rest and len(had) < MOST_WAYS:
        some, rest = rest[: MOST_WAYS - len(had)], rest[MOST_WAYS - len(had) :]
        limits = {channel.name: limit for channel, limit in _limited(some)}
        taken = services.places.take(member, limits, until) if limits else set()
        full = limits.keys() - taken
        had += [candidate for candidate in some if candidate.channel.name not in full]
        passed = (*passed, *(Passed(name, "full") for name in sorted(full)))
    return (*had, *rest), passed


def _limited(candidates: Sequence[Candidate]) -> list[tuple[Channel, int]]:
    return [
        (candidate.channel, candidate.channel.concurrent_calls)
        for candidate in candidates
        if candidate.channel.concurrent_calls is not None
    ]


def has_limits(services: Services) -> bool:
    """Whether any channel has a limit of calls: else nobody is asked for places."""
    return services.trunks.get().has_limits


def give_back(services: Services, member: str) -> None:
    """Give back the places of a call that is over. Nobody waits for that."""
    if has_limits(services):
        services.spawn(services.places.release, member)


def note_causes(
    services: Services,
    node: str | None,
    number: str,
    causes: Mapping[str, str],
    talked: str | None,
) -> None:
    """Tell health what became of a call to a number, on each channel that it tried.

    `talked`: over which one it was answered.
    """
    now = services.clock.now()
    for channel, cause in causes.items():
        if channel != talked:
            services.health.ended(node or "", channel, cause, now, number)
    if talked is not None:
        services.health.worked(node or "", talked)
