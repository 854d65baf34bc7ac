"""The API behind its real server: an event loop in a thread of its own, on a real port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.event import Event
from prometheus_client import CollectorRegistry

from controller.runtime.offload import Offload
from controller.web.health import HealthServer


class Running:
    """A server that runs. `address` is where; `alive` is whether it serves."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._ready = threading.Event()
        self._stop: Any = None
        self.address: tuple[str, int] = ("", 0)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Start, and wait until it serves."""
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self._stop.send()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        offload = Offload(2)
        server = HealthServer(("127.0.0.1", 0), CollectorRegistry(), dict, self._make(offload.run))
        server.start()
        self.address = server.address
        stop = gevent.get_hub().loop.async_()
        stopped = Event()
        stop.start(stopped.set)
        self._stop = stop
        self._ready.set()
        stopped.wait()
        server.close()
        offload.close()
        stop.close()
        gevent.get_hub().destroy(destroy_loop=True)


@contextmanager
def running(make: Any) -> Iterator[Running]:
    """Run a server of the application that `make` makes with what runs what blocks."""
    made = Running(make)
    made.start()
    try:
        yield made
    finally:
        made.stop()
