"""O4: whether there is a node that return calls may be made on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gevent.event import Event as Flag

from controller.esl.events import decode_event
from controller.metrics import Metrics
from controller.routing.failures import FIRST_REFUSED_SECONDS
from controller.runtime.node_health import SILENT_SECONDS, NodeHealth
from controller.runtime.spreading import any_node
from controller.settings import Settings
from controller.store.drains import Drain

FULL = b'{"Event-Name":"HEARTBEAT","Session-Count":"100","Max-Sessions":"100"}'


class Nodes:
    """Two nodes of one controller."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.drains: list[Drain] = []
        self.node_health = NodeHealth(metrics=Metrics(), now=lambda: self.seconds)
        self.links = {
            name: SimpleNamespace(name=name, up=Flag(), owes_seconds=0.0) for name in ("fs1", "fs2")
        }
        for link in self.links.values():
            link.up.set()

    @property
    def any(self) -> bool:
        """Whether there is one."""
        services = SimpleNamespace(
            settings=Settings(),
            node_health=self.node_health,
            links=self.links,
            drains=SimpleNamespace(get=lambda: tuple(self.drains)),
        )
        return any_node(cast(Any, services))


def down(nodes: Nodes, name: str) -> None:
    """Its link is."""
    nodes.links[name].up.clear()


def drained(nodes: Nodes, name: str) -> None:
    """It is."""
    nodes.drains.append(Drain(name, "", "somebody", 1))


def silent(nodes: Nodes, name: str) -> None:
    """It owes an answer."""
    nodes.links[name].owes_seconds = SILENT_SECONDS + 0.1


def refusing(nodes: Nodes, name: str) -> None:
    """It refuses calls."""
    nodes.node_health.refused(name)


def full(nodes: Nodes, name: str) -> None:
    """It has as many legs as it may."""
    nodes.node_health.told(name, decode_event(FULL))


@pytest.mark.parametrize("trouble", [down, drained, silent, refusing, full])
def test_o4_no_callback_is_taken_on_while_no_node_may_make_one(
    trouble: Callable[[Nodes, str], None],
) -> None:
    """Each would be leased and given back every second, for nothing."""
    nodes = Nodes()
    assert nodes.any
    trouble(nodes, "fs1")
    assert nodes.any
    trouble(nodes, "fs2")
    assert not nodes.any


def test_o4_a_node_that_refused_is_tried_again() -> None:
    nodes = Nodes()
    refusing(nodes, "fs1")
    refusing(nodes, "fs2")
    nodes.seconds += FIRST_REFUSED_SECONDS
    assert nodes.any
