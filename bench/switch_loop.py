"""A loop over sockets, and over what is to be done later, as lean as can be."""

from __future__ import annotations

import heapq
import itertools
import select
import socket
import time
from collections.abc import Callable
from typing import Any


class Loop:
    """Calls readers when there is something to read, and functions when they are due.

    `late` has how much later than due each was called, seconds.
    """

    def __init__(self) -> None:
        self.over = False
        self.late: list[float] = []
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[float], None]] = {}
        self._due: list[tuple[float, int, Connection | None, Callable[..., None], Any]] = []
        self._order = itertools.count()

    def watch(self, sock: Any, reader: Callable[[float], None]) -> None:  # noqa: ANN401
        """Have `reader` called with the time when a socket or file has something to read."""
        self._readers[sock.fileno()] = reader
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def forget(self, sock: Any) -> None:  # noqa: ANN401
        """Look at a socket or file no more."""
        self._poll.unregister(sock.fileno())
        del self._readers[sock.fileno()]

    def later(
        self,
        seconds: float,
        owner: Connection | None,
        function: Callable[..., None],
        *args: object,
    ) -> None:
        """Call a function later, if its connection is open then."""
        at = time.perf_counter() + seconds
        heapq.heappush(self._due, (at, next(self._order), owner, function, args))

    def run(self) -> None:
        """Go on until it is over."""
        while not self.over:
            ahead = self._due[0][0] - time.perf_counter() if self._due else 1.0
            ready = self._poll.poll(max(ahead, 0.0))
            # All that is there was there by now, however long the first of them takes.
            now = time.perf_counter()
            for number, _ in ready:
                reader = self._readers.get(number)
                if reader is not None:
                    reader(now)
            while self._due and self._due[0][0] <= time.perf_counter():
                at, _, owner, function, args = heapq.heappop(self._due)
                if owner is None or owner.open:
                    self.late.append(time.perf_counter() - at)
                    function(*args)


class Connection:
    """A socket: commands come in, frames go out."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self.loop = loop
        self.open = True
        self._sock = sock
        self._unread = bytearray()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.watch(sock, self.on_readable)

    def on_readable(self, now: float) -> None:
        """Read what has come, and do it."""
        try:
            read = self._sock.recv(65536)
        except OSError:
            read = b""
        if not read:
            self.on_closed()
            return
        self._unread += read
        while self.open and (command := self._next()) is not None:
            self.on_command(*command, now)

    def _next(self) -> tuple[list[str], str] | None:
        """Give the next command: its lines, and its body."""
        end = self._unread.find(b"\n\n")
        if end < 0:
            return None
        lines = self._unread[:end].decode().split("\n")
        length = 0
        for line in lines:
            if line.startswith("content-length:"):
                length = int(line.partition(":")[2])
        if len(self._unread) < end + 2 + length:
            return None
        body = self._unread[end + 2 : end + 2 + length].decode()
        del self._unread[: end + 2 + length]
        return lines, body

    def on_command(self, lines: list[str], body: str, now: float) -> None:
        """Do a command."""
        raise NotImplementedError

    def on_closed(self) -> None:
        """The other side has gone."""
        self.close()

    def send(self, frames: bytes) -> None:
        """Send frames; whoever does not read them is gone."""
        if not self.open:
            return
        try:
            self._sock.sendall(frames)
        except OSError:
            self.on_closed()

    def close(self) -> None:
        """Close it."""
        if self.open:
            self.open = False
            self.loop.forget(self._sock)
            self._sock.close()
