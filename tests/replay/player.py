"""Plays the controller's part of a recording against the simulator.

Byte for byte but for ports and for the uuid of the calls that came from outside, each frame as
soon as everything has come that had come before it in the recording.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import gevent
import msgspec
from gevent import socket
from gevent.event import Event as Signal
from gevent.server import StreamServer

from controller.simulator import Behaviour, HangUp, Keys, Phone, Simulator, TriggerCall

HERE = Path(__file__).parent
RECORDINGS = sorted((HERE / "traces").glob("*/*.json"))
# Made by us, with what the phone did as remarks: ``keys/README.md``.
KEY_RECORDINGS = sorted((HERE / "keys").glob("*/*.json"))
LONGEST_PAUSE = 0.4  # seconds: the controllers' pauses of seconds are cut down to this
PATIENCE = 20.0  # seconds to wait for a frame of the simulator

# CHANNEL_PARK follows the answer to "connect" by 0 to 20 ms: a controller that subscribes in
# between sees it, another does not. It is in 8 of the recordings, and can be in all.
RACES = {"CHANNEL_PARK"}

# This recording stops with the answer to uuid_kill, before the leg's last events.
CUT_OFF = {"originate-duplicate-uuid": "inbound sofia/external/12125550199"}

RETURN, DESTINATION = "12125550199", "442079460000"
CALL = TriggerCall(id="1", caller="+121255501", did="15550100")
PIN = Keys(press="1234#", after=0.4)
NUMBER = Keys(press="442079460000#", after=0.4)


def races(data: str) -> bool:
    """Whether a frame is an event that may be seen or not."""
    return any(f'"Event-Name":"{race}"' in data for race in RACES)


class Frame(msgspec.Struct):
    """One line of a recording."""

    t: float
    conn: str
    dir: str
    data: str


class Recording(msgspec.Struct):
    """One file."""

    scenario: str
    description: str
    freeswitch: str
    frames: list[Frame]


class Seen(msgspec.Struct):
    """What is compared of a frame, and the names of its fields."""

    about: tuple[str, ...]
    leg: str = ""
    kind: str = ""
    fields: frozenset[str] = frozenset()
    values: dict[str, Any] = {}


def read(data: str, ours: dict[str, str]) -> Seen:
    """Read a frame of either side; ``ours`` maps uuids of this run to those of the recording."""
    for new, old in ours.items():
        data = data.replace(new, old)
    head, _, body = data.partition("\n\n")
    lines = dict(line.partition(": ")[::2] for line in head.split("\n"))
    if lines.get("Event-Name") == "CHANNEL_DATA":
        values: dict[str, Any] = {name: unquote(text) for name, text in lines.items()}
        return Seen(("CHANNEL_DATA",), values["Unique-ID"], "data", frozenset(lines), values)
    if lines["Content-Type"] == "text/event-json":
        values = json.loads(body)
        application_uuid = values.get("Application-UUID", "")
        about = [values["Event-Name"]] + [
            f"{name}={values[name]}"
            for name in (
                "Application",
                "Application-Response",
                "Hangup-Cause",
                "Channel-State",
                "Channel-Call-State",
                "Channel-State-Number",
                "Answer-State",
                "DTMF-Digit",
                "_body",
            )
            if name in values
        ]
        # Those that the controller chose come back; the others are random.
        if len(application_uuid) < 36:
            about.append(application_uuid)
        leg = values.get("Channel-Name", "") or "job"
        return Seen(tuple(about), leg, "event", frozenset(values), values)
    notice = "notice" in lines["Content-Type"]
    about = [
        f"{name}: {text}"
        for name, text in lines.items()
        if name not in {"Controlled-Session-UUID", "Job-UUID", "Linger-Time"}
    ]
    if "Job-UUID: job-" not in data:  # an id that the switch chose
        about = [line.partition("Job-UUID")[0] for line in about]
    return Seen((*about, body), "", "notice" if notice else "reply", frozenset(lines))


class Connection:
    """One connection of the run: what came, and where to send."""

    def __init__(self, run: Run, name: str, sock: socket.socket) -> None:
        self.run, self.name, self.sock = run, name, sock
        self.frames: list[str] = []
        self.ended = False

    def receive(self) -> None:
        """Collect frames until the end."""
        with self.sock, self.sock.makefile("rb") as stream:
            while (frame := self._frame(stream)) is not None:
                if not races(frame):
                    self.frames.append(frame)
                self.run.changed.set()
        self.ended = True
        self.run.changed.set()

    @staticmethod
    def _frame(stream: IO[bytes]) -> str | None:
        head = b""
        try:
            while not head.endswith(b"\n\n"):
                line = stream.readline()
                if not line:
                    return None
                head += line
            names = dict(line.partition(b": ")[::2] for line in head.split(b"\n"))
            length = 0 if b"Event-Name" in names else int(names.get(b"Content-Length", b"0"))
            return (head + stream.read(length)).decode()
        except OSError:
            return None


class Run:
    """One recording, played against a simulator of its own."""

    def __init__(self, path: Path) -> None:
        self.recording = msgspec.json.decode(path.read_bytes(), type=Recording)
        self.connections: dict[str, Connection] = {}
        self.changed = Signal()
        self.uuids: dict[str, str] = {}
        self.trouble = ""

    def play(self) -> None:
        """Play it; what goes wrong is kept."""
        server = StreamServer(("127.0.0.1", 0), self._accept)
        server.start()
        self._controller = f"127.0.0.1:{server.server_port}"
        switch = Simulator(
            dialplan=HERE / "dialplan.xml",
            globals={"controller": self._controller, "other_controller": "127.0.0.1:9"},
            linger=0.2,
            version=self.recording.freeswitch.removesuffix("-release"),
        )
        try:
            with switch, gevent.Timeout(60):
                self._arrange(switch)
                self._serve("inbound", socket.create_connection(switch.address))
                self._frames(switch)
        except (AssertionError, gevent.Timeout) as error:
            self.trouble = repr(error)
        finally:
            server.stop()
            for connection in self.connections.values():
                connection.sock.close()

    def _accept(self, sock: socket.socket, _: object) -> None:
        number = sum(name.startswith("outbound") for name in self.connections) + 1
        self._serve(f"outbound{number}", sock).join()

    def _serve(self, name: str, sock: socket.socket) -> gevent.Greenlet[[], None]:
        connection = self.connections[name] = Connection(self, name, sock)
        self.changed.set()
        return gevent.spawn(connection.receive)

    def _arrange(self, switch: Simulator) -> None:
        """Put the phones where the recording had them."""
        name = self.recording.scenario
        near = answer = Behaviour(after=0.1)
        far = Behaviour(after=0.1, hang_up=HangUp(when="bridge", after=0.3))
        if name in {"callback-happy-path", "lean-callback-let-go-and-taken-up"}:
            near = Behaviour(after=0.1, keys=[PIN, NUMBER])
        elif name == "caller-hangs-up-during-collect":
            near = Behaviour(after=0.1, hang_up=HangUp(when="question", after=0.5))
        elif name == "return-call-busy":
            near = Behaviour(on_call="busy", after=0.0)
        elif name == "return-call-no-answer":
            near = Behaviour(on_call="no_answer")
        elif name == "return-call-gateway-unreachable":
            switch.gateways["pstn"].state = "fail"
        if name == "bridge-busy":
            far = Behaviour(on_call="busy", after=0.0)
        elif name == "bridge-no-answer":
            far = Behaviour(on_call="no_answer")
        elif name in {
            "bridge-cut-by-switch",
            "lean-callback-let-go-and-taken-up",
            "two-stars-drop-the-destination",
        }:
            far = answer
        elif name == "prompt-cut-by-a-key":
            switch.applications.missing.add("nope")
        elif name == "bridge-fails-over-to-second-channel":
            switch.gateways["pstn"].state = "fail"
        switch.phone(Phone(number=RETURN, calls=[near]))
        switch.phone(Phone(number=DESTINATION, calls=[far]))

    def _frames(self, switch: Simulator) -> None:
        trigger = "15550100" in {
            read(frame.data, {}).values.get("Caller-Destination-Number")
            for frame in self.recording.frames
            if frame.conn == "outbound1" and frame.data.startswith("Event-Name")
        }
        need: dict[str, int] = defaultdict(int)
        last = 0.0
        recent: list[Frame] = []
        for frame in self.recording.frames:
            if frame.dir == "<":
                if not races(frame.data):
                    recent.append(frame)
                continue
            presses = frame.conn == "phone"
            if frame.dir == "x" and "dies here" not in frame.data and not presses:
                continue
            # What comes on another connection within a moment may come after as well.
            for earlier in list(recent):
                if earlier.conn == frame.conn or earlier.t < frame.t - 0.03:
                    need[earlier.conn] += 1
                    recent.remove(earlier)
            if trigger and frame.conn == "outbound1" and "outbound1" not in self.connections:
                self._await("inbound", frame, need)
                switch.place_call(CALL)
                if self.recording.scenario == "caller-hangs-up-while-ringing":
                    leg = next(iter(switch.legs.values()))
                    gevent.spawn_later(LONGEST_PAUSE, leg.line.hang_up)
            self._await("inbound" if presses else frame.conn, frame, need)
            gevent.sleep(min(LONGEST_PAUSE, frame.t - last) if frame.t - last > 0.1 else 0)
            last = frame.t
            if presses:
                leg = next(leg for leg in switch.legs.values() if leg.role == "return")
                leg.dtmf(frame.data[-2])
            elif frame.dir == "x":
                self.connections[frame.conn].sock.shutdown(socket.SHUT_RDWR)
            else:
                self.connections[frame.conn].sock.sendall(self._ours(frame.data))
        for earlier in recent:
            need[earlier.conn] += 1
        self._await("inbound", self.recording.frames[-1], need)
        ended = {frame.conn for frame in self.recording.frames if "EOF" in frame.data}
        self._until(lambda: all(self.connections[name].ended for name in ended), "ends")

    def _await(self, conn: str, frame: Frame, need: dict[str, int]) -> None:
        self._until(
            lambda: (
                conn in self.connections
                and all(
                    len(self.connections[name].frames) >= count
                    for name, count in need.items()
                    if count
                )
            ),
            f"before {frame.t} {frame.conn} {frame.data[:80]!r}",
        )

    def _until(self, holds: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self.changed.clear()
            if not self.changed.wait(max(0.0, deadline - time.monotonic())):
                came = {name: len(item.frames) for name, item in self.connections.items()}
                raise AssertionError(f"nothing came {what}; came: {came}")

    def _ours(self, data: str) -> bytes:
        """The recorded controller's frame, with this run's ports and uuids."""
        self._learn()
        for new, old in self.uuids.items():
            data = data.replace(old, new)
        return data.replace("127.0.0.1:8084", self._controller).encode()

    def _learn(self) -> None:
        for name, connection in self.connections.items():
            if name == "inbound" or not connection.frames:
                continue
            recorded = next(
                frame.data
                for frame in self.recording.frames
                if frame.conn == name and frame.data.startswith("Event-Name")
            )
            self.uuids[read(connection.frames[0], {}).leg] = read(recorded, {}).leg

    def pairs(self) -> Iterator[tuple[str, list[Seen], list[Seen]]]:
        """For each stream of frames: its name, what was recorded and what came.

        On a connection to one leg the replies are one stream and the leg's events another: an
        event of the leg's thread may come before or after a reply. The inbound link carries events
        from several threads of the switch, whose order differs between the recordings themselves
        (with the gateway unreachable, BACKGROUND_JOB is before CHANNEL_HANGUP_COMPLETE in one
        version and after it in the other): there each leg's events are a stream, and so are the
        replies.
        """
        recorded: dict[str, list[Seen]] = defaultdict(list)
        came: dict[str, list[Seen]] = defaultdict(list)
        for frame in self.recording.frames:
            if frame.dir == "<" and not races(frame.data):
                seen = read(frame.data, {})
                recorded[self._stream(frame.conn, seen)].append(seen)
        for name, connection in self.connections.items():
            for data in connection.frames:
                seen = read(data, self.uuids)
                came[self._stream(name, seen)].append(seen)
        for stream in sorted(recorded.keys() | came.keys()):
            if stream == CUT_OFF.get(self.recording.scenario):
                continue
            yield stream, recorded[stream], came[stream]

    @staticmethod
    def _stream(connection: str, seen: Seen) -> str:
        if seen.kind == "reply":
            return f"{connection} replies"
        return f"{connection} {seen.leg}" if connection == "inbound" else connection
