"""O3: what a greenlet logs is about the call that it was begun for, and about no other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from structlog.contextvars import get_contextvars

from controller.callback.effects import Effect
from controller.esl.errors import NotConnected
from controller.runtime import standing
from controller.runtime.about import about, all_about
from controller.runtime.legs import Leg
from controller.runtime.services import Services
from controller.runtime.standing import Standing


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


def test_o3_what_is_done_for_one_call_amid_another_is_about_that_one_alone() -> None:
    """A trigger leg has no callback yet: that of whoever came upon it is not its own."""
    with about(request="r1", attempt="a1", leg="l1"):
        with about(request=None, leg="l2"):
            assert get_contextvars() == {"leg": "l2"}
        with about():
            assert get_contextvars() == {}
        assert get_contextvars() == {"request": "r1", "attempt": "a1", "leg": "l1"}
    assert get_contextvars() == {}


class Session:
    """The state of a leg's machine."""

    state = "asked"


class Other(Leg[Any]):
    """A leg that logs what it is told, and what becomes of it."""

    kind = "trigger"

    def __init__(self, standing: Any, knew: list[dict[str, Any]]) -> None:
        services: Any = SimpleNamespace(
            standing=standing,
            clock=SimpleNamespace(now=lambda: 0.0),
            handing=None,
            legs=SimpleNamespace(forget=lambda leg: None),
            unheld=SimpleNamespace(keep=lambda *given: knew.append(get_contextvars())),
            note_esl_error=lambda error: knew.append(get_contextvars()),
        )
        super().__init__(services, cast(Any, SimpleNamespace()), "l2", cast(Any, Session()))
        self.knew = knew

    def transition(self, event: Any, now: float) -> tuple[Any, tuple[Effect, ...]]:
        """Stay as it is."""
        self.knew.append(get_contextvars())
        return self.session, ()


def test_o3_a_trigger_leg_is_told_something_by_the_greenlet_of_another_call() -> None:
    knew: list[dict[str, Any]] = []
    leg = Other(SimpleNamespace(check=lambda: False), knew)
    with about(request="r1", attempt="a1", leg="l1"):
        leg.post(object())
        leg._on_closed(NotConnected("gone"))
    assert knew == [{"leg": "l2"}] * 3


def test_o3_that_we_stood_still_is_about_no_call_and_each_leg_is_let_go_as_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever call's greenlet came upon it."""
    knew: list[dict[str, Any]] = []
    legs: list[Any] = []
    services: Any = SimpleNamespace(name="one", clock=SimpleNamespace(micros=lambda: 1), legs=legs)
    services.metering = Metering(knew)
    presence: Any = SimpleNamespace(
        lease_seconds=4, metrics=SimpleNamespace(stood_still=SimpleNamespace(inc=lambda: None))
    )
    kept = Standing(services, presence)
    legs.append(Other(kept, knew))
    said: Any = SimpleNamespace(error=lambda *given, **facts: knew.append(get_contextvars()))
    monkeypatch.setattr(standing, "log", said)
    kept._stillness.note(0.0)
    with about(request="r1", leg="l1"):
        assert kept.check()
    assert knew == [{}, {"leg": "l2"}, {}]


class Metering:
    """What follows calls, as far as it can be told to forget them."""

    def __init__(self, knew: list[dict[str, Any]]) -> None:
        self._knew = knew

    def __len__(self) -> int:
        return 0

    def forget_all(self) -> None:
        """Follow none any more."""
        self._knew.append(get_contextvars())
