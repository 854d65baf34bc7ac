"""Whose legs are taken: only those of a switch that we are linked to.

An outbound socket has no password: whoever reaches the port from an allowed address says what he
likes. What he cannot know is the Core-UUID of our switches, which each of them makes anew when it
starts, and tells over the link, where we have logged in. So a leg that names another one is no
leg of theirs. A switch whose link is down may have started anew: while there is one, what cannot
be told apart is taken. One that lost its power may be back before its link has missed it: so links
are asked for a sign of life when a stranger comes, and where one is dead the leg, which the
dialplan sends again a moment later, is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog

from controller.esl.channel_data import ChannelData
from controller.esl.switch import SwitchLink

log: Any = structlog.get_logger("leg")

#: Why a connection was not taken, for the metric.
REFUSED_SWITCH: Final = "switch"
#: Strangers are spoken of so often, seconds: the metric counts them all.
LOG_SECONDS: Final = 60.0
#: Links are asked for a sign of life so often because of strangers, seconds.
LOOK_SECONDS: Final = 1.0

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.IGNORECASE)


def is_core(said: str) -> bool:
    """Whether a switch's own name for its run is one, and no error."""
    return _UUID.match(said) is not None


def is_linked(core: str | None, links: Iterable[SwitchLink]) -> bool:
    """Whether a switch of this Core-UUID may be one of ours, as far as its links tell."""
    for link in links:
        if not link.up.is_set() or not is_core(link.core) or link.core == core:
            return True
    return False


class Strangers:
    """Says which legs are none of our switches', and counts them.

    `now` gives seconds that never go back, `links` the links to all nodes; `unknown`: there may be
    others, which were not found yet.
    """

    def __init__(
        self,
        links: Callable[[], Iterable[SwitchLink]],
        *,
        now: Callable[[], float],
        on_refused: Callable[[str], None],
        unknown: Callable[[], bool] = lambda: False,
    ) -> None:
        self._unknown = unknown
        self._links = links
        self._now = now
        self._on_refused = on_refused
        self._spoken: float | None = None
        self._looked: float | None = None

    def is_one(self, data: ChannelData, peer: str) -> bool:
        """Whether this leg is a stranger's, whose address is in the log then."""
        links = list(self._links())
        if self._unknown() or is_linked(data.get("Core-UUID"), links):
            return False
        now = self._now()
        self._on_refused(REFUSED_SWITCH)
        if self._looked is None or now - self._looked >= LOOK_SECONDS:
            self._looked = now
            for link in links:
                link.look()
        if self._spoken is None or now - self._spoken >= LOG_SECONDS:
            self._spoken = now
            log.warning(
                "leg_of_a_stranger",
                peer=peer,
                switch=data.get("FreeSWITCH-Hostname"),
                remedy="is it a switch of yours? then name it in [[nodes]] of this controller too",
            )
        return True
