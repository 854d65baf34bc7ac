"""S1: an uploaded sound is on every node, within seconds, and who lacks one is known (O3, O5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.admin.directory import Directory
from controller.admin.model import Kind
from controller.app import Controller
from controller.runtime import delivery
from controller.settings import Node, Sounds
from tests.peer.world import World
from tests.seed import ADMIN, directory
from tests.sounding import recording


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks something is asked again soon."""
    monkeypatch.setattr(delivery, "LOOK_SECONDS", 0.1)


@pytest.fixture
def store(world: World) -> Directory:
    return directory(world.engine)


def upload(store: Directory, name: str, hertz: float = 440) -> str:
    """Upload a sound, and give its file's name."""
    if not store.list(ADMIN, Kind.SOUND, {"name": name}).items:
        store.create(ADMIN, Kind.SOUND, {"name": name})
    item = store.upload(ADMIN, f"en/{name}", recording(hertz))
    return Path(item.values["switch_path"]).name


def missing(controller: Any, node: str = "sim1") -> float | None:
    value: float | None = controller.metrics.registry.get_sample_value(
        "callbackd_sounds_missing", {"node": node}
    )
    return value


def test_s1_a_sound_is_where_the_switch_plays_it_at_the_start_and_after_a_change(
    world: World, store: Directory
) -> None:
    first = upload(store, "bye")
    controller = world.controller()
    place = world.directory / "sounds" / "en"
    world.wait((place / first).exists)
    assert {path.name for path in (place / "8000", place / "16000") if (path / first).exists()} == {
        "8000",
        "16000",
    }
    second = upload(store, "bye", 800)
    assert second != first
    world.wait((place / second).exists)
    world.wait(lambda: controller.delivery.nodes(str(place / second)) == {"sim1": True})
    found = controller.services.sounds.get().resolve("bye", client="main", language="en")
    assert found == str(place / second)
    assert controller.delivery.fault is None
    assert missing(controller) == 0


def test_o3_a_node_that_lacks_a_sound_is_told_of_and_keeps_nothing_from_running(
    world: World, store: Directory
) -> None:
    """Such as one on another machine, where nothing was mirrored yet."""
    lost = world.switch.applications.sounds.missing
    lost.add("bye-")
    controller = world.controller()
    name = upload(store, "bye")
    kept = upload(store, "hello", 800)
    place = world.directory / "sounds" / "en"
    world.wait(lambda: missing(controller) == 1)
    assert controller.delivery.nodes(str(place / name)) == {"sim1": False}
    assert controller.delivery.nodes(str(place / kept)) == {"sim1": True}
    fault = controller.delivery.fault
    assert fault is not None
    assert fault.startswith(f"sim1 lacks 1 of {world.directory}/sounds; ")
    assert "callbackd sound mirror --watch" in fault
    # It is degraded, and ready.
    assert set(controller.readiness().values()) == {None}
    lost.discard("bye-")
    world.wait(lambda: missing(controller) == 0)
    assert controller.delivery.fault is None


def test_o5_a_node_that_comes_up_anew_is_asked_for_all_of_them(
    world: World, store: Directory
) -> None:
    name = upload(store, "bye")
    controller = world.controller()
    path = str(world.directory / "sounds" / "en" / name)
    world.wait(lambda: controller.delivery.nodes(path) == {"sim1": True})
    # It was set up anew meanwhile, without its files.
    world.switch.applications.sounds.missing.add("bye-")
    controller.delivery.link_up(controller.services.links["sim1"])
    world.wait(lambda: controller.delivery.nodes(path) == {"sim1": False})


def test_s1_a_node_that_was_never_reached_is_known_for_neither(
    world: World, store: Directory
) -> None:
    name = upload(store, "bye")
    nodes = (world.settings().nodes[0], Node(name="far", port=1))
    controller = Controller(world.settings(nodes=nodes))
    world.controllers.append(controller)
    controller.start()
    path = str(world.directory / "sounds" / "en" / name)
    world.wait(lambda: controller.delivery.nodes(path) == {"sim1": True})
    assert missing(controller, "far") is None


def test_s1_a_directory_that_no_switch_can_be_told_is_said_to_be_one(
    world: World, store: Directory
) -> None:
    """The default is made of `data_dir`, which may be called anything."""
    upload(store, "bye")
    controller = world.controller(sounds=Sounds(directory=str(world.directory / "my sounds")))
    fault = controller.delivery.fault
    assert fault is not None
    assert "set sounds.directory to an absolute path without spaces" in fault


def test_o3_what_cannot_be_written_is_told(world: World, store: Directory) -> None:
    upload(store, "bye")
    (world.directory / "sounds").write_text("in the way")
    controller = world.controller()
    world.wait(lambda: controller.delivery.fault is not None)
    assert "en/bye-" in str(controller.delivery.fault)


def test_o3_readiness_names_it(world: World, store: Directory) -> None:
    upload(store, "bye")
    world.switch.applications.sounds.missing.add("bye-")
    world.process()
    world.wait(lambda: "lacks 1 of" in world.fetch("/readyz"))
    said = msgspec.json.decode(world.fetch("/readyz"))
    assert said["ready"] is True
    assert said["checks"]["uploaded_sounds"].startswith("sim1 lacks 1 of ")
