"""G1: `callbackd check --switch` asks each node how it is set up, and says what is unsafe there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent import subprocess

from controller.simulator import Simulator

DIALPLAN = Path(__file__).parents[2] / "fs-config" / "dialplan"
PASSWORD = "pQ3rT8vX1zB5nM7kL2wY9cD4"
OUT = """<include>
  <context name="callback_trigger">
    <extension name="out">
      <condition field="destination_number" expression="^(.*)$">
        <action application="bridge" data="sofia/gateway/pstn/$1"/>
      </condition>
    </extension>
  </context>
</include>
"""


@pytest.fixture
def switch() -> Iterator[Simulator]:
    made = Simulator(dialplan=DIALPLAN, password=PASSWORD, version="1.11.3-release")
    yield made.start()
    made.stop()


def check(
    directory: Path, *switches: Simulator, words: tuple[str, ...] = ("--json",), more: str = ""
) -> tuple[int, str]:
    """Run the command; give its exit status and what it says."""
    config = directory / "check.toml"
    nodes = (
        f'[[nodes]]\nname = "sim{at}"\nport = {one.address[1]}\npassword = "{one.password}"\n'
        for at, one in enumerate(switches)
    )
    config.write_text(f'data_dir = "{directory}"\n' + "".join(nodes) + more)
    done = subprocess.run(
        [sys.executable, "-m", "controller", "--config", str(config), "check", "--switch", *words],
        capture_output=True,
        env=dict(os.environ),
        timeout=60,
    )
    assert done.stderr == b""
    said = done.stdout.decode()
    assert not any(one.password in said for one in switches)
    return int(done.returncode), said


def found(said: str, *, well: bool) -> list[tuple[str | None, str, str]]:
    """Give what is said of nodes: which, of what, and the text; all but what is simply well."""
    findings: list[dict[str, Any]] = json.loads(said)["findings"]
    return [
        (one["node"], one["subject"], one["text"])
        for one in findings
        if one["well"] is well and one["remedy"]
    ]


def test_a_switch_that_is_set_up_as_ours_is_safe(switch: Simulator, tmp_path: Path) -> None:
    status, said = check(tmp_path, switch)
    assert (status, found(said, well=False), found(said, well=True)) == (0, [], [])
    assert "callback_public" in said
    assert not list(tmp_path.glob("*.sqlite3")), "it makes no database"


def test_each_thing_that_is_unsafe_is_named_and_changes_the_status(
    switch: Simulator, tmp_path: Path
) -> None:
    """Of two nodes, the one that is safe is said nothing of."""
    (tmp_path / "out.xml").write_text(OUT)
    unsafe = Simulator(dialplan=tmp_path / "out.xml", version="1.11.1-release")
    unsafe.configuration.core["api-expansion"] = "true"
    unsafe.configuration.core["sessions-per-second"] = "1000"
    unsafe.configuration.event_socket = {"listen-ip": "0.0.0.0"}
    del unsafe.configuration.profile["apply-inbound-acl"]
    unsafe.configuration.profile.update(
        {"enable-chat": "true", "disable-transfer": "false", "extended-info-parsing": "true"}
    )
    unsafe.applications.sounds.modules |= {"mod_xml_rpc", "mod_conference"}
    with unsafe:
        status, said = check(tmp_path, switch, unsafe)
    assert status == 1
    named = found(said, well=False)
    assert {node for node, _, _ in named} == {"sim1"}
    assert sorted(subject for _, subject, _ in named) == [
        "core",
        "dialplan",
        "event socket",
        "modules",
        "password",
        "profile",
        "profile",
        "profile",
        "release",
    ]
    warned = {subject for _, subject, _ in found(said, well=True)}
    assert warned == {"core", "profile", "dialplan", "modules"}


def test_what_a_switch_does_not_say_is_said_to_be_unknown(
    switch: Simulator, tmp_path: Path
) -> None:
    """A shared switch may have its XML from elsewhere, and an old one lacks commands."""
    switch.configuration.event_socket = None
    del switch.api._table["fsctl"]
    status, said = check(tmp_path, switch)
    assert (status, found(said, well=False)) == (0, [])
    unknown = found(said, well=True)
    assert [subject for _, subject, _ in unknown] == ["event socket", "core", "core", "core"]
    assert all("cannot be found out" in text for _, _, text in unknown)


def test_it_is_told_in_words_and_a_node_that_does_not_answer_is_named(
    switch: Simulator, tmp_path: Path
) -> None:
    switch.configuration.core["api-expansion"] = "true"
    status, said = check(tmp_path, switch, words=())
    assert status == 1
    (line,) = [one for one in said.splitlines() if one.startswith("UNSAFE ")]
    assert "core of sim0" in line
    switch.stop_listening()
    status, said = check(tmp_path, switch)
    assert status == 1
    assert [subject for _, subject, _ in found(said, well=False)] == ["node"]


def test_g1_the_way_to_the_platform_is_ours_too(switch: Simulator, tmp_path: Path) -> None:
    """G1: a profile by which calls of ours leave is judged so, and not as some other work's."""
    switch.configuration.profile.update({"context": "public", "disable-transfer": "false"})
    more = '[route]\ninternal_gateway = "pstn"\ninternal_lengths = [4]\n'
    assert "REFER" not in check(tmp_path, switch)[1]
    status, said = check(tmp_path, switch, more=more)
    assert status == 1
    assert "takes REFER" in said


def test_g1_without_the_channels_it_says_what_it_could_not_tell(
    switch: Simulator, tmp_path: Path
) -> None:
    """G1: whose a profile is, is known by them: "nothing unsafe" is not all that is said then."""
    (tmp_path / "callbackd.sqlite3").write_bytes(b"no database of anybody's" * 99)
    status, said = check(tmp_path, switch)
    assert status == 0
    ((node, subject, _),) = found(said, well=True)
    assert (node, subject) == (None, "database")


def test_it_asks_and_changes_nothing(switch: Simulator, tmp_path: Path) -> None:
    asked: list[str] = []
    run = switch.api.run
    switch.api.run = lambda text: asked.append(text) or run(text)  # type: ignore[method-assign,func-returns-value]
    check(tmp_path, switch)
    words = {" ".join(one.split()[:2]) if one.startswith(("fs", "so")) else one.split()[0]
             for one in asked}  # fmt: skip
    assert words == {
        "acl",
        "fsctl api_expansion",
        "fsctl max_sessions",
        "fsctl sps",
        "module_exists",
        "sofia xmlstatus",
        "version",
        "xml_locate",
    }
    assert all(len(one.split()) == 2 for one in asked if one.startswith("fsctl"))
