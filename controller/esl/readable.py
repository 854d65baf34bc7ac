"""Waits for the bytes of a connection, with one watcher that stays with the loop.

gevent's own `recv` tries first, gets nothing in nearly all cases, and then tells the kernel of the
socket anew, for each wait. Of what it costs to take an event and to send what it leads to, that was
a sixth.
"""

from __future__ import annotations

from typing import Any, Final

import gevent
from gevent.hub import Waiter

#: libev's EV_READ.
_READ: Final = 1


class Readable:
    """Tells one greenlet when there is something to read on a socket, or that it has ended.

    Close it before the socket.
    """

    __slots__ = ("_hub", "_started", "_waiter", "_waiting", "_watcher")

    def __init__(self, sock: Any) -> None:  # noqa: ANN401  (a gevent socket)
        self._hub = gevent.get_hub()
        self._waiter: Waiter[None] = Waiter(self._hub)
        self._watcher: Any = self._hub.loop.io(sock.fileno(), _READ)
        self._started = False
        self._waiting = False

    def wait(self) -> bool:
        """Wait until there is something to read; False: it was closed."""
        if self._watcher is None:
            return False
        if not self._started:
            self._started = True
            self._watcher.start(self._ready)
        self._waiting = True
        try:
            self._waiter.get()
        finally:
            self._waiting = False
            self._waiter.clear()
        return self._watcher is not None

    def close(self) -> None:
        """Let go of the socket; who waits goes on."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()
            if self._waiting:
                # Not at once: who closes may be in the middle of something.
                self._hub.loop.run_callback(self._wake)

    def _ready(self) -> None:
        if self._waiting:
            self._wake()
        else:
            # The reader is held up elsewhere: the loop would tell of the same bytes on and on.
            self._watcher.stop()
            self._started = False

    def _wake(self) -> None:
        if self._waiting:
            self._waiter.switch(None)
