"""Writes an attempt before it is sent, and finds out whether it was written where nobody knows."""

from __future__ import annotations

from typing import Any, Final

from controller.policy.records import AuthorisedCaller
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.requests import Begun, Request

#: When a request is tried again whose attempt was not begun, seconds. LOST: or it was put off, then
#: it is given back, and comes when it is due. ENGAGED: the number talks with another extension of
#: ours (T7).
BEGUN_WAITS: Final = {Begun.LOST: 0.0, Begun.ENGAGED: 5.0, Begun.FULL: 1.0}


def caller_of(services: Services, request: Request) -> AuthorisedCaller | None:
    """Give who rang, if he is in the extension's list and switched on. It waits for the store."""
    if request.caller is None:
        return None
    return services.reads.run(services.conversing.member, request.extension, request.caller)


def begin_attempt(
    services: Services,
    request: Request,
    *,
    attempt: str,
    until: int,
    **more: Any,  # noqa: ANN401  (what the store is told)
) -> Begun:
    """Write an attempt that we send then; `until` is its lease, `more` the store's.

    Where the store does not say whether it was written it is taken back, which waits for the store:
    it was not sent, and is made anew (LOST). Raises `Away` where somebody else found it unsent
    meanwhile, and sends it.
    """
    try:
        return services.write(
            services.requests.begin_attempt,
            request,
            holder=services.name,
            attempt=attempt,
            until=until,
            **more,
        )
    except Away:
        services.note_store_fault("begin_attempt")
        services.keep(
            services.requests.give_back,
            request.id,
            holder=services.name,
            due=services.clock.micros(),
            attempt=attempt,
            lease=until,
        )
        if services.keep(services.requests.attempt, attempt) is not None:
            raise
        return Begun.LOST
