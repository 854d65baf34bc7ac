"""A trunk that wants a registration: it knows one name and one password (RFC 2617, MD5)."""

import hashlib
import re
import socket
import threading

from .carrier import COPIED
from .net import HOST, wait_until

REALM = "trunk.example"
NONCE = "of-a-test"
WORD = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


def digest(text: str) -> str:
    """Hash as the digest of SIP does."""
    return hashlib.md5(text.encode()).hexdigest()


class Registrar:
    """A UDP port that takes REGISTER with the right password, and answers OPTIONS."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self.password = password
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(0.2)
        self.port = int(self._socket.getsockname()[1])
        #: Where it is registered, by what it last said; None: nowhere.
        self.contact: str | None = None
        #: The passwords that were right, in order, one for each REGISTER.
        self.right: list[str] = []
        self.refused = 0
        self._others: list[str] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                packet, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            if packet.startswith(b"REGISTER "):
                self._answer(packet, source, *self._registered(packet.decode()))
            elif packet.startswith((b"OPTIONS ", b"CANCEL ")):
                self._answer(packet, source, "200 OK")
            elif packet.startswith(b"SIP/2.0 "):
                self._others.append(packet.decode().splitlines()[0])

    def _registered(self, text: str) -> tuple[str, str]:
        """Decide on a REGISTER: the status, and a header."""
        header = re.search(r"^Authorization: Digest (.*)$", text, re.MULTILINE)
        if header is None:
            challenge = f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
            return "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n"
        said = {name: quoted or plain for name, quoted, plain in WORD.findall(header[1])}
        secret = digest(f"{self.username}:{REALM}:{self.password}")
        counted = f"{NONCE}:{said.get('nc')}:{said.get('cnonce')}:auth"
        expected = digest(f"{secret}:{counted}:{digest('REGISTER:' + said['uri'])}")
        if (said["username"], said["response"]) != (self.username, expected):
            self.refused += 1
            return "403 Forbidden", ""
        self.right.append(self.password)
        contact = re.search(r"^Contact: <([^>]*)>", text, re.MULTILINE)
        expires = re.search(r"^Expires: (\d+)", text, re.MULTILINE)
        if contact is None or expires is None:
            return "400 Bad Request", ""
        self.contact = contact[1] if int(expires[1]) else None
        return "200 OK", f"Contact: <{contact[1]}>;expires={expires[1]}\r\n"

    def _answer(self, request: bytes, to: tuple[str, int], status: str, header: str = "") -> None:
        head = b"".join(COPIED.findall(request))
        text = f"SIP/2.0 {status}\r\n".encode() + head + header.encode()
        self._socket.sendto(text + b"Content-Length: 0\r\n\r\n", to)

    def call(self, did: str, caller: str, switch_port: int) -> None:
        """Send an INVITE to where the switch is registered, and wait until it rings."""
        self._others.clear()
        body = (
            f"v=0\r\no=x 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP 8\r\n"
        )
        invite = (
            f"INVITE {self.contact} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch=z9hG4bK{did}\r\n"
            f"From: <sip:{caller}@{REALM}>;tag=1\r\nTo: <sip:{did}@{REALM}>\r\n"
            f"Call-ID: {did}-{caller}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{HOST}:{self.port}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.sendto(invite.encode(), (HOST, switch_port))
        wait_until("the call rings", lambda: "SIP/2.0 180 Ringing" in self._others)

    def close(self) -> None:
        """Close the port and end the thread."""
        self._closing.set()
        self._thread.join(5)
        self._socket.close()
