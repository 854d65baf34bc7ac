"""One connection: replies in order, deadlines, and an end that ends every wait (O5)."""

from __future__ import annotations

from collections.abc import Callable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from gevent.queue import Queue

from controller.esl import commands, connection
from controller.esl.errors import (
    BadContentLength,
    BadEncoding,
    BadEvent,
    CommandRefused,
    CommandTimeout,
    EslError,
    HeaderBlockTooLarge,
    MalformedHeader,
    NotConnected,
    TruncatedFrame,
    UnexpectedFrame,
    UnsafeText,
    WireError,
)
from controller.esl.events import Event
from controller.esl.session import OutboundSession
from controller.esl.wire import Frame

from .peer import Peer, api_reply, channel_data, event, fill, framed, notice, reply, tcp_pair

SHORT = 0.02  # seconds: a deadline that is meant to run out
KEPT = 0.5  # seconds: a deadline that is kept first, and is meant to run out then


def ended(session: OutboundSession) -> AsyncResult[EslError | None]:
    """Give what will hold the error that ends the connection."""
    result: AsyncResult[EslError | None] = AsyncResult()
    session.on_closed = result.set
    return result


class Stop(Exception):
    """What a handler of a test raises."""


# --- replies -------------------------------------------------------------------------------


def test_replies_come_in_the_order_of_the_commands(peer: Peer, session: OutboundSession) -> None:
    waits = [gevent.spawn(session.send, f"api command{i}") for i in range(3)]
    peer.expect("api command0", "api command1", "api command2")
    peer.send(api_reply("zero"), reply("+OK one"), api_reply("two"))
    frames = [wait.get() for wait in waits]
    assert [frame.body for frame in frames] == [b"zero", b"", b"two"]
    assert frames[1].headers["Reply-Text"] == "+OK one"


def test_many_are_sent_in_one_piece_and_all_replies_are_waited_for(
    peer: Peer, session: OutboundSession
) -> None:
    assert session.request_all([]) == []
    sent = [commands.api(f"command{i}") for i in range(3)]
    wait = gevent.spawn(session.request_all, sent)
    peer.expect("api command0", "api command1", "api command2")
    peer.send(api_reply("zero"), reply("-ERR one"))
    gevent.idle()
    assert not wait.ready()
    peer.send(api_reply("two"))
    frames = wait.get()
    assert [frame.body for frame in frames] == [b"zero", b"", b"two"]
    assert frames[1].headers["Reply-Text"] == "-ERR one"
    assert session.owes_seconds == 0


def test_o5_of_many_one_that_is_not_answered_ends_the_connection(
    peer: Peer, session: OutboundSession
) -> None:
    """O5: what became of it, and of those behind it, is not known."""
    session.command_seconds = KEPT
    wait = gevent.spawn(session.request_all, [commands.api("a"), commands.api("b")])
    peer.expect("api a", "api b")
    peer.send(api_reply("a"))
    with pytest.raises(CommandTimeout):
        wait.get()
    assert not session.connected
    with pytest.raises(NotConnected):
        session.request_all([commands.api("c")])


def test_a_reply_of_err_is_raised_to_who_waits_and_ends_nothing(
    peer: Peer, session: OutboundSession
) -> None:
    wait = gevent.spawn(session.send, "event json NONSENSE")
    peer.answer("event", "-ERR no keywords supplied")
    with pytest.raises(CommandRefused, match="no keywords") as refused:
        wait.get()
    assert refused.value.reply == "-ERR no keywords supplied"
    assert session.connected


def test_a_transmitted_command_tells_of_its_reply_and_does_not_wait(
    peer: Peer, session: OutboundSession
) -> None:
    got: Queue[tuple[Frame | None, EslError | None]] = Queue()
    session.transmit(commands.linger(5), lambda *outcome: got.put(outcome))
    peer.answer("linger", "-ERR not controlling a session")
    frame, error = got.get()
    assert error is None
    assert frame is not None
    assert frame.headers["Reply-Text"].startswith("-ERR")


def test_a_reply_nobody_asked_for_ends_the_connection(peer: Peer, session: OutboundSession) -> None:
    end = ended(session)
    peer.send(reply("+OK out of the blue"))
    assert isinstance(end.get(), UnexpectedFrame)
    assert isinstance(session.closed_by, WireError)


