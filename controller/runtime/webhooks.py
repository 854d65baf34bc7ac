"""Tells other servers something by HTTP: one POST, signed, and whether that was taken.

It blocks, in a thread of its own; the hub goes on. Taken is what is answered with a status of 2xx,
and nothing else: redirects are not followed, proxies of the environment not asked, and of an
answer no more is read than its head.

Whoever gets it knows by the signature that it is ours and when it was made: `Callbackd-Signature`
is `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY` by the secret that both know.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from controller import __version__

#: The header of the signature.
SIGNATURE: Final = "Callbackd-Signature"
#: The header of what it is about.
KIND: Final = "Callbackd-Event"
#: The header by which what comes twice is known: the same key has the same body.
KEY: Final = "Idempotency-Key"

#: Why nothing is sent any more.
STOPS: Final = "the controller stops"

#: What goes wrong with a server, its name, its certificate, or its answer.
_ERRORS: Final = (OSError, http.client.HTTPException, UnicodeError, ValueError)


class NotTaken(Exception):
    """A server did not take what it was sent; the message says why."""


class Target(msgspec.Struct, frozen=True):
    """Where something is posted to: http or https; the secret it is signed with.

    `seconds`: how long all of it may take, from the connection to the head of the answer.
    """

    url: str
    secret: str
    seconds: float


def sign(secret: str, body: bytes, at: int) -> str:
    """Give the signature of a body that is sent at a time, seconds since 1970."""
    made = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={made.hexdigest()}"


class Poster:
    """Posts to one server, from one thread; `close`, from any, ends what is under way.

    `now` gives seconds since 1970; `tls`: whom to trust, by default whom the system trusts.
    """

    def __init__(
        self, target: Target, *, now: Callable[[], float], tls: ssl.SSLContext | None = None
    ) -> None:
        self._target = target
        self._now = now
        self._tls = tls
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False
        #: Set when the time is over that what is under way may take.
        self._over = threading.Event()

    def close(self) -> None:
        """End what is under way, which was not taken then, and whatever is posted later."""
        with self._lock:
            self._closed = True
        self._cut()

    def post(self, body: bytes, *, key: str, kind: str) -> None:
        """Post a body of JSON. Raises `NotTaken`: nobody knows then whether it arrived."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"callbackd/{__version__}",
            # The connection is for one: what an answer has besides its head need not be read.
            "Connection": "close",
            KEY: key,
            KIND: kind,
            SIGNATURE: sign(self._target.secret, body, int(self._now())),
        }
        status = self._within(lambda: self._status(body, headers))
        if 300 <= status < 400:
            raise NotTaken(f"it answered {status}: redirects are not followed")
        if not 200 <= status < 300:
            raise NotTaken(f"it answered {status}")

    def _within(self, ask: Callable[[], int]) -> int:
        """Ask within the time that there is; a socket's own limit is one for each piece."""
        self._over = late = threading.Event()

        def end() -> None:
            late.set()
            self._cut()

        watch = threading.Timer(self._target.seconds, end)
        watch.daemon = True
        watch.start()
        try:
            status = ask()
        except _ERRORS as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise self._late() from error
            raise NotTaken(_said(error)) from error
        finally:
            watch.cancel()
        # A head that was cut looks like one that has ended.
        if late.is_set():
            raise self._late()
        if self._closed:
            raise NotTaken(STOPS)
        return status

    def _late(self) -> NotTaken:
        return NotTaken(f"no answer within {self._target.seconds:g} s")

    def _status(self, body: bytes, headers: Mapping[str, str]) -> int:
        parts = urlsplit(self._target.url)
        host, seconds = parts.hostname or "", self._target.seconds
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(host, parts.port, timeout=seconds)
        try:
            # Connected here, so that it can be cut also while it is being secured.
            at = (host, parts.port or (443 if secure else 80))
            connection.sock = self._open(socket.create_connection(at, timeout=seconds))
            if secure:
                context = self._tls or ssl.create_default_context()
                secured = context.wrap_socket(
                    connection.sock, server_hostname=host, do_handshake_on_connect=False
                )
                connection.sock = self._open(secured)
                secured.do_handshake()
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, dict(headers))
            return connection.getresponse().status
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def _open(self, made: socket.socket) -> socket.socket:
        """Let a connection be cut from now on. Raises `NotTaken` where it is too late for one."""
        with self._lock:
            if not self._closed and not self._over.is_set():
                self._socket = made
                return made
        made.close()
        raise NotTaken(STOPS) if self._closed else self._late()

    def _cut(self) -> None:
        with self._lock:
            if self._socket is not None:
                # It may be over already.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def _said(error: BaseException) -> str:
    """Put an error in a line: it is shown to operators."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:160] if text else type(error).__name__
