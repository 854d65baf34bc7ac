"""The switch's side of a connection, as a script: what it says and reads is in the test's hands."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from gevent import socket

LEG = "11111111-2222-4333-8444-555555555001"
#: What the hub's clock has to show before a wait that should have ended counts as one for ever.
PATIENCE = 60.0


def reply(text: str = "+OK") -> bytes:
    """The answer to a command."""
    return f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode()


def api_reply(text: str) -> bytes:
    """What an api command printed."""
    body = text.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body


def framed(body: bytes) -> bytes:
    """A JSON body as an event's frame."""
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n" % len(body) + body


def event(name: str, /, **fields: object) -> bytes:
    """An event's frame; `_` in a field's name stands for `-`, but in that of a variable."""
    named = {
        key if key.startswith(("variable_", "_")) else key.replace("_", "-"): value
        for key, value in fields.items()
    }
    return framed(json.dumps({"Event-Name": name, **named}).encode())


def completed(event_uuid: str, application: str = "playback", **fields: object) -> bytes:
    """CHANNEL_EXECUTE_COMPLETE of the application with this `Event-UUID`."""
    names = {"Unique_ID": LEG, "Application": application, "Application_UUID": event_uuid}
    return event("CHANNEL_EXECUTE_COMPLETE", **{**names, **fields})


def hung_up(leg: str = LEG, cause: str = "NORMAL_CLEARING") -> bytes:
    """CHANNEL_HANGUP_COMPLETE of a leg."""
    return event("CHANNEL_HANGUP_COMPLETE", Unique_ID=leg, Hangup_Cause=cause)


def notice(disposition: str) -> bytes:
    """`text/disconnect-notice`: `linger` at the hang-up, `disconnect` at the end."""
    body = b"Disconnected, goodbye.\n"
    head = f"Content-Type: text/disconnect-notice\nContent-Disposition: {disposition}\n"
    return head.encode() + b"Content-Length: %d\n\n" % len(body) + body


def channel_data(*lines: str, leg: str = LEG) -> bytes:
    """The answer to `connect`: plain text, values url-encoded, lines of a test's own in it."""
    head = ["Event-Name: CHANNEL_DATA", f"Unique-ID: {leg}", *lines]
    return "\n".join([*head, "Content-Type: command/reply", "Reply-Text: +OK", "", ""]).encode()


class Peer:
    """One end of a TCP connection; reads what arrives command by command."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, *frames: bytes) -> None:
        """Say something, all at once."""
        self.sock.sendall(b"".join(frames))

    def command(self) -> str:
        """Read one command, with its body if it has one."""
        head = self._take(self._until(b"\n\n") + 2)
        for line in head.lower().split(b"\n"):
            if line.startswith(b"content-length:"):
                return (head + self._take(int(line.partition(b":")[2]))).decode()
        return head.decode().removesuffix("\n\n")

    def expect(self, *starts: str) -> list[str]:
        """Read commands, each of which has to start so; give them."""
        commands = [self.command() for _ in starts]
        for command, start in zip(commands, starts, strict=True):
            assert command.startswith(start), (command, start)
        return commands

    def answer(self, start: str, text: str = "+OK") -> str:
        """Read a command and send its reply."""
        (command,) = self.expect(start)
        self.send(reply(text))
        return command

    def leave(self, last: bytes = b"") -> None:
        """Say a last thing, if any, and close."""
        self.sock.sendall(last)
        self.sock.close()

    def at_end(self) -> bool:
        """Wait for the other side's end; say whether it came without another byte."""
        try:
            return not (self._buffer or self.sock.recv(1))
        except ConnectionResetError:
            return True

    def _until(self, mark: bytes) -> int:
        while mark not in self._buffer:
            self._more()
        return self._buffer.index(mark)

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._more()
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("the other side has closed")
        self._buffer += data


def event_uuid(command: str) -> str:
    """Give the `Event-UUID` that a `sendmsg` names."""
    return next(
        line.partition(": ")[2] for line in command.split("\n") if line.startswith("Event-UUID")
    )


def fill(sock: Any) -> None:
    """Send to a peer that does not read, until the kernel takes no more."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(b"x" * 65536)
    except BlockingIOError:
        sock.setblocking(True)


def listening() -> Any:
    """A listener on loopback."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def tcp_pair() -> tuple[Any, Peer]:
    """Two joined TCP sockets: ours, and the switch's side."""
    with listening() as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, Peer(theirs)
