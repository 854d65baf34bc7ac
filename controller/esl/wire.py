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

import msgspec

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
#: How mod_event_socket writes the head of a JSON event; the digits of its length are between.
_EVENT_BEGINS: Final = b"Content-Length: "
_EVENT_ENDS: Final = b"\nContent-Type: text/event-json\n\n"
_EVENT_BEGINS_LENGTH: Final = len(_EVENT_BEGINS)
_EVENT_ENDS_LENGTH: Final = len(_EVENT_ENDS)
_EVENT_REST: Final = _MAX_LENGTH_DIGITS + len(_EVENT_ENDS)


class Frame(msgspec.Struct, eq=False, gc=False):
    """One frame: its headers as they came (not url-decoded), its body as bytes.

    Where a header is repeated the first one counts: a later one can only be an addition.
    """

    headers: dict[str, str]
    body: bytes

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
        "_at",
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
        #: What has come and is not used up: bytes as they came, or what was put together.
        self._buffer: bytes | bytearray = b""
        #: How much of it is used up, and how far it holds no end of a block.
        self._at = 0
        self._looked = 0
        self._headers: dict[str, str] | None = None
        self._body_length = 0
        self._max_header_block = max_header_block
        self._max_body = max_body
        self._error: WireError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes are held that do not make a frame yet."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        if self._error is not None:
            raise self._error
        buffer = self._buffer
        if not buffer:
            self._buffer = data
        elif len(buffer) <= len(data):
            self._buffer = b"".join((buffer, data))
        else:
            # Much is held, and little comes: what is held is not to be copied each time.
            if not isinstance(buffer, bytearray):
                self._buffer = buffer = bytearray(buffer)
            buffer += data

    def next_frame(self) -> Frame | None:
        """Give the next whole frame, or None where more bytes are needed.

        Raises a `WireError` where the bytes cannot be a frame; the connection has to be ended,
        since nothing tells where the next frame would begin.
        """
        if self._error is not None:
            raise self._error
        headers = self._headers
        if headers is None:
            try:
                headers = self._take_event_head() or self._take_headers()
            except WireError as error:
                self._error = error
                self._buffer = b""
                self._at = 0
                raise
            if headers is None:
                self._drop_used()
                return None
        buffer, at = self._buffer, self._at
        end = at + self._body_length
        if len(buffer) < end:
            self._headers = headers
            self._drop_used()
            return None
        self._headers = None
        self._at = end
        return Frame(headers, bytes(buffer[at:end]))

    def end(self) -> None:
        """Say that the peer has closed. Raises `TruncatedFrame` where it did so inside a frame."""
        if self._error is not None:
            raise self._error
        if self._headers is not None:
            self._error = TruncatedFrame(
                f"the peer closed after {self.buffered} of {self._body_length} bytes of a body"
            )
        elif self._buffer[self._at :].strip(b"\n"):
            self._error = TruncatedFrame(
                f"the peer closed inside a header block, after {self.buffered} bytes"
            )
        if self._error is not None:
            raise self._error

    def _drop_used(self) -> None:
        # Of what is used up nothing is held: so an idle connection holds nothing.
        if self._at:
            self._buffer = self._buffer[self._at :]
            self._at = 0

    def _take_event_head(self) -> dict[str, str] | None:
        # Most frames are events, whose head is always the same but for the digits: that is taken
        # as it is, at a third of what `_take_headers` needs for it, which gets all else.
        buffer, at = self._buffer, self._at
        begin = at + _EVENT_BEGINS_LENGTH
        end = buffer.find(_EVENT_ENDS, begin, begin + _EVENT_REST)
        if end < 0 or not buffer.startswith(_EVENT_BEGINS, at):
            return None
        digits = buffer[begin:end]
        if not digits.isdigit():
            return None
        length = int(digits)
        end += _EVENT_ENDS_LENGTH
        if length > self._max_body or end - at - 2 > self._max_header_block:
            return None
        self._body_length = length
        self._looked = 0
        self._at = end
        return {"Content-Length": digits.decode(), "Content-Type": "text/event-json"}

    def _take_headers(self) -> dict[str, str] | None:
        buffer, at = self._buffer, self._at
        # FreeSWITCH ends some bodies with a line break more than it counts: empty lines between
        # frames are passed over, as its own library does.
        while buffer.startswith(b"\n", at):
            at += 1
        self._at = at
        held = len(buffer) - at
        if not held:
            return None
        end = buffer.find(b"\n\n", self._looked or at)
        if end < 0:
            # One byte more may be there: the first of the two line breaks that end the block.
            if held > self._max_header_block + 1:
                raise HeaderBlockTooLarge(
                    f"a header block of more than {self._max_header_block} bytes"
                )
            # From there on, once what is used up is dropped.
            self._looked = held - 1
            return None
        if end - at > self._max_header_block:
            raise HeaderBlockTooLarge(f"a header block of {end - at} bytes")
        self._at = end + 2
        self._looked = 0
        headers = parse_block(bytes(buffer[at:end]))
        self._take_length(headers.get("Content-Length", "0"))
        return headers

    def _take_length(self, text: str) -> None:
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_LENGTH_DIGITS):
            raise BadContentLength("Content-Length is not a number of bytes")
        length = int(text)
        if length > self._max_body:
            raise BodyTooLarge(f"a body of {length} bytes, over the limit of {self._max_body}")
        self._body_length = length


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
