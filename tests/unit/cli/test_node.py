"""O4, O2: switches and controllers on the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from controller.cache.metrics import PresenceMetrics
from controller.cache.presence import Member, Presence
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.drains import read_drains
from controller.store.nodes_seen import NodeSeen, NodesSeen

from .running import Run, ok, redis_of, refused, said, told
from .test_completion import complete


@pytest.fixture
def engine(stocked: Run, data: Path) -> Iterator[Engine]:
    """The store of the commands, in which a controller has seen two switches."""
    made = open_database(Settings(data_dir=str(data)).database_url)
    now = time.time_ns() // 1000
    for name, idle in (("fs1", 60), ("fs2", 5)):
        NodesSeen(made).saw(NodeSeen(name, now, f"core-{name}", "1.11.1", 2, 1000, idle))
    yield made
    made.dispose()


def test_o4_nodes_are_listed(stocked: Run, engine: Engine) -> None:
    one, two = said(stocked("node", "list", "--json"))
    assert (one["name"], one["source"], one["health"]) == ("fs1", "configured", "well")
    assert (two["name"], two["source"], two["health"]) == ("fs2", "elsewhere", "short")
    # A command has no link to any.
    assert one["linked"] is None
    assert one["seen"].endswith("Z")
    head, first, *_ = told(ok(stocked("node", "list")))
    assert head.startswith("name health answered calling sessions most sessions idle seen")
    assert first.startswith("fs1 well 0 0 2 1000 60 20")


def test_o4_a_node_is_drained_and_resumed_and_audited(stocked: Run, engine: Engine) -> None:
    drained = ok(stocked("node", "drain", "fs2", "--reason", "new kernel"))
    assert drained == "drained fs2; 0 of its calls go on\n"
    assert [(one.name, one.reason) for one in read_drains(engine)] == [("fs2", "new kernel")]
    assert read_drains(engine)[0].actor.startswith("cli:")
    again = stocked("node", "drain", "fs2", "--json")
    assert (said(again)["health"], said(again)["reason"]) == ("drained", "")
    assert ok(stocked("node", "resume", "fs2")) == "resumed fs2\n"
    refused(stocked("node", "resume", "fs2"), "node fs2 is not drained")
    lines = said(stocked("audit", "list", "--kind", "node", "--json"))
    assert [line["action"] for line in lines] == ["delete", "change", "create"]


def test_o4_a_node_that_there_is_not_is_not_drained(stocked: Run, engine: Engine) -> None:
    for command in ("drain", "resume"):
        refused(stocked("node", command, "fs3"), "there is no node fs3")
    assert read_drains(engine) == ()


def test_o4_nodes_are_completed(stocked: Run, engine: Engine, data: Path) -> None:
    assert complete("callbackd node drain ", data) == ["fs1", "fs2"]
    assert complete("callbackd node resume fs2", data) == ["fs2"]


def test_o4_controllers_are_listed(stocked: Run, engine: Engine, data: Path) -> None:
    """By their leases; nothing is renewed by who looks."""
    refused(stocked("controller", "list"), "controllers are in Redis")
    with redis_of(data) as (redis, lineage):
        metrics = PresenceMetrics(CollectorRegistry())
        presence = Presence(redis, lineage, lease_seconds=8, now=time.time, metrics=metrics)
        assert said(stocked("controller", "list", "--json")) == []
        here = "192.0.2.1:8084"
        presence.renew(Member("one", "run", address=here, version="0.1", since=1, legs=3))
        (one,) = said(stocked("controller", "list", "--json"))
        assert (one["name"], one["state"], one["legs"]) == ("one", "serving", 3)
        assert one["away_since"] is None
        line = told(ok(stocked("controller", "list")))[1]
        assert line.startswith(f"one serving {here} 3 0.1")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--address: node fs1 is at 127.0.0.1"),
        (("--node", "fs9"), "there are: fs1"),
        (("--address", "switch.example"), "write an IP address"),
        (("--address", "192.0.2.7:0"), "write an IP address"),
        (("--address", "192.0.2.7"), "redis.url: is not set"),
        (("--address", "192.0.2.7", "--lease", "0"), "--lease"),
    ],
)
def test_o4_an_announcement_that_cannot_be_is_refused(
    run: Run, options: tuple[str, ...], says: str
) -> None:
    done = run("switch", "announce", *options)
    assert done.exit_code in (1, 2)
    assert says in done.stderr