@pytest.mark.parametrize("extra", [reply("+OK evil"), api_reply("evil")])
def test_a_second_reply_to_one_command_ends_the_connection(
    peer: Peer, session: OutboundSession, extra: bytes
) -> None:
    end = ended(session)
    wait = gevent.spawn(session.send, "api status")
    peer.expect("api status")
    peer.send(api_reply("UP"), extra)
    assert wait.get().body == b"UP"
    assert isinstance(end.get(), UnexpectedFrame)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"Content-Type: text/x-unknown\n\n", UnexpectedFrame),
        (b"Reply-Text: no Content-Type\n\n", UnexpectedFrame),
        (b"Content-Type: auth/request\n\n", UnexpectedFrame),
        (b"Content-Type: command/reply\nContent-Length: -1\n\n", BadContentLength),
        (b"not a header\n\n", MalformedHeader),
        (b"Content-Type: \xff\n\n", BadEncoding),
        (b"x" * 300_000, HeaderBlockTooLarge),
        (framed(b"{"), BadEvent),
        (framed(b'{"Event-Name": "A", "x": ' + b"[" * 100_000), BadEvent),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_event_socket_ends_the_connection_and_every_wait(
    peer: Peer, session: OutboundSession, sent: bytes, error: type[EslError]
) -> None:
    end = ended(session)
    wait = gevent.spawn(session.send, "api status")
    peer.expect("api status")
    peer.send(sent)
    assert isinstance(end.get(), error)
    with pytest.raises(error):
        wait.get()
    with pytest.raises(NotConnected):
        session.send("api status")
    assert peer.at_end()


def test_a_frame_that_comes_byte_by_byte_is_a_frame(peer: Peer, session: OutboundSession) -> None:
    got: Queue[Event] = Queue()
    session.on_event = got.put
    for byte in event("CHANNEL_BRIDGE", Unique_ID="x"):
        peer.send(bytes([byte]))
        gevent.sleep(0)
    assert got.get().uuid == "x"


# --- deadlines -----------------------------------------------------------------------------


def test_a_reader_that_waits_holds_nothing_of_what_has_come() -> None:
    sock, peer = tcp_pair()
    session = OutboundSession(("127.0.0.1", 1), sock)
    got = Queue[Event]()
    session.on_event = got.put
    reader = gevent.spawn(session.receive_events)
    with peer:
        peer.send(event("CHANNEL_ANSWER", long="x" * 5000))
        got.get()
        gevent.idle()
        held = []
        frame = reader.gr_frame
        while frame is not None:
            held += [value for value in frame.f_locals.values() if isinstance(value, bytes | Frame)]
            frame = frame.f_back
        assert reader.gr_frame is not None
        assert held == []
        session.close()
        reader.join()


@pytest.mark.parametrize("said", [b"", b"Content-Type: api/resp", framed(b"1234567890")[:-5]])
def test_a_command_without_a_reply_ends_the_connection_and_every_wait(
    peer: Peer, session: OutboundSession, said: bytes
) -> None:
    """A body cut short, then silence, is noticed too: no command waits beyond its deadline."""
    end = ended(session)
    session.command_seconds = SHORT
    peer.send(said)
    waits: list[Any] = [gevent.spawn(session.send, f"api {name}") for name in ("one", "two")]
    waits.append(gevent.spawn(session.call_command, "playback", "x", block=True))
    for wait in waits:
        with pytest.raises(CommandTimeout):
            wait.get()
    assert isinstance(end.get(), CommandTimeout)
    assert not isinstance(session.closed_by, WireError)


def test_a_frame_cut_short_holds_up_no_other_connection(
    peer: Peer, session: OutboundSession
) -> None:
    sock, other_peer = tcp_pair()
    other = OutboundSession(("127.0.0.1", 1), sock)
    other.start_event_handlers()
    peer.send(b"Content-Length: 100\n\nhalf")
    with other_peer:
        wait = gevent.spawn(other.send, "api status")
        other_peer.answer("api status")
        assert wait.get().headers["Reply-Text"] == "+OK"
        other.close()


def test_each_command_has_a_deadline_of_its_own(peer: Peer, session: OutboundSession) -> None:
    """A reply to the first does not excuse the second, which was sent after the timer began."""
    session.command_seconds = KEPT
    first = gevent.spawn(session.send, "api one")
    peer.answer("api one")
    first.get()
    second = gevent.spawn(session.send, "api two")
    with pytest.raises(CommandTimeout):
        second.get()


def test_a_caller_in_a_hurry_leaves_the_connection_as_it_is(
    peer: Peer, session: OutboundSession
) -> None:
    with pytest.raises(CommandTimeout):
        session.request(commands.api("status"), seconds=SHORT)
    assert session.connected
    later = gevent.spawn(session.send, "api version")
    peer.expect("api status", "api version")
    peer.send(api_reply("late"), api_reply("1.10"))
    assert later.get().body == b"1.10"


