"""O3: what a greenlet logs is about the call that it was begun for, and about no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from structlog.contextvars import get_contextvars

from controller.runtime.about import about, all_about
from controller.runtime.services import Services


class Begun:
    """The services, as far as they begin greenlets, and what each of these knew."""

    def __init__(self) -> None:
        self.services = Services.__new__(Services)
        self.services.greenlets = set()
        kept: Any = SimpleNamespace(begun=lambda greenlet: None)
        self.services.standing = kept
        self.knew: list[dict[str, Any]] = []

    def look(self) -> None:
        """Be one of them."""
        self.knew.append(get_contextvars())


@pytest.fixture
def begun() -> Begun:
    return Begun()


def test_o3_a_greenlet_goes_on_about_the_call_that_it_was_spawned_for(begun: Begun) -> None:
    """Later, too, when whoever spawned it is about another one."""
    with about(request="r1", attempt="a1"):
        begun.services.spawn(begun.look)
    with about(request="r2", leg=None):
        begun.services.spawn(begun.look)
        begun.services.spawn_for_all(begun.look)
    begun.services.spawn(begun.look)
    gevent.joinall(list(begun.services.greenlets))
    assert begun.knew == [{"request": "r1", "attempt": "a1"}, {"request": "r2"}, {}, {}]


def test_o3_what_one_greenlet_is_about_is_its_own(begun: Begun) -> None:
    """A connection is of one leg, and says so once."""

    def connected(leg: str) -> None:
        all_about(leg=leg)
        gevent.sleep(0)
        begun.look()

    gevent.joinall([gevent.spawn(connected, "one"), gevent.spawn(connected, "two")])
    assert begun.knew == [{"leg": "one"}, {"leg": "two"}]
    assert get_contextvars() == {}
