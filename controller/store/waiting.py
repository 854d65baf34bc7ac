"""A connection to PostgreSQL, and how it is waited for: by a greenlet, or else by its thread.

Whoever asks from a greenlet waits as one: its thread goes on with others, and nobody has to be
woken in another thread, which costs more than most statements do. Everybody else (commands,
threads of administrators) waits as psycopg does. What would stop the loop all the same, making a
connection and looking whether a silent server is there, is done in a thread.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Generator
from typing import Any, Final, NamedTuple, TypeVar

import gevent
import psycopg
from gevent.hub import Waiter
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready

#: How long one statement may take before the server ends it, seconds.
STATEMENT_SECONDS: Final = 60
#: How long a server may say nothing until it is asked whether it is there at all, seconds, and how
#: long it has for that answer.
SILENT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 2.0
#: How long a connection may say nothing though its server is there: longer than any statement.
HUNG_SECONDS: Final = STATEMENT_SECONDS + 5.0

#: The first thing that a client may say: whether TLS is spoken. Whoever is there answers a letter.
_IS_TLS: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
#: What a loop says of a file (1: may be read, 2: may be written), as psycopg has it.
_READY: Final = {1: Ready.R, 2: Ready.W, 3: Ready.RW}
#: What has rows, if perhaps none, and none of them columns.
_ROWS: Final = (ExecStatus.TUPLES_OK, ExecStatus.SINGLE_TUPLE)

R = TypeVar("R")


def loop_of_greenlet() -> Any:  # noqa: ANN401  (gevent's hub has no type)
    """Give the hub that whoever runs now can wait by; None: its thread has to wait."""
    parent = gevent.getcurrent().parent
    return parent if isinstance(parent, gevent.hub.Hub) else None


def aside(function: Callable[..., R], *args: object) -> R:
    """Do what stops a thread: in one of the hub's, where a greenlet asks; raises what it raises."""
    hub = loop_of_greenlet()
    if hub is None:
        return function(*args)
    done, error = hub.threadpool.apply(_attempt, (function, args))
    if error is not None:
        raise error
    result: R = done
    return result


def _attempt(
    function: Callable[..., object], args: tuple[object, ...]
) -> tuple[Any, Exception | None]:
    # As a value: the pool would print an error that it sees among the lines of the log.
    try:
        return function(*args), None
    except Exception as error:  # noqa: BLE001  (raised again by `aside`)
        return None, error


class Lineage(NamedTuple):
    """Which cluster a server belongs to, and which of its timelines it writes (8 hex digits)."""

    cluster: str
    timeline: str


class Described(psycopg.Cursor[Any]):
    """A cursor that says of a result's columns what is asked for: names and types.

    SQLAlchemy asks each time, if only whether there are rows; psycopg looks up all there is to say
    of each column, which took half the time of reading a row of thirty.
    """

    @property
    def description(self) -> Any:  # noqa: ANN401  (DB API: a sequence of seven, or None)
        """Give name and type (its oid) of each column, or None where there are no rows."""
        result = self.pgresult
        if result is None or not (result.nfields or result.status in _ROWS):
            return None
        return [
            ((result.fname(i) or b"").decode(), result.ftype(i), *_UNSAID)
            for i in range(result.nfields)
        ]


_UNSAID: Final = (None,) * 5


class Watched(psycopg.Connection[Any]):
    """A connection that is given up where its server does not answer anybody any more."""

    #: How long it may say nothing though its server is there, seconds; None: as long as it likes.
    hung_seconds: float | None = HUNG_SECONDS
    #: Which cluster its server belongs to, None where that is not known.
    lineage: Lineage | None = None
    #: What `sent` has of it.
    tools: Any = None

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (psycopg's own)
        """Wait for the server, for as long as there is one; a greenlet lets others go on."""
        hub = loop_of_greenlet()
        if hub is None or kwargs.get("timeout") is not None:
            return super().wait(self._watched(gen), *args, **kwargs)
        try:
            wanted = next(gen)
            heard = time.monotonic()
            while True:
                ready = _wait(hub, self.pgconn.socket, wanted)
                if ready is None:
                    aside(self._look, time.monotonic() - heard)
                    continue
                heard = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _watched(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            heard = asked = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = asked = now
                elif now - asked >= SILENT_SECONDS:
                    self._look(now - heard)
                    asked = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _look(self, silent: float) -> None:
        """Raise psycopg's `OperationalError` where there is nothing more to wait for."""
        hung = self.hung_seconds is not None and silent >= self.hung_seconds
        if not hung and self._is_there():
            return
        # What it may still say is not heard any more: it is not known what was done.
        self.pgconn.finish()
        raise psycopg.OperationalError(
            f"the server said nothing for {silent:.0f} s"
            + ("" if hung else ", and takes no new connection")
        )

    def _is_there(self) -> bool:
        host, port = self.info.hostaddr or self.info.host, self.info.port
        try:
            with _socket(host, port) as asking:
                asking.sendall(_IS_TLS)
                return bool(asking.recv(1))
        except OSError:
            return False


def _wait(hub: Any, file: int, wanted: int) -> Ready | None:  # noqa: ANN401
    """Wait until the file may be read or written, as is wanted; None: nothing for so long."""
    waiter: Any = Waiter(hub)
    watcher, timer = hub.loop.io(file, int(wanted)), hub.loop.timer(SILENT_SECONDS)
    try:
        watcher.start(waiter.switch, pass_events=True)
        timer.start(waiter.switch, 0)
        return _READY.get(waiter.get() & 3)
    finally:
        for each in (watcher, timer):
            each.stop()
            each.close()


def _socket(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=ANSWER_SECONDS)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.settimeout(ANSWER_SECONDS)
        made.connect(f"{host}/.s.PGSQL.{port}")
    except OSError:
        made.close()
        raise
    return made
