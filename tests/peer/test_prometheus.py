"""O3: a real Prometheus asks a controller that makes calls, and understands all that it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
import yaml

from tests.peer.money import Money
from tests.peer.world import CALLER, FRIEND, PATIENCE, World, answering, talking, typed
from tests.redis_servers import free_port
from tests.unit.deploy.test_prometheus import EXPRESSIONS, PROMETHEUS

PROGRAM = shutil.which("prometheus")


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **query: str) -> Any:
        """Ask its API."""
        url = f"{self._url}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            said = json.loads(answer.read())
        assert said["status"] == "success", said
        return said["data"]

    def values(self, expression: str) -> dict[str, float]:
        """Evaluate an expression now; give its values by what tells them apart."""
        found = self.ask("query", query=expression)["result"]
        return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in found}

    def until(self, expression: str) -> float:
        """Wait until an expression has one value, and that is not 0; give it."""
        with gevent.Timeout(PATIENCE, AssertionError(f"nothing for {expression}")):
            while True:
                found = list(self.values(expression).values())
                if found and found[0]:
                    return found[0]
                # It asks once a second, and tells nobody when.
                gevent.sleep(0.1)


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[Prometheus]:
    """Run one with the rules of deploy/, that asks a controller each second."""
    assert PROGRAM is not None
    directory.mkdir()
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
    del config["alerting"]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    port = free_port()
    command = [PROGRAM, f"--config.file={directory / 'prometheus.yml'}"]
    command += [
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        made = Prometheus(port)
        with gevent.Timeout(PATIENCE, AssertionError((directory / "log").read_text("utf-8"))):
            while True:
                try:
                    made.ask("status/buildinfo")
                    break
                except OSError:
                    assert process.poll() is None, (directory / "log").read_text("utf-8")
                    gevent.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(PROGRAM is None, reason="no prometheus on the PATH (Debian: prometheus)")
def test_o3_a_real_prometheus_sees_a_call_and_what_it_cost(world: World, tmp_path: Path) -> None:
    money = Money(world)
    controller = world.controller()
    host, port = controller.health.address
    with prometheus(tmp_path / "prometheus", f"{host}:{port}") as asked:
        asked.until('up{job="callbackd"} == 1')
        world.phone(CALLER, answering(typed(FRIEND)))
        world.phone(FRIEND, talking(1.2))
        world.ring()
        world.ended()
        rows = money.settled()
        for side in ("return", "destination"):
            of = f'{{side="{side}", channel="pstn"}}'
            asked.until(f'callbackd_calls_total{{side="{side}", result="answered"}} == 1')
            assert asked.until(f"callbackd_talk_seconds_sum{of}") > 0
            assert asked.until(f"callbackd_post_dial_delay_seconds_count{of}") == 1
        charged = asked.until('callbackd_charged_micro_units_total{currency="USD"}')
        assert charged == sum(row.charge for row in rows)
        # Whatever the rules, alerts and dashboards ask for can be asked for.
        for expression in EXPRESSIONS.values():
            asked.values(expression)
        assert asked.until("callbackd:loop_late:seconds_p99_5m") > 0
        wrong = [
            rule["name"]
            for group in asked.ask("rules")["groups"]
            for rule in group["rules"]
            if rule["health"] == "err" or rule.get("state") == "firing"
        ]
        assert wrong == []
