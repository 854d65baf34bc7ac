"""What the tests of the event socket share."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from controller.esl.session import OutboundSession

from .peer import PATIENCE, Peer, channel_data, tcp_pair


@pytest.fixture(autouse=True)
def never_for_ever() -> Iterator[None]:
    """A wait that nothing ends fails its test instead of holding up the others."""
    with gevent.Timeout(PATIENCE):
        yield


@pytest.fixture
def peer_and_session() -> Iterator[tuple[Peer, OutboundSession]]:
    """A session whose reader runs, and the switch's side of it; `connect` has been answered."""
    sock, peer = tcp_pair()
    session = OutboundSession(("127.0.0.1", 1), sock)
    reader = gevent.spawn(session.receive_events)
    with peer:
        connecting = gevent.spawn(session.connect)
        peer.expect("connect")
        peer.send(channel_data())
        connecting.get()
        yield peer, session
        session.close()
        reader.join()


@pytest.fixture
def peer(peer_and_session: tuple[Peer, OutboundSession]) -> Peer:
    """The switch's side of `session`."""
    return peer_and_session[0]


@pytest.fixture
def session(peer_and_session: tuple[Peer, OutboundSession]) -> OutboundSession:
    """A connected session."""
    return peer_and_session[1]
