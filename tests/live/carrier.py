"""A carrier between the switch and the phones: gateways of the switch point here.

One gateway reaches many numbers, while a SIPp process is one phone; so this passes each call on
to the phone of its number, and answers OPTIONS, as a trunk does. It changes nothing on the way.
"""

import re
import socket
import threading

from .net import HOST

CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
CALLED = re.compile(rb"^INVITE sips?:\+?([^@;>\s]+)@")
COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq)[ \t]*:.*?\r\n", re.MULTILINE | re.IGNORECASE)


def answer(request: bytes, status: str) -> bytes:
    """Build an answer without a body to a request."""
    head = b"".join(COPIED.findall(request))
    return f"SIP/2.0 {status}\r\n".encode() + head + b"Content-Length: 0\r\n\r\n"


class Carrier:
    """One trunk: a UDP port that the switch knows as a gateway."""

    def __init__(self, switch_port: int) -> None:
        self._switch = (HOST, switch_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.2)
        self.port = int(self._socket.getsockname()[1])
        self.refuses: str | None = None
        self.called: list[str] = []
        self._phones: dict[str, int] = {}
        self._calls: dict[bytes, int] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def connect(self, number: str, port: int) -> None:
        """Put a phone behind a number, in place of the one before."""
        self._phones[number.lstrip("+")] = port

    def forget(self) -> None:
        """Forget the phones of a test."""
        self._phones.clear()
        self.called.clear()
        self.refuses = None

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                packet, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            if source == self._switch:
                self._from_switch(packet)
            else:
                self._socket.sendto(packet, self._switch)

    def _from_switch(self, packet: bytes) -> None:
        found = CALL_ID.search(packet)
        if found is None:
            return
        call_id = found[1]
        if packet.startswith(b"OPTIONS "):
            self._socket.sendto(answer(packet, "200 OK"), self._switch)
            return
        called = CALLED.match(packet)
        if called is not None and call_id not in self._calls:
            number = called[1].decode()
            self.called.append(number)
            port = self._phones.get(number)
            if self.refuses is not None or port is None:
                status = self.refuses or "404 Not Found"
                self._socket.sendto(answer(packet, status), self._switch)
                return
            self._calls[call_id] = port
        if call_id in self._calls:
            self._socket.sendto(packet, (HOST, self._calls[call_id]))

    def close(self) -> None:
        """Close the port and end the thread."""
        self._closing.set()
        self._thread.join(5)
        self._socket.close()
