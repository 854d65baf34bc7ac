"""The API behind its real server: an event loop in a thread of its own, on a real port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.event import Event
from prometheus_client import CollectorRegistry

from controller.runtime.offload import Offload
from controller.web.api.application import create_api
from controller.web.health import HealthServer
from tests.web.world import PARTS, World

#: How long a test waits for what does not come, seconds.
PATIENCE = 60


def api(world: World, **instead: Any) -> Any:
    """Give what makes the application of a world; `instead`: other parts, and options."""
    parts = {name: getattr(world, name) for name in PARTS} | instead
    return lambda run: create_api(run=run, **parts)


class Running:
    """A server that runs. `address` is where; `alive` is whether it serves."""

    def __init__(self, make: Any, **options: Any) -> None:
        self._make = make
        self._options = options
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
        api = self._make(offload.run)
        server = HealthServer(("127.0.0.1", 0), CollectorRegistry(), dict, api, **self._options)
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
def running(make: Any, **options: Any) -> Iterator[Running]:
    """Run a server of the application that `make` makes with what runs what blocks."""
    made = Running(make, **options)
    made.start()
    try:
        yield made
    finally:
        made.stop()


class Line:
    """A connection to the server."""

    def __init__(self, server: Running) -> None:
        self._socket = socket.create_connection(server.address, timeout=PATIENCE)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def say(self, *parts: bytes) -> None:
        """Send; what the other side does not take any more is nothing to us."""
        try:
            self._socket.sendall(b"".join(parts))
        except OSError:
            return

    def shut(self) -> None:
        """Say that no more comes."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def read_all(self) -> None:
        """Read to the end, whatever comes."""
        try:
            self._file.read()
        except ConnectionResetError:
            return

    def hear(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer."""
        status, headers, _ = self.hear_head()
        return status, headers, self._file.read(int(headers.get("content-length", "0")))

    def hear_head(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer to HEAD."""
        status = int(self._file.readline().split(b" ")[1])
        headers: dict[str, str] = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        return status, headers, b""

    def is_closed(self) -> bool:
        """Whether the server ends the connection, and says nothing more before."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def head(world: World, method: str, path: str, *lines: str, token: str = "admin") -> bytes:
    """Give the head of a request."""
    said = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {world.tokens[token]}",
        *lines,
    ]
    return "\r\n".join([*said, "", ""]).encode("latin-1")
