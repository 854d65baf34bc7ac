"""How connections are served: gevent's pywsgi, with bounds, and without a word of its own."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
import msgspec
from gevent.pywsgi import Input, WSGIHandler, WSGIServer

#: How long a peer may be silent in the middle of a request, or between two, seconds.
SILENT_SECONDS: Final = 30.0
#: How long it may take, in all, until the head of its next request is there.
HEAD_SECONDS: Final = 30.0
#: How long reading a body may take in all, seconds: the largest, 32 MB, at 0.9 Mbit/s.
BODY_SECONDS: Final = 300.0
#: How long the lines of a head may be together, bytes; its first line may have 8 KiB.
MOST_HEAD: Final = 32 << 10
#: How much of a body that nobody asked for is read, bytes: so that a client which sends all before
#: it listens hears why it was refused. Of a longer one the connection is closed.
MOST_DISCARDED: Final = 1 << 20


#: What every answer says besides, unless it says something else of the same name: nobody keeps it,
#: takes it for something else, runs or frames anything of it, or tells where one came from.
#: That TLS is a must (HSTS) is for the proxy to say, which has it.
GUARDING: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _refused(status: int, title: str) -> bytes:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status})
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        **GUARDING,
        "Connection": "close",
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status} {title}", *lines, "", ""]).encode() + body


#: What is answered to what is no request, by the status that gevent has for it.
_REFUSED: Final = {
    "400": _refused(400, "Bad Request"),
    "408": _refused(408, "Request Timeout"),
    "414": _refused(414, "Request URI Too Long"),
    "431": _refused(431, "Request Header Fields Too Large"),
}
#: What whoever comes while there are too many connections is answered, without a question.
_FULL: Final = _refused(503, "Service Unavailable")


class HeadTooLarge(ValueError):
    """The head of a request is longer than any is."""


class _Head(io.BufferedIOBase):
    """The lines of a head, of which there are not too many bytes. Raises `HeadTooLarge`."""

    def __init__(self, file: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._file = file
        self._left = MOST_HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line."""
        line: bytes = self._file.readline(size if size is not None else -1)
        self._left -= len(line)
        if self._left < 0:
            raise HeadTooLarge
        return line


class BoundedInput(Input):
    """A request's body, of which no more than a bounded part is thrown away."""

    __slots__ = ("_seconds", "left_over")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (as gevent has it)
        super().__init__(*args, **kwargs)
        #: Whether something of it is still on the line, which cannot be used any more then.
        self.left_over = False
        #: How long it may still be waited for.
        self._seconds = BODY_SECONDS

    def read(self, length: int | None = None) -> bytes:
        """Read so much of it, or all. Raises `OSError` where the peer takes too long."""
        if self._seconds <= 0:
            raise TimeoutError("the body takes too long")
        began = time.monotonic()
        try:
            with gevent.Timeout(self._seconds, TimeoutError("the body takes too long")):
                read: bytes = super().read(length)
        except OSError:
            self._seconds = 0.0
            raise
        self._seconds -= time.monotonic() - began
        return read

    def _discard(self) -> None:
        if self._seconds <= 0:
            self.left_over = True
            return
        # A client that waits for `100 Continue` sends nothing, and has its answer.
        waiting = self.socket is not None
        room = MOST_DISCARDED
        too_much = (self.content_length or 0) - self.position > room
        if waiting or too_much or self._chunked_input_error:  # type: ignore[attr-defined]
            self.left_over = bool(self.content_length or self.chunked_input)
            return
        self.send_100_continue_enabled = False
        while room > 0:
            try:
                read = self.read(min(room, 16384))
            except TimeoutError:
                break
            if not read:
                return
            room -= len(read)
        self.left_over = True


