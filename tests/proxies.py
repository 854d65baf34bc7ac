"""A TCP proxy that does to connections what networks do: it delays, swallows, cuts, and refuses.

One thread of its own moves the bytes, so it works beside gevent as well as without. By hand, or
as a process of its own: `python -m tests.proxies HOST:PORT`, told by lines what to do.
"""

from __future__ import annotations

import collections
import contextlib
import random
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

#: How much waits to be sent on, at most, before no more is read from the other side.
HELD_BYTES: Final = 256 * 1024
#: Closes with a reset: what is on its way is lost.
_RESET: Final = struct.pack("ii", 1, 0)

#: A server over TCP, or the path of its unix socket.
Target = tuple[str, int] | str


class _Side:
    """One of the two sockets of a connection, and what is still to be sent to it."""

    def __init__(self, made: socket.socket, link: _Link) -> None:
        made.setblocking(False)
        self.socket = made
        self.link = link
        self.waiting: collections.deque[tuple[float, bytes]] = collections.deque()
        self.held = 0
        self.ended = False
        self.told_end = False


class _Link:
    """A client and, where it was let through, the server it talks to."""

    def __init__(self, client: socket.socket, server: socket.socket | None) -> None:
        self.client = _Side(client, self)
        self.server = None if server is None else _Side(server, self)
        self.said = b""
        self.losing = False

    def sides(self) -> list[_Side]:
        return [self.client] if self.server is None else [self.client, self.server]

    def other(self, side: _Side) -> _Side | None:
        return self.server if side is self.client else self.client


