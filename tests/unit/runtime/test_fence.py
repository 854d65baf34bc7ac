"""O4: what a controller lets go of when it stood still, and what it takes from who is away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.callback.effects import FindRoute
from controller.esl.errors import NotConnected
from controller.esl.switch import SwitchLink
from controller.runtime import inheriting
from controller.runtime.calls_out import CallsOut
from controller.runtime.inheriting import Inheriting
from controller.runtime.legs import Leg
from tests.unit.runtime.standing import alone


class Socket:
    """A leg's connection."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.on_closed: Any = None

    def transmit(self, command: bytes) -> None:
        """Send."""
        self.sent.append(command)

    def close(self) -> None:
        """End it."""
        self.connected = False
        self.on_closed(None)


class Held(Leg[Any]):
    """A leg whose machine notes what it is told."""

    kind = "return"

    def on_event(self, event: Any) -> None:
        """Take nothing."""

    def transition(self, event: Any, now: float) -> Any:
        """Note it, and let nothing be done."""
        self.session.told.append(event)
        return self.session, ()


class World:
    """A controller's services, as far as a leg goes."""

    def __init__(self) -> None:
        self.standing = alone()
        self.forgotten: list[Any] = []
        self.left: list[str] = []
        self.services = cast(
            Any,
            SimpleNamespace(
                standing=self.standing,
                legs=SimpleNamespace(forget=self.forgotten.append),
                clock=SimpleNamespace(now=lambda: 0.0),
                handing=None,
                unheld=SimpleNamespace(keep=lambda uuid, *_: self.left.append(uuid)),
            ),
        )
        self.socket = Socket()
        session = SimpleNamespace(told=[], state=None)
        self.leg = Held(self.services, cast(Any, self.socket), "leg", session)


def test_o4_a_leg_that_is_let_go_has_no_say_any_more() -> None:
    """What becomes of its connection depends on whether another controller has it (`unheld`)."""
    world = World()
    world.leg._set_timer(1, 3600.0)
    world.leg.drop()
    assert world.left == ["leg"]
    assert (world.leg.socket, world.leg.over, world.forgotten) == (None, True, [world.leg])
    world.leg.post("what a thread brings")
    assert world.leg.session.told == []
    with pytest.raises(NotConnected):
        world.leg.transmit(b"anything")
    assert world.socket.sent == []


def test_o4_that_we_stood_still_is_found_out_before_a_leg_takes_anything() -> None:
    world = World()
    world.standing.check = world.leg.drop
    world.leg.post("a key")
    assert world.leg.session.told == []
    other = World()
    other.standing.check = other.leg.drop
    with pytest.raises(NotConnected):
        other.leg.transmit(b"a limit")
    assert other.socket.sent == []


def test_o4_a_leg_that_was_looked_up_while_we_stood_still_is_not_held() -> None:
    """Another greenlet may have found it out before: then nothing else tells of it."""
    world = World()
    world.standing.epoch = 1
    world.leg.begin("attached", epoch=0)
    assert (world.left, world.leg.session.told, world.leg.over) == (["leg"], [], True)


def test_o4_a_way_that_another_controller_may_call_by_is_not_given_up() -> None:
    standing, done = alone(), list[str]()
    services = SimpleNamespace(
        standing=standing,
        placing=SimpleNamespace(over=lambda *given: done.append("over")),
        clock=SimpleNamespace(micros=lambda: 0),
        trunks=SimpleNamespace(get=lambda: SimpleNamespace(channels=())),
        places=SimpleNamespace(release=lambda member: done.append("places")),
        spawn=lambda function, *given: done.append(function.__name__),
    )
    paying = SimpleNamespace(not_called=lambda position: None)
    calls = CallsOut(
        cast(Any, services), node="fs1", numbers=cast(Any, None), rang=cast(Any, None),
        paying=cast(Any, paying),
    )  # fmt: skip
    session = cast(Any, SimpleNamespace(request="r", leg="l"))
    effect = cast(FindRoute, SimpleNamespace(position=1))
    standing.epoch += 1
    calls.abandon(session, effect)
    assert done == []


def test_o4_nothing_is_sent_on_a_link_by_whom_the_fence_holds_back() -> None:
    def held_back() -> None:
        raise NotConnected("we stood still")

    link = SwitchLink(
        "fs1", "192.0.2.1", 8021, "", events=(), on_event=print,
        on_up=lambda link, jobs: None, on_down=lambda link, error: None, may_send=held_back,
    )  # fmt: skip
    sent: list[bytes] = []
    link._connection = cast(
        Any, SimpleNamespace(connected=True, transmit=sent.append, request=sent.append)
    )
    for send in (
        lambda: link.send(b"x"),
        lambda: link.request(b"x"),
        lambda: link.api("x"),
        lambda: link.submit(b"x", "job", (), lambda answer, error: None),
    ):
        with pytest.raises(NotConnected, match="stood still"):
            send()
    assert (sent, link.in_flight) == ([], [])


def test_o5_what_somebody_has_who_is_away_is_taken_at_once_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    standing, done = alone(), list[Any]()
    standing.on_change = []

    def free(name: str, now: int) -> int:
        done.append(name)
        return 1

    services = SimpleNamespace(
        standing=standing,
        spawn=lambda function, *given: function(*given),
        keep=lambda function, *given: function(*given),
        requests=SimpleNamespace(free_leases=free),
        clock=SimpleNamespace(micros=lambda: 5_000_000),
        on_request=done.append,
        metering=SimpleNamespace(adopt=lambda: done.append("adopt")),
        live_links=lambda: ["fs1", "fs2"],
    )
    monkeypatch.setattr(inheriting, "reconcile", lambda _, link, calling: done.append(link))
    Inheriting(cast(Any, services), cast(Any, None))
    (look,) = standing.on_change
    look()
    assert done == []
    standing.away = frozenset({"two"})
    look()
    look()
    assert done == ["two", 5.0, "adopt", "fs1", "fs2"]
    standing.away = frozenset()
    look()
    standing.away = frozenset({"two", "three"})
    look()
    assert done[5:] == ["three", 5.0, "two", 5.0, "adopt", "fs1", "fs2"]
