"""The files of deploy/ fit the service as it is."""

from __future__ import annotations

import configparser
from pathlib import Path

from controller.settings import load

DEPLOY = Path(__file__).parents[3] / "deploy"


def test_o1_the_example_is_taken_as_it_is() -> None:
    """O1: every setting of the example exists, and is one that the service takes."""
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    assert settings.nodes[0].name == "fs1"


def test_o4_the_unit_waits_longer_than_a_drain() -> None:
    """O4: systemd must not kill a controller that is still draining."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "callbackd.service")
    settings = load(str(DEPLOY / "callbackd.toml"), {})
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > settings.drain_seconds + 15
    assert service["KillSignal"] == "SIGTERM"
    assert service["ExecStart"].endswith("serve")
