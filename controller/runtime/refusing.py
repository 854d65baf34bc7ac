"""What keeps a callback from being made, as things are when it is due: asked before its call.

An operator may have stopped it since, the caller may be locked out (A3), as many may have been made
as there may be (G3). Each says what becomes of it (`Barred`): it ends, or it waits.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog

from controller.guard.destinations import refusal_of_return_call
from controller.guard.often import Over, limits_of, unanswered_limits
from controller.policy.model import Policy
from controller.policy.quiet import quiet_until
from controller.runtime.services import Services
from controller.runtime.verifying import locked_until
from controller.store.requests import Request

log: Any = structlog.get_logger("dispatcher")

_MICROS: Final = 1_000_000


class Barred(msgspec.Struct, frozen=True):
    """A callback is not made now: it ends as `outcome`, or it is due again at `due`.

    Attributes:
        due: microseconds since 1970; where it has expired by then, it ends.
        kept: while it waits, that is kept as why; it ends so where it expires meanwhile.

    """

    outcome: str
    due: int | None = None
    kept: bool = False


def refusal(services: Services, request: Request, policy: Policy | None) -> str | None:
    """Give why a call is not made any more: what the operator did since counts."""
    if policy is None or request.number is None:
        return "extension_gone"
    if services.is_stopped(policy):
        return "stopped"
    if not policy.enabled:
        return "disabled"
    refused = refusal_of_return_call(request.number, policy, services.ranges)
    return refused or services.watching.refusal(request, policy)


def barred(services: Services, request: Request, policy: Policy) -> Barred | None:
    """Give what keeps a callback from being made now that may be made at all; None: nothing.

    It waits for Redis, where somebody may be locked out, or it may look like fraud.
    """
    now = services.clock.micros()
    quiet = quiet_until(policy, now)
    if quiet is not None:
        return Barred(request.outcome or "quiet_hours", quiet)
    # What he would hear is that no password of his is heard now, and the call has its price.
    locked = locked_until(services, request, policy)
    if locked > now:
        return Barred("locked_out", locked)
    suspected = services.watching.seen(request, policy)
    return None if suspected is None else Barred(suspected)


def too_often(
    services: Services, request: Request, number: str, policy: Policy, node: str
) -> Over | None:
    """Count a callback that is to be made on a node, or give the limit that is reached (G3).

    It is counted where it is to be made for the first time: its further tries (T5) are the same
    callback, and are made as long as not too many came to nothing. It waits for Redis, where there
    are limits.
    """
    if request.attempts:
        limits = unanswered_limits(policy, number)
    else:
        client, rates = services.clients.get().of(policy.client), services.settings.guard.rates
        limits = limits_of(policy, number, request.did, client, node, rates)
    over = services.often.count(request.id, limits)
    if over is None:
        return None
    limit = over.limit
    log.warning(
        "limit_reached",
        request=request.id,
        reason=limit.reason,
        whose=limit.owner,
        most=limit.most,
        seconds=limit.seconds,
    )
    services.limits_told.reached(over, request, policy, node)
    return over


def barred_by(services: Services, request: Request, over: Over) -> Barred:
    """Give what becomes of a callback that has met a limit: it ends, or waits for its turn."""
    limit, free = over.limit, over.free_at * 1000
    if not limit.kind.waits or free > request.expires:
        return Barred(limit.reason)
    # It has a last try before it expires, however many wait before it.
    turn = services.often.turn(over, (request.expires - _MICROS) // 1000)
    return Barred(limit.reason, turn * 1000, kept=True)
