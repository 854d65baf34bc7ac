"""The sound of a phone: hears the prompts and sends RFC 4733 (2833) digits, over real RTP.

SIPp's own digit sending needs raw sockets, hence root, and it hears nothing; so SIPp does the
SIP of a phone and this does its RTP. It sends nothing but digits, if it is not to hum: a prompt
that plays nevertheless proves the profile's soft timer.
"""

import cmath
import math
import socket
import struct
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from .net import HOST, PATIENCE_S
from .sounds import LENGTH_S, RATE, name_of

PCMA = 8
TELEPHONE_EVENT = 101
PACKET_S = 0.02
PACKET_SAMPLES = 160
EVENTS = "0123456789*#ABCD"
# An A-law byte without its alternating bits: sign, then a magnitude on a logarithmic scale.
LOUD = 0x50
# A prompt is heard when this many packets in a row have its pitch; the switch sends nothing
# between two prompts, so a gap ends the row. It is seen in the switch's own timestamps: packets
# may come late.
ENOUGH = 5
GAP_SAMPLES = 5 * PACKET_SAMPLES
# How many a whole prompt has. What comes after a gap is the rest of it, where a busy switch has
# broken it in two, or the same one again: that makes more than these in all.
WHOLE = round(LENGTH_S * RATE) // PACKET_SAMPLES
# How loud a hum is: beside a prompt it is heard as the prompt, and alone as nothing.
HUM = 3000


def linear(byte: int) -> int:
    """Decode one byte of A-law (ITU-T G.711), to 16 bits."""
    plain = byte ^ 0x55
    exponent, mantissa = (plain & 0x70) >> 4, plain & 0x0F
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 0x100) << (exponent - 1)
    return value if plain & 0x80 else -value


LINEAR = [linear(byte) for byte in range(256)]


def hum_of(hertz: int) -> bytes:
    """Make a packet of a hum; its pitch, a multiple of 50 Hz, goes on over many of them."""
    samples = (HUM * math.sin(2 * math.pi * hertz * n / RATE) for n in range(PACKET_SAMPLES))
    return bytes(min(range(256), key=lambda b: abs(LINEAR[b] - sample)) for sample in samples)


def has_hum(payload: bytes, hertz: int) -> bool:
    """Tell whether there is a hum in a packet, whatever else is: other multiples of 50 Hz."""
    turn = cmath.exp(-2j * math.pi * hertz / RATE)
    found = sum(LINEAR[byte] * turn**n for n, byte in enumerate(payload))
    return 2 * abs(found) / PACKET_SAMPLES > HUM / 2


@dataclass(frozen=True)
class Packet:
    """What a phone heard for a fiftieth of a second: which prompt, and whether the hum."""

    at: datetime
    name: str | None
    hum: bool


def pitch_of(payload: bytes) -> float | None:
    """Estimate the pitch of one packet of A-law from its changes of sign; None if quiet."""
    plain = [byte ^ 0x55 for byte in payload]
    if not plain or max(byte & 0x7F for byte in plain) < LOUD:
        return None
    changes = sum((a ^ b) >> 7 for a, b in pairwise(plain))
    return changes / 2 / (len(payload) / 8000)


