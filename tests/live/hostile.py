"""INVITEs that no phone would send: bytes of our own over UDP, and what is answered to them."""

import re
import socket
import time

from .net import HOST, PATIENCE_S

#: Between two INVITEs: so many that the switch takes them all.
PAUSE_S = 0.03

_STATUS = re.compile(rb"^SIP/2\.0 (\d{3})")
_CALL_ID = re.compile(rb"^Call-ID:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^To:.*", re.MULTILINE | re.IGNORECASE)
_BODY = (
    b"v=0\r\no=caller 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


class Stranger:
    """A trunk's socket that sends INVITEs as they are written, and acknowledges what ends them."""

    def __init__(self, switch_port: int, host: str = HOST) -> None:
        self._switch = (HOST, switch_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(0.2)
        self._here = f"{host}:{self._socket.getsockname()[1]}".encode()
        self._invites: dict[bytes, bytes] = {}
        #: What each call was answered with at last, by its Call-ID.
        self.ends: dict[str, int] = {}

    def invite(
        self, call: str, did: str, from_: bytes, headers: bytes = b"", to: bytes | None = None
    ) -> None:
        """Send an INVITE; `from_` is all of From but its tag, `headers` are whole lines."""
        address = b"sip:%b@%b:%d" % (did.encode(), HOST.encode(), self._switch[1])
        name = call.encode()
        message = (
            b"INVITE %b SIP/2.0\r\nVia: SIP/2.0/UDP %b;branch=z9hG4bK%b\r\nMax-Forwards: 70\r\n"
            b"From: %b;tag=t%b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: 1 INVITE\r\n"
            b"Contact: <sip:%b>\r\n%bContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b"
        ) % (
            address, self._here, name, from_, name, to or b"<%b>" % address, name, self._here,
            headers, len(_BODY), _BODY,
        )  # fmt: skip
        self._invites[name] = message
        self._socket.sendto(message, self._switch)
        # A node refuses with 503 what is more than it is set to take in a second.
        time.sleep(PAUSE_S)

    def wait(self, seconds: float = PATIENCE_S, quiet: float = 4.0) -> dict[str, int]:
        """Wait until every call is over, or for `quiet` seconds in which nothing comes.

        A request that cannot be read may be dropped without an answer.
        """
        end, heard = time.monotonic() + seconds, time.monotonic()
        while len(self.ends) < len(self._invites) and time.monotonic() < end:
            try:
                packet = self._socket.recv(65535)
            except TimeoutError:
                if time.monotonic() - heard > quiet:
                    break
                continue
            heard = time.monotonic()
            self._take(packet)
        return self.ends

    def _take(self, packet: bytes) -> None:
        status, found = _STATUS.match(packet), _CALL_ID.search(packet)
        if status is None or found is None or found[1] not in self._invites:
            return
        if int(status[1]) < 200:
            return
        self.ends[found[1].decode()] = int(status[1])
        invite, to = self._invites[found[1]], _TO.search(packet)
        head = invite.partition(b"\r\n\r\n")[0].replace(b"CSeq: 1 INVITE", b"CSeq: 1 ACK")
        lines = [
            line for line in head.split(b"\r\n")[1:] if not line.startswith((b"Content-", b"To:"))
        ]
        request = invite.split(b"\r\n", 1)[0].replace(b"INVITE ", b"ACK ", 1)
        lines += [to[0].rstrip() if to is not None else b"To: <sip:x>", b"Content-Length: 0"]
        self._socket.sendto(b"\r\n".join([request, *lines]) + b"\r\n\r\n", self._switch)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
