"""O5: what a node does not have is over, unless it was there between two looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.runtime import reconcile as room
from controller.runtime.reconcile import GRACE_SECONDS, reconcile
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.requests import Attempt, Request, Requests
from tests.databases import new_file
from tests.unit.store.asked import NEVER, begun, stored

SECOND = 1_000_000


class Legs:
    """The legs that a controller holds: none."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def get(self, uuid: str) -> None:
        """Give one by its uuid."""


class Node:
    """A node that has no leg of ours when it is asked, and what happens while it is not asked."""

    name = core = "fs1"

    def __init__(self, url: str) -> None:
        self.engine = open_database(url)
        self.requests = Requests(self.engine)
        self.seconds = 1000.0
        self.sent = "0"
        self.meanwhile: list[Callable[[], object]] = []
        self.ended: list[str] = []
        self.services = cast(
            Any,
            SimpleNamespace(
                store_fault=None,
                settings=Settings(),
                legs=Legs(),
                requests=self.requests,
                reads=SimpleNamespace(run=lambda function, *given: function(*given)),
                clock=SimpleNamespace(micros=lambda: int(self.seconds * SECOND)),
                settling=SimpleNamespace(read_records=lambda: None),
            ),
        )
        self.calling = cast(Any, SimpleNamespace(send_unsent=lambda *of: self.ended.append("sent")))

    def api(self, command: str, *of: str) -> str:
        """Answer what is asked."""
        return "false" if command == "uuid_exists" else self.sent

    def wait(self, seconds: float) -> None:
        """Let the time of grace pass, in which something may happen."""
        self.seconds += seconds
        for one in self.meanwhile:
            one()
        self.meanwhile.clear()

    def end(self, services: Any, request: Request, attempt: Attempt, cause: str) -> None:
        """Note what is ended."""
        self.ended.append(request.id)

    def look(self) -> list[str]:
        """Reconcile; give what was ended or sent."""
        self.ended.clear()
        reconcile(self.services, cast(Any, self), self.calling)
        return self.ended


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node, and an attempt that was written for it just now."""
    made = Node(new_file(tmp_path / "callbackd.sqlite3"))
    monkeypatch.setattr("controller.runtime.reconcile.gevent.sleep", made.wait)
    monkeypatch.setattr(room, "end_unknown", made.end)
    request = stored(made.requests)
    (leased,) = made.requests.lease_due("a", 1000 * SECOND, NEVER, 1)
    assert begun(made.requests, leased, attempt="one", node="fs1", core="fs1", now=1000 * SECOND)
    assert request.id == leased.id
    yield made
    made.engine.dispose()


def test_o5_an_attempt_that_nobody_sent_is_sent(node: Node) -> None:
    assert node.look() == ["sent"]


def test_o5_a_call_that_came_and_went_between_two_looks_is_left_to_whoever_saw_it(
    node: Node,
) -> None:
    """Found by the laboratory: sent after the first look, and hung up just before the second."""

    def live() -> None:
        (request,) = node.requests.all()
        node.sent = "1"
        assert node.requests.answered(request.id, NEVER, now=1001 * SECOND, attempt="one")

    node.meanwhile.append(live)
    assert node.look() == []
    # Nobody says anything of it: then it is nobody's.
    assert len(node.look()) == 1


def test_o5_an_attempt_whose_answer_may_be_on_its_way_is_left_alone(node: Node) -> None:
    """It was sent after the first look; busy phones say so at once."""
    node.meanwhile.append(lambda: setattr(node, "sent", "1"))
    assert node.look() == []
    node.seconds += GRACE_SECONDS
    assert len(node.look()) == 1


def test_o5_what_the_switch_has_written_of_a_call_comes_first(node: Node) -> None:
    """Decision 9: its record is asked before it is given up."""
    node.sent = "1"
    node.seconds += 3 * GRACE_SECONDS

    def told() -> None:
        (request,) = node.requests.all()
        node.requests.finish(
            request.id, outcome="busy", cause="USER_BUSY", destination=None, now=1, attempt="one"
        )

    node.services.settling.read_records = told
    assert node.look() == []
    (request,) = node.requests.all()
    assert request.outcome == "busy"
