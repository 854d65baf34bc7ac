"""Connections of legs that are held by others, and stay open all the same (O4, O5).

A leg that is moved to another controller (`moving`) keeps the connection that it had: the switch
goes on telling all of its events there, does what is said there, and when it is closed takes the
leg out of the hold of whoever has it, cuts what it plays and connects it anew (seen on 1.11.1). So
nothing is said on such a connection, and it stays until the switch closes it, at the leg's end.

Which controller a leg is with is said by its variable `socket_path`: what stands behind the slash
of the entry of `socket` that the switch tried last. Without names in that list nobody's legs are
moved, and each is its own controller's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.esl import commands
from controller.esl.errors import EslError
from controller.esl.session import OutboundSession
from controller.runtime.about import about

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("unheld")

#: The leg's variable that says which controller the switch connected it to last, by name.
SOCKET_PATH: Final = "socket_path"
#: What the dialplan makes of it when it says the last words of a call by itself (`parting`).
PARTING: Final = "-"
#: Asks for it on the leg's own connection.
WHOSE: Final = commands.get_variable(SOCKET_PATH)
#: How often it is asked whose legs are where no node has said so, seconds.
AGAIN_SECONDS: Final = 1.0
#: What a switch says of a leg that is over, and of a variable that is not there.
NO_LEG: Final = "-ERR"
NO_VALUE: Final = frozenset({"", "_undef_"})


class Unheld:
    """The connections of one controller whose legs it does not hold any more."""

    def __init__(self, services: Services) -> None:
        self._services = services
        #: Those of which it is not known whose they are, with their legs.
        self._unsure: dict[OutboundSession, tuple[str, str | None]] = {}
        self._open: set[OutboundSession] = set()
        self._asking = False

    def __len__(self) -> int:
        return len(self._open)

    def is_anothers(self, path: str | None) -> bool:
        """Whether a leg is with another controller that is known, by its `socket_path`.

        Or with none any more: its dialplan says the last words, and hangs up.
        """
        if path is None:
            return False
        return path.strip() in self._services.standing.others or path.strip() == PARTING

    def keep(self, leg: str, socket: OutboundSession, request: str | None = None) -> None:
        """Say nothing more on the connection of a leg; close it if the leg is with nobody else.

        Then the switch connects again. It waits for nothing. `request`: its callback, for the log.
        """
        socket.on_event = None
        socket.on_closed = partial(self._closed, socket)
        if not socket.connected:
            return
        self._open.add(socket)
        self._unsure[socket] = leg, request
        if not self._asking:
            self._asking = True
            self._services.spawn_for_all(self._find_out)

    def _closed(self, socket: OutboundSession, _error: EslError | None) -> None:
        self._open.discard(socket)
        self._unsure.pop(socket, None)

    def _find_out(self) -> None:
        try:
            while self._unsure:
                for socket, (leg, request) in list(self._unsure.items()):
                    path = self._path_of(leg)
                    if path is None or socket not in self._unsure:
                        continue
                    del self._unsure[socket]
                    if self.is_anothers(path):
                        with about(request=request, leg=leg):
                            log.info("leg_left_to", controller=path)
                    else:
                        socket.close()
                if self._unsure:
                    # No node can be asked: its link comes back.
                    gevent.sleep(AGAIN_SECONDS)
        finally:
            self._asking = False

    def _path_of(self, leg: str) -> str | None:
        """Give whose leg it is; empty: nobody's; None: nobody can say."""
        links = list(self._services.links.values())
        said = 0
        for link in links:
            try:
                answer = link.api("uuid_getvar", leg, SOCKET_PATH)
            except EslError:
                continue
            said += 1
            if not answer.startswith(NO_LEG):
                return "" if answer in NO_VALUE else answer
        return "" if said == len(links) else None
