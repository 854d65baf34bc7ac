"""The files of deploy/ fit the service as it is."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli import main
from controller.runtime.draining import ENDING_SECONDS
from controller.runtime.probing import ANSWER_SECONDS
from controller.settings import load

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_o1_the_example_is_taken_as_it_is() -> None:
    """O1: every setting of the example exists, and is one that the service takes."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    assert settings.nodes[0].name == "fs1"


def of_the_unit(name: str = "callbackd", section: str = "Service") -> configparser.SectionProxy:
    """Read what systemd is told of a service."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / f"{name}.service")
    return unit[section]


def test_o4_the_unit_waits_longer_than_a_drain() -> None:
    """O4: systemd must not kill a controller that is still draining."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    service = of_the_unit()
    assert int(service["TimeoutStopSec"]) >= settings.drain_seconds + ENDING_SECONDS
    assert service["KillSignal"] == "SIGTERM"
    assert service["ExecStart"].endswith("serve")


def test_o4_the_unit_is_up_when_it_says_so_and_frozen_when_the_others_have_its_calls() -> None:
    """O4: systemd is told; the others judge a frozen one before it is ended."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    service = of_the_unit()
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) > settings.presence.lease_seconds + 2 * ANSWER_SECONDS
    assert service["Restart"] == "always"


@pytest.mark.parametrize("name", ["callbackd", "callbackd-announce"])
def test_o5_systemd_never_gives_a_service_up(name: str) -> None:
    """O5: one that starts while its database is away is there when that is back."""
    assert of_the_unit(name, "Unit")["StartLimitIntervalSec"] == "0"


def test_o4_the_announcer_s_unit_runs_what_there_is() -> None:
    """O4: a command, with options that it has."""
    words = of_the_unit("callbackd-announce")["ExecStart"].split()
    command = main.commands[words[3]].commands[words[4]]  # type: ignore[attr-defined]
    with command.make_context(words[4], words[5:], resilient_parsing=False) as made:
        assert made.params["address"] == "192.0.2.7"


UNITS = ("callbackd", "callbackd-announce")


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_leaves_the_service_nothing_that_it_does_not_need(name: str) -> None:
    service = of_the_unit(name)
    for option in (
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectControlGroups",
        "RestrictNamespaces",
        "RestrictSUIDSGID",
        "LockPersonality",
    ):
        assert service[option] == "yes", option
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] == "callbackd"
    assert service["UMask"] == "0077"
    if "StateDirectory" not in service:
        return
    # What it makes is its own.
    assert (service["UMask"], service["StateDirectoryMode"]) == ("0077", "0700")
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    assert settings.data_dir == f"/var/lib/{service['StateDirectory']}"


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8")
    unit = tmp_path / f"{name}.service"
    # The program is not installed here.
    unit.write_text(text.replace("/usr/local/bin/callbackd", sys.executable), encoding="utf-8")
    command = [analyze, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "bus" in done.stderr.lower():
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()[:200]}")
    # It speaks of other units of this machine too.
    ours = [line for line in done.stderr.splitlines() if "callbackd" in line]
    assert ours == []
