"""The listener: who is let in, how many, and that being refused costs nothing (O5, G1)."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.queue import Queue

from controller.esl import commands
from controller.esl.channel_data import ChannelData
from controller.esl.errors import (
    BadEvent,
    CommandTimeout,
    EslError,
    HeaderBlockTooLarge,
    NotConnected,
    TruncatedFrame,
    UnexpectedFrame,
)
from controller.esl.events import Event
from controller.esl.server import EslServer
from controller.esl.session import OutboundSession

from .peer import LEG, Peer, api_reply, channel_data, event, reply

LOOPBACK = "127.0.0.0/8"


class Listening:
    """A server that notes what it is told, and switches that connect to it."""

    def __init__(self, stack: ExitStack, allow: str, **options: Any) -> None:
        self.legs: Queue[tuple[OutboundSession, ChannelData]] = Queue()
        self.refused: Queue[str] = Queue()
        self.failed: Queue[EslError] = Queue()
        self._stack = stack
        self.server = EslServer(
            options.pop("address", ("127.0.0.1", 0)),
            options.pop("on_leg", lambda session, data: self.legs.put((session, data))),
            allow=[ipaddress.ip_network(network) for network in allow.split()],
            on_refused=self.refused.put,
            on_failed=self.failed.put,
            **{"max_connections": 10, **options},
        )
        self.server.start()
        stack.callback(self.server.close)

    def peer(self, host: str | None = None) -> Peer:
        """Connect to it."""
        address = (host or self.server.address[0], self.server.address[1])
        return self._stack.enter_context(Peer(socket.create_connection(address)))

    def leg(self) -> tuple[Peer, OutboundSession]:
        """Connect to it, as a switch does for a leg."""
        peer = self.peer()
        peer.expect("connect")
        peer.send(channel_data())
        return peer, self.legs.get()[0]

    def empty(self) -> None:
        """Wait until no connection is left."""
        while self.server.sessions:
            gevent.sleep(0.001)


Listen = Callable[..., Listening]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Make a server that is closed at the test's end."""
    with ExitStack() as stack:
        yield lambda allow=LOOPBACK, **options: Listening(stack, allow, **options)


def test_a_connection_that_answers_is_a_leg(listen: Listen) -> None:
    here = listen()
    peer = here.peer()
    peer.expect("connect")
    peer.send(channel_data("variable_callback_leg: trigger"))
    session, data = here.legs.get()
    assert (session.uuid, data.variable("callback_leg")) == (LEG, "trigger")
    assert session.client_address[0] == "127.0.0.1"
    assert here.server.sessions == {session}
    session.raise_if_disconnected()  # greenswitch's word for a leg that is there
    peer.sock.close()
    here.empty()
    assert here.failed.empty()


def test_a_leg_that_is_attached_keeps_none_of_its_data_but_its_names(listen: Listen) -> None:
    here = listen()
    peer = here.peer()
    peer.expect("connect")
    names = ("variable_call_uuid: a call", "Caller-Caller-ID-Number: 1001")
    peer.send(channel_data(*names, *(f"variable_of_{number}: it" for number in range(170))))
    session, data = here.legs.get()
    assert data.variable("of_169") == "it"
    del data
    # Whatever comes next is read after that.
    got = Queue[Event]()
    session.on_event = got.put
    peer.send(event("CHANNEL_ANSWER", Unique_ID=LEG))
    got.get()
    assert session.session_data is not None
    assert len(session.session_data) == 3
    assert (session.uuid, session.call_uuid, session.caller_id_number) == (LEG, "a call", "1001")
    assert session.connect() is session.session_data


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        ("127.0.0.1/32", True),
        ("10.0.0.0/8 127.0.0.0/8", True),
        ("::/0 127.0.0.1/32", True),
        ("", False),
        ("10.0.0.0/8", False),
        ("127.0.0.2/32", False),
        ("::/0", False),
    ],
)
def test_only_allowed_addresses_are_taken(listen: Listen, allow: str, allowed: bool) -> None:
    """An outbound socket has no password: whoever connects is believed to be a switch."""
    here = listen(allow)
    peer = here.peer()
    if allowed:
        peer.expect("connect")
    else:
        assert here.refused.get() == "address"
        assert peer.at_end()
        assert not here.server.sessions


def test_g1_nothing_of_a_stranger_is_read_and_nothing_is_said_to_him(listen: Listen) -> None:
    """G1: whatever he sends, and before he sends any."""
    here = listen("10.0.0.0/8")
    for said in (b"", channel_data("variable_callback_leg: trigger"), b"x" * 100_000):
        peer = here.peer()
        with contextlib.suppress(OSError):  # it may be closed before
            peer.sock.sendall(said)
        assert here.refused.get() == "address"
        assert peer.at_end()
    assert here.legs.empty()
    assert here.failed.empty()


