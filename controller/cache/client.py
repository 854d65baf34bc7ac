"""A Redis that is spoken to from the hub: at most so many connections, short times, no retries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from gevent.lock import BoundedSemaphore
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from controller.cache.address import RedisAddress, parse
from controller.cache.connections import COMMON, CONNECT_SECONDS, REPLY_SECONDS

#: Connections of one controller, the subscriber's not counted. One look-up takes a tenth of a
#: millisecond: more would only be more of them to wait on a server that is silent.
CONNECTIONS: Final = 16
#: How long a subscriber hears nothing before it asks whether the server is still there, seconds.
SILENT_SECONDS: Final = 1.0

Text = bytes | str | int


class NotSent(RedisError):
    """A command waited for a connection in vain. That says nothing of the server."""


class Script:
    """A Lua script: sent once to each server, named by its hash after that."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Redis itself names scripts so; nothing secret is in it.
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Subscription:
    """One channel, on a connection of its own."""

    def __init__(self, made: AbstractConnection, channel: str) -> None:
        connection: Any = made  # redis-py does not say what its methods take and give
        self._connection = connection
        try:
            connection.connect()
            connection.send_command("SUBSCRIBE", channel)
            connection.read_response()
        except BaseException:
            connection.disconnect()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """Give each message, for as long as the connection lasts. Raises redis-py's errors."""
        asked = False
        while True:
            try:
                reply = self._connection.read_response(
                    timeout=SILENT_SECONDS, disconnect_on_error=False
                )
            except RedisTimeoutError:
                if asked:
                    raise
                self._connection.send_command("PING")
                asked = True
                continue
            asked = False
            if reply[0] == b"message":
                yield reply[2]

    def close(self) -> None:
        """End it."""
        self._connection.disconnect()


class RedisHandle:
    """A server, or the primary of several. To be used from the hub's thread only."""

    def __init__(self, address: RedisAddress) -> None:
        #: Where it is, without a password.
        self.shown = address.shown
        self._pool = ConnectionPool(
            connection_class=address.connection_class,
            max_connections=CONNECTIONS,
            # Off: it would ask each server for notices that only one vendor's cloud sends.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            **COMMON,
            socket_timeout=REPLY_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            **address.options,
        )
        self._free = BoundedSemaphore(CONNECTIONS)
        self._dropped = 0

    def execute(self, *command: Text) -> Any:  # noqa: ANN401  (a reply is what it is)
        """Send a command and give its reply. Raises redis-py's `RedisError`."""
        dropped = self._dropped
        if not self._free.acquire(timeout=REPLY_SECONDS):
            raise NotSent("no connection was free in time")
        try:
            if dropped != self._dropped:
                # Who came before found the server silent: not everybody has to.
                raise NotSent("the connections were dropped")
            connection: Any = self._pool.get_connection()
            try:
                connection.send_command(*command)
                return connection.read_response()
            except ResponseError:
                raise
            except BaseException:
                # A reply that is still to come would be read as that of the next command.
                connection.disconnect()
                raise
            finally:
                if dropped != self._dropped:
                    connection.disconnect()
                self._pool.release(connection)
        finally:
            self._free.release()

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Text]) -> Any:  # noqa: ANN401
        """Run a script and give what it gives. Raises `RedisError`."""
        try:
            return self.execute("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return self.execute("EVAL", script.text, len(keys), *keys, *arguments)

    def subscribe(self, channel: str) -> Subscription:
        """Subscribe to a channel. Raises `RedisError`."""
        return Subscription(self._pool.connection_class(**self._pool.connection_kwargs), channel)

    def drop(self) -> None:
        """Use no connection again that is open now: the next ones ask anew where the primary is."""
        self._dropped += 1
        # Those in use are closed by whoever uses them, when they have their reply.
        self._pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        """Close all connections. None is made again but by a further command."""
        self._dropped += 1
        self._pool.disconnect(inuse_connections=False)


def open_redis(url: str) -> RedisHandle:
    """Open the Redis that `redis.url` names; nothing is connected to yet.

    Raises `CacheSettingsError`, which names the setting and the remedy.
    """
    return RedisHandle(parse(url))
