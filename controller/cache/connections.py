"""Connections to Redis that wait on the hub: while a server is silent, all other greenlets go on.

redis-py makes its sockets with the standard library, which stops the whole process while it waits.
Here only the sockets are others; commands, replies and errors are redis-py's. What of redis-py
would still stop the hub is not used: `can_read` with a time (it polls), `PubSub` (it calls that),
the blocking pool (a lock of threads), retries (they sleep).
"""

from __future__ import annotations

import socket
from typing import Any, Final

import gevent
from gevent import socket as hub_socket
from gevent.ssl import SSLContext
from redis.backoff import NoBackoff
from redis.connection import Connection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

#: How long making a connection may take, names and TLS included, seconds.
CONNECT_SECONDS: Final = 0.5
#: How long a server may take to answer a command, seconds.
REPLY_SECONDS: Final = 0.25
#: How long one sentinel is waited for: another one may know, seconds.
SENTINEL_SECONDS: Final = 0.2

#: What all connections have in common. RESP 2 is what every server speaks; nothing is told about
#: ourselves, which would be two more commands; a command that failed is never sent again.
COMMON: Final[dict[str, Any]] = {
    "protocol": 2,
    "driver_info": None,
    "retry": Retry(NoBackoff(), 0),
    "health_check_interval": 0,
}

Address = tuple[str, int]


class TcpConnection(Connection):
    """A connection over TCP, with TLS where a context is given."""

    def __init__(self, *, tls: SSLContext | None = None, **options: Any) -> None:  # noqa: ANN401
        self._tls = tls
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def _connect(self) -> hub_socket.socket:
        # One limit for all of it: looking up a name has none of its own.
        with gevent.Timeout(self.socket_connect_timeout, TimeoutError("timed out")):
            return self._open()

    def _open(self) -> hub_socket.socket:
        made = hub_socket.create_connection(
            (self.host, self.port), timeout=self.socket_connect_timeout
        )
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls is not None:
                made = self._tls.wrap_socket(made, server_hostname=self.host)
            made.settimeout(self.socket_timeout)
        except BaseException:
            made.close()
            raise
        return made


class UnixConnection(UnixDomainSocketConnection):
    """A connection over a unix socket."""

    #: redis-py names it in an error, and has none.
    port: Final = 0

    def _connect(self) -> hub_socket.socket:
        made = hub_socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # It is made at once or not at all: where the server's queue is full, waiting for
            # such a socket would turn in circles.
            made.settimeout(0.0)
            made.connect(self.path)
            made.settimeout(self.socket_timeout)
        except BaseException:
            made.close()
            raise
        return made


class Sentinels:
    """Those who know which server of a service is the primary.

    `options` are those of a connection to a sentinel (user, password, TLS).
    """

    def __init__(self, addresses: list[Address], service: str, options: dict[str, Any]) -> None:
        self._addresses = list(addresses)
        self._service = service
        self._options = {
            **options,
            "socket_timeout": SENTINEL_SECONDS,
            "socket_connect_timeout": SENTINEL_SECONDS,
        }

    def primary(self) -> Address:
        """Give the address of the primary. Raises redis-py's `ConnectionError`."""
        for address in list(self._addresses):
            # Who does not answer, or not before the caller's time is over, is asked last then.
            self._addresses.remove(address)
            self._addresses.append(address)
            found = self._ask(address)
            if found is not None:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
                return found
        raise RedisConnectionError(f"no sentinel names a primary of {self._service}")

    def _ask(self, address: Address) -> Address | None:
        connection: Any = TcpConnection(host=address[0], port=address[1], **self._options)
        try:
            connection.connect()
            connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
            named = connection.read_response()
            return (named[0].decode(), int(named[1])) if named else None
        except RedisError:
            return None
        finally:
            connection.disconnect()


class PrimaryConnection(TcpConnection):
    """A connection to whichever server the sentinels name."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:  # noqa: ANN401
        self._sentinels = sentinels
        super().__init__(**options)

    def _open(self) -> hub_socket.socket:
        self.host, self.port = self._sentinels.primary()
        return super()._open()

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in, and see that the server agrees: a sentinel may not know the newest yet."""
        super().on_connect_check_health(check_health)
        asking: Any = self
        asking.send_command("ROLE", check_health=False)
        if asking.read_response()[0] != b"master":
            raise RedisConnectionError("the server that the sentinels name is no primary")
