"""Every way in which talking to FreeSWITCH goes wrong, as types."""

from __future__ import annotations


class EslError(Exception):
    """Base of all errors of this room."""


class WireError(EslError):
    """What arrived is not the event socket's framing; the connection it came on is ended.

    `kind` is a short constant word, for metrics: it never holds what the peer sent.
    """

    kind = "wire"


class HeaderBlockTooLarge(WireError):
    """A header block goes on beyond the limit."""

    kind = "header_block_too_large"


class BodyTooLarge(WireError):
    """Content-Length is over the limit."""

    kind = "body_too_large"


class BadContentLength(WireError):
    """Content-Length is negative or not a number."""

    kind = "bad_content_length"


class MalformedHeader(WireError):
    """A line of a header block has no colon, or no name before it."""

    kind = "malformed_header"


class BadEncoding(WireError):
    """A header block is not UTF-8."""

    kind = "bad_encoding"


class TruncatedFrame(WireError):
    """The peer closed the connection inside a frame."""

    kind = "truncated"


class UnexpectedFrame(WireError):
    """A frame that the protocol does not allow here: a reply nobody asked for, an unknown type."""

    kind = "unexpected_frame"


class BadEvent(WireError):
    """An event's body is not JSON, or not an event."""

    kind = "bad_event"


class UnsafeText(EslError, ValueError):
    """Text that would mean something else to FreeSWITCH than the value it is; nothing was sent."""


class CommandTimeout(EslError):
    """FreeSWITCH did not answer a command in time; the connection is ended."""


class CommandRefused(EslError):
    """FreeSWITCH answered a command with -ERR."""

    def __init__(self, reply: str) -> None:
        super().__init__(f"FreeSWITCH refused the command: {reply}")
        self.reply = reply


class NotConnected(EslError):
    """The connection is not there (yet, or any more)."""


class AuthenticationFailed(EslError):
    """The event socket did not take our password, or our address is not on its access list."""
