"""What an administrator changes is what the next call meets, at every controller."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import msgspec
import pytest
from gevent import subprocess

from controller.admin.model import Kind
from controller.app import Controller
from controller.policy.model import Policy
from tests.peer.world import DID, PATIENCE, World
from tests.redis_servers import until
from tests.seed import ADMIN, directory


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, controllers=2)
    yield made
    made.close()


def patch(controller: Controller, token: str, path: str, values: dict[str, Any]) -> int:
    """Change a record through the API; give the status."""
    host, port = controller.health.address
    request = urllib.request.Request(
        f"http://{host}:{port}/api/v1{path}",
        data=msgspec.json.encode(values),
        method="PATCH",
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/merge-patch+json",
            "If-Match": "*",
        },
    )

    def send() -> int:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)

    # urllib would hold up the hub, and the controller with it.
    status: int = gevent.get_hub().threadpool.apply(send)
    return status


def met(controller: Controller) -> Policy:
    """The policy that a call would meet."""
    found = controller.policies.by_dids(["+" + DID])
    assert found is not None
    return found[1]


def well(controller: Controller) -> bool:
    """Whether its cache is whole."""
    return controller.policies.fault is None


def rings(controller: Controller, seconds: int) -> bool:
    """Whether a call would ring so long."""
    return met(controller).ring_seconds == seconds


def test_a_change_through_the_api_is_met_by_the_next_call(world: World) -> None:
    world.extension()
    first, second = world.controller(0), world.controller(1)
    for controller in (first, second):
        until(partial(well, controller), "Redis is used", pause=gevent.sleep)
        assert met(controller).enabled
    _, token = directory(world.engine).issue_token(ADMIN, {"name": "ops", "role": "admin"})
    assert patch(first, token, "/extensions/1001", {"enabled": False}) == 200
    # Where it was changed at once, everywhere else without being asked.
    assert not met(first).enabled
    until(lambda: not met(second).enabled, "the other controller knows", pause=gevent.sleep)
    world.ring()
    (request,) = world.ended()
    assert (request.state, request.outcome) == ("refused", "disabled")
    assert patch(second, token, "/clients/main", {"contact_name": "Acme"}) == 200
    assert patch(second, token, "/extensions/1001", {"enabled": True}) == 200
    until(lambda: met(first).caller_id_name == "Acme", "the first knows", pause=gevent.sleep)
    until(lambda: met(first).enabled, "the first knows", pause=gevent.sleep)


def test_a_change_by_a_command_is_met_by_running_controllers(world: World) -> None:
    world.extension()
    controller = world.controller(0)
    assert met(controller).ring_seconds == 1
    command = (sys.executable, "-m", "controller", "extension", "set", "1001")
    done = subprocess.run(
        [*command, "--ring-seconds", "3"],
        env={**os.environ, "CALLBACKD_DATA_DIR": str(world.directory)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    until(lambda: met(controller).ring_seconds == 3, "it is known", pause=gevent.sleep)


def test_a_change_behind_every_back_is_met_all_the_same(world: World) -> None:
    """Somebody who wrote to the database and could tell nobody: the log of changes has it."""
    world.extension()
    first, second = world.controller(0), world.controller(1)
    for controller in (first, second):
        assert met(controller).ring_seconds == 1
    directory(world.engine).change(ADMIN, Kind.EXTENSION, "1001", {"ring_seconds": 4})
    for controller in (first, second):
        until(partial(rings, controller, 4), "it is known", pause=gevent.sleep)
