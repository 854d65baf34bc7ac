"""What both kinds of connection share: the reader, the sender, replies in order, deadlines.

greenswitch brings the classes and their API; its parser, reader, sender and waiting are replaced
by these (0.0.19 decodes before it splits, freezes on a body cut short, waits for ever for a reply
and uses `send` where only `sendall` will do). Mix `Connection` in before the greenswitch class.

One greenlet per connection reads. Anything that arrives is handled in it, to its end, without
waiting: so frames are handled in their order, and an idle connection costs one parked greenlet.
"""

from __future__ import annotations

import socket as stdsocket
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import gevent
import gevent.socket
from gevent.event import AsyncResult
from greenswitch.esl import OutboundSessionHasGoneAway

from controller.esl.errors import (
    CommandRefused,
    CommandTimeout,
    EslError,
    NotConnected,
    UnexpectedFrame,
    UnsafeText,
)
from controller.esl.events import Event, decode_event
from controller.esl.readable import Readable
from controller.esl.wire import Frame, FrameReader

#: How long FreeSWITCH may take to answer a command, seconds. It answers within one of its 20 ms
#: ticks; five seconds without an answer is a connection that is no use to anybody.
COMMAND_SECONDS: Final = 5.0
#: How much may wait to be sent before the peer counts as dead, bytes.
MAX_UNSENT: Final = 1024 * 1024
#: What is read at a time, bytes: as much is allocated for each read, and an event is smaller.
_CHUNK: Final = 16 * 1024

#: Called with the frame that answers a command, or with the error that ended the wait.
OnReply = Callable[["Frame | None", "EslError | None"], None]


def _settle(result: AsyncResult[Frame], frame: Frame | None, error: EslError | None) -> None:
    if error is not None:
        result.set_exception(error)
    else:
        result.set(frame)


