"""O4, G1: which links are made for what is announced, and which are let go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from controller.esl.switch import SwitchLink
from controller.guard.announced import Announced, Announcement
from controller.metrics import Metrics
from controller.runtime.discovery import MOST_FOUND, Discovery
from controller.settings import Discovery as Found
from controller.settings import Node, Redis, Settings

ONE = "8c2e8bbf-6963-48b9-9906-7c58066908ef"
TWO = "1d07d9a9-920a-4a35-b9ee-2658933f40b0"


class Room:
    """What one controller has of switches, and what is announced."""

    def __init__(self) -> None:
        self.announced: list[Announced] = []
        self.open: list[str] = []
        self.forgotten: list[str] = []
        self.links: dict[str, SwitchLink] = {}
        self.discovered: set[str] = set()
        self.metrics = Metrics()
        never: Any = None
        services = SimpleNamespace(
            settings=Settings(
                nodes=(),
                redis=Redis(url="redis://192.0.2.9"),
                discovery=Found(allow=("192.0.2.0/24",), password="x"),
            ),
            metrics=self.metrics,
            links=self.links,
            reads=SimpleNamespace(run=lambda function, *args: function(*args)),
            write=lambda function, *args: function(*args),
            requests=SimpleNamespace(open_on=self.open.count),
        )
        seen = SimpleNamespace(forget=self.forgotten.append)
        self.discovery = Discovery(cast(Any, services), cast(Any, self), never, cast(Any, seen))
        self.discovery._announcements = cast(Any, SimpleNamespace(all=lambda: self.announced))

    def add(self, node: Node) -> None:
        """Make a link."""
        never: Any = None
        self.links[node.name] = SwitchLink(
            node.name, node.host, node.port, "x", on_event=never, on_up=never, on_down=never,
            events=(),
        )  # fmt: skip
        self.discovered.add(node.name)

    def remove(self, name: str) -> None:
        """Let go of one."""
        self.discovered.discard(name)
        del self.links[name]

    def up(self, name: str, core: str) -> None:
        """A link is up, to a switch of this run."""
        self.links[name].core = core
        self.links[name].up.set()

    def look(self, *names: str, host: str = "192.0.2.7") -> None:
        """So many are announced now."""
        place = Announcement(host, 8021)
        self.announced = [Announced(name, 1000, place) for name in names]
        self.discovery.look()

    def refused(self, why: str) -> float:
        """How many were refused for a reason."""
        return float(self.metrics.announcements_refused.labels(why)._value.get())


@pytest.fixture
def room() -> Room:
    return Room()


def test_o4_a_switch_of_another_name_has_one_link_when_its_calls_are_over(room: Room) -> None:
    """Else who drains it by its new name would find calls sent there by the old one."""
    room.look("old")
    room.up("old", ONE)
    room.look("new")
    assert list(room.links) == ["old", "new"]
    room.up("new", ONE)
    room.open.append("old")
    room.look("new")
    assert list(room.links) == ["old", "new"]
    room.open.clear()
    room.look("new")
    assert list(room.links) == ["new"]
    assert room.forgotten == ["old"]
    room.look()
    assert list(room.links) == ["new"]


@pytest.mark.parametrize("cores", [(ONE, TWO), ("", ""), ("-ERR no reply", "-ERR no reply")])
def test_o4_a_switch_that_works_without_its_announcer_is_left_to_work(
    room: Room, cores: tuple[str, str]
) -> None:
    room.look("one", "two")
    for name, core in zip(("one", "two"), cores, strict=True):
        room.up(name, core)
    room.look("two")
    room.look()
    assert list(room.links) == ["one", "two"]


def test_g1_so_many_are_found_and_no_more(room: Room) -> None:
    names = [f"fs{number}" for number in range(MOST_FOUND + 2)]
    room.look(*names)
    assert list(room.links) == names[:MOST_FOUND]
    assert room.refused("many") == 2
    # Those that are there stay, and are not refused for the others.
    room.look(*reversed(names))
    assert (len(room.links), room.refused("many")) == (MOST_FOUND, 2)


def test_g1_of_whoever_is_refused_little_is_kept_and_said(room: Room) -> None:
    """Whoever writes to Redis may announce another name each time."""
    with capture_logs() as logs:
        for turn in range(2):
            names = [f"fs{turn}-{number}" for number in range(MOST_FOUND + 9)]
            room.look(*names, host="198.51.100.7")
            room.look(*names[:9], host="198.51.100.7")
            assert len(room.discovery._doubted) == 9
    assert room.links == {}
    assert room.refused("address") == 2 * (MOST_FOUND + 9)
    # Nine were spoken of already when the second lot came.
    assert len(logs) == 2 * MOST_FOUND - 9
