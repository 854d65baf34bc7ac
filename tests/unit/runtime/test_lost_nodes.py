"""O4, O5: when the calls of a node are ended that nobody has a link to, and when not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from controller.metrics import Metrics
from controller.runtime.lost_nodes import NODE_LOST, LostNodes
from controller.runtime.node_health import NodeHealth
from controller.settings import Dispatcher, Settings
from controller.store.database import open_database
from controller.store.nodes_seen import NodeSeen, NodesSeen
from controller.store.requests import Attempt, Request, Requests
from tests.databases import new_file
from tests.unit.store.asked import NEVER, begun, stored

LOST = 120.0
LOOK = LOST / 8


class Shared:
    """The store of two controllers, and the time."""

    def __init__(self, url: str) -> None:
        self.engine = open_database(url)
        self.requests = Requests(self.engine)
        self.seconds = 1000.0
        self.away = False
        self.request = ""

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Ask the store."""
        if self.away:
            raise OperationalError("", None, Exception("the store is away"))
        return function(*args)


class Link:
    """A link to one node."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.core = "core"
        self.owes_seconds = 0.0
        self.up = True


class Held:
    """The legs that a controller holds."""

    def __init__(self, legs: list[Any]) -> None:
        self._legs = legs

    def __iter__(self) -> Iterator[Any]:
        return iter(self._legs)

    def get(self, uuid: str) -> Any:
        """Give one by its uuid; what is tested here has none."""
        return None


class Side:
    """One controller: its links, the legs that it holds, and its own clock, which goes wrong."""

    def __init__(self, shared: Shared, ahead: float = 0.0) -> None:
        self.link = Link("fs1")
        self.links = {"fs1": self.link}
        self.legs: list[Any] = []
        metrics = Metrics()
        clock = SimpleNamespace(
            now=lambda: shared.seconds, micros=lambda: int((shared.seconds + ahead) * 1_000_000)
        )
        services = SimpleNamespace(
            settings=Settings(dispatcher=Dispatcher(node_lost_seconds=LOST)),
            clock=clock,
            metrics=metrics,
            reads=shared,
            write=shared.run,
            requests=shared.requests,
            links=self.links,
            live_links=lambda: [self.link] if self.link.up else [],
            legs=Held(self.legs),
            node_health=NodeHealth(metrics=metrics, now=clock.now),
            note_store_fault=lambda what: None,
        )
        self.lost = LostNodes(cast(Any, services), NodesSeen(shared.engine))


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The requests that were ended, each with the cause."""
    found: list[tuple[str, str]] = []

    def end(services: Any, request: Request, attempt: Attempt, cause: str) -> None:
        found.append((request.id, cause))

    monkeypatch.setattr("controller.runtime.lost_nodes.end_unknown", end)
    return found


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    """A store with a call that talks on a node."""
    made = Shared(new_file(tmp_path / "callbackd.sqlite3"))
    request = stored(made.requests)
    (leased,) = made.requests.lease_due("a", request.due, 300, 1)
    assert begun(made.requests, leased, attempt="one")
    assert made.requests.answered(request.id, NEVER, now=200)
    made.request = request.id
    yield made
    made.engine.dispose()


def pass_time(shared: Shared, seconds: float, *sides: Side) -> None:
    """Let time pass; each side looks as often as it does."""
    until = shared.seconds + seconds
    while shared.seconds < until:
        shared.seconds += LOOK
        for side in sides:
            side.lost.look()


def test_o4_the_calls_of_a_node_that_nobody_sees_are_ended(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    """Not sooner than it must be; and not while it is seen."""
    one, two = Side(shared), Side(shared, ahead=-3600.0)
    pass_time(shared, 3 * LOST, one, two)
    one.link.up = two.link.up = False
    pass_time(shared, LOST - LOOK, one, two)
    assert ended == []
    pass_time(shared, 3 * LOOK, one, two)
    assert set(ended) == {(shared.request, NODE_LOST)}


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_o4_a_controller_that_has_lost_its_link_alone_ends_nothing(
    shared: Shared, ended: list[tuple[str, str]], ahead: float
) -> None:
    """Whatever the clock says of the one that sees the node."""
    blind, sees = Side(shared), Side(shared, ahead)
    blind.link.up = False
    pass_time(shared, 5 * LOST, blind, sees)
    assert ended == []
    # One that stands still, its link unbroken, sees nothing.
    sees.link.owes_seconds = 4.0
    pass_time(shared, LOST + 3 * LOOK, blind, sees)
    assert ended != []


def test_o4_a_leg_that_is_held_is_a_sign_of_life(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    """The switch's event socket may be what is broken, and not the switch."""
    one, two = Side(shared), Side(shared)
    one.link.up = two.link.up = False
    one.legs.append(SimpleNamespace(node="fs1", socket=object()))
    pass_time(shared, 3 * LOST, one, two)
    assert ended == []
    # Who talks holds no socket: that proves nothing.
    one.legs[0].socket = None
    pass_time(shared, LOST + 3 * LOOK, one, two)
    assert ended != []


def test_o5_time_without_the_store_proves_nothing(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    """Whoever saw the node could not say so."""
    one = Side(shared)
    one.link.up = False
    pass_time(shared, LOST - LOOK, one)
    shared.away = True
    pass_time(shared, 2 * LOST, one)
    shared.away = False
    pass_time(shared, LOST - LOOK, one)
    assert ended == []
    pass_time(shared, 3 * LOOK, one)
    assert ended != []


def test_o5_whoever_stood_still_begins_anew(shared: Shared, ended: list[tuple[str, str]]) -> None:
    one = Side(shared)
    one.link.up = False
    pass_time(shared, LOST - LOOK, one)
    shared.seconds += 10 * LOST
    pass_time(shared, LOST - LOOK, one)
    assert ended == []
    pass_time(shared, 3 * LOOK, one)
    assert ended != []


def test_o4_a_node_that_comes_back_begins_anew(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    one = Side(shared)
    for _ in range(3):
        one.link.up = False
        pass_time(shared, LOST - LOOK, one)
        one.link.up = True
        pass_time(shared, LOOK, one)
    assert ended == []


def test_o4_what_was_begun_since_it_was_missed_is_not_ended(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    """Whoever began it has a link: the node is back, and we are the last to know."""
    one = Side(shared)
    one.link.up = False
    pass_time(shared, LOST / 2, one)
    stored(shared.requests, "+12125550142")
    (leased,) = shared.requests.lease_due("a", NEVER, NEVER, 1)
    assert begun(shared.requests, leased, attempt="two")
    pass_time(shared, LOST / 2 + LOOK, one)
    assert ended == [(shared.request, NODE_LOST)]


def test_o4_what_a_node_said_is_there_for_others(shared: Shared) -> None:
    one = Side(shared)
    one.lost.look()
    (first,) = NodesSeen(shared.engine).all().values()
    assert (first.name, first.core, first.sessions) == ("fs1", "core", None)
    pass_time(shared, LOOK, one)
    assert NodesSeen(shared.engine).all()["fs1"].seen > first.seen


def test_o4_a_node_of_controllers_of_an_older_release_is_not_lost(
    shared: Shared, ended: list[tuple[str, str]]
) -> None:
    """They write no signs of life: of their nodes, which we have no links to, nothing is known."""
    mine = Side(shared)
    mine.links.clear()
    mine.link.up = False
    pass_time(shared, 3 * LOST, mine)
    assert ended == []
    NodesSeen(shared.engine).saw(NodeSeen("fs1", 1))
    pass_time(shared, 2 * LOST, mine)
    assert ended == [(shared.request, NODE_LOST)]
