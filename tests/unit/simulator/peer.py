"""The other side of the simulator for its tests: controllers and clients, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote

import gevent
import msgspec
from gevent import socket
from gevent.queue import Queue
from gevent.server import StreamServer

from controller.simulator import Simulator

PATIENCE = 60.0  # seconds after which a frame that should come is missing

DIALPLAN = """
<include>
  <X-PRE-PROCESS cmd="set" data="left=alone"/>
  <context name="public">
    <extension name="trigger">
      <condition field="destination_number" expression="^(\\d+)$">
        <action application="set" data="callback_leg=trigger"/>
        <action application="ring_ready"/>
        <action application="set" data="socket_resume=true"/>
        <action application="socket" data="$${callback_controllers} async full"/>
        <action application="hangup" data="USER_BUSY"/>
      </condition>
    </extension>
  </context>
  <context name="callback">
    <extension name="return_call">
      <condition field="destination_number" expression="^return_call$"/>
      <condition field="${cb_hops}" expression="^x{0,20}$">
        <action application="set" data="cb_hops=${cb_hops}x"/>
        <action application="set" data="socket_resume=true"/>
        <action application="set" data="hangup_after_bridge=false"/>
        <action application="set" data="continue_on_fail=true"/>
        <action application="socket" data="$${callback_controllers} async full"/>
        <action application="sleep" data="20"/>
        <action application="transfer" data="return_call XML callback"/>
      </condition>
    </extension>
  </context>
</include>
"""


class Frame(msgspec.Struct):
    """One frame: headers, body, and the event if it is one."""

    headers: dict[str, str]
    body: str = ""
    event: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """The event's name, the reply's text, or how the connection ends."""
        return str(
            self.event.get("Event-Name")
            or self.headers.get("Reply-Text")
            or self.headers.get("Content-Disposition")
            or self.headers.get("Content-Type")
        )


class Peer:
    """A connection to the simulator; frames are collected as they come."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.frames: list[Frame] = []
        self._new: Queue[Frame | None] = Queue()
        self._replies: Queue[Frame | None] = Queue()
        self.reader = gevent.spawn(self._read)
        self.leg = ""
        self.data: dict[str, str] = {}

    def _read(self) -> None:
        with self.sock, self.sock.makefile("rb") as stream:
            while (frame := self._frame(stream)) is not None:
                self.frames.append(frame)
                kind = frame.headers.get("Content-Type", "")
                replies = {"command/reply", "api/response"}
                (self._replies if kind in replies else self._new).put(frame)
        self._new.put(None)
        self._replies.put(None)

    @staticmethod
    def _frame(stream: Any) -> Frame | None:
        lines = []
        try:
            while (line := stream.readline()) not in {b"\n", b""}:
                lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))
            if not lines:
                return None
            headers = dict(text.partition(": ")[::2] for text in lines)
            length = 0 if "Event-Name" in headers else int(headers.get("Content-Length", "0"))
            body = stream.read(length).decode("utf-8", "surrogateescape")
        except OSError:
            return None
        is_event = headers["Content-Type"] == "text/event-json"
        return Frame(headers, body, json.loads(body) if is_event else {})

    def send(self, text: str) -> None:
        """Send a command and wait for nothing."""
        self.sock.sendall(f"{text}\n\n".encode())

    def command(self, text: str) -> Frame:
        """Send a command; its reply."""
        self.send(text)
        reply = self._replies.get(timeout=PATIENCE)
        assert reply is not None, f"closed instead of a reply to {text}"
        return reply

    def api(self, text: str) -> str:
        """Run an API command; what it prints."""
        return self.command(f"api {text}").body

    def execute(self, name: str, data: str = "", uuid: str = "", extra: str = "") -> None:
        """Queue an application."""
        head = f"sendmsg\ncall-command: execute\nexecute-app-name: {name}\n{extra}"
        uuid_line = f"Event-UUID: {uuid}\n" if uuid else ""
        size = len(data.encode())
        text = f"{head}{uuid_line}content-type: text/plain\ncontent-length: {size}\n\n{data}"
        self.sock.sendall(text.encode())
        reply = self._replies.get(timeout=PATIENCE)
        assert reply is not None
        assert reply.kind == "+OK"

    def until(self, holds: Callable[[Frame], bool]) -> Frame:
        """The next frame of which something holds; those before it are passed over."""
        while True:
            frame = self._new.get(timeout=PATIENCE)
            assert frame is not None, "the connection ended"
            if holds(frame):
                return frame

    def event(self, kind: str, **about: str) -> dict[str, Any]:
        """The next event of a kind, with fields as given (``_`` for ``-``)."""
        wanted = {name.replace("_", "-"): value for name, value in about.items()}
        return self.until(
            lambda frame: (
                frame.kind == kind
                and all(frame.event.get(name) == value for name, value in wanted.items())
            )
        ).event

    def done(self, uuid: str) -> dict[str, Any]:
        """The completion of an application."""
        return self.event("CHANNEL_EXECUTE_COMPLETE", Application_UUID=uuid)

    def end(self) -> None:
        """Wait for the end of the connection."""
        while self._new.get(timeout=PATIENCE) is not None:
            pass

    def attach(self, linger: int | None = 1, events: str = "myevents json") -> Peer:
        """Say what a controller says first: ``connect``, ``linger``, ``myevents``."""
        self.data = {
            name: unquote(value) for name, value in self.command("connect").headers.items()
        }
        self.leg = self.data["Unique-ID"]
        if linger is not None:
            assert self.command(f"linger {linger}").kind == f"+OK will linger {linger} seconds"
        assert self.command(events).kind == "+OK Events Enabled"
        return self

    def die(self) -> None:
        """Drop the connection."""
        self.sock.shutdown(socket.SHUT_RDWR)