class Handler(WSGIHandler):
    """Serves one connection. What peers do wrong ends it, and is printed nowhere."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        sock.settimeout(SILENT_SECONDS)
        # Head and body are sent one after the other: the body would wait for the peer to confirm
        # the head, which it puts off for 40 ms on a connection that it uses again.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock, *args, **kwargs)

    def MessageClass(self, file: Any, *args: Any) -> Any:  # noqa: ANN401, N802  (gevent's name)
        """Read the lines of a head. Raises `HeadTooLarge`."""
        read = super().MessageClass(_Head(file), *args)
        # gevent forgets this where the body comes in chunks.
        self._lengths = read.get_all("content-length", [])
        return read

    def read_request(self, raw_requestline: str) -> Any:  # noqa: ANN401
        """Read the head of a request. Raises `ValueError` where its body has no certain end."""
        if len(raw_requestline.split()) != 3:
            # Two words are HTTP/0.9, which has no head to say anything in.
            raise ValueError("no request of HTTP/1")
        read = super().read_request(raw_requestline)
        self._late.close()
        # Of two that say where a body ends, a proxy may have believed the other one.
        ends = self.headers.get_all("transfer-encoding", []) + self._lengths
        if len(ends) > 1:
            raise ValueError("a body with two ends")
        coding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if coding is not None and coding.lower() != "chunked":
            raise ValueError("a transfer coding that is not known")
        if length is not None and not (length.isascii() and length.isdigit()):
            raise ValueError("a content length that is none")
        return read

    def get_environ(self) -> dict[str, Any]:
        """Give what the application is told, the bounded body with it."""
        environ: dict[str, Any] = super().get_environ()
        body = self.wsgi_input
        assert body is not None
        self.wsgi_input = BoundedInput(
            body.rfile, body.content_length, body.socket, body.chunked_input
        )
        environ["wsgi.input"] = self.wsgi_input
        # Whatever the peer would like the connection to become, its body ends where it ends.
        environ["wsgi.input_terminated"] = True
        return environ

    def handle_one_response(self) -> None:
        """Answer one request, and close the connection where the next cannot be told from it."""
        super().handle_one_response()
        if isinstance(self.wsgi_input, BoundedInput) and self.wsgi_input.left_over:
            self.close_connection = True

    def handle_one_request(self) -> Any:  # noqa: ANN401  (whether to go on, or a last answer)
        """Serve one request; one that is none is answered with a problem (RFC 9457), and ends.

        So does a peer that sends its head too slowly: each byte in time is not enough.
        """
        self.requestline = ""
        self._late = gevent.Timeout.start_new(HEAD_SECONDS)
        try:
            result = super().handle_one_request()
        except gevent.Timeout as late:
            if late is not self._late:
                raise
            # Who has not even begun is only gone.
            result = ("408", b"") if self.requestline else None
        finally:
            self._late.close()
        return (result[0], _REFUSED[result[0]]) if isinstance(result, tuple) else result

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401
    ) -> Callable[[bytes], None]:
        """Begin an answer, which guards whoever reads it."""
        said = {name.lower() for name, _ in headers}
        more = [(name, value) for name, value in GUARDING.items() if name.lower() not in said]
        write: Callable[[bytes], None] = super().start_response(status, [*headers, *more], exc_info)
        return write

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        return "431" if isinstance(ex, HeadTooLarge) else "400", b""

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:  # noqa: ANN401
        """End a connection whose peer is gone; a fault of ours goes on to gevent."""
        self.close_connection = True
        if not issubclass(t, OSError):
            super().handle_error(t, v, tb)


class Server(WSGIServer):
    """A server that has a limit of connections. Whoever is too many hears 503, and is not asked."""

    def __init__(
        self,
        address: tuple[str, int],
        application: Any,  # noqa: ANN401
        *,
        max_connections: int,
    ) -> None:
        super().__init__(
            address,
            application,
            log=None,
            error_log=None,
            handler_class=Handler,
            # gevent would ask DNS for it, ten seconds long where that does not answer.
            environ={"SERVER_NAME": address[0]},
        )
        self._max_connections = max_connections
        self._connections = 0

    def handle(self, sock: Any, address: Any) -> None:  # noqa: ANN401
        """Serve a connection to its end."""
        if self._connections >= self._max_connections:
            refuse(sock)
            return
        self._connections += 1
        try:
            super().handle(sock, address)
        finally:
            self._connections -= 1


def refuse(sock: Any) -> None:  # noqa: ANN401
    """Say that there are too many, if that takes no time, and close the connection."""
    sock.settimeout(0)
    with contextlib.suppress(OSError):
        sock.sendall(_FULL)
    with contextlib.suppress(OSError):
        # What it has said and nobody read would take our answer with it.
        sock.recv(MOST_HEAD)
    sock.close()