class Media:
    """One RTP endpoint, open from the start of the phone to its end.

    `deaf`: nobody listens at it, as where several calls would be heard as one.
    """

    def __init__(self, *, deaf: bool = False) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.2)
        self.port = int(self._socket.getsockname()[1])
        self.packets = 0
        self.heard: list[str] = []
        #: When each of them was.
        self.times: list[datetime] = []
        #: Since it was to listen for a hum.
        self.all: list[Packet] = []
        self._hum_hertz: int | None = None
        self._humming: threading.Thread | None = None
        self._far: tuple[str, int] | None = None
        self._sequence = 1
        # Never 0: the switch takes a digit with timestamp 0 for none.
        self._timestamp = PACKET_SAMPLES
        self._run_name: str | None = None
        self._run_length = 0
        # Of the prompt that is played: its packets, whether it was heard, and a gap after that.
        self._of_it = 0
        self._told = False
        self._broken = False
        self._last_timestamp = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if not deaf:
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                packet, self._far = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            if len(packet) > 12 and packet[1] & 0x7F == PCMA:
                self.packets += 1
                self._hear(int.from_bytes(packet[4:8], "big"), packet[12:])

    def listen_for(self, hertz: int) -> None:
        """Listen for a hum, too, from now on."""
        self._hum_hertz = hertz

    def hum(self, hertz: int, far: tuple[str, int]) -> None:
        """Hum to an address from now on: as somebody who talks, and dials nothing."""
        self._humming = threading.Thread(target=self._hum, args=(hum_of(hertz), far), daemon=True)
        self._humming.start()

    def _hum(self, payload: bytes, far: tuple[str, int]) -> None:
        due = time.monotonic()
        while not self._closing.wait(max(0.0, due - time.monotonic())):
            self._send(PCMA, payload, far)
            self._timestamp += PACKET_SAMPLES
            due += PACKET_S

    def _hear(self, timestamp: int, payload: bytes) -> None:
        pitch = pitch_of(payload)
        name = None if pitch is None else name_of(pitch)
        if self._hum_hertz is not None:
            hum = has_hum(payload, self._hum_hertz)
            self.all.append(Packet(datetime.now(), name, hum))  # noqa: DTZ005  (as SIPp's)
        gap = (timestamp - self._last_timestamp) % 2**32
        if name != self._run_name:
            self._run_name, self._run_length = name, 0
            self._of_it, self._told, self._broken = 0, False, False
        elif gap > GAP_SAMPLES:
            self._run_length, self._broken = 0, self._told
        self._last_timestamp = timestamp
        self._run_length += 1
        self._of_it += 1
        again = self._broken and self._of_it > WHOLE
        if name and self._run_length >= ENOUGH and (again or not self._told):
            self.heard.append(name)
            self.times.append(datetime.now())  # noqa: DTZ005  (as SIPp's)
            self._of_it, self._told, self._broken = self._run_length, True, False

    def names(self) -> list[str]:
        """List what was heard, in order."""
        return list(self.heard)

    def wait_for(
        self, name: str, times: int = 1, seconds: float = PATIENCE_S, *, after: int = 0
    ) -> None:
        """Wait until a prompt was heard so many times, not counting the first `after` of all."""
        end = time.monotonic() + seconds
        while self.heard[after:].count(name) < times:
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{times} x {name} not heard in {seconds} s; heard: {self.names()}"
                )
            time.sleep(0.02)

    def _send(self, kind: int, payload: bytes, far: tuple[str, int]) -> None:
        head = struct.pack("!BBHII", 0x80, kind, self._sequence, self._timestamp, 0x0CA11BAC)
        self._sequence += 1
        self._socket.sendto(head + payload, far)

    def dial(self, digits: str, pause: float = 0.1) -> None:
        """Send digits as telephone events: five packets each, and the last one three times."""
        if self._far is None:
            raise RuntimeError("no RTP has come from the switch yet, so there is nowhere to send")
        for digit in digits:
            event = EVENTS.index(digit)
            for step in range(1, 6):
                kind = TELEPHONE_EVENT | (0x80 if step == 1 else 0)
                self._send(kind, struct.pack("!BBH", event, 10, step * PACKET_SAMPLES), self._far)
                time.sleep(PACKET_S)
            for _ in range(3):
                last = struct.pack("!BBH", event, 0x80 | 10, 6 * PACKET_SAMPLES)
                self._send(TELEPHONE_EVENT, last, self._far)
            self._timestamp += 8 * PACKET_SAMPLES
            time.sleep(pause)

    def close(self) -> None:
        """Close the socket and end the thread."""
        self._closing.set()
        for thread in (self._thread, self._humming):
            if thread is not None:
                thread.join(5)
        self._socket.close()
