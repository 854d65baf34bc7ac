"""The listener that FreeSWITCH's `socket` application connects to.

An outbound socket has neither TLS nor a password: whoever connects is believed to be a switch.
So only allowed addresses are taken, a peer that says nothing is dropped, and there is a limit of
connections. Refusing is cheap: the connection is closed before anything is read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, Final

from gevent.server import StreamServer

from controller.esl import commands
from controller.esl.channel_data import ChannelData
from controller.esl.connection import COMMAND_SECONDS, keep_alive
from controller.esl.errors import EslError, NotConnected
from controller.esl.session import OutboundSession
from controller.esl.wire import Frame

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Why a connection was not taken, for the metric.
REFUSED_ADDRESS: Final = "address"
REFUSED_LIMIT: Final = "limit"


class EslServer:
    """Accepts legs.

    `on_leg(session, data)` is called in the connection's greenlet when the switch has answered
    `connect`; it may wait, and sets `session.on_event`. Frames are read after it returns, and the
    session has no more of the data then than its own names (`OutboundSession.forget_data`).
    `on_refused(reason)` is called for each connection that is not taken, `on_failed(error)` for
    each that ended before it was a leg.
    """

    def __init__(
        self,
        address: tuple[str, int],
        on_leg: Callable[[OutboundSession, ChannelData], None],
        *,
        allow: Sequence[Network],
        max_connections: int,
        on_refused: Callable[[str], None],
        on_failed: Callable[[EslError], None],
        connect_seconds: float = COMMAND_SECONDS,
    ) -> None:
        self._on_leg = on_leg
        self._allow = tuple(allow)
        self._max_connections = max_connections
        self._on_refused = on_refused
        self._on_failed = on_failed
        self._connect_seconds = connect_seconds
        self.sessions: set[OutboundSession] = set()
        # gevent's server accepts on readiness and waits longer and longer when descriptors run
        # out, instead of ending.
        self._server = StreamServer(address, self._accept, backlog=1024)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; the port is a real one, also when 0 was asked for."""
        address = self._server.address
        return str(address[0]), int(address[1])

    def start(self) -> None:
        """Begin to accept. Raises `OSError` where the address cannot be had."""
        self._server.start()

    def stop_accepting(self) -> None:
        """Close the listener, so that the switch goes to the next host; legs stay."""
        # StreamServer.stop would also end the greenlets of the connections; close does not.
        self._server.close()

    def close(self) -> None:
        """Close the listener and every connection."""
        self.stop_accepting()
        for session in list(self.sessions):
            session.close()

    def _allowed(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._allow)

    def _accept(self, sock: Any, peer: tuple[Any, ...]) -> None:  # noqa: ANN401
        if not self._allowed(str(peer[0])):
            sock.close()
            self._on_refused(REFUSED_ADDRESS)
            return
        if len(self.sessions) >= self._max_connections:
            sock.close()
            self._on_refused(REFUSED_LIMIT)
            return
        try:
            keep_alive(sock)
            session = OutboundSession((str(peer[0]), int(peer[1])), sock, self._connect_seconds)
        except OSError:
            sock.close()
            return
        self.sessions.add(session)
        try:
            self._serve(session)
        finally:
            self.sessions.discard(session)
            session.close()

    def _serve(self, session: OutboundSession) -> None:
        def on_connected(frame: Frame | None, error: EslError | None) -> None:
            if frame is None:
                return
            data = session.attach(frame)
            session.command_seconds = COMMAND_SECONDS
            self._on_leg(session, data)
            # Some 170 values of 8 KB are 31 KB of memory, for as long as the leg lives.
            session.forget_data()

        try:
            session.transmit(commands.CONNECT, on_connected)
            session.receive_events()
        except EslError as error:
            session.close(error)
        if session.session_data is None:
            self._on_failed(session.closed_by or NotConnected("it closed before it was a leg"))
