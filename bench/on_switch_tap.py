"""Counts what goes between a switch and whoever drives it, by kind: a proxy on its way.

It is for counting alone: what is timed, and what is measured as work, goes without it.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

HOST: Final = "127.0.0.1"
_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.MULTILINE | re.IGNORECASE)
_ROLE: Final = re.compile(rb"^variable_callback_leg: (\w+)$", re.MULTILINE)
_DIRECTION: Final = re.compile(rb"^Call-Direction: (\w+)$", re.MULTILINE)


#: What takes a frame: its head and body.
Take = Callable[[bytes, bytes], None]


class Count:
    """What was counted: by connection's role and kind, how many and how many bytes."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.event_bytes: Counter[tuple[str, str]] = Counter()
        self.commands: Counter[tuple[str, str]] = Counter()
        self.received = 0
        #: Of commands, without their bodies: a switch reads these byte by byte.
        self.sent = 0
        self.head_bytes: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def copy(self) -> Count:
        """Give what was counted until now."""
        made = Count()
        with self._lock:
            made.events, made.commands = self.events.copy(), self.commands.copy()
            made.event_bytes, made.received = self.event_bytes.copy(), self.received
            made.head_bytes, made.sent = self.head_bytes.copy(), self.sent
        return made

    def since(self, before: Count, calls: int) -> dict[str, Any]:
        """Give what was counted since then, for each of so many calls."""
        after = self.copy()
        events, commands = after.events - before.events, after.commands - before.commands
        sizes = after.event_bytes - before.event_bytes
        heads = after.head_bytes - before.head_bytes
        return {
            "frames": round(events.total() / calls, 1),
            "kb": round((after.received - before.received) / calls / 1024, 1),
            "commands": round(commands.total() / calls, 1),
            "command_head_bytes": round((after.sent - before.sent) / calls),
            "of_frames": {
                " ".join(kind): [round(times / calls, 1), round(sizes[kind] / times)]
                for kind, times in sorted(events.items())
            },
            "of_commands": {
                " ".join(kind): [round(times / calls, 1), round(heads[kind] / times)]
                for kind, times in sorted(commands.items())
            },
        }

    def to_driver(self, role: str, kind: str, size: int) -> None:
        """Count a frame from the switch."""
        with self._lock:
            self.events[role, kind] += 1
            self.event_bytes[role, kind] += size
            self.received += size

    def to_switch(self, role: str, kind: str, size: int) -> None:
        """Count a command; `size`: without its body."""
        with self._lock:
            self.commands[role, kind] += 1
            self.head_bytes[role, kind] += size
            self.sent += size


class _Stream:
    """Cuts one direction of a connection into frames."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Give the frames that are complete: head and body."""
        self._left += data
        found: list[tuple[bytes, bytes]] = []
        while True:
            head, end, rest = self._left.lstrip(b"\n").partition(b"\n\n")
            if not end:
                return found
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return found
            found.append((head, rest[:size]))
            self._left = rest[size:]


class _Connection:
    """One connection through the proxy."""

    def __init__(
        self, count: Count, driver: socket.socket, switch: socket.socket, link: bool
    ) -> None:
        self._count = count
        self._role = "link" if link else "leg"
        #: Commands sent before the role was known, as theirs.
        self._early: list[tuple[str, int]] | None = None if link else []
        #: Directions in which something may still come.
        self._open = 2
        self._lock = threading.Lock()
        for source, target, take in (
            (switch, driver, self._from_switch),
            (driver, switch, self._from_driver),
        ):
            threading.Thread(target=self._pass, args=(source, target, take), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, take: Take) -> None:
        stream = _Stream()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                for head, body in stream.feed(data):
                    take(head, body)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= 1
            if self._open == 0:
                source.close()
                target.close()

    def _from_switch(self, head: bytes, body: bytes) -> None:
        kind = "reply"
        if self._early is not None and (b"Channel-State:" in head or b"Channel-Name:" in head):
            role, direction = _ROLE.search(head), _DIRECTION.search(head)
            if role is not None:
                self._role = role[1].decode()
            elif direction is not None:
                self._role = "trigger" if direction[1] == b"inbound" else "return"
            for one, size in self._early:
                self._count.to_switch(self._role, one, size)
            self._early, kind = None, "connect reply"
        elif b"text/event-json" in head:
            event = json.loads(body)
            kind = event["Event-Name"]
            app = event.get("Application")
            kind += f" {app}" if app and kind.startswith("CHANNEL_EXECUTE") else ""
        elif b"text/event-plain" in head:
            name = re.search(rb"^Event-Name: (\w+)$", body, re.MULTILINE)
            app = re.search(rb"^Application: (\S+)$", body, re.MULTILINE)
            kind = name[1].decode() if name else "event"
            kind += f" {unquote(app[1].decode())}" if app and "EXECUTE" in kind else ""
        elif b"disconnect-notice" in head:
            kind = "disconnect notice"
        elif b"auth/request" in head:
            kind = "auth"
        self._count.to_driver(self._role, kind, len(head) + 2 + len(body))

    def _from_driver(self, head: bytes, body: bytes) -> None:
        lines = head.decode(errors="replace").split("\n")
        words = lines[0].split(" ")
        kind = words[0]
        if kind in ("api", "bgapi") and len(words) > 1:
            kind = " ".join(words[:2])
            if words[1] == "sched_api":
                kind += f" … {words[4] if len(words) > 4 else ''}"
        elif kind == "sendmsg":
            named = [line for line in lines if line.startswith("execute-app-name: ")]
            kind = named[0].partition(": ")[2] if named else "sendmsg"
            if kind in ("set", "unset", "multiset"):
                kind += f" {body.decode().partition('=')[0]}"
        if self._early is not None:
            self._early.append((kind, len(head) + 2))
        else:
            self._count.to_switch(self._role, kind, len(head) + 2)


class Tap:
    """A listening port; what connects to it is passed on to another port, and counted.

    `link`: it is the driver that connects, to the switch; else the switch does.
    """

    def __init__(self, count: Count, port: int, target: int, *, link: bool) -> None:
        self._count, self._target, self._link = count, target, link
        self._listener = socket.create_server((HOST, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((HOST, self._target))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            driver, switch = (near, far) if self._link else (far, near)
            _Connection(self._count, driver, switch, self._link)

    def close(self) -> None:
        """Accept no more; whoever waits for somebody is woken."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
