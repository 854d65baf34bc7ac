"""O4, O5: a connection whose leg another controller has stays open, and nothing is said on it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest

from controller.esl.errors import NotConnected
from controller.runtime import unheld as module
from controller.runtime.unheld import Unheld


class Socket:
    """A leg's connection."""

    def __init__(self) -> None:
        self.connected = True
        self.on_event: Any = print
        self.on_closed: Any = None

    def close(self) -> None:
        """Be closed, by us or by the switch."""
        self.connected = False
        self.on_closed(None)


class Link:
    """A node's link: what it says of `socket_path`; None: it is down."""

    def __init__(self, said: str | None) -> None:
        self.said = said

    def api(self, *words: str) -> str:
        """Answer."""
        assert words == ("uuid_getvar", "a", "socket_path")
        if self.said is None:
            raise NotConnected("no link")
        return self.said


def kept(*links: Link) -> tuple[Unheld, Socket, list[Any]]:
    """Keep a connection; give it and the greenlets that ask."""
    greenlets: list[Any] = []
    services = SimpleNamespace(
        name="alpha",
        standing=SimpleNamespace(others=frozenset({"beta", "gamma"})),
        links={str(n): link for n, link in enumerate(links)},
        spawn_for_all=lambda *work: greenlets.append(gevent.spawn(*work)),
    )
    unheld, socket = Unheld(cast(Any, services)), Socket()
    unheld.keep("a", cast(Any, socket))
    assert socket.on_event is None
    return unheld, socket, greenlets


NOT_THERE = "-ERR No such channel!"


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        (["beta"], True),
        ([NOT_THERE, "beta"], True),
        # It tries one that is away: whoever moves it is not disturbed.
        (["gamma"], True),
        # The dialplan says the last words.
        (["-"], True),
        # Nobody took it, or nobody can tell: the switch connects again.
        (["alpha"], False),
        (["_undef_"], False),
        (["delta"], False),
        ([NOT_THERE, NOT_THERE], False),
    ],
)
def test_o5_closed_is_only_what_nobody_else_has(said: list[str], stays: bool) -> None:
    """O5: to close it would take the leg out of the other's hold."""
    unheld, socket, greenlets = kept(*[Link(one) for one in said])
    gevent.joinall(greenlets, timeout=5)
    assert socket.connected == stays
    assert len(unheld) == stays


def test_o5_while_no_node_can_say_whose_it_is_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """O5: and is asked for again until one can."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    link = Link(None)
    _, socket, greenlets = kept(Link(NOT_THERE), link)
    gevent.sleep(0.05)
    assert socket.connected
    link.said = "alpha"
    gevent.joinall(greenlets, timeout=5)
    assert not socket.connected


def test_o5_the_switch_closes_it_when_the_leg_ends() -> None:
    """O5: nothing is kept of it then."""
    unheld, socket, greenlets = kept(Link("beta"))
    gevent.joinall(greenlets, timeout=5)
    socket.close()
    assert len(unheld) == 0