@pytest.mark.parametrize("block", [False, True])
def test_a_time_out_of_the_caller_s_own_stays_its_own(
    peer: Peer, session: OutboundSession, block: bool
) -> None:
    """A script's `gevent.Timeout` around a command is not turned into one of ours."""
    with pytest.raises(gevent.Timeout) as caught, gevent.Timeout(SHORT) as own:
        session.call_command("playback", "x", block=block)
    assert caught.value is own
    assert session.connected


# --- sending -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a\n\nexit", "a\r\nb", "a\x00", "\u2028", "\n\n"])
def test_text_that_would_be_more_than_one_command_is_not_sent(
    peer: Peer, session: OutboundSession, text: str
) -> None:
    """G1, for greenswitch's `send` too."""
    with pytest.raises(UnsafeText):
        session.send(text)
    wait = gevent.spawn(session.send, "api next")
    peer.answer("api next")
    wait.get()


def test_commands_longer_than_the_kernel_takes_at_once_come_whole_and_in_their_order(
    peer: Peer, session: OutboundSession
) -> None:
    session.sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
    sent = [commands.execute("set", letter * 300_000, "id") for letter in "abc"]
    gevent.joinall([gevent.spawn(session.transmit, command) for command in sent[:2]], timeout=0)
    # The first waits for the peer to read, the second for the first.
    session.transmit(sent[2])
    assert session._sending
    assert [peer.command().encode() for _ in sent] == sent


def test_a_peer_that_does_not_read_is_given_up(session: OutboundSession) -> None:
    end = ended(session)
    fill(session.sock)
    session.command_seconds = SHORT
    with pytest.raises(EslError):
        session.transmit(commands.execute("set", "x" * 1000, "id"))
    assert isinstance(end.get(), CommandTimeout)


def test_what_waits_to_be_sent_is_bounded(
    session: OutboundSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_UNSENT", 10_000)
    fill(session.sock)
    waits = [
        gevent.spawn(session.transmit, commands.execute("set", "x" * 1000, "id")) for _ in range(20)
    ]
    gevent.joinall(waits)
    assert isinstance(session.closed_by, CommandTimeout)
    assert any(isinstance(wait.exception, NotConnected) for wait in waits)


def test_a_sender_that_is_ended_half_way_ends_the_connection(session: OutboundSession) -> None:
    """Else the next command would be read as the rest of the one that was broken off."""
    end = ended(session)
    fill(session.sock)
    sender = gevent.spawn(session.transmit, commands.execute("set", "x" * 1000, "id"))
    gevent.sleep(0)
    sender.kill()
    assert isinstance(end.get(), NotConnected)


# --- the end -------------------------------------------------------------------------------

ENDS: dict[str, Callable[[Peer, OutboundSession], None]] = {
    "closed by the switch": lambda peer, session: peer.leave(),
    "closed inside a frame": lambda peer, session: peer.leave(b"Cont"),
    "closed by us": lambda peer, session: session.close(),
    "stopped by a script": lambda peer, session: session.stop(),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_connection_ends_every_wait(
    peer: Peer, session: OutboundSession, end: str
) -> None:
    blocked = gevent.spawn(session.call_command, "playback", "x", block=True)
    peer.answer("sendmsg")
    waiting = gevent.spawn(session.send, "api status")
    peer.expect("api status")
    closed = ended(session)
    ENDS[end](peer, session)
    error = closed.get()
    with pytest.raises(EslError):
        waiting.get()
    with pytest.raises(Exception, match="the leg is gone"):
        blocked.get()
    assert isinstance(error, TruncatedFrame) == (end == "closed inside a frame")
    assert not session.connected
    session.close()  # a second call does nothing


def test_the_last_notice_is_noted(peer: Peer, session: OutboundSession) -> None:
    end = ended(session)
    peer.send(notice("linger"), notice("disconnect"))
    peer.sock.close()
    assert end.get() is None
    assert session.disconnect_notice
    assert session.lingering


@pytest.mark.parametrize("where", ["on_event", "on_reply", "handler"])
def test_a_handler_that_fails_leaves_no_connection_that_nobody_reads(where: str) -> None:
    """Its error is seen, and whoever waits on the connection is told."""
    sock, peer = tcp_pair()
    session = OutboundSession(("127.0.0.1", 1), sock)

    def fail(*_: object) -> None:
        raise Stop

    end = ended(session)
    with peer:
        if where == "on_event":
            session.on_event = fail
            peer.send(event("DTMF"))
        elif where == "handler":
            session.register_handle("*", fail)
            peer.send(event("DTMF"))
        else:
            session.transmit(commands.CONNECT, fail)
            peer.send(channel_data())
        with pytest.raises(Stop):
            session.receive_events()
        assert isinstance(end.get(), NotConnected)
        assert not session.connected
