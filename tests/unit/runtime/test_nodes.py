"""O4: the links of a controller, and what is left of one that is let go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gevent
from gevent.event import Event as Flag
from prometheus_client import generate_latest

from controller.metrics import Metrics
from controller.runtime.nodes import Nodes
from controller.settings import Node


def known(metrics: Metrics) -> bool:
    """Whether a node is in the metrics."""
    return "callbackd_node_up{" in generate_latest(metrics.registry).decode()


def test_o4_of_a_node_that_is_let_go_nothing_is_left_at_any_moment() -> None:
    """Whoever finds its link gone finds no metric of it either, also while its greenlet ends."""
    metrics = Metrics()
    told: list[str] = []
    watching = SimpleNamespace(forget=told.append)
    services = SimpleNamespace(
        settings=SimpleNamespace(nodes=()),
        metrics=metrics,
        links={},
        health=watching,
        node_health=watching,
        sound_watch=watching,
        standing=SimpleNamespace(fence=None),
    )

    def nothing(*given: object) -> None:
        """Take no notice of what a link tells."""

    nodes = Nodes(
        cast(Any, services), cast(Any, None), on_event=nothing, on_up=nothing, on_gone=told.append
    )
    looks, looked = [], Flag()

    def look() -> None:
        looks.append(("sim2" in services.links, known(metrics)))
        looked.set()

    # Nobody listens there, so its link waits until it tries again.
    nodes.add(Node(name="sim2", host="127.0.0.1", port=1, password="x"))
    gevent.idle()
    assert known(metrics)
    gevent.spawn(look)
    nodes.remove("sim2")
    look()
    assert looked.is_set()
    assert looks in ([(True, True), (False, False)], [(False, False)] * 2)
    assert told == ["sim2"] * 4
    assert not nodes.discovered
