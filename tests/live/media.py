"""The sound of a phone: hears the prompts and sends RFC 4733 (2833) digits, over real RTP.

SIPp's own digit sending needs raw sockets, hence root, and it hears nothing; so SIPp does the
SIP of a phone and this does its RTP. It sends nothing but digits: a prompt that plays
nevertheless proves the profile's soft timer.
"""

import socket
import struct
import threading
import time
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

    def _hear(self, timestamp: int, payload: bytes) -> None:
        pitch = pitch_of(payload)
        name = None if pitch is None else name_of(pitch)
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

    def _send(self, marker: bool, payload: bytes) -> None:
        if self._far is None:
            raise RuntimeError("no RTP has come from the switch yet, so there is nowhere to send")
        kind = TELEPHONE_EVENT | (0x80 if marker else 0)
        head = struct.pack("!BBHII", 0x80, kind, self._sequence, self._timestamp, 0x0CA11BAC)
        self._sequence += 1
        self._socket.sendto(head + payload, self._far)

    def dial(self, digits: str, pause: float = 0.1) -> None:
        """Send digits as telephone events: five packets each, and the last one three times."""
        for digit in digits:
            event = EVENTS.index(digit)
            for step in range(1, 6):
                self._send(step == 1, struct.pack("!BBH", event, 10, step * PACKET_SAMPLES))
                time.sleep(PACKET_S)
            for _ in range(3):
                self._send(False, struct.pack("!BBH", event, 0x80 | 10, 6 * PACKET_SAMPLES))
            self._timestamp += 8 * PACKET_SAMPLES
            time.sleep(pause)

    def close(self) -> None:
        """Close the socket and end the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()