class Controller:
    """A controller that the switch connects to."""

    def __init__(self) -> None:
        self.server = StreamServer(("127.0.0.1", 0), self._accept)
        self.server.start()
        self.address = f"127.0.0.1:{self.server.server_port}"
        self._peers: Queue[Peer] = Queue()

    def _accept(self, sock: socket.socket, _: object) -> None:
        peer = Peer(sock)
        self._peers.put(peer)
        peer.reader.join()

    def accept(self) -> Peer:
        """The next connection."""
        return self._peers.get(timeout=PATIENCE)


class Bench:
    """A simulator with a controller and a client; made by the ``bench`` fixture."""

    def __init__(self, directory: Path, **options: Any) -> None:
        file = directory / "dialplan.xml"
        file.write_text(options.pop("xml", DIALPLAN))
        self.controller = Controller()
        options.setdefault("globals", {"callback_controllers": self.controller.address})
        options.setdefault("linger", 0.1)
        self.switch = Simulator(dialplan=file, **options)

    def __enter__(self) -> Bench:
        self.switch.start()
        self.client = self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        self.switch.stop()
        self.controller.server.stop()
        self.client.reader.join(PATIENCE)

    def connect(self, events: str = "event json ALL") -> Peer:
        """One more client of the event socket."""
        peer = Peer(socket.create_connection(self.switch.address))
        peer.until(lambda frame: frame.kind == "auth/request")
        assert peer.command("auth ClueCon").kind == "+OK accepted"
        assert peer.command(events).kind == "+OK event listener enabled json"
        return peer

    def return_call(
        self,
        number: str = "100",
        uuid: str = "r",
        variables: str = "",
        events: str = "myevents json",
    ) -> Peer:
        """Originate into the dialplan; the connection of the answered leg, attached."""
        own = f"origination_uuid={uuid},callback_leg=return{variables}"
        self.client.command(
            f"bgapi originate {{{own}}}sofia/gateway/pstn/{number} return_call XML callback"
        )
        return self.controller.accept().attach(events=events)
