"""A small event socket client of our own: the tests must not trust what they test."""

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from .net import HOST, PATIENCE_S

Event = dict[str, Any]


class EventSocket:
    """One inbound connection: authenticated, blocking, one command at a time."""

    def __init__(self, port: int, password: str, timeout: float = PATIENCE_S) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=timeout)
        self._file = self._socket.makefile("rb")
        self.read()
        reply, _ = self.command(f"auth {password}")
        if not reply.get("Reply-Text", "").startswith("+OK"):
            self.close()
            raise ConnectionError(f"the event socket refused: {reply}")

    def read(self) -> tuple[dict[str, str], str]:
        """Read one frame: headers and body."""
        headers: dict[str, str] = {}
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionError("the event socket was closed")
            text = line.decode().strip()
            if not text:
                if headers:
                    break
                continue
            name, _, value = text.partition(": ")
            headers[name] = value
        body = self._file.read(int(headers.get("Content-Length", "0"))).decode()
        return headers, body

    def command(self, text: str) -> tuple[dict[str, str], str]:
        """Send a command and read frames up to its reply."""
        self._socket.sendall(f"{text}\n\n".encode())
        while True:
            headers, body = self.read()
            if headers.get("Content-Type") in {"command/reply", "api/response"}:
                return headers, body

    def api(self, text: str) -> str:
        """Run an API command."""
        return self.command(f"api {text}")[1]

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


def lasted(leg: Event, begins: str, ends: str = "Hangup") -> float:
    """Give the time between two moments of an ended leg, by the switch's own clock, seconds."""
    first, last = (int(leg[f"Caller-Channel-{moment}-Time"]) for moment in (begins, ends))
    return (last - first) / 1_000_000


class HangupWatch:
    """Collects the CHANNEL_HANGUP_COMPLETE of every leg, in a thread of its own."""

    def __init__(self, port: int, password: str) -> None:
        self.events: list[Event] = []
        self._link = EventSocket(port, password)
        self._link.command("event json CHANNEL_HANGUP_COMPLETE")
        self._link._socket.settimeout(None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                headers, body = self._link.read()
                if headers.get("Content-Type") == "text/event-json":
                    self.events.append(json.loads(body))
        except (OSError, ValueError):
            return

    def legs(self, role: str) -> list[Event]:
        """List the ended legs whose callback_leg is this one, in the order of their ends."""
        return [e for e in self.events if e.get("variable_callback_leg") == role]

    def wait(self, role: str, count: int = 1) -> Event:
        """Wait until so many legs of this role have ended, and return the last of them."""
        return self._wait(f"{count} x {role}", lambda: self.legs(role)[count - 1 :])

    def wait_where(self, name: str, value: str) -> Event:
        """Wait until the leg has ended whose event says this, and give the event."""
        return self._wait(value, lambda: [e for e in self.events if e.get(name) == value])

    def _wait(self, what: str, find: Callable[[], list[Event]]) -> Event:
        end = time.monotonic() + PATIENCE_S
        while not (found := find()):
            if time.monotonic() > end:
                seen = [
                    (e.get("variable_callback_leg"), e.get("Hangup-Cause")) for e in self.events
                ]
                raise TimeoutError(f"not ended in {PATIENCE_S} s: {what}; ended: {seen}")
            time.sleep(0.05)
        return found[0]

    def close(self) -> None:
        """End the thread and the connection."""
        self._link._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._link.close()
