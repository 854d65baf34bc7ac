"""Ends calls by hand, over the links to switches that a controller has (`admin.live.Switches`)."""

from __future__ import annotations

from typing import Any, Final

import structlog

from controller.admin.model import Unavailable
from controller.callback.uuids import leg_uuids
from controller.esl import commands
from controller.esl.errors import EslError
from controller.runtime.services import Services

log: Any = structlog.get_logger("switchboard")

#: The cause of whoever is ended by hand: no other channel is tried, and no other time.
CAUSE: Final = "MANAGER_REQUEST"


class Switchboard:
    """The links of one controller. Which one holds a call does not matter: its switch ends it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def reaches(self, node: str) -> bool:
        """Whether there is a link to a node."""
        link = self._services.links.get(node)
        return link is not None and link.up.is_set()

    def hang_up(self, node: str, attempt: str, channels: int) -> bool:
        """End the legs of an attempt that may be on so many channels; False: there was none.

        Raises `Unavailable` where the node does not answer.
        """
        link = self._services.links.get(node)
        if link is None:
            raise Unavailable("the switch of the call has just gone; look again")
        # Of an older release it is not known how many there may be.
        legs = leg_uuids(attempt, channels) if channels else leg_uuids(attempt)
        try:
            replies = link.request_all([commands.api("uuid_kill", leg, CAUSE) for leg in legs])
        except EslError as error:
            log.warning("not_hung_up", node=node, attempt=attempt, error=str(error))
            raise Unavailable(
                "the switch of the call does not answer: look again whether it has ended"
            ) from error
        log.info("hung_up_by_hand", node=node, attempt=attempt)
        return any(reply.text.startswith("+OK") for reply in replies)
