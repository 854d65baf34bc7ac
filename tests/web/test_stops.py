"""O6: the switch that stops callbacks, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.callback_shapes import StopScope
from tests.web.world import ADMIN, RFC_3339, World, is_problem

PATHS = ("/stops/everywhere", "/stops/client/acme", "/stops/extension/1001")


def stops(world: World, token: str = "admin") -> list[tuple[str, str]]:
    """Give what somebody sees to be stopped."""
    return [(s["scope"], s["name"]) for s in world.get("/stops", token=token).json["items"]]


@pytest.mark.parametrize("path", PATHS)
def test_o6_callbacks_are_stopped_and_resumed(world: World, path: str) -> None:
    body = {"hang_up": True, "reason": "fraud"}
    answer = world.ask("PUT", path, body)
    assert answer.status == 201
    made = answer.json
    assert made in world.get("/stops").json["items"]
    assert RFC_3339.match(made.pop("since"))
    scope, _, name = path.removeprefix("/stops/").partition("/")
    assert made == {"scope": scope, "name": name, "actor": "admin", **body}
    changed = world.ask("PUT", path, {})
    assert (changed.status, changed.json["hang_up"], changed.json["reason"]) == (200, False, "")
    asked = {"extension": "1001", "number": "+12025550599"}
    assert world.ask("POST", "/callbacks", asked).json["outcome"] == "stopped"
    gone = world.ask("DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    assert world.ask("POST", "/callbacks", asked).json["state"] == "pending"
    is_problem(world.ask("DELETE", path), 404)
    # Bolt's is as it was.
    assert stops(world) == [("extension", "2001")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"hang_up": 1}, "hang_up"),
        ({"hang_up": None}, "hang_up"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"scope": "everywhere"}, "scope"),
        ({"since": 1}, "since"),
    ],
)
def test_a_stop_that_cannot_be_names_its_field(
    still: World, path: str, body: dict[str, Any], field: str
) -> None:
    assert is_problem(still.ask("PUT", path, body), 422, "invalid")["field"] == field


@pytest.mark.parametrize(
    "path",
    [
        "client/nobody", "extension/9001", "client/%00", "extension/1001%0a", "client/ACME",
        "everywhere/x", "everything/acme", "%00/acme", "client/" + "a" * 33, "extension/%EF%BC%91",
    ],
)  # fmt: skip
def test_what_cannot_be_stopped_is_404(still: World, path: str) -> None:
    is_problem(still.ask("PUT", f"/stops/{path}", {}), 404)
    is_problem(still.ask("DELETE", f"/stops/{path}"), 404)


def test_what_is_no_request_is_refused(still: World) -> None:
    for path in PATHS:
        is_problem(still.ask("PUT", path), 415)
        is_problem(still.ask("PUT", path, []), 400, "malformed")
        is_problem(still.ask("PUT", f"{path}?hang_up=true", {}), 400, "parameter")
        for method in ("POST", "PATCH", "GET"):
            is_problem(still.ask(method, path), 405)
    is_problem(still.get("/stops?scope=client"), 400, "parameter")
    is_problem(still.ask("PUT", "/stops", {}), 405)


def test_o6_a_client_stops_and_resumes_his_own(world: World) -> None:
    for path in PATHS[1:]:
        assert world.ask("PUT", path, {}, token="acme").status == 201
        assert world.ask("DELETE", path, token="acme").status == 204
    is_problem(world.ask("PUT", PATHS[0], {}, token="acme"), 403)
    is_problem(world.ask("DELETE", PATHS[0], token="acme"), 403)
    for path in PATHS:
        for token in ("reads", "acme-reads"):
            is_problem(world.ask("PUT", path, {}, token=token), 403)
            is_problem(world.ask("DELETE", path, token=token), 403)


def test_o6_what_the_operator_stopped_is_his(world: World) -> None:
    for path in PATHS[1:]:
        assert world.ask("PUT", path, {"reason": "unpaid"}).status == 201
        for method in ("DELETE", "PUT", "DELETE"):
            body: dict[str, Any] | None = {} if method == "PUT" else None
            problem = is_problem(world.ask(method, path, body, token="acme"), 403)
            assert problem["detail"].endswith("was stopped by the operator; ask him")
    assert {stop["reason"] for stop in world.get("/stops", token="acme").json["items"]} == {
        "unpaid"
    }


def test_o2_a_client_sees_what_stops_him_and_no_more(world: World) -> None:
    assert stops(world, "acme") == []
    assert stops(world, "bolt") == [("extension", "2001")]
    world.stopping.stop(ADMIN, StopScope.EVERYWHERE)
    world.stopping.stop(ADMIN, StopScope.CLIENT, "bolt")
    assert stops(world, "acme") == stops(world, "acme-reads") == [("everywhere", "")]
    assert len(stops(world, "bolt")) == len(stops(world, "reads")) == 3


def test_o2_who_stopped_what_is_in_the_audit_log(world: World) -> None:
    for path in PATHS:
        world.ask("PUT", path, {"reason": "fraud"})
        world.ask("DELETE", path)
        key = path.removeprefix("/stops/")
        found = world.get(f"/audit?kind=stop&key={key}").json["items"]
        assert [(one["actor"], one["action"]) for one in found] == [
            ("admin", "delete"),
            ("admin", "create"),
        ]
        assert found[1]["after"] == {"hang_up": False, "reason": "fraud"}
