"""O4: where a controller says that the switches reach it."""

from __future__ import annotations

import pytest

from controller.settings import Discovery, Listen, Node, Settings
from controller.settings.addresses import for_switches

HERE = (Node(host="localhost"), Node(name="fs2", host="127.0.0.1"))
THERE = (*HERE, Node(name="fs3", host="192.0.2.20"))


@pytest.mark.parametrize(
    ("listen", "nodes", "known"),
    [
        (Listen(), HERE, "127.0.0.1:8084"),
        # The loopback of another machine is another one.
        (Listen(), THERE, ""),
        (Listen(host="192.0.2.7"), THERE, "192.0.2.7:8084"),
        (Listen(host="fd00::7"), THERE, "[fd00::7]:8084"),
        (Listen(host="cb.example.net"), THERE, "cb.example.net:8084"),
        (Listen(host="0.0.0.0"), HERE, ""),
        (Listen(host="::"), HERE, ""),
        (Listen(host="0.0.0.0", advertise="10.0.0.7:9000"), THERE, "10.0.0.7:9000"),
        (Listen(advertise="[fd00::7]:9000"), THERE, "[fd00::7]:9000"),
    ],
)
def test_o4_it_is_where_it_listens_unless_that_means_nothing_to_them(
    listen: Listen, nodes: tuple[Node, ...], known: str
) -> None:
    """O4: what is set counts; else an address that is the same for all of them."""
    assert for_switches(Settings(listen=listen, nodes=nodes), 8084) == known


def test_o4_switches_that_may_come_are_elsewhere() -> None:
    """O4: who announces himself is on another machine."""
    found = Discovery(allow=("192.0.2.0/24",), password="x")
    assert for_switches(Settings(nodes=(), discovery=found), 8084) == ""
