"""O4: the node of a return call is chosen by load and health."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.routing.nodes import (
    BUSY,
    DOWN,
    DRAINED,
    FULL,
    REFUSING,
    SHORT,
    SILENT,
    NodeState,
    nodes_in_order,
    trouble,
)

MOST = 5
WELL = NodeState("a", sessions=10, most_sessions=100, idle=60)

COUNTS = st.integers(0, 12)
STATES = st.builds(
    NodeState,
    name=st.sampled_from("abcde"),
    up=st.booleans(),
    drained=st.booleans(),
    silent=st.booleans(),
    refusing=st.booleans(),
    calling=COUNTS,
    answered=COUNTS,
    sessions=st.none() | COUNTS,
    most_sessions=st.none() | st.integers(0, 20),
    idle=st.none() | st.integers(0, 100),
)
NODES = st.lists(STATES, max_size=5, unique_by=lambda node: node.name)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"up": False}, DOWN),
        ({"drained": True}, DRAINED),
        ({"silent": True}, SILENT),
        ({"refusing": True}, REFUSING),
        ({"sessions": 100}, FULL),
        ({"sessions": 0, "answered": 100}, FULL),
        ({"calling": 5}, BUSY),
        ({"sessions": 90}, SHORT),
        ({"sessions": 89}, ""),
        ({"idle": 9}, SHORT),
        ({"idle": 10}, ""),
        # Of what a node has not said nothing is made.
        ({"sessions": None, "most_sessions": None, "idle": None}, ""),
        # It may have none at all.
        ({"sessions": 0, "most_sessions": 0}, FULL),
    ],
)
def test_o4_a_node_has_one_trouble(changed: dict[str, int | bool | None], why: str) -> None:
    assert trouble(msgspec.structs.replace(WELL, **changed), MOST) == why


@given(NODES, st.randoms(use_true_random=False))
def test_o4_every_node_that_may_is_in_the_order_once_and_no_other(
    nodes: list[NodeState], random: Random
) -> None:
    order = nodes_in_order(nodes, MOST)
    assert Counter(order) == Counter(
        node.name for node in nodes if trouble(node, MOST) in ("", SHORT)
    )
    random.shuffle(nodes)
    assert nodes_in_order(nodes, MOST) == order


@given(NODES)
def test_o4_who_is_short_comes_last_and_else_the_load_counts(nodes: list[NodeState]) -> None:
    by_name = {node.name: node for node in nodes}
    order = [by_name[name] for name in nodes_in_order(nodes, MOST)]
    for before, after in pairwise(order):
        short = [trouble(node, MOST) == SHORT for node in (before, after)]
        assert short != [True, False]
        if short[0] == short[1]:
            assert before.live * after.capacity <= after.live * before.capacity


@given(st.integers(1, 40), st.integers(1, 4))
def test_o4_calls_are_spread_by_what_each_node_may_have(calls: int, times: int) -> None:
    """Whoever may have so many times as much gets so many times as many calls, give or take one."""
    nodes = [
        NodeState("big", most_sessions=1000 * times),
        NodeState("small", most_sessions=1000),
    ]
    for _ in range(calls):
        first = nodes_in_order(nodes, MOST)[0]
        nodes = [
            msgspec.structs.replace(node, answered=node.answered + (node.name == first))
            for node in nodes
        ]
    big, small = (node.answered for node in nodes)
    assert abs(big - times * small) <= times
