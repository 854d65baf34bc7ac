"""`callbackd check`, and what a controller finds by itself: before a caller meets it (S1, S2)."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import gevent
from gevent import subprocess

from tests.peer.world import PATIENCE, World


def check(world: World, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the command; give its exit status and what it found."""
    config = world.directory / "check.toml"
    config.write_text(
        f'data_dir = "{world.directory}"\n'
        f'[[nodes]]\nname = "sim1"\nport = {world.switch.address[1]}\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "controller", "--config", str(config), "check", "--json"],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    said = json.loads(done.stdout)
    assert said["well"] == (done.returncode == 0)
    found: list[dict[str, Any]] = said["findings"]
    return int(done.returncode), found


def wrong(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give what is not as it should be."""
    return [(one["subject"], one["text"]) for one in found if not one["well"]]


def test_s2_all_that_is_there_is_said_to_be(world: World) -> None:
    world.extension()
    status, found = check(world)
    assert wrong(found) == []
    assert status == 0
    assert {one["subject"] for one in found} >= {"settings", "database", "node", "sounds"}


def test_s1_s2_a_missing_sound_of_each_kind_is_named_with_its_remedy(world: World) -> None:
    """A stock sound, one of our own, a say module, and a sound that an extension names."""
    world.extension(
        language="de",
        prompts={"sorry": "/own/sorry.wav"},
        sound_before_disconnecting="/own/over.wav",
    )
    world.switch.applications.missing.update({"vm-goodbye", "callback/credit_menu", "/own/over"})
    status, found = check(world)
    assert status == 1
    named = " ".join(text for _, text in wrong(found))
    for missing in ("vm-goodbye.wav", "callback/credit_menu.wav", "/own/over.wav", "mod_say_de"):
        assert missing in named
    assert "/own/sorry.wav" not in named
    assert all(one["remedy"] for one in found if not one["well"])


def test_d3_an_emergency_channel_that_there_is_not_is_said_so(world: World) -> None:
    world.extension()
    emergency = {
        "CALLBACKD_ROUTE__EMERGENCY_CHANNEL": "gone",
        "CALLBACKD_ROUTE__EMERGENCY_CALLER_ID": "+12025550111",
    }
    status, found = check(world, **emergency)
    assert status == 1
    ((subject, text),) = wrong(found)
    assert (subject, "no channel gone" in text) == ("settings", True)


def test_o3_without_the_database_nothing_is_said_of_what_it_has(world: World) -> None:
    """O3: who makes an emergency channel anew that is there has two, and no database still."""
    emergency = {
        "CALLBACKD_ROUTE__EMERGENCY_CHANNEL": "pstn",
        "CALLBACKD_ROUTE__EMERGENCY_CALLER_ID": "+12025550111",
    }
    away = "postgresql://callbackd@127.0.0.1:1/callbackd?connect_timeout=2"
    world.switch.applications.missing.add("vm-goodbye")
    status, found = check(world, CALLBACKD_DATABASE__URL=away, **emergency)
    assert status == 1
    assert {subject for subject, _ in wrong(found)} == {"database", "sounds"}
    of_sounds = [(one["level"], one["text"]) for one in found if one["subject"] == "sounds"]
    assert [level for level, _ in of_sounds] == ["warning", "error"]
    assert "were not compared" in of_sounds[0][1]
    assert "vm-goodbye" in of_sounds[1][1]
    world.switch.applications.missing.clear()
    _, found = check(world, CALLBACKD_DATABASE__URL=away)
    assert [one["level"] for one in found if one["subject"] == "sounds"] == ["warning"]


def test_m7_a_switch_without_call_records_is_warned_of(world: World) -> None:
    """M7: what ends while no controller sees it is then estimated."""
    status, found = check(world)
    (warning,) = [one for one in found if one["subject"] == "call records"]
    assert "mod_json_cdr" in warning["remedy"]
    assert (status, warning["well"]) == (0, True)
    world.switch.applications.sounds.modules.add("mod_json_cdr")
    _, found = check(world)
    assert not [one for one in found if one["subject"] == "call records"]


def test_m7_records_that_cannot_be_read_are_said_so(world: World) -> None:
    world.switch.applications.sounds.modules.add("mod_json_cdr")
    port, gone = world.switch.address[1], world.directory / "gone"
    nodes = f'[{{name = "sim1", port = {port}, records_dir = "{gone}"}}]'
    status, found = check(world, CALLBACKD_NODES=nodes)
    assert status == 1
    ((subject, text),) = wrong(found)
    assert (subject, str(gone) in text) == ("call records", True)


def test_a_node_that_does_not_answer_or_does_not_know_us_is_said_so(world: World) -> None:
    status, found = check(world, CALLBACKD_NODES='[{name = "sim1", port = 1}]')
    assert status == 1
    assert [subject for subject, _ in wrong(found)] == ["node"]
    port = world.switch.address[1]
    nodes = f'[{{name = "sim1", port = {port}, password = "wrong"}}]'
    status, found = check(world, CALLBACKD_NODES=nodes)
    assert status == 1
    (refused,) = [one for one in found if not one["well"]]
    assert "password" in refused["remedy"]


def test_s2_what_a_node_lacks_is_found_when_its_link_comes_up(world: World) -> None:
    """S2, O3: it is counted and told by readiness, which stays ready."""
    world.extension(language="de")
    world.switch.applications.missing.add("/de/de/")
    controller = world.controller()
    with gevent.Timeout(PATIENCE):
        while controller.services.sound_watch.fault is None:
            gevent.sleep(0.02)
    assert "sim1 lacks" in controller.services.sound_watch.fault
    assert "callbackd check" in controller.services.sound_watch.fault
    labels = {"node": "sim1"}
    found = controller.metrics.registry.get_sample_value("callbackd_prompts_missing", labels)
    assert found is not None
    assert found > 10
    assert controller.readiness()["nodes"] is None
    absent = controller.services.sound_watch.absent["sim1"]
    assert any(name.endswith("de/de/default/voicemail/vm-goodbye.wav") for name in absent)


def test_o3_what_a_node_needs_and_lacks_is_named_with_its_remedy(world: World) -> None:
    """O3: its release, its modules, its dialplan's contexts, and its clock."""
    world.extension()
    _, found = check(world)
    told = {one["subject"]: one["level"] for one in found if one["node"] == "sim1"}
    assert {told[name] for name in ("release", "clock", "sounds")} == {"ok"}
    assert not {"modules", "dialplan"} & told.keys()
    world.switch.applications.sounds.modules.remove("mod_tone_stream")
    world.switch.version = "1.10.12-release"
    status, found = check(world, CALLBACKD_ROUTE__CONTEXT="elsewhere")
    assert status == 1
    levels = {one["subject"]: (one["level"], one["text"]) for one in found if one["node"] == "sim1"}
    assert levels["modules"] == ("error", "mod_tone_stream is not loaded, which plays silence")
    assert levels["release"][0] == "warning"
    assert levels["dialplan"] == (
        "error", "there is no context elsewhere: return calls end at once",
    )  # fmt: skip
