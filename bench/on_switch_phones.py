"""The phones of `on_switch`: SIPp does their SIP, and this their sound, which is only keys."""

from __future__ import annotations

import heapq
import os
import select
import selectors
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.live.media import EVENTS, PACKET_S, PACKET_SAMPLES, PCMA, TELEPHONE_EVENT
from tests.live.net import HOST, free_media_port, free_ports

SCENARIOS: Final = Path(__file__).resolve().parents[1] / "tests" / "live" / "sipp"
#: Longer than any run takes, seconds; SIPp then fails its calls.
GIVE_UP_SECONDS: Final = 600
#: From the first sound until the password is typed, and from its end to the number, seconds.
THINK_SECONDS: Final = 1.2
#: Between the keys, seconds.
KEY_SECONDS: Final = 0.15
#: 20 ms of somebody who speaks, A-law; the switch passes it on as it is.
SPOKEN: Final = bytes(0x50 ^ 0x55 ^ (at % 2 << 7) for at in range(PACKET_SAMPLES))


class Keys:
    """What types on many phones, in one thread: each types two answers, once it hears something."""

    def __init__(self, answers: Sequence[tuple[str, str]]) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._over = False
        self._sockets: list[socket.socket] = []
        #: Where each phone's sound goes to, once the switch has sent it some.
        self._far: dict[socket.socket, tuple[str, int]] = {}
        #: Where those who are called get their sound, all of them.
        self._called = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._called.bind((HOST, 0))
        self.called_port = int(self._called.getsockname()[1])
        for typed in answers:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            # What comes after the first packet is heard by nobody.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.bind((HOST, 0))
            self._selector.register(sock, selectors.EVENT_READ, typed)
            self._sockets.append(sock)
        self.ports = [int(sock.getsockname()[1]) for sock in self._sockets]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            wait = min(self._due[0][0] - now, 0.2) if self._due else 0.2
            if not self._selector.get_map():
                time.sleep(max(wait, 0.001))
                continue
            for ready, _ in self._selector.select(max(wait, 0.001)):
                sock: socket.socket = ready.fileobj  # type: ignore[assignment]
                _, far = sock.recvfrom(2048)
                self._selector.unregister(sock)
                self._far[sock] = far
                self._type(sock, far, ready.data)

    def _type(self, sock: socket.socket, far: tuple[str, int], typed: tuple[str, str]) -> None:
        at, stamp, number = time.monotonic(), PACKET_SAMPLES, 1
        for answer in typed:
            at += THINK_SECONDS
            for key in answer:
                for step in (1, 2, 3, 4, 4, 4):
                    kind = TELEPHONE_EVENT | (0x80 if step == 1 else 0)
                    end = 0x80 if step == 4 else 0
                    head = struct.pack("!BBHII", 0x80, kind, number, stamp, 0x0CA11BAC)
                    event = (EVENTS.index(key), end | 10, step * PACKET_SAMPLES)
                    packet = head + struct.pack("!BBH", *event)
                    self._later(at + min(step, 4) * PACKET_S, sock, packet, far)
                    number += 1
                stamp += 8 * PACKET_SAMPLES
                at += KEY_SECONDS

    def _later(self, at: float, sock: socket.socket, packet: bytes, far: tuple[str, int]) -> None:
        self._count += 1
        heapq.heappush(self._due, (at, self._count, lambda: _send(sock, packet, far)))

    def speak(self, seconds: float) -> float:
        """Let all callers speak for so long, and those whom they called say the same back.

        Gives how much of what they said has arrived: 1, where all has.

        What comes back is heard by nobody: the switch has sent it, which is what it costs.
        """
        self._called.setblocking(False)
        began, arrived, packets = time.monotonic(), 0, round(seconds / PACKET_S)
        for number in range(packets):
            stamp = (1_000_000 + number * PACKET_SAMPLES) & 0xFFFFFFFF
            head = struct.pack("!BBHII", 0x80, PCMA, (10_000 + number) & 0xFFFF, stamp, 0x0CA11BAC)
            packet = head + SPOKEN
            for sock, far in self._far.items():
                sock.sendto(packet, far)
            while (ahead := began + (number + 1) * PACKET_S - time.monotonic()) > 0:
                if select.select([self._called], [], [], ahead)[0]:
                    said, far = self._called.recvfrom(2048)
                    self._called.sendto(said, far)
                    arrived += 1
        return arrived / (packets * len(self._far))

    def close(self) -> None:
        """Type no more."""
        self._over = True
        self._thread.join(5)
        for sock in (*self._sockets, self._called):
            sock.close()


def _send(sock: socket.socket, packet: bytes, far: tuple[str, int]) -> None:
    sock.sendto(packet, far)


class Phone:
    """One SIPp process that makes or takes many calls.

    `lines`: the fields of each call; `rate`: how many it makes in a second.
    """

    def __init__(
        self,
        folder: Path,
        sipp: str,
        scenario: str,
        target: str | None,
        calls: int,
        lines: Sequence[str] = (),
        rate: float = 10.0,
        **words: str,
    ) -> None:
        folder.mkdir(parents=True)
        self.port = free_ports(1)[0]
        self._folder = folder
        text = (SCENARIOS / f"{scenario}.xml").read_text("utf-8")
        for word, value in words.items():
            text = text.replace("{{" + word.rstrip("_") + "}}", value)
        (folder / "scenario.xml").write_text(text, "utf-8")
        command = [sipp, *([target] if target else []), "-sf", str(folder / "scenario.xml")]
        command += ["-i", HOST, "-p", str(self.port), "-mp", str(free_media_port())]
        command += ["-m", str(calls), "-nostdin", "-timeout", f"{GIVE_UP_SECONDS}s"]
        command += ["-r", str(max(round(rate * 10), 1)), "-rp", "10000", "-l", str(calls)]
        command += ["-trace_err", "-error_file", str(folder / "errors.log")]
        if lines:
            (folder / "lines.csv").write_text("SEQUENTIAL\n" + "\n".join(lines) + "\n", "utf-8")
            command += ["-inf", str(folder / "lines.csv")]
        with (folder / "screen.log").open("wb") as screen:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=screen, stderr=subprocess.STDOUT
            )

    def finish(self, seconds: float) -> None:
        """Wait for the end of all its calls, which must have gone as they should."""
        code = self._process.wait(seconds)
        if code != 0:
            errors = self._folder / "errors.log"
            said = errors.read_text("utf-8", "replace")[-2000:] if errors.exists() else ""
            raise RuntimeError(f"{self._folder.name}: SIPp ended with {code}\n{said}")

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def resident(pid: int) -> int:
    """Give the memory that a process alone has, bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no such line")


def tree(pid: int) -> list[int]:
    """Give a process and all that it has begun."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


_TICK: Final = os.sysconf("SC_CLK_TCK")


def worked(pid: int) -> float:
    """Give how much a process, and all that it has begun, has worked, seconds."""
    seconds = 0.0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        # Its own, and that of children that have ended.
        seconds += sum(int(fields[at]) for at in (11, 12, 13, 14)) / _TICK
    return seconds
