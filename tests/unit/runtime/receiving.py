"""A server of somebody else's, to which things are posted: a real one, in threads of its own."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

#: How long a test waits for what does not come, seconds.
PATIENCE = 60


class Got(msgspec.Struct):
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Receiver:
    """What came, and what is answered: by `answer`, a status; headers by `more`.

    `held`: while it is clear, requests that came are not answered.
    """

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], int] = lambda got: 204
        self.more: dict[str, str] = {}
        self.came = threading.Event()
        self.held = threading.Event()
        self.held.set()
        self.url = ""


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a server; with TLS, where a context is given."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.path, headers, self.rfile.read(length))
            receiver.got.append(got)
            receiver.came.set()
            assert receiver.held.wait(PATIENCE)
            try:
                self.send_response(receiver.answer(got))
                for name, value in receiver.more.items():
                    self.send_header(name, value)
                self.end_headers()
            except OSError:
                # It was not waited for.
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """What peers do wrong is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme, host = ("http", "127.0.0.1") if context is None else ("https", "localhost")
    receiver.url = f"{scheme}://{host}:{server.server_address[1]}/told?of=us"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
