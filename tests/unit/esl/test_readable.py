"""Waiting for bytes: once told of them, once when closed, and never on and on (O5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.pool import Group

from controller.esl.readable import Readable

from .peer import Peer, tcp_pair


@pytest.fixture
def sock_and_peer() -> Iterator[tuple[Any, Peer]]:
    """Two joined sockets: ours, and the switch's side."""
    sock, peer = tcp_pair()
    with peer:
        yield sock, peer
        sock.close()


def turns(count: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(count):
        gevent.sleep(0)
        gevent.idle()


def test_a_wait_ends_when_there_is_something_to_read(sock_and_peer: tuple[Any, Peer]) -> None:
    sock, peer = sock_and_peer
    readable = Readable(sock)
    for sent in (b"one", b"two"):
        wait = gevent.spawn(readable.wait)
        turns(3)
        assert not wait.ready()
        peer.send(sent)
        assert wait.get() is True
        assert sock.recv(100) == sent
    readable.close()


def test_a_wait_ends_when_the_peer_has_closed(sock_and_peer: tuple[Any, Peer]) -> None:
    sock, peer = sock_and_peer
    readable = Readable(sock)
    wait = gevent.spawn(readable.wait)
    peer.sock.close()
    assert wait.get() is True
    assert sock.recv(100) == b""
    readable.close()


def test_whoever_waits_is_told_of_the_close_and_none_waits_after_it(
    sock_and_peer: tuple[Any, Peer],
) -> None:
    readable = Readable(sock_and_peer[0])
    wait = gevent.spawn(readable.wait)
    turns(3)
    readable.close()
    readable.close()
    assert wait.get() is False
    assert readable.wait() is False


def test_while_nobody_waits_the_loop_does_not_tell_of_the_same_bytes_on_and_on(
    sock_and_peer: tuple[Any, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that is held up elsewhere, by a peer that does not read, costs nothing meanwhile."""
    sock, peer = sock_and_peer
    told: list[None] = []
    ready = Readable._ready

    def counted(self: Readable) -> None:
        told.append(None)
        ready(self)

    monkeypatch.setattr(Readable, "_ready", counted)
    readable = Readable(sock)
    peer.send(b"first")
    assert readable.wait()
    turns(20)
    # Of those that wait, and once too often.
    assert len(told) == 2
    # The same bytes are still there, and whoever waits is told.
    assert readable.wait()
    assert sock.recv(100) == b"first"
    readable.close()


def test_a_wait_that_is_broken_off_leaves_the_next_one_as_it_is(
    sock_and_peer: tuple[Any, Peer],
) -> None:
    sock, peer = sock_and_peer
    readable = Readable(sock)
    waits = Group()
    waits.spawn(readable.wait)
    turns(3)
    waits.kill()
    peer.send(b"x")
    turns(3)
    assert gevent.spawn(readable.wait).get() is True
    readable.close()
