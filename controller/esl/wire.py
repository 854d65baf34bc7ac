"""Framing of the event socket, without I/O: bytes in, frames out.

A frame is a block of `Name: value` lines ended by an empty line, and, where the block has a
Content-Length, that many bytes of body (FreeSWITCH: libs/esl/src/esl.c, esl_recv_event; and
mod_event_socket.c, which writes it). The order of the two steps matters: a block is split into
lines here and nothing is url-decoded, because a value may hold a `%0A` that a caller sent, and a
parser that decodes first would read it as one more header.

The buffer remembers how far it has looked for the end of a block, so that bytes arriving one at a
time cost no more than bytes arriving at once; both the block and the body have a limit, so that
no peer can make this process hold what it likes.
"""

from __future__ import annotations

from typing import Final

from controller.esl.errors import (
    BadContentLength,
    BadEncoding,
    BodyTooLarge,
    HeaderBlockTooLarge,
    MalformedHeader,
    TruncatedFrame,
    WireError,
)

#: The longest header block taken, bytes. A `connect` reply is 6-10 KB; one with large SDP and
#: many SIP headers has been seen at 20 KB.
MAX_HEADER_BLOCK: Final = 256 * 1024
#: The longest body taken, bytes. JSON events are 1-12 KB; `show channels` on a full node is large.
MAX_BODY: Final = 4 * 1024 * 1024
#: The longest Content-Length, digits; `int` of an endless run of digits is itself an attack.
_MAX_LENGTH_DIGITS: Final = 10


class Frame:
    """One frame: its headers as they came (not url-decoded), its body as bytes.

    Where a header is repeated the first one counts: a later one can only be an addition.
    """

    __slots__ = ("body", "headers")

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @property
    def content_type(self) -> str:
        """The frame's Content-Type, or an empty string where it has none."""
        return self.headers.get("Content-Type", "")

    @property
    def text(self) -> str:
        """The body without its line break: what an api command printed."""
        return self.body.decode(errors="replace").rstrip("\n")

    def __repr__(self) -> str:
        return f"Frame({self.content_type!r}, {len(self.headers)} headers, {len(self.body)} bytes)"


class FrameReader:
    """Turns the bytes of one connection into frames.

    Feed it with `feed`, take frames with `next_frame` until it gives None, and say `end` when the
    peer has closed. After an error the reader is spent: every further call raises the same error.
    """

    __slots__ = (
        "_body_length",
        "_buffer",
        "_error",
        "_headers",
        "_looked",
        "_max_body",
        "_max_header_block",
    )

    def __init__(
        self, *, max_header_block: int = MAX_HEADER_BLOCK, max_body: int = MAX_BODY
    ) -> None:
        self._buffer = bytearray()
        self._looked = 0
        self._headers: dict[str, str] | None = None
        self._body_length = 0
        self._max_header_block = max_header_block
        self._max_body = max_body
        self._error: WireError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes are held that do not make a frame yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        if self._error is not None:
            raise self._error
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """Give the next whole frame, or None where more bytes are needed.

        Raises a `WireError` where the bytes cannot be a frame; the connection has to be ended,
        since nothing tells where the next frame would begin.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next_frame()
        except WireError as error:
            self._error = error
            self._buffer.clear()
            raise

    def end(self) -> None:
        """Say that the peer has closed. Raises `TruncatedFrame` where it did so inside a frame."""
        if self._error is not None:
            raise self._error
        if self._headers is not None:
            self._error = TruncatedFrame(
                f"the peer closed after {len(self._buffer)} of {self._body_length} bytes of a body"
            )
        elif self._buffer.strip(b"\n"):
            self._error = TruncatedFrame(
                f"the peer closed inside a header block, after {len(self._buffer)} bytes"
            )
        if self._error is not None:
            raise self._error

    def _next_frame(self) -> Frame | None:
        headers = self._headers
        if headers is None:
            block = self._take_block()
            if block is None:
                return None
            headers = parse_block(block)
            self._body_length = self._length(headers)
            self._headers = headers
        length = self._body_length
        buffer = self._buffer
        if len(buffer) < length:
            return None
        body = b""
        if length:
            body = bytes(buffer[:length])
            del buffer[:length]
        self._headers = None
        return Frame(headers, body)

    def _take_block(self) -> bytes | None:
        buffer = self._buffer
        # FreeSWITCH ends some bodies with a line break more than it counts: empty lines between
        # frames are passed over, as its own library does.
        if buffer.startswith(b"\n"):
            empty = 1
            while buffer.startswith(b"\n", empty):
                empty += 1
            del buffer[:empty]
            self._looked = 0
        end = buffer.find(b"\n\n", self._looked)
        if end < 0:
            # One byte more may be there: the first of the two line breaks that end the block.
            if len(buffer) > self._max_header_block + 1:
                raise HeaderBlockTooLarge(
                    f"a header block of more than {self._max_header_block} bytes"
                )
            self._looked = max(0, len(buffer) - 1)
            return None
        if end > self._max_header_block:
            raise HeaderBlockTooLarge(f"a header block of {end} bytes")
        block = bytes(buffer[:end])
        del buffer[: end + 2]
        self._looked = 0
        return block

    def _length(self, headers: dict[str, str]) -> int:
        text = headers.get("Content-Length")
        if text is None:
            return 0
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_LENGTH_DIGITS):
            raise BadContentLength("Content-Length is not a number of bytes")
        length = int(text)
        if length > self._max_body:
            raise BodyTooLarge(f"a body of {length} bytes, over the limit of {self._max_body}")
        return length


def parse_block(block: bytes) -> dict[str, str]:
    r"""Split a header block into names and values as they came: nothing is url-decoded.

    Raises `BadEncoding` where the block is not UTF-8 and `MalformedHeader` where a line has no
    name and colon. Only `\n` ends a line: other line ends that Unicode knows are text here.
    """
    try:
        text = block.decode()
    except UnicodeDecodeError as error:
        raise BadEncoding("a header block that is not UTF-8") from error
    headers: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if not colon or not name:
            raise MalformedHeader("a header line without a name and a colon")
        headers.setdefault(name, value.strip(" \r"))
    return headers