def keep_alive(sock: Any) -> None:  # noqa: ANN401  (a gevent socket, which has no type of its own)
    """Have the kernel notice a peer that vanished, and send small commands at once."""
    sock.setsockopt(stdsocket.IPPROTO_TCP, stdsocket.TCP_NODELAY, 1)
    sock.setsockopt(stdsocket.SOL_SOCKET, stdsocket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        option = getattr(stdsocket, name, None)
        if option is not None:
            sock.setsockopt(stdsocket.IPPROTO_TCP, option, value)


class Connection:
    """Reads frames, sends commands, pairs replies with commands, keeps their deadlines.

    Attributes:
        on_event: called with each event, in the reader's greenlet.
        on_closed: called once, with the error that ended the connection or None at a plain end.

    """

    sock: Any
    connected: bool
    event_handlers: dict[str, list[Callable[[Any], None]]]
    _lingering: bool
    _run: bool

    def _open(self, sock: Any, command_seconds: float = COMMAND_SECONDS) -> None:  # noqa: ANN401
        """Begin to use `sock`: what greenswitch's constructors would set, and our own state."""
        self.sock = sock
        self.connected = True
        self.closed_by: EslError | None = None
        self.disconnect_notice = False
        self.command_seconds = command_seconds
        self._run = True
        self._lingering = False
        self._reader = FrameReader()
        self._readable = Readable(sock)
        self._pending: deque[tuple[float, OnReply | None]] = deque()
        self._reply_timer: Any = None
        self._unsent = bytearray()
        self._sending = False
        self._waiters: dict[str, AsyncResult[Event]] = {}
        keep_alive(sock)

    on_event: Callable[[Event], None] | None = None
    on_closed: Callable[[EslError | None], None] | None = None

    @property
    def lingering(self) -> bool:
        """Whether the leg has hung up and the switch only waits for us to read the rest."""
        return self._lingering

    @property
    def owes_seconds(self) -> float:
        """For how long the peer owes the answer to a command, seconds; 0: to none."""
        if not self.connected or not self._pending:
            return 0.0
        left = self._pending[0][0] - gevent.get_hub().loop.now()
        return float(max(self.command_seconds - left, 0.0))

    # --- reading ---------------------------------------------------------------------------

    def start_event_handlers(self) -> None:
        """Read in a greenlet of its own (greenswitch's name for it)."""
        gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        """Read and handle frames until the connection ends; whatever goes wrong ends it.

        What the peer did wrong does not leave here; what a handler of ours raises does, with the
        connection closed, since nobody reads it any more.
        """
        error: EslError | None = None
        reader = self._reader
        try:
            while self._readable.wait():
                data = self.sock.recv(_CHUNK)
                if not data:
                    reader.end()
                    break
                reader.feed(data)
                # Nor is it held here until more comes: an event is 5-12 KB, and most legs wait.
                del data
                while self.connected:
                    frame = reader.next_frame()
                    if frame is None:
                        break
                    self._on_frame(frame)
        except EslError as wire_error:
            error = wire_error
        except OSError as os_error:
            # A connection that we closed ourselves ends its own read with an error too.
            if self.connected:
                error = NotConnected(f"the connection broke: {os_error}")
        except BaseException:
            error = NotConnected("reading was broken off")
            raise
        finally:
            self.close(error)

    def _on_frame(self, frame: Frame) -> None:
        kind = frame.content_type
        if kind == "text/event-json":
            self._dispatch(decode_event(frame.body))
        elif kind in ("command/reply", "api/response"):
            if not self._pending:
                raise UnexpectedFrame("a reply that no command asked for")
            _, on_reply = self._pending.popleft()
            if not self._pending:
                self._disarm()  # the next command may have a shorter deadline than this one had
            if on_reply is not None:
                on_reply(frame, None)
        elif kind == "text/disconnect-notice":
            # With `linger` the first notice only says that the leg is gone; events may follow.
            if frame.headers.get("Content-Disposition") == "linger":
                self._lingering = True
            else:
                self.disconnect_notice = True
        else:
            self._on_other_frame(frame)

    def _on_other_frame(self, frame: Frame) -> None:
        raise UnexpectedFrame(f"a frame of an unknown type, {frame.content_type!r:.60}")

    def _dispatch(self, event: Event) -> None:
        if event.name == "CHANNEL_EXECUTE_COMPLETE" and isinstance(event.application_uuid, str):
            waiter = self._waiters.pop(event.application_uuid, None)
            if waiter is not None:
                waiter.set(event)
        if self.on_event is not None:
            self.on_event(event)
        if self.event_handlers:
            handlers = self.event_handlers.get(event.name) or self.event_handlers.get("*")
            for handler in list(handlers or ()):
                handler(event)

    # --- sending ---------------------------------------------------------------------------

    def transmit(
        self, command: bytes, on_reply: OnReply | None = None, *, first: bytes | None = None
    ) -> None:
        """Send a command without waiting for its reply, which has to come within the deadline.

        `first` is one that goes before it, in one piece with it: whoever gets the second has got
        the first.

        Raises `NotConnected`. Without `on_reply`, a reply of `-ERR` goes unseen: what the command
        was to do is then watched by a deadline of its own.
        """
        before = [] if first is None else [(first, None)]
        self._send_all([*before, (command, on_reply)])

    def _send_all(self, sent: Sequence[tuple[bytes, OnReply | None]]) -> None:
        """Send commands in one piece, each with who takes its reply. Raises `NotConnected`."""
        if not self.connected:
            raise NotConnected("the connection has ended")
        deadline = gevent.get_hub().loop.now() + self.command_seconds
        self._pending.extend((deadline, on_reply) for _, on_reply in sent)
        if self._reply_timer is None and sent:
            self._arm(self.command_seconds)
        self._write(b"".join(command for command, _ in sent))

    def request(self, command: bytes, seconds: float | None = None) -> Frame:
        """Send a command and wait for its reply.

        Raises `NotConnected`, `CommandTimeout` (the connection is ended), or what ended the
        connection meanwhile. A reply of `-ERR` raises `CommandRefused`.
        """
        result: AsyncResult[Frame] = AsyncResult()
        self.transmit(command, partial(_settle, result))
        # The connection's own deadline ends this wait; the second one is for a caller in a hurry.
        with gevent.Timeout(seconds, CommandTimeout(f"no reply within {seconds} s")):
            frame = result.get()
        if frame is None:
            raise NotConnected("the connection has ended")
        reply = frame.headers.get("Reply-Text", "")
        if reply.startswith("-ERR"):
            raise CommandRefused(reply)
        return frame

    def request_all(self, sent: Sequence[bytes]) -> list[Frame]:
        """Send commands in one piece, and wait for the replies to all of them, in their order.

        Raises `NotConnected`, `CommandTimeout` (the connection is ended), or what ended the
        connection meanwhile: what became of any of them is not known then. A reply of `-ERR` is a
        reply here.
        """
        results: list[AsyncResult[Frame]] = [AsyncResult() for _ in sent]
        replies = [partial(_settle, result) for result in results]
        self._send_all(list(zip(sent, replies, strict=True)))
        frames = [result.get() for result in results]
        return [frame for frame in frames if frame is not None]

    def send(self, data: str) -> Frame:
        """Send a command and wait for its reply (greenswitch's API).

        Raises `UnsafeText` where it holds a control character, or an empty line, which would end
        it and begin another; else as `request`.
        """
        if not data.replace("\n", "").isprintable() or "\n\n" in data:
            raise UnsafeText("a command holds a control character")
        return self.request(data.encode() + b"\n\n")

    def _write(self, data: bytes) -> None:
        if not self._sending:
            # Usually the kernel takes it all at once, and neither a buffer nor a timer is needed.
            sent = self._sent_at_once(data)
            if sent == len(data):
                return
            data = data[sent:]
        self._unsent += data
        if len(self._unsent) > MAX_UNSENT:
            self.close(CommandTimeout("the peer does not read what is sent to it"))
            raise NotConnected("the peer does not read what is sent to it")
        if self._sending:
            return
        self._sending = True
        try:
            while self._unsent:
                data = bytes(self._unsent)
                self._unsent.clear()
                with gevent.Timeout(self.command_seconds, CommandTimeout("sending stalled")):
                    self.sock.sendall(data)
        except CommandTimeout as error:
            self.close(error)
            raise
        except OSError as error:
            raise self._broken(error) from error
        except BaseException:
            # The greenlet was ended half-way through a command: what follows would be read as
            # the rest of it.
            self.close(NotConnected("sending was broken off"))
            raise
        finally:
            self._sending = False

    def _sent_at_once(self, data: bytes) -> int:
        """Give how many bytes the kernel took without waiting. Raises `NotConnected`."""
        try:
            return int(self.sock.send(data, 0, 0.0))
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> NotConnected:
        failure = NotConnected(f"the connection broke: {error}")
        self.close(failure)
        return failure

    def _arm(self, seconds: float) -> None:
        # One timer for all commands of the connection, and none while nothing is awaited.
        timer = gevent.get_hub().loop.timer(max(seconds, 0.001))
        timer.start(gevent.spawn, self._check_deadline)
        self._reply_timer = timer

    def _check_deadline(self) -> None:
        self._disarm()
        if not self.connected or not self._pending:
            return
        left = self._pending[0][0] - gevent.get_hub().loop.now()
        if left > 0:
            self._arm(left)
        else:
            self.close(CommandTimeout(f"no reply within {self.command_seconds} s"))

    def _disarm(self) -> None:
        if self._reply_timer is not None:
            self._reply_timer.stop()
            self._reply_timer.close()
            self._reply_timer = None

    # --- the end ---------------------------------------------------------------------------

    def close(self, error: EslError | None = None) -> None:
        """End the connection and every wait on it; a second call does nothing."""
        if not self.connected:
            return
        self.connected = False
        self._run = False
        self.closed_by = error
        self._disarm()
        self._readable.close()
        self.sock.close()
        gone = error if error is not None else NotConnected("the connection has ended")
        while self._pending:
            _, on_reply = self._pending.popleft()
            if on_reply is not None:
                on_reply(None, gone)
        self._end_waits()
        if self.on_closed is not None:
            self.on_closed(error)

    def _end_waits(self) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters.values():
            waiter.set_exception(OutboundSessionHasGoneAway("the leg is gone"))

    def stop(self) -> None:
        """Close the connection (greenswitch's API)."""
        self.close()
