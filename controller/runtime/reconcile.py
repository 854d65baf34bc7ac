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
from controller.runtime.dialling import leg_uuids
from controller.runtime.dispatcher import finish
from controller.runtime.return_leg import ReturnLeg
from controller.runtime.services import Services
from controller.store.requests import Request

log: Any = structlog.get_logger("reconcile")

#: How long a call that a node does not have is left to whoever knows how it ended, seconds.
GRACE_SECONDS: Final = 4.0


def reconcile(services: Services, link: SwitchLink) -> None:
    """Ask a node for what should be alive on it; end what is not. Waits for the grace time."""
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
        again = {request.id for request in _gone(services, link)}
    except EslError as error:
        log.warning("not_reconciled", node=link.name, error=str(error))
        return
    for request in gone:
        if request.id in again:
            finish(services, request.id, "unknown", "NOT_ON_NODE")
            services.on_attempt_over(request.id)


def _followed(services: Services, link: SwitchLink) -> None:
    for leg in services.legs:
        if not isinstance(leg, ReturnLeg) or leg.socket is not None or leg.node != link.name:
            continue
        if link.api("uuid_exists", leg.uuid) != "true" and leg.socket is None:
            leg.post(LegEnded(cause="UNKNOWN"))


def _gone(services: Services, link: SwitchLink) -> list[Request]:
    rows = services.reads.run(services.requests.open_on, link.name)
    return [request for request in rows if not _alive(services, link, request)]


def _alive(services: Services, link: SwitchLink, request: Request) -> bool:
    legs = leg_uuids(request.attempt or "", services.settings.route.gateways)
    if any(services.legs.get(leg) is not None for leg in legs):
        return True
    return any(link.api("uuid_exists", leg) == "true" for leg in legs)
