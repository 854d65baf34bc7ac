"""O4, O2: switches and controllers over HTTP: who sees them, who drains, what is audited."""

from __future__ import annotations

from typing import Any

import pytest

from controller.store.drains import read_drains
from controller.store.nodes_seen import NodeSeen, NodesSeen
from tests.web.world import RFC_3339, World, is_problem


def listed(world: World) -> dict[str, Any]:
    """Give the nodes by name, as an administrator sees them."""
    answer = world.get("/nodes").json
    assert answer["next"] is None
    return {item["name"]: item for item in answer["items"]}


def test_o4_nodes_are_listed_with_what_is_known_of_them(world: World) -> None:
    NodesSeen(world.engine).saw(
        NodeSeen("fs1", world.now, "other", "1.11.1", sessions=95, most_sessions=100, idle=50)
    )
    NodesSeen(world.engine).saw(NodeSeen("fs3", world.now, "core-of-fs3"))
    nodes = listed(world)
    assert list(nodes) == ["fs1", "fs2", "fs3"]
    assert RFC_3339.match(nodes["fs1"].pop("seen"))
    assert nodes["fs1"] == {
        "name": "fs1", "source": "configured", "linked": True, "health": "short",
        "core": "core-of-fs1", "version": "1.11.1", "calling": 0, "answered": 0, "sessions": 95,
        "most_sessions": 100, "idle": 50, "drained_since": None, "drained_by": None,
        "reason": None,
    }  # fmt: skip
    assert (nodes["fs2"]["source"], nodes["fs2"]["linked"]) == ("discovered", False)
    assert (nodes["fs2"]["health"], nodes["fs2"]["seen"]) == ("down", None)
    # Other controllers have it, and this one has not.
    assert (nodes["fs3"]["source"], nodes["fs3"]["linked"]) == ("elsewhere", None)
    assert (nodes["fs3"]["health"], nodes["fs3"]["core"]) == ("well", "core-of-fs3")


def test_o4_a_node_is_drained_and_resumed(world: World) -> None:
    made = world.ask("PUT", "/nodes/fs1", {"reason": "new kernel"})
    assert made.status == 201
    assert made.json == listed(world)["fs1"]
    assert (made.json["health"], made.json["reason"]) == ("drained", "new kernel")
    assert made.json["drained_by"] == "admin"
    assert RFC_3339.match(made.json["drained_since"])
    again = world.ask("PUT", "/nodes/fs1", {})
    assert (again.status, again.json["reason"]) == (200, "")
    assert again.json["drained_since"] == made.json["drained_since"]
    assert [drain.name for drain in read_drains(world.engine)] == ["fs1"]
    gone = world.ask("DELETE", "/nodes/fs1")
    assert (gone.status, gone.body) == (204, b"")
    assert listed(world)["fs1"]["health"] == "well"
    is_problem(world.ask("DELETE", "/nodes/fs1"), 404)


def test_o4_one_that_is_gone_is_resumed_still(world: World) -> None:
    """Its drain is what is known of it: it is listed for as long as that is there."""
    NodesSeen(world.engine).saw(NodeSeen("old", world.now))
    world.ask("PUT", "/nodes/old", {})
    NodesSeen(world.engine).forget("old")
    assert listed(world)["old"]["source"] == "elsewhere"
    assert world.ask("DELETE", "/nodes/old").status == 204
    assert "old" not in listed(world)


@pytest.mark.parametrize("name", ["fs9", "%00", "fs1%0a", "a" * 65, "fs1/x"])
def test_what_is_no_node_is_404(still: World, name: str) -> None:
    is_problem(still.ask("PUT", f"/nodes/{name}", {}), 404)
    is_problem(still.ask("DELETE", f"/nodes/{name}"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"reason": "two\nlines"}, "reason"), ({"reason": 1}, "reason"), ({"name": "x"}, "name")],
)
def test_a_drain_that_cannot_be_names_its_field(
    still: World, body: dict[str, Any], field: str
) -> None:
    assert is_problem(still.ask("PUT", "/nodes/fs1", body), 422, "invalid")["field"] == field


def test_o4_controllers_are_listed(still: World) -> None:
    one, two = still.get("/controllers").json["items"]
    assert RFC_3339.match(one.pop("since"))
    assert one == {
        "name": "one", "state": "serving", "address": "192.0.2.1:8084", "web": "192.0.2.1:8085",
        "version": "", "legs": 3, "busy": False, "away_since": None,
    }  # fmt: skip
    assert (two["name"], two["state"]) == ("two", "away")
    assert RFC_3339.match(two["away_since"])


def test_o2_nodes_are_the_operators(world: World) -> None:
    for token in ("acme", "acme-reads"):
        for path in ("/nodes", "/controllers"):
            is_problem(world.get(path, token=token), 403)
    for path in ("/nodes", "/controllers"):
        assert world.get(path, token="reads").status == 200
        is_problem(world.get(f"{path}?limit=1"), 400, "parameter")
    for token in ("acme", "acme-reads", "reads"):
        is_problem(world.ask("PUT", "/nodes/fs1", {}, token=token), 403)
        is_problem(world.ask("DELETE", "/nodes/fs1", token=token), 403)
    assert read_drains(world.engine) == ()


def test_o2_who_drained_what_is_in_the_audit_log(world: World) -> None:
    world.ask("PUT", "/nodes/fs1", {"reason": "new kernel"})
    world.ask("PUT", "/nodes/fs1", {"reason": "new kernel"})
    world.ask("PUT", "/nodes/fs1", {"reason": "new disk"})
    world.ask("DELETE", "/nodes/fs1")
    found = world.get("/audit?kind=node&key=fs1").json["items"]
    assert [(one["actor"], one["action"], one["before"], one["after"]) for one in found] == [
        ("admin", "delete", {"reason": "new disk"}, None),
        ("admin", "change", {"reason": "new kernel"}, {"reason": "new disk"}),
        ("admin", "create", None, {"reason": "new kernel"}),
    ]
