"""The ``socket`` application: the switch connects to a controller, which commands one leg.

FreeSWITCH: ``socket_function`` and ``listener_run`` in ``mod_event_socket.c``,
``switch_ivr_park`` in ``src/switch_ivr.c``.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import gevent
from gevent import socket

from controller.simulator.causes import cause_name
from controller.simulator.events import Event, plain_block, whole_seconds
from controller.simulator.listener import Command, Disconnected, Listener

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.switch import Simulator

_SILENCE = 25.0  # seconds a controller may say nothing before the switch gives it up
_MOST_HOSTS = 50
_PARK_DELAY = 0.001  # seconds between the answer to "connect" and CHANNEL_PARK


class OutboundLink(Listener):
    """The connection of one ``socket`` action."""

    def __init__(
        self, simulator: Simulator, sock: socket.socket, leg: Leg, modes: set[str]
    ) -> None:
        super().__init__(simulator, sock)
        self.leg: Leg = leg
        self.uuid = leg.uuid
        self.connected = False
        self.full = "full" in modes
        self.is_async = "async" in modes
        self.linger: float | None = None
        self._leg_down = False

    def run(self) -> None:
        """Serve the controller until it goes, or the switch lets it go."""
        try:
            with gevent.Timeout(_SILENCE, Disconnected):
                command = self.read()
            self._handle(command)
            while not self._closing:
                self._handle(self.read())
        except Disconnected:
            self.abort()
        self._let_go()

    def _let_go(self) -> None:
        # With socket_resume the running application is cut; without it, it ends first. An
        # "exit" makes no difference to that: listener_run sees both as the end.
        leg = self.leg
        if leg.cause is None and leg.in_socket and leg.transfer is None:
            leg.reset = leg.reset or leg.true("socket_resume")
        leg.controlled = False
        leg.wake()

    def _handle(self, command: Command) -> None:
        word, _, rest = command.line.partition(" ")
        if word not in {"connect", "sendmsg", "exit", "filter", "getvar", "myevents"} and (
            not self.full
        ):
            self.reply("-ERR command not found")
            return
        answer = self._own(word, rest.strip(), command)
        if answer is None:
            answer = self.common(command)
        if answer is None:
            answer = "-ERR command not found"
        if answer:
            self.reply(answer)

    def _own(self, word: str, rest: str, command: Command) -> str | None:
        answer: str | None = None
        match word:
            case "connect":
                self._connect()
                answer = ""
            case "linger":
                self.linger = float(rest) if rest.isdigit() else math.inf
                answer = f"+OK will linger {rest} seconds" if rest else "+OK will linger"
            case "nolinger":
                self.linger = None
                answer = "+OK will not linger"
            case "resume":
                self.leg.set("socket_resume", "true")
                answer = "+OK"
            case "getvar":
                answer = self.leg.get(rest) or " "
            case "myevents":
                if self.my_events:
                    answer = "-ERR aready enabled."
                else:
                    self.json = self.json or "json" in rest.lower()
                    self.subscribe_my_events()
                    self.simulator.links.index(self)
                    answer = "+OK Events Enabled"
            case "sendmsg":
                answer = self._sendmsg(rest, command)
        return answer

    def _connect(self) -> None:
        leg = self.leg
        event: Event = self.simulator.head.make("CHANNEL_DATA")
        leg.profile.add_to(event, "Channel")
        leg.add_data(event)
        event["Content-Type"] = "command/reply"
        event["Reply-Text"] = "+OK\n"
        event["Socket-Mode"] = "async" if self.is_async else "static"
        event["Control"] = "full" if self.full else "single-channel"
        self.send(plain_block(event))
        self.connected = True
        leg.wake()

    def _sendmsg(self, rest: str, command: Command) -> str:
        uuid = rest or command.headers.get("session-id", "")
        leg = self.simulator.legs.get(uuid) if uuid else self.leg
        if leg is None:
            return f"-ERR invalid session id [{uuid}]"
        leg.enqueue(command)
        return "+OK"

    def leg_down(self) -> None:
        """The leg has ended: linger as asked, or close at once."""
        if self._leg_down or self.closed:
            return
        self._leg_down = True
        if self.linger is None:
            self.goodbye()
            return
        shown = "-1" if self.linger == math.inf else str(int(self.linger))
        self.send(
            f"Content-Type: text/disconnect-notice\nControlled-Session-UUID: {self.leg.uuid}\n"
            "Content-Disposition: linger\n"
            f"Channel-Name: {self.leg.profile.channel_name}\nLinger-Time: {shown}\n"
            "Content-Length: 0\n\n".encode("utf-8", "surrogateescape")
        )
        seconds = self.simulator.linger
        if seconds is None and self.linger != math.inf:
            # Whole seconds of the clock, and more than asked for: 3 means 3 to 4.
            seconds = math.floor(time.time()) + self.linger + 1 - time.time()
        if seconds is not None:
            self.simulator.spawn_later(seconds, self._linger_over)

    def _linger_over(self) -> None:
        if not self.closed:
            self.goodbye()


def _host(leg: Leg, address: str) -> tuple[str, int]:
    """Where an entry ``host:port/name`` leads; its name stays on the leg, also if it fails."""
    host, colon, port = address.rpartition(":")
    if colon:
        port, slash, path = port.partition("/")
    else:
        host, slash, path = address.partition("/")
    if slash:
        leg.set("socket_path", path)
    leg.set("socket_host", host)
    return host, int(port) if port.isdigit() else 8084


def run_socket(simulator: Simulator, leg: Leg, data: str) -> None:
    """The application itself: ``socket host:port/name|host:port async full``."""
    words = data.split()
    link: OutboundLink | None = None
    # What is too much for it stays in one piece, and is no host (switch_separate_string).
    for address in words[0].split("|", _MOST_HOSTS - 1) if words else []:
        host, port = _host(leg, address)
        try:
            sock = socket.create_connection((host, port), timeout=simulator.connect_seconds)
        except (OSError, ValueError):  # nobody there, or no address
            continue
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = OutboundLink(simulator, sock, leg, set(words[1:]))
        break
    if link is None:
        return
    leg.in_socket = True
    leg.controlled = True
    simulator.connected(link)
    simulator.spawn(link.run)
    current = link
    leg.wait(None, lambda: current.connected or not leg.controlled)
    if leg.cause is None:
        gevent.sleep(_PARK_DELAY)
    park(leg)
    leg.in_socket = False
    leg.reset = False


def park(leg: Leg) -> None:
    """Wait for commands until nobody controls the leg any more: ``switch_ivr_park``."""
    limit = leg.get("park_timeout")
    seconds, _, cause = (limit or "").partition(":")
    leg.set("park_timeout", None)
    # Looked at between two applications only: it does not cut a conversation, but counts in it.
    left = whole_seconds(int(seconds)) if seconds.isdigit() else None
    leg.rephase()
    if leg.ready():
        leg.emit("CHANNEL_PARK")

    def let_go() -> bool:
        while leg.controlled and leg.key():
            pass  # nobody but those who get its event
        return not leg.controlled

    if not leg.wait(left, let_go):
        leg.hangup(cause_name(cause))
    leg.controlled = False
    leg.emit("CHANNEL_UNPARK")
