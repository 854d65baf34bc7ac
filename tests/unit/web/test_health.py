"""O3: /metrics, /livez and /readyz, over a real socket of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from gevent import socket
from prometheus_client.parser import text_string_to_metric_families

from controller.metrics import Metrics
from controller.web.health import HealthServer


class Checks:
    """What readiness says, as a test sets it."""

    def __init__(self) -> None:
        self.wrong: dict[str, str | None] = {"accepting": None, "nodes": None}

    def __call__(self) -> dict[str, str | None]:
        return self.wrong


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(checks: Checks, metrics: Metrics) -> Iterator[HealthServer]:
    made = HealthServer(("127.0.0.1", 0), metrics.registry, checks)
    made.start()
    yield made
    made.close()


class Answer(msgspec.Struct):
    """An answer of the server."""

    status: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


def ask(server: HealthServer, path: str, method: str = "GET") -> Answer:
    """Ask as HTTP/1.0, which has the server close the connection after its answer."""
    with socket.create_connection(server.address) as connection:
        connection.sendall(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        said = b""
        while more := connection.recv(65536):
            said += more
    head, _, body = said.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(status.split(" ", 1)[1], {k.lower(): v for k, v in headers.items()}, body)


def test_o3_the_metrics_are_what_prometheus_reads(server: HealthServer, metrics: Metrics) -> None:
    metrics.triggers.labels("callback").inc()
    metrics.refusal_late.observe(0.03)
    metrics.link_up.labels("fs1").set(1)
    answer = ask(server, "/metrics")
    assert answer.status == "200 OK"
    assert answer.headers["content-type"].startswith("text/plain")
    families = {f.name: f for f in text_string_to_metric_families(answer.body.decode())}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["callbackd_trigger_calls_total", "callback"] == 1
    assert samples["callbackd_node_up", "fs1"] == 1
    assert samples["callbackd_refusal_late_seconds_bucket", "0.05"] == 1
    assert samples["callbackd_refusal_late_seconds_bucket", "0.02"] == 0
    for family in families.values():
        assert family.name.startswith(("callbackd_", "process_"))
        assert family.documentation.endswith("."), family.name


def test_no_label_of_a_metric_can_hold_a_person(metrics: Metrics) -> None:
    """The labels are these and no others: none takes a number, a name or digits."""
    labels = {
        label for metric in vars(metrics).values() for label in getattr(metric, "_labelnames", ())
    }
    ours = {"outcome", "kind", "reason", "node", "result", "where", "cause", "source"}
    # Of a limit: the extension's, the client's, everybody's.
    ours |= {"whose"}
    # At which moment a leg was handed over.
    ours |= {"how"}
    # Which leg of a call, which currency, and how far a request has come.
    ours |= {"side", "currency", "state"}
    # The names of channels and streams are the operator's.
    assert labels <= ours | {"channel", "stream"}


def test_o3_alive_is_alive_though_it_is_not_ready(server: HealthServer, checks: Checks) -> None:
    checks.wrong["nodes"] = "no link to any node"
    answer = ask(server, "/livez")
    assert (answer.status, answer.json) == ("200 OK", {"alive": True})


def test_o3_ready_says_what_was_checked(server: HealthServer) -> None:
    answer = ask(server, "/readyz")
    assert answer.status == "200 OK"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"ready": True, "checks": {"accepting": "ok", "nodes": "ok"}}


def test_o3_not_ready_is_503_and_says_what_is_wrong(server: HealthServer, checks: Checks) -> None:
    checks.wrong["accepting"] = "draining"
    answer = ask(server, "/readyz")
    assert answer.status == "503 Service Unavailable"
    assert answer.json == {"ready": False, "checks": {"accepting": "draining", "nodes": "ok"}}


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "/../etc/passwd", "/%3Cscript%3E", "/readyz%00"]
)
def test_g1_any_other_page_is_404_and_repeats_nothing(server: HealthServer, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == "404 Not Found"
    assert answer.json == {"error": "no such page"}


def test_a_question_behind_the_path_changes_nothing(server: HealthServer) -> None:
    assert ask(server, "/livez?x=1").status == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/nothing"])
def test_nothing_can_be_changed_here(server: HealthServer, method: str, path: str) -> None:
    answer = ask(server, path, method)
    assert answer.status == "405 Method Not Allowed"
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.body == b""


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_head_is_get_without_its_body(server: HealthServer, path: str) -> None:
    answer = ask(server, path, "HEAD")
    assert answer.status == "200 OK"
    assert int(answer.headers["content-length"]) > 0
    assert answer.body == b""


def test_what_is_only_degraded_is_named_and_keeps_nobody_away(metrics: Metrics) -> None:
    away = "Redis is away"
    made = HealthServer(
        ("127.0.0.1", 0),
        metrics.registry,
        lambda: {"store": None},
        degraded=lambda: {"cache": away},
    )
    made.start()
    try:
        answer = ask(made, "/readyz")
    finally:
        made.close()
    assert answer.status == "200 OK"
    assert answer.json == {
        "ready": True,
        "checks": {"store": "ok", "cache": away},
    }
