"""Finds what ended unseen: legs that we follow, and calls in the store that no node has any more.

A link brings the end of a call while it is up and somebody listens. A restart, a broken link or a
dead node leave calls whose end nobody saw; until it is found, their number gets no callback (T6).
So each node is asked when its link comes up, and every now and then.
"""

from __future__ import annotations

from typing import Any, Final

import gevent
import structlog

from controller.callback.events import LegEnded
from controller.esl.errors import EslError
from controller.esl.switch import SwitchLink
from controller.runtime.about import about
from controller.runtime.answers import finish, legs_of, mark_of, unmark
from controller.runtime.at_a_time import give_places_back, keep_places
from controller.runtime.calling import CALLING_SLACK_SECONDS, Calling
from controller.runtime.return_leg import ReturnLeg
from controller.runtime.services import Services
from controller.runtime.ways import give_back, member_of
from controller.store.database import Away
from controller.store.requests import Attempt, Request

log: Any = structlog.get_logger("reconcile")

#: How long a call that a node does not have is left to whoever knows how it ended, seconds.
GRACE_SECONDS: Final = 4.0


def reconcile(services: Services, link: SwitchLink, calling: Calling) -> None:
    """Ask a node for what should be alive on it; send what never was, and end what is not.

    Waits for the grace time.
    """
    if services.store_fault is not None:
        # Ends that are known wait to be written: they are better than what could be said here.
        return
    try:
        _followed(services, link)
        gone = _gone(services, link)
        if not gone:
            return
        # Its end may be on its way, or being written: what is still open then is nobody's.
        gevent.sleep(GRACE_SECONDS)
        before = {_as_found(*one) for one in gone}
        over = {
            _as_found(*one)
            for one in _gone(services, link)
            if _as_found(*one) in before and _is_over(services, link, calling, *one)
        }
        if not over:
            return
        # The switch's own record may know what nobody was told.
        services.settling.read_records()
        for request, attempt in _gone(services, link):
            if _as_found(request, attempt) in over:
                end_unknown(services, request, attempt, "NOT_ON_NODE")
    except Away:
        services.note_store_fault("reconcile")
    except EslError as error:
        log.warning("not_reconciled", node=link.name, error=str(error))


def _as_found(request: Request, attempt: Attempt) -> tuple[str, str, int]:
    """Give by what a call is known as one that was alive at no time between two looks."""
    return attempt.id, request.state, attempt.begun


def _is_over(
    services: Services, link: SwitchLink, calling: Calling, request: Request, attempt: Attempt
) -> bool:
    """Whether a call that is gone has been; one that never was is sent."""
    if request.state == "calling" and attempt.core == link.core and link.core:
        age = services.clock.micros() - attempt.begun
        if age < GRACE_SECONDS * 1_000_000:
            return False  # whoever wrote it is about to send it
        if link.api("global_getvar", mark_of(attempt.id)) != "1":
            with about(request=request.id, attempt=attempt.id):
                calling.send_unsent(link, request, attempt)
            return False
        if age < 2 * GRACE_SECONDS * 1_000_000:
            return False  # it may have been sent after the first look: its answer is on its way
    return True


def end_unknown(services: Services, request: Request, attempt: Attempt, cause: str) -> None:
    """End a call of which nobody knows what became. It waits for the store."""
    lease = request.lease_until
    with about(request=request.id, attempt=attempt.id):
        # Somebody else who asked may have sent it meanwhile: it is his then, and so is its mark.
        if finish(services, request.id, "unknown", cause, attempt=attempt.id, lease=lease):
            unmark(services, attempt.node, attempt.id)
            services.on_attempt_over(request.id)
            give_places_back(services, request.extension, attempt.id)
            _end_destinations(services, request.id)


def _end_destinations(services: Services, request: str) -> None:
    """What its leg was talking to is over with it, as far as anybody knows."""
    for leg, position in services.reads.run(services.placing.open_of, request):
        services.placing.over(request, leg, position, "UNKNOWN", {}, services.clock.micros())
        give_back(services, member_of(leg, position))


def _followed(services: Services, link: SwitchLink) -> None:
    for leg in services.legs:
        if not isinstance(leg, ReturnLeg) or leg.socket is not None or leg.node != link.name:
            continue
        if link.api("uuid_exists", leg.uuid) != "true" and leg.socket is None:
            leg.post(LegEnded(cause="UNKNOWN"))


def _gone(services: Services, link: SwitchLink) -> list[tuple[Request, Attempt]]:
    rows = services.reads.run(services.requests.open_on, link.name)
    gone, alive = [], []
    for request, attempt in rows:
        if not _alive(services, link, attempt):
            gone.append((request, attempt))
        elif request.state == "calling":
            alive.append(request)
    _keep(services, alive)
    return gone


def _keep(services: Services, alive: list[Request]) -> None:
    """Let no call be given up that lives, though nobody has written that it was answered.

    Whoever holds its leg may stand still.
    """
    again = services.settings.dispatcher.reconcile_seconds * 1.5
    now = services.clock.micros()
    soon = now + int(again * 1_000_000)
    ending = [one for one in alive if (one.lease_until or 0) < soon]
    if ending:
        until = soon + CALLING_SLACK_SECONDS * 1_000_000
        services.write(services.requests.alive, [one.id for one in ending], until)
    for one in ending:
        keep_places(services, one.extension, one.attempt)


def _alive(services: Services, link: SwitchLink, attempt: Attempt) -> bool:
    legs = legs_of(attempt)
    if any(services.legs.get(leg) is not None for leg in legs):
        return True
    return any(link.api("uuid_exists", leg) == "true" for leg in legs)
