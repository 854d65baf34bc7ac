"""deploy/compose and deploy/Dockerfile fit the service as it is, and what Docker takes."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import __version__
from controller.runtime.draining import ENDING_SECONDS
from controller.settings import Settings, load
from tests.unit.deploy.test_prometheus import promtool

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "deploy" / "compose"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
CONTROLLERS = ("controller-a", "controller-b")


def written() -> dict[str, Any]:
    """Give what compose.yaml says."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))
    return found


def settings(name: str, secrets: Path) -> Settings:
    """Give what a controller makes of its file and its variables."""
    text = (COMPOSE / "callbackd.toml").read_text("utf-8")
    for secret in re.findall(r"/run/secrets/(\w+)", text):
        assert secret in written()["services"][name]["secrets"]
        (secrets / secret).write_text("postgresql://x@127.0.0.1/x" if "url" in secret else "y")
    file = secrets / "callbackd.toml"
    file.write_text(text.replace("/run/secrets", str(secrets)))
    environment = dict(written()["services"][name]["environment"])
    # Where its file is, for every command.
    assert environment.pop("CALLBACKD_CONFIG") in {
        volume.split(":")[1] for volume in written()["services"][name]["volumes"]
    }
    return load(str(file), environment)


def test_o1_compose_takes_the_file() -> None:
    """O1: by the schema that Docker Compose has."""
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [sys.executable, *command, str(COMPOSE / "compose.yaml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_o1_o4_each_controller_has_settings_that_the_service_takes(tmp_path: Path) -> None:
    """O1, O4: a name and ports of its own, all else together."""
    a, b = (settings(name, tmp_path) for name in CONTROLLERS)
    assert (a.name, b.name) == ("a", "b")
    assert len({a.listen.port, b.listen.port, a.web.port, b.web.port}) == 4
    assert a.database == b.database
    for name, one in zip(CONTROLLERS, (a, b), strict=True):
        service = written()["services"][name]
        assert f":{one.web.port}/livez" in " ".join(service["healthcheck"]["test"])
        assert int(service["stop_grace_period"].removesuffix("s")) >= (
            one.drain_seconds + ENDING_SECONDS
        )
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        places = {volume.split(":")[1] for volume in service["volumes"]}
        assert {one.data_dir, one.sounds.directory, one.nodes[0].records_dir} <= places


def test_o3_each_controller_is_scraped_and_proxied_to(tmp_path: Path) -> None:
    web = {f"127.0.0.1:{settings(name, tmp_path).web.port}" for name in CONTROLLERS}
    asked = yaml.safe_load((COMPOSE / "prometheus.yml").read_text("utf-8"))
    assert set(asked["scrape_configs"][0]["static_configs"][0]["targets"]) == web
    proxied = (COMPOSE / "Caddyfile").read_text("utf-8")
    assert set(re.findall(r"127\.0\.0\.1:\d+", proxied)) == web


def test_g1_only_the_switch_and_the_proxy_can_be_reached_from_outside() -> None:
    services = written()["services"]
    assert all(one["network_mode"] == "host" and "ports" not in one for one in services.values())
    for name, told in {
        "postgres": "listen_addresses=127.0.0.1",
        "valkey": "--bind 127.0.0.1",
        "prometheus": "--web.listen-address=127.0.0.1:",
    }.items():
        assert told in " ".join(services[name]["command"])
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The files beside those that `prepare.sh` makes, made."""
    shutil.copytree(ROOT / "fs-config", tmp_path / "fs-config")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    made = tmp_path / "deploy" / "compose"
    for _ in range(2):
        subprocess.run([made / "prepare.sh"], check=True, capture_output=True)
    return made


def test_o1_what_is_prepared_is_all_that_is_mounted(prepared: Path) -> None:
    """O1: secrets that nobody else can read, one of the switch and the controllers alike."""
    said = written()
    for name, service in said["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in said["volumes"] or (prepared / source).exists(), f"{name}: {source}"
    for secret in said["secrets"].values():
        assert (prepared / secret["file"]).read_text("utf-8")
    assert stat.S_IMODE((prepared / "secrets").stat().st_mode) == 0o700
    password = (prepared / "secrets" / "event_socket_password").read_text("utf-8")
    assert len(password) == 48
    assert f'value="{password}"' in (prepared / "event_socket.conf.xml").read_text("utf-8")
    assert (prepared / "secrets" / "database_password").read_text("utf-8") in (
        prepared / "secrets" / "database_url"
    ).read_text("utf-8")


def test_o1_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {file: file.read_bytes() for file in prepared.rglob("*") if file.is_file()}
    subprocess.run([prepared / "prepare.sh"], check=True, capture_output=True)
    assert {file: file.read_bytes() for file in prepared.rglob("*") if file.is_file()} == before
    ignored = (COMPOSE / ".gitignore").read_text("utf-8").split()
    made = {file.relative_to(prepared).parts[0] for file in before}
    theirs = {file.relative_to(COMPOSE).parts[0] for file in COMPOSE.rglob("*")}
    assert {one.rstrip("/") for one in ignored} >= made - theirs


def test_o3_prometheus_takes_the_file_of_compose(tmp_path: Path) -> None:
    for file in (COMPOSE / "prometheus.yml", *(ROOT / "deploy" / "prometheus").glob("*s.yml")):
        shutil.copy(file, tmp_path)
    promtool("check", "config", str(tmp_path / "prometheus.yml"))


def test_caddy_takes_the_file_of_compose() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("no caddy on the PATH")
    done = subprocess.run(
        [caddy, "validate", "--adapter", "caddyfile", "--config", str(COMPOSE / "Caddyfile")],
        env={"CALLBACKD_HOSTNAME": "callbackd.example.com", "HOME": "/nonexistent", "PATH": "/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_o1_the_image_has_what_it_copies_and_the_release_that_compose_names() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in ignored
    for name in CONTROLLERS:
        assert written()["services"][name]["image"] == f"callbackd:{__version__}"
    assert f"-t callbackd:{__version__} ." in DOCKERFILE
    assert "USER 10001:10001" in DOCKERFILE
