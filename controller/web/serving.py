"""How connections are served: gevent's pywsgi, with bounds, and without a word of its own."""

from __future__ import annotations

import socket
from typing import Any, Final

import msgspec
from gevent.pywsgi import Input, WSGIHandler

#: How long a peer may be silent in the middle of a request, or between two, seconds.
SILENT_SECONDS: Final = 30.0
#: How much of a body that nobody asked for is read, bytes: so that a client which sends all before
#: it listens hears why it was refused. Of a longer one the connection is closed.
MOST_DISCARDED: Final = 1 << 20


def _refused(status: int, title: str) -> bytes:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status})
    head = (
        f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


#: What is answered to what is no request, by the status that gevent has for it.
_REFUSED: Final = {
    "400": _refused(400, "Bad Request"),
    "414": _refused(414, "Request URI Too Long"),
}


class BoundedInput(Input):
    """A request's body, of which no more than a bounded part is thrown away."""

    __slots__ = ("left_over",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (as gevent has it)
        super().__init__(*args, **kwargs)
        #: Whether something of it is still on the line, which cannot be used any more then.
        self.left_over = False

    def _discard(self) -> None:
        # A client that waits for `100 Continue` sends nothing, and has its answer.
        waiting = self.socket is not None
        room = MOST_DISCARDED
        too_much = (self.content_length or 0) - self.position > room
        if waiting or too_much or self._chunked_input_error:  # type: ignore[attr-defined]
            self.left_over = bool(self.content_length or self.chunked_input)
            return
        self.send_100_continue_enabled = False
        while room > 0:
            read = self.read(min(room, 16384))
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

    def read_request(self, raw_requestline: str) -> Any:  # noqa: ANN401
        """Read the head of a request. Raises `ValueError` where its body has no certain end."""
        read = super().read_request(raw_requestline)
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
        """Serve one request; one that is none is answered with a problem (RFC 9457), and ends."""
        result = super().handle_one_request()
        return (result[0], _REFUSED[result[0]]) if isinstance(result, tuple) else result

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        return "400", b""

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:  # noqa: ANN401
        """End a connection whose peer is gone; a fault of ours goes on to gevent."""
        self.close_connection = True
        if not issubclass(t, OSError):
            super().handle_error(t, v, tb)
