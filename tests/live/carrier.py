"""A carrier between the switch and the phones: gateways of the switch point here.

One gateway reaches many numbers, while a SIPp process is one phone; so this passes each call on
to the phone of its number, and answers OPTIONS, as a trunk does. It changes nothing on the way,
and keeps what the switch said: it is the peer whose eyes a trunk has.
"""

import re
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime

from .messages import Message
from .net import HOST

CALL_ID = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
CALLED = re.compile(rb"^INVITE sips?:\+?([^@;>\s]+)@")
COPIED = re.compile(rb"^(?:Via|From|To|Call-ID|CSeq)[ \t]*:.*?\r\n", re.MULTILINE | re.IGNORECASE)
#: What is "answered" by a trunk that swallows all it is sent.
SILENCE = ""


def answer(request: bytes, status: str, headers: str = "") -> bytes:
    """Build an answer without a body to a request; `headers` are further ones, line by line."""
    head = b"".join(COPIED.findall(request))
    lines = "".join(f"{line}\r\n" for line in headers.splitlines())
    return f"SIP/2.0 {status}\r\n".encode() + head + lines.encode() + b"Content-Length: 0\r\n\r\n"


@dataclass
class Call:
    """A call that came out of the switch, and all that the switch said in it."""

    number: str
    port: int | None
    messages: list[Message] = field(default_factory=list)

    @property
    def invite(self) -> Message:
        """Give its first INVITE."""
        return self.messages[0]

    def said(self) -> str:
        """Give every word of the switch's, up to the end of the call."""
        return "\n".join(message.text for message in self.messages)


class Carrier:
    """One trunk: a UDP port that the switch knows as a gateway."""

    def __init__(self, switch_port: int) -> None:
        self._switch = (HOST, switch_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.2)
        self.port = int(self._socket.getsockname()[1])
        #: With what every call is answered, in place of the phones.
        self.refuses: str | None = None
        #: With what calls to a number are answered: a status, further headers under it.
        self.answers: dict[str, str] = {}
        #: With what OPTIONS is answered.
        self.pings = "200 OK"
        self.calls: list[Call] = []
        self._phones: dict[str, int] = {}
        self._by_id: dict[bytes, Call] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def called(self) -> list[str]:
        """List the numbers that were called, in order, without their plus."""
        return [call.number for call in self.calls]

    def connect(self, number: str, port: int) -> None:
        """Put a phone behind a number, in place of the one before."""
        self._phones[number.lstrip("+")] = port

    def forget(self) -> None:
        """Forget the phones and the calls of a test; those that go on are still passed on."""
        self._phones.clear()
        self.answers.clear()
        self.calls = []
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
        if packet.startswith(b"OPTIONS "):
            self._answer(packet, self.pings)
            return
        call = self._by_id.get(found[1])
        called = CALLED.match(packet)
        if call is None and called is not None:
            call = self._by_id[found[1]] = self._new(called[1].decode())
        if call is None:
            return
        text = packet.decode(errors="replace")
        call.messages.append(Message(datetime.now(), sent=False, text=text))  # noqa: DTZ005
        if call.port is not None:
            self._socket.sendto(packet, (HOST, call.port))
        elif called is not None:
            self._answer(packet, self._refusal(call.number))
        elif packet.startswith(b"CANCEL "):
            self._answer(packet, "200 OK")
            self._answer(call.invite.text.encode(), "487 Request Terminated")

    def _new(self, number: str) -> Call:
        refused = self.refuses is not None or number in self.answers
        call = Call(number, None if refused else self._phones.get(number))
        self.calls.append(call)
        return call

    def _refusal(self, number: str) -> str:
        return self.answers.get(number, self.refuses or "404 Not Found")

    def _answer(self, packet: bytes, said: str) -> None:
        status, _, headers = said.partition("\n")
        if status != SILENCE:
            self._socket.sendto(answer(packet, status, headers), self._switch)

    def close(self) -> None:
        """Close the port and end the thread."""
        self._closing.set()
        self._thread.join(5)
        self._socket.close()
