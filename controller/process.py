"""A controller as a process: its start, what it tells systemd, signals, and its end."""

from __future__ import annotations

import gc
import os
import signal
import time
from contextlib import suppress
from typing import Any, Final

import gevent
import structlog
from gevent.event import Event as Flag

from controller import open_files
from controller.app import Controller
from controller.runtime.draining import ENDING_SECONDS
from controller.runtime.supervisor import Supervisor
from controller.store.database import Away

log: Any = structlog.get_logger("app")

#: How long whoever starts us waits for the switches before we are ready without them, seconds.
READY_SECONDS: Final = 3.0

#: So many collections of what is middle-aged go before one of all objects; Python has 10. Each took
#: 0.38 s beside 10,000 callers who wait, in which nobody was answered, and one came every 8 s: a
#: fifth of what the controller worked meanwhile. Calls leave nothing that only such a one can end
#: (`tests/peer/test_rings.py`); what else does is seen to all the same, only later.
OLD_COLLECTIONS: Final = 1000


def run(controller: Controller) -> None:
    """Serve until SIGTERM or SIGINT, then drain and end; a second one ends it at once.

    Raises `OSError` where an address cannot be had.
    """
    open_files.allow(controller.settings)
    controller.start()
    # What is there by now stays: no collection has to look at it again. One of all generations
    # stopped every call for 85-185 ms at 1,000 calls.
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, OLD_COLLECTIONS)
    stop = Flag()

    def told() -> None:
        if stop.is_set():
            log.info("hurried")
            controller.draining.hurry()
        stop.set()

    handlers = [gevent.signal_handler(n, told) for n in (signal.SIGTERM, signal.SIGINT)]
    supervisor = Supervisor(os.environ, lambda: _status(controller))
    _await_switches(controller, stop)
    supervisor.ready()
    _invite(controller)
    stop.wait()
    supervisor.stopping(controller.settings.drain_seconds + ENDING_SECONDS)
    controller.drain()
    controller.close()
    supervisor.stop()
    for handler in handlers:
        handler.cancel()


def _invite(controller: Controller) -> None:
    """Print how the first administrator gets in, as long as none can.

    Not as a line of the log, which others read and keep: whoever has the link has everything.
    """
    # The database may have gone since; and nobody has to listen.
    with suppress(*Away, OSError):
        link = controller.first_link()
        if link is not None:
            said = f"Nobody can log in yet. The first administrator sets his password at {link}"
            print(said, flush=True)  # noqa: T201  (for who started it)


def _await_switches(controller: Controller, stop: Flag) -> None:
    """Wait until the switches are there and connect to us, for as long as they may take."""
    until = time.monotonic() + READY_SECONDS
    links = [link.up for link in controller.services.links.values()]
    gevent.wait([*links, stop], timeout=READY_SECONDS, count=max(len(links), 1))
    while time.monotonic() < until and not controller.lists.is_written():
        if stop.wait(timeout=0.05):
            return


def _status(controller: Controller) -> str:
    """Give one line for whoever asks systemd how we are."""
    services = controller.services
    up, known = len(services.live_links()), len(services.links)
    draining = "draining, " if controller.draining.begun else ""
    return f"{draining}{len(services.legs)} legs, {up} of {known} switches"
