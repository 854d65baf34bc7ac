"""The files of deploy/ fit the service as it is."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.settings import load

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_o1_the_example_is_taken_as_it_is() -> None:
    """O1: every setting of the example exists, and is one that the service takes."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    assert settings.nodes[0].name == "fs1"


def of_the_unit() -> configparser.SectionProxy:
    """Read what systemd is told of the service."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "callbackd.service")
    return unit["Service"]


def test_o4_the_unit_waits_longer_than_a_drain() -> None:
    """O4: systemd must not kill a controller that is still draining."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    service = of_the_unit()
    assert int(service["TimeoutStopSec"]) > settings.drain_seconds + 15
    assert service["KillSignal"] == "SIGTERM"
    assert service["ExecStart"].endswith("serve")


def test_the_unit_leaves_the_service_nothing_that_it_does_not_need() -> None:
    service = of_the_unit()
    for name in (
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
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] == "callbackd"
    # What it makes is its own.
    assert (service["UMask"], service["StateDirectoryMode"]) == ("0077", "0700")
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    assert settings.data_dir == f"/var/lib/{service['StateDirectory']}"


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    text = (DEPLOY / "callbackd.service").read_text(encoding="utf-8")
    unit = tmp_path / "callbackd.service"
    # The program is not installed here.
    unit.write_text(text.replace("/usr/local/bin/callbackd", sys.executable), encoding="utf-8")
    command = [analyze, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "bus" in done.stderr.lower():
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()[:200]}")
    # It speaks of other units of this machine too.
    ours = [line for line in done.stderr.splitlines() if "callbackd" in line]
    assert ours == []
