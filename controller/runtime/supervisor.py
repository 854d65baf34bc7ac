"""What systemd is told of us (`sd_notify`): that we are ready, what we do, that we still go round.

A datagram to the socket that `NOTIFY_SOCKET` names; without that nobody is told anything. The sign
of life that `WatchdogSec` asks for comes from the hub itself: a hub that stands still gives none,
and systemd starts us again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent
import structlog

log: Any = structlog.get_logger("supervisor")

#: How often a status is told that has changed, where no sign of life is asked for sooner, seconds.
STATUS_SECONDS: Final = 5.0


class Supervisor:
    """Tells systemd; `status` gives one line for `systemctl status`."""

    def __init__(self, environment: Mapping[str, str], status: Callable[[], str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        if address.startswith("@"):
            address = "\0" + address[1:]  # an abstract one
        self._address = address
        self._status = status
        self._said = ""
        self._sick = False
        self._greenlet: Any = None
        self.watchdog_seconds = self._watchdog(environment) if address else 0.0

    @staticmethod
    def _watchdog(environment: Mapping[str, str]) -> float:
        """Give how often a sign of life is awaited, seconds; 0: none is, or not from us."""
        micros, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID")
        if not micros.isascii() or not micros.isdigit() or process not in (None, str(os.getpid())):
            return 0.0
        return int(micros) / 1_000_000

    def ready(self) -> None:
        """Say that we serve, and from now on how we are."""
        if not self._address:
            return
        self._tell("READY=1")
        self._greenlet = gevent.spawn(self._run)

    def stopping(self, seconds: float) -> None:
        """Say that we are about to end, within so many seconds."""
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def stop(self) -> None:
        """Give no more signs of life."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        # Twice in the time, so that one may be late.
        alive = self.watchdog_seconds / 2
        while True:
            self._tell(*(["WATCHDOG=1"] if alive else []))
            gevent.sleep(min(alive, STATUS_SECONDS) if alive else STATUS_SECONDS)

    def _tell(self, *lines: str) -> None:
        status = f"STATUS={self._status()}"
        if status != self._said:
            lines = (*lines, status)
        if not lines or not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # A full socket must not stop the hub: the next one comes soon.
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._sick:
                log.warning("not_notified", error=str(error))
            self._sick = True
        else:
            self._sick, self._said = False, status
