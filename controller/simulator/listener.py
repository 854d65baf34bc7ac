"""What both kinds of event socket share: framing, subscriptions, filters, replies.

FreeSWITCH: ``src/mod/event_handlers/mod_event_socket/mod_event_socket.c``.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import TYPE_CHECKING

import gevent
import msgspec
from gevent import socket

from controller.simulator.events import KINDS, MY_EVENTS, Event

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.switch import Simulator

_END = re.compile(rb"\r?\n\r?\n")
_LARGEST = 1_000_000  # bytes a client may send without an end of headers
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class Command(msgspec.Struct):
    """What a client sent: the first line, the headers (names in lower case) and the body."""

    line: str
    headers: dict[str, str]
    body: str = ""

    def argument(self) -> str:
        """The argument of an application: the body wins over ``execute-app-arg``."""
        return self.body or self.headers.get("execute-app-arg", "")


class Disconnected(Exception):
    """The other side has gone."""


class Listener:
    """One connection. Subclasses handle the commands that are theirs in `command`."""

    def __init__(self, simulator: Simulator, sock: socket.socket) -> None:
        self.simulator = simulator
        self.sock = sock
        self.closed = False
        self.json = False
        self.kinds: set[str] = set()
        self.subclasses: set[str] = set()
        self.filters: list[tuple[str, str]] = []
        self.leg: Leg | None = None
        self.my_events = False
        self._buffer = b""
        self._out: list[bytes] = []
        self._sending: gevent.Greenlet[[], None] | None = None
        self._closing = False

    # -- reading -----------------------------------------------------------------------------

    def read(self) -> Command:
        """The next command. Raises `Disconnected`."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        while (end := _END.search(self._buffer)) is None:
            if len(self._buffer) > _LARGEST:
                raise Disconnected
            self._receive()
            self._buffer = self._buffer.lstrip(b"\r\n")
        head = self._buffer[: end.start()].decode("utf-8", "surrogateescape")
        self._buffer = self._buffer[end.end() :]
        line, *rest = head.replace("\r", "").split("\n")
        headers = {}
        for item in rest:
            name, _, value = item.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "")
        size = int(length) if length.isdigit() else 0
        while len(self._buffer) < size:
            self._receive()
        body = self._buffer[:size].decode("utf-8", "surrogateescape")
        self._buffer = self._buffer[size:]
        return Command(line.strip(), headers, body)

    def _receive(self) -> None:
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise Disconnected
        self._buffer += data

    # -- writing -----------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send in order, without making the sender wait for a slow reader."""
        if self.closed:
            return
        self._out.append(data)
        if self._sending is None:
            self._sending = self.simulator.spawn(self._flush)

    def _flush(self) -> None:
        try:
            while self._out:
                data = b"".join(self._out)
                self._out.clear()
                self.sock.sendall(data)
        except OSError:
            self._out.clear()
            self._closing = True
        finally:
            self._sending = None
        if self._closing:
            self._close_now()

    def reply(self, text: str) -> None:
        """Answer a command."""
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

    def close(self) -> None:
        """Close once everything is sent."""
        self._closing = True
        if self._sending is None:
            self._close_now()

    def abort(self) -> None:
        """Close now, whatever was still to be sent."""
        self._out.clear()
        self._close_now()

    def _close_now(self) -> None:
        if not self.closed:
            self.closed = True
            self.simulator.disconnected(self)
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()

    # -- subscriptions -----------------------------------------------------------------------

    def keys(self) -> set[str] | None:
        """The legs whose events can pass, or None if any event may."""
        if self.my_events and self.leg is not None:
            return {self.leg.uuid}
        if self.filters and all(
            name.lower() == "unique-id" and value[:1] not in {"/", "+", "-", " "}
            for name, value in self.filters
        ):
            return {value for _, value in self.filters}
        return None

    def wants(self, kind: str) -> bool:
        """Whether this kind of event is subscribed to."""
        return kind in self.kinds or "ALL" in self.kinds

    def passes(self, event: Event) -> bool:
        """Whether an event gets through: the kind, then the filters; any match is enough."""
        if not self.wants(str(event["Event-Name"])):
            return False
        subclass = event.get("Event-Subclass")
        if subclass is not None and subclass not in self.subclasses and "ALL" not in self.kinds:
            return False
        if self.my_events and self.leg and event.get("Unique-ID") != self.leg.uuid:
            return False
        if not self.filters:
            return True
        passed = False
        for name, pattern in self.filters:
            value = event.get(name)
            if not isinstance(value, str):
                continue
            wanted = pattern.lstrip("+- ")
            positive = "-" not in pattern[: len(pattern) - len(wanted)]
            if passed and positive:
                continue
            if pattern.startswith("/"):
                hit = re.search(wanted.strip("/"), value) is not None
            else:
                hit = value.lower() == wanted.lower()
            if hit and not positive:
                return False
            passed = passed or hit
        return passed

    def common(self, command: Command) -> str | None:
        """Handle what both kinds of connection know; None if it is neither's command."""
        word, _, rest = command.line.partition(" ")
        rest = rest.strip()
        answer: str | None = None
        match word:
            case "event":
                answer = self._event(rest.split())
            case "nixevent":
                self.kinds -= set(rest.split())
                answer = "+OK events nixed"
            case "noevents":
                answer = (
                    "+OK no longer listening for events"
                    if self.kinds
                    else "-ERR not listening for events"
                )
                self.kinds.clear()
            case "filter":
                answer = self._filter(rest)
            case "exit" | "...":
                self.reply("+OK bye")
                self.goodbye()
                return ""
            case "api":
                self._api(rest)
                answer = ""
            case "bgapi":
                self._bgapi(rest, command)
                answer = ""
            case _:
                return None
        self.simulator.links.index(self)
        return answer

    def _event(self, words: list[str]) -> str:
        formats = [word.lower() for word in words[:1]]
        if formats == ["json"]:
            self.json = True
        elif formats in (["plain"], ["xml"]):
            # The controller never asks for these, so they would only hide a mistake.
            return "-ERR only json is simulated"
        names = [word for word in words if word.lower() != "json"]
        if not names:
            return "-ERR no keywords supplied"
        upper = [name.upper() for name in names]
        # What follows CUSTOM is the names of modules' own events, whatever it is.
        own = upper.index("CUSTOM") + 1 if "CUSTOM" in upper else len(names)
        self.kinds |= set(upper[:own]) & KINDS
        self.subclasses |= set(names[own:])
        return f"+OK event listener enabled {'json' if self.json else 'plain'}"

    def _filter(self, rest: str) -> str:
        name, _, value = rest.partition(" ")
        if name.lower() == "delete":
            name, _, value = value.partition(" ")
            self.filters = [
                (header, wanted)
                for header, wanted in self.filters
                if name.lower() != "all"
                and (header.lower() != name.lower() or (value and wanted != value))
            ]
            return f"+OK filter deleted. [{name}][{value}]"
        if name.lower() == "add":
            name, _, value = value.partition(" ")
        if not name or not value:
            return "-ERR invalid syntax"
        self.filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"

    def subscribe_my_events(self) -> None:
        """Subscribe to the events of the connection's own leg: ``myevents``."""
        self.my_events = True
        self.kinds |= MY_EVENTS

    def _api(self, text: str) -> None:
        answer = self.simulator.api.run(text).encode("utf-8", "surrogateescape")
        if not answer:
            answer = b"-ERR no reply\n"
        self.send(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(answer) + answer)

    def _bgapi(self, text: str, command: Command) -> None:
        job = command.headers.get("job-uuid") or str(uuid.uuid4())
        head = f"Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n"
        self.send(head.encode())
        self.simulator.spawn(self.simulator.api.background, job, text)

    def goodbye(self) -> None:
        """Say goodbye, and close."""
        lines = ["Content-Type: text/disconnect-notice"]
        if self.leg is not None:
            lines += [
                f"Controlled-Session-UUID: {self.leg.uuid}",
                "Content-Disposition: disconnect",
            ]
        lines.append(f"Content-Length: {len(GOODBYE)}")
        self.send(("\n".join(lines) + "\n\n" + GOODBYE).encode())
        self.close()
