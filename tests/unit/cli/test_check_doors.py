"""G1: `callbackd check` warns of doors that are open wider than they need be, and of open files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from controller.commands.check_doors import doors
from controller.settings import load

from .running import Run


def found(run: Run, *arguments: str, **more: str) -> list[dict[str, Any]]:
    """Give what is found of doors and files."""
    # No switch is there, which is told too.
    result = run(*arguments, "check", "--json", **more)
    findings = json.loads(result.stdout)["findings"]
    return [one for one in findings if one["subject"] in ("doors", "files")]


def test_g1_of_the_defaults_there_is_nothing_to_say(prepared: Run) -> None:
    assert found(prepared) == []


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("LISTEN__HOST", "0.0.0.0", "listen.host: 0.0.0.0 is not this machine alone"),
        ("LISTEN__HOST", "::", "listen.host: :: is not"),
        ("LISTEN__HOST", "192.0.2.7", "listen.host: 192.0.2.7 is not"),
        ("LISTEN__ALLOW", '["0.0.0.0/0"]', "listen.allow: 0.0.0.0/0 is more than your switches"),
        ("LISTEN__ALLOW", '["10.0.0.0/8"]', "listen.allow: 10.0.0.0/8 is more"),
        ("WEB__HOST", "0.0.0.0", "web.host: 0.0.0.0 is not this machine alone"),
        ("WEB__HOST", "callbackd.internal", "web.host: callbackd.internal is not"),
        ("WEB__PROXIES", '["0.0.0.0/0"]', "web.proxies: names everybody"),
        ("WEB__METRICS_ALLOW", '["::/0"]', "web.metrics_allow: names everybody"),
    ],
)
def test_g1_a_door_that_others_reach_is_a_warning(setting: str, value: str, says: str) -> None:
    """G1: it says what to do, and is no error: a firewall may be in front of it."""
    (one,) = doors(load(None, {f"CALLBACKD_{setting}": value}))
    assert one.subject == "doors"
    assert one.text.startswith(says)
    assert one.well
    assert one.remedy


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("LISTEN__HOST", "127.0.0.2"),
        ("LISTEN__HOST", "localhost"),
        ("LISTEN__ALLOW", '["10.1.0.0/16", "2001:db8::7/128"]'),
        ("WEB__HOST", "::1"),
        ("WEB__METRICS_ALLOW", '["10.0.0.0/8"]'),
        ("WEB__PROXIES", '["127.0.0.1/32"]'),
    ],
)
def test_g1_what_is_narrow_enough_is_not_spoken_of(setting: str, value: str) -> None:
    assert list(doors(load(None, {f"CALLBACKD_{setting}": value}))) == []


def test_a_named_proxy_has_the_tls(prepared: Run) -> None:
    here = {"CALLBACKD_WEB__HOST": "0.0.0.0"}
    assert [one["text"].split(":")[0] for one in found(prepared, **here)] == ["web.host"]
    assert found(prepared, CALLBACKD_WEB__PROXIES='["192.0.2.9/32"]', **here) == []


def test_a4_files_that_everybody_can_read_are_named(
    prepared: Run, data: Path, tmp_path: Path
) -> None:
    """A4: the settings, and what is in `data_dir` where that is open."""
    config = tmp_path / "callbackd.toml"
    config.write_text(f'data_dir = "{data}"\n')
    config.chmod(0o640)
    data.chmod(0o750)
    (data / "pepper").touch(mode=0o600)
    assert found(prepared, "--config", str(config)) == []
    config.chmod(0o644)
    (one,) = found(prepared, "--config", str(config))
    assert (one["subject"], one["well"]) == ("files", True)
    assert one["text"].startswith(f"{config} is open to everybody")
    assert one["remedy"].startswith("chmod 640")
    config.chmod(0o600)
    data.chmod(0o755)
    (data / "pepper").chmod(0o644)
    names = [one["text"].split(" ")[0] for one in found(prepared, "--config", str(config))]
    assert names == [str(data), str(data / "pepper")]