class Proxy:
    """Passes on what clients and one server say to each other, until told to do otherwise.

    To be used from any thread. What it is told counts at once, for connections that are there too.
    """

    def __init__(self, target: Target, port: int = 0) -> None:
        self._target = target
        self._listener: socket.socket | None = listening(port)
        #: Where clients connect to.
        self.port: int = self._listener.getsockname()[1]
        #: How many connections it took, and how many answers it lost, all in all.
        self.taken = 0
        self.lost = 0
        self._seconds = 0.0
        self._swallows = False
        self._lose: tuple[bytes, bool] = (b"", True)
        self._losses: int | None = 0
        self._links: set[_Link] = set()
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect to."""
        return ("127.0.0.1", self.port)

    @property
    def connections(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._links)

    # --- what it is told ---------------------------------------------------------------------

    def open(self) -> None:
        """Pass everything on at once. What was swallowed is gone; connections of then are reset."""
        with self._changing():
            if self._swallows:
                self._reset_all()
            self._seconds, self._swallows, self._losses = 0.0, False, 0
            if self._listener is None:
                self._listener = listening(self.port)
                self._selector.register(self._listener, selectors.EVENT_READ)

    def delay(self, seconds: float) -> None:
        """Pass everything on so much later, in each direction."""
        with self._changing():
            self._seconds = seconds

    def swallow(self) -> None:
        """Take all that is said and pass nothing on; who connects is taken, and hears nothing."""
        with self._changing():
            self._swallows = True

    def cut(self) -> None:
        """Reset all connections that there are; those made from now on are passed on."""
        with self._changing():
            self._reset_all()

    def refuse(self) -> None:
        """Reset all connections, and let nobody connect, until `open`."""
        with self._changing():
            self._reset_all()
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None

    def lose(self, said: bytes, times: int | None = 1, *, reached: bool = True) -> None:
        """Reset the connection on which a client says this; None: each time.

        `reached`: the server has heard it, did what it says, and only its answer is lost.
        Otherwise the server never hears it.
        """
        with self._changing():
            self._lose, self._losses = (said, reached), times

    def close(self) -> None:
        """End it, and all connections."""
        with self._changing():
            self._closed = True
        self._thread.join()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
        with contextlib.suppress(OSError):
            self._wake_in.send(b".")

    # --- its thread --------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._lock:
                until_due = self._interests()
            ready = self._selector.select(until_due)
            with self._lock:
                if self._closed:
                    break
                for key, events in ready:
                    self._see(key, events)
                for link in list(self._links):
                    for side in link.sides():
                        self._send_due(side)
        with self._lock:
            self._reset_all()
            if self._listener is not None:
                self._listener.close()
            self._selector.close()
            self._wake_in.close()
            self._wake_out.close()

    def _interests(self) -> float | None:
        """Say what each socket is waited for; give how long until something is to be sent."""
        now = time.monotonic()
        soonest: float | None = None
        for link in self._links:
            for side in link.sides():
                other = link.other(side)
                events = 0
                if not side.ended and (other is None or other.held < HELD_BYTES):
                    events |= selectors.EVENT_READ
                if side.waiting:
                    due = side.waiting[0][0]
                    if due <= now:
                        events |= selectors.EVENT_WRITE
                    else:
                        soonest = due - now if soonest is None else min(soonest, due - now)
                self._watch(side, events)
        return soonest

    def _watch(self, side: _Side, events: int) -> None:
        known = self._selector.get_map().get(side.socket)
        if known is None:
            if events:
                self._selector.register(side.socket, events, side)
        elif not events:
            self._selector.unregister(side.socket)
        elif known.events != events:
            self._selector.modify(side.socket, events, side)

    def _see(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._wake_out:
            with contextlib.suppress(BlockingIOError):
                self._wake_out.recv(4096)
        elif key.fileobj is self._listener:
            self._take()
        elif (
            isinstance(key.data, _Side)
            and key.data.link in self._links
            and events & selectors.EVENT_READ
        ):
            self._read(key.data)

    def _take(self) -> None:
        assert self._listener is not None
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        self.taken += 1
        server = None
        if not self._swallows:
            try:
                server = self._connected()
            except OSError:
                _reset(client)
                return
        self._links.add(_Link(client, server))

    def _connected(self) -> socket.socket:
        if isinstance(self._target, str):
            made = socket.socket(socket.AF_UNIX)
            try:
                made.connect(self._target)
            except OSError:
                made.close()
                raise
            return made
        made = socket.create_connection(self._target, timeout=5.0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _read(self, side: _Side) -> None:
        link = side.link
        try:
            data = side.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self._reset(link)
            return
        other = link.other(side)
        if not data:
            side.ended = True
            if other is None:
                self._reset(link)
            return
        if self._swallows or other is None:
            return
        if side is link.client:
            self._hear(link, data)
            if link not in self._links:
                return
        elif link.losing:
            self.lost += 1
            self._reset(link)
            return
        other.waiting.append((time.monotonic() + self._seconds, data))
        other.held += len(data)

    def _hear(self, link: _Link, data: bytes) -> None:
        """Look whether a client says what is to be lost."""
        said, reached = self._lose
        if not said or self._losses == 0:
            return
        link.said += data
        if said in link.said:
            if self._losses is not None:
                self._losses -= 1
            if reached:
                link.losing = True
            else:
                self.lost += 1
                self._reset(link)
        link.said = link.said[-len(said) + 1 :] if len(said) > 1 else b""

    def _send_due(self, side: _Side) -> None:
        now = time.monotonic()
        while side.waiting and side.waiting[0][0] <= now and side.link in self._links:
            due, data = side.waiting[0]
            try:
                sent = side.socket.send(data)
            except BlockingIOError:
                return
            except OSError:
                self._reset(side.link)
                return
            side.held -= sent
            side.waiting.popleft()
            if sent < len(data):
                side.waiting.appendleft((due, data[sent:]))
        self._end(side)

    def _end(self, side: _Side) -> None:
        """Tell a side that the other one will say no more, once all of it was passed on."""
        link = side.link
        other = link.other(side)
        if link not in self._links or other is None or self._swallows:
            return
        if other.ended and not side.waiting and not side.told_end:
            side.told_end = True
            with contextlib.suppress(OSError):
                side.socket.shutdown(socket.SHUT_WR)
        if all(one.ended and one.told_end for one in link.sides()):
            self._forget(link)
            for one in link.sides():
                one.socket.close()

    def _reset_all(self) -> None:
        for link in list(self._links):
            self._reset(link)

    def _reset(self, link: _Link) -> None:
        self._forget(link)
        for side in link.sides():
            _reset(side.socket)

    def _forget(self, link: _Link) -> None:
        self._links.discard(link)
        for side in link.sides():
            self._watch(side, 0)


def listening(port: int = 0) -> socket.socket:
    """Listen on a port, by default on one that no outgoing connection gets by chance."""
    while True:
        try:
            made = socket.create_server(("127.0.0.1", port or random.randrange(10_000, 32_000)))
        except OSError:
            if port:
                raise
        else:
            made.setblocking(False)
            return made


def _reset(made: socket.socket) -> None:
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    made.close()


@contextlib.contextmanager
def proxy(target: Target, port: int = 0) -> Iterator[Proxy]:
    """Give a proxy before a server, for as long as the context lasts."""
    made = Proxy(target, port)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def black_hole() -> Iterator[socket.socket]:
    """Give a host that drops what is sent to it, as one does that is gone, until it is closed.

    Its queue is full: whoever connects hears nothing.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Run one by itself: its port is the first line it prints, each order is a line it reads.

    Orders: open, delay SECONDS, swallow, cut, refuse, lose WORD. Each is answered by `ok`.
    """
    host, _, port = arguments[0].rpartition(":")
    made = Proxy((host, int(port)), int(arguments[1]) if len(arguments) > 1 else 0)
    _say(str(made.port))
    for line in sys.stdin:
        order, _, rest = line.strip().partition(" ")
        if order == "delay":
            made.delay(float(rest))
        elif order == "lose":
            made.lose(rest.encode())
        elif order in ("open", "swallow", "cut", "refuse"):
            getattr(made, order)()
        else:
            _say(f"no such order: {order}")
            continue
        _say("ok")
    made.close()


if __name__ == "__main__":
    main(sys.argv[1:])
