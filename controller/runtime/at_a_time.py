"""Sees to it that there are no more return calls at a time than there may be (G3).

A call has its places (`cache.places`) before it is sent, and until it is over, whichever
controller is told of that; where none is, they end by themselves, after the call would. What calls
in a conversation need is not counted here, so that nothing here keeps anybody from calling for
help.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog

from controller.guard.at_a_time import limits_at_a_time, member_at_a_time, narrowest, reason_of
from controller.policy.model import Policy
from controller.runtime.dialling import longest_return_leg
from controller.runtime.services import Services
from controller.runtime.ways import PLACE_SLACK_SECONDS
from controller.store.database import Away
from controller.store.requests import Request

log: Any = structlog.get_logger("dispatcher")

#: What an answered call may last beyond its limit, before nothing is known of it, seconds.
LIVES_ON_SECONDS: Final = 60 + PLACE_SLACK_SECONDS
#: What has taken longer since a call got its places is not sent: they might end before it, seconds.
STALE_SECONDS: Final = PLACE_SLACK_SECONDS / 2


class Full(msgspec.Struct, frozen=True):
    """There is no place for a call: why, and in how many seconds it is asked again."""

    reason: str
    seconds: float


def _limits(services: Services, policy: Policy) -> dict[str, int]:
    client = services.clients.get().of(policy.client)
    return limits_at_a_time(policy, client, services.settings.guard.concurrent_calls)


def take_places(
    services: Services, request: Request, policy: Policy, attempt: str, seconds: float
) -> Full | None:
    """Take a return call's places, for as long as it may ring; gives why there is none.

    Asked again for the same attempt it has them already. It waits for Redis where there are limits.
    """
    limits = _limits(services, policy)
    if not limits:
        return None
    now = services.clock.now()
    until = now + seconds + PLACE_SLACK_SECONDS
    full = services.places.take_all(member_at_a_time(attempt), limits, until)
    if not full:
        return None
    reason = reason_of(full)
    services.metrics.too_many_calls.labels(reason.rpartition("_")[2]).inc()
    log.warning("too_many_calls", extension=policy.extension, full=sorted(full))
    # It has a last try before it expires, however many wait before it.
    last = request.expires / 1_000_000 - 1
    return Full(reason, services.waiting.turn(narrowest(full), now, last) - now)


def keep_places(services: Services, extension: str, attempt: str | None) -> None:
    """Let a call that lives keep its places as long as it may. Nobody waits for that.

    However far it has come: what is said of it late must not make its places end sooner.
    """
    services.spawn(_keep, services, extension, attempt, False)


def give_places_back(services: Services, extension: str, attempt: str | None) -> None:
    """Give back the places of a call that is over, or was not sent. Nobody waits for that."""
    services.spawn(_keep, services, extension, attempt, True)


def _keep(services: Services, extension: str, attempt: str | None, over: bool) -> None:
    if attempt is None:
        return
    try:
        policy = services.policies.get(extension)
    except Away:
        services.note_store_fault("policy")
        policy = None
    limits = None if policy is None else _limits(services, policy)
    member = member_at_a_time(attempt)
    if limits == {} and not services.places.knows(member):
        return
    if over:
        services.places.release(member)
    elif policy is not None and limits:
        lasts = longest_return_leg(policy) + LIVES_ON_SECONDS
        services.places.hold(member, limits, services.clock.now() + lasts)