def listen_v6(listen: Listen, allow: str) -> Listening:
    """Listen on both families, where the machine has the second."""
    try:
        return listen(allow, address=("::", 0))
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise
        pytest.skip(f"no IPv6 here: {error}")


@pytest.mark.parametrize(
    ("host", "allow", "allowed"),
    [
        ("127.0.0.1", "127.0.0.0/8", True),
        ("127.0.0.1", "10.0.0.0/8 ::1/128", False),
        ("::1", "::1/128", True),
        ("::1", "127.0.0.0/8", False),
        ("::1", "2001:db8::/32", False),
    ],
)
def test_a_mapped_address_is_the_ipv4_address_that_it_maps(
    listen: Listen, host: str, allow: str, allowed: bool
) -> None:
    here = listen_v6(listen, allow)
    try:
        peer = here.peer(host)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    if allowed:
        peer.expect("connect")
    else:
        assert here.refused.get() == "address"
        assert peer.at_end()


def test_over_the_limit_is_closed_and_a_place_that_is_free_is_given_again(listen: Listen) -> None:
    here = listen(max_connections=2)
    (first, _), _ = here.leg(), here.leg()
    over = here.peer()
    assert here.refused.get() == "limit"
    assert over.at_end()
    first.sock.close()
    while len(here.server.sessions) == 2:
        gevent.sleep(0.001)
    here.leg()
    assert here.refused.empty()


def test_a_peer_that_says_nothing_is_dropped(listen: Listen) -> None:
    here = listen(connect_seconds=0.02)
    peer = here.peer()
    peer.expect("connect")
    assert isinstance(here.failed.get(), CommandTimeout)
    assert peer.at_end()
    here.empty()


def test_silent_peers_take_no_place_for_long_and_no_descriptor(listen: Listen) -> None:
    """300 connections that say nothing: within the limit, closed at their deadline."""
    here = listen(max_connections=100, connect_seconds=0.5)
    before = len(os.listdir("/proc/self/fd"))
    peers = [here.peer() for _ in range(300)]
    for peer in peers:
        while not peer.at_end():
            pass
        peer.sock.close()
    here.empty()
    assert here.refused.qsize() + here.failed.qsize() == 300
    assert len(os.listdir("/proc/self/fd")) == before
    # And it takes legs as before.
    here.leg()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (reply("-ERR"), BadEvent),
        (api_reply("hello"), BadEvent),
        (channel_data(leg="a%0Ab"), BadEvent),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\n\n", EslError),
        (b"Content-Type: auth/request\n\n", UnexpectedFrame),
        (b"\x16\x03\x01" * 200_000, HeaderBlockTooLarge),
        (b"Content-Ty", TruncatedFrame),
        (b"", NotConnected),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_switch_is_told_apart_and_closed(
    listen: Listen, said: bytes, error: type[EslError]
) -> None:
    here = listen()
    peer = here.peer()
    peer.expect("connect")
    peer.send(said)
    peer.sock.shutdown(socket.SHUT_WR)
    assert isinstance(here.failed.get(), error)
    assert peer.at_end()
    here.empty()
    assert here.legs.empty()


def test_stopping_to_accept_leaves_the_legs(listen: Listen) -> None:
    """A drain: the switch goes on to the next host, legs in dialogue go on here."""
    here = listen()
    peer, session = here.leg()
    here.server.stop_accepting()
    with pytest.raises(ConnectionRefusedError):
        here.peer()
    wait = gevent.spawn(session.send, "api status")
    peer.expect("api status")
    peer.send(api_reply("UP"))
    assert wait.get().body == b"UP"
    here.server.stop_accepting()  # twice is once
    here.server.close()
    assert peer.at_end()
    here.empty()


def test_a_leg_that_fails_in_our_hands_is_closed(
    listen: Listen, capsys: pytest.CaptureFixture[str]
) -> None:
    """The switch then goes on to the next controller."""

    def fail(session: OutboundSession, data: ChannelData) -> None:
        raise RuntimeError("a fault of ours")

    here = listen(on_leg=fail)
    peer = here.peer()
    peer.expect("connect")
    peer.send(channel_data())
    assert peer.at_end()
    here.empty()
    assert "a fault of ours" in capsys.readouterr().err  # seen, not swallowed


def test_a_leg_may_be_let_go_at_once(listen: Listen) -> None:
    here = listen(on_leg=lambda session, data: session.transmit(commands.EXIT))
    peer = here.peer()
    peer.expect("connect")
    peer.send(channel_data())
    peer.expect("exit")
    peer.sock.close()
    here.empty()
    assert here.failed.empty()


# gevent leaves the socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_address_that_cannot_be_had_is_said_at_the_start(listen: Listen) -> None:
    taken = listen().server.address
    with pytest.raises(OSError, match="in use"):
        listen(address=taken)
