"""The API's own door: what every answer says, how slow, long and many its peers may be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest

from controller.web import serving
from controller.web.api.failures import MOST
from controller.web.serving import GUARDING, MOST_HEAD
from tests.web.conftest import Next
from tests.web.server import Line, Running, api, head, running
from tests.web.world import World

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="module")
def world(on_sqlite: Next, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with on_sqlite(tmp_path_factory.mktemp("web")) as made:
        yield made


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Running]:
    with running(api(world)) as made:
        yield made


@pytest.fixture(scope="module")
def proxied(world: World) -> Iterator[Running]:
    """Behind a proxy of this machine."""
    with running(api(world), proxies=LOOPBACK) as made:
        yield made


def ask(server: Running, path: str, *lines: str, method: str = "GET") -> Any:
    """Ask once; give status, headers and body."""
    with Line(server) as line:
        said = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines]
        line.say("\r\n".join([*said, "", ""]).encode("latin-1"))
        return line.hear()


# --- what every answer says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/clients HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS /api/v1/clients HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE /api/v1/clients HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT /api/v1/clients HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * MOST_HEAD + b"\r\n\r\n",
    ],
    ids=lambda said: said[:30].decode(),
)
def test_g1_every_answer_guards_who_reads_it_and_names_no_program(
    server: Running, said: bytes
) -> None:
    """G1: also where the request is none."""
    with Line(server) as line:
        line.say(said)
        _, headers, _ = line.hear()
    for name, value in GUARDING.items():
        assert headers[name.lower()] == value
    assert {
        "server",
        "via",
        "x-powered-by",
        "set-cookie",
        "access-control-allow-origin",
    }.isdisjoint(headers)
    assert "gevent" not in repr(headers).lower()
    assert "werkzeug" not in repr(headers).lower()
    # The proxy has TLS, and says so.
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "DEBUG", "\u00e9"])
def test_g1_no_method_but_those_that_are_described_does_anything(
    server: Running, method: str
) -> None:
    for path in ("/api/v1/clients", "/metrics", "/livez"):
        status, _, body = ask(server, path, method=method)
        assert status == 405, (method, path, body)


def test_a_fault_outside_the_application_tells_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """G1: no text of the fault and no place in the code is in the answer; it is printed."""

    def broken(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("a secret of ours")

    with running(lambda run: broken) as server:
        status, headers, body = ask(server, "/api/v1/clients")
    assert status == 500
    assert b"secret" not in body
    assert b"Traceback" not in body
    assert headers["x-content-type-options"] == "nosniff"
    assert "a secret of ours" in capfd.readouterr().err


# --- how long, how slow, how many ----------------------------------------------------------------


def test_g1_a_head_that_is_too_long_is_431(server: Running) -> None:
    """G1: many lines that are short, and one that is long."""
    for lines in (
        [f"X-{n}: {'y' * 1000}" for n in range(60)],
        ["X: " + "y" * (MOST_HEAD + 1)],
    ):
        status, headers, body = ask(server, "/livez", *lines)
        assert (status, headers["connection"]) == (431, "close")
        assert msgspec.json.decode(body)["status"] == 431
    assert ask(server, "/livez", *[f"X-{n}: {'y' * 1000}" for n in range(20)])[0] == 200
    # More lines than any client sends.
    assert ask(server, "/livez", *[f"X-{n}: y" for n in range(200)])[0] == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 2", "Content-Length: 2"],
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 2"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ],
)
def test_g1_a_body_with_two_ends_is_400_and_the_connection_over(
    world: World, server: Running, lines: list[str]
) -> None:
    """G1: a proxy that believes the other one would take the rest for somebody's request."""
    with Line(server) as line:
        json = "Content-Type: application/json"
        line.say(head(world, "POST", "/api/v1/clients", json, *lines), b"0\r\n\r\n")
        assert line.hear()[0] == 400
        assert line.is_closed()


def test_http_0_9_is_not_spoken(server: Running) -> None:
    with Line(server) as line:
        line.say(b"GET /livez\r\n\r\n")
        assert line.hear()[0] == 400


def trickle(line: Line, *pieces: bytes) -> threading.Event:
    """Send pieces slowly, until it is told to stop; each is in time by itself."""
    stop = threading.Event()

    def send() -> None:
        for piece in pieces:
            if stop.wait(0.05):
                return
            line.say(piece)

    threading.Thread(target=send, daemon=True).start()
    return stop


def test_a_head_that_never_ends_is_over_in_time(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slowloris: a byte now and then holds no connection, however many bytes."""
    monkeypatch.setattr(serving, "HEAD_SECONDS", 2.0)
    with Line(server) as line:
        line.say(b"GET /livez HTTP/1.1\r\n")
        stop = trickle(line, *[b"X: y\r\n"] * 1000)
        status, headers, _ = line.hear()
        assert (status, headers["connection"]) == (408, "close")
        assert line.is_closed()
        stop.set()
    # Who does not even say what he wants hears nothing.
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.2)
    with Line(server) as line:
        stop = trickle(line, *[b"G"] * 1000)
        assert line.is_closed()
        stop.set()
    with Line(server) as line:
        assert line.is_closed()


def test_a_body_that_never_ends_is_over_in_time(
    world: World, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "BODY_SECONDS", 0.3)
    for lines, piece in (
        (["Content-Length: 10000"], b" "),
        (["Transfer-Encoding: chunked"], b"1\r\n \r\n"),
    ):
        with Line(server) as line:
            json = "Content-Type: application/json"
            line.say(head(world, "POST", "/api/v1/clients", json, *lines))
            stop = trickle(line, *[piece] * 1000)
            assert line.hear()[0] == 400
            assert line.is_closed()
            stop.set()


def test_the_clock_of_a_head_does_not_run_while_it_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 2.0)
    entered, let_go = threading.Event(), threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.directory, name)

        def get(self, *args: Any) -> Any:
            entered.set()
            assert not let_go.wait(2.5)
            return world.directory.get(*args)

    slow: Any = Slow()
    with running(api(world, directory=slow)) as server, Line(server) as line:
        line.say(head(world, "GET", "/api/v1/clients/acme"))
        assert line.hear()[0] == 200
    assert entered.is_set()


def test_whoever_is_too_many_hears_503_and_a_free_place_is_given_again(world: World) -> None:
    with running(api(world), max_connections=3) as server:
        lines = [Line(server) for _ in range(3)]
        for line in lines:
            line.say(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.hear()[0] == 200
        with Line(server) as over:
            status, headers, _ = over.hear()
            assert (status, headers["connection"]) == (503, "close")
            assert over.is_closed()
        for line in lines:
            with line:
                line.shut()
                assert line.is_closed()
        assert ask(server, "/livez")[0] == 200


# --- wrong tokens --------------------------------------------------------------------------------


def guess(server: Running, number: int, *lines: str) -> Any:
    """Show a token that is none."""
    return ask(server, "/api/v1/clients", f"Authorization: Bearer cbd_{number}", *lines)


def test_wrong_tokens_are_limited_and_say_for_how_long(world: World) -> None:
    """Without a proxy that is known, nobody chooses the address that is counted."""
    with running(api(world)) as server:
        for number in range(MOST):
            assert guess(server, number, f"X-Forwarded-For: 203.0.113.{number}")[0] == 401
        status, headers, body = guess(server, 99, "X-Forwarded-For: 203.0.113.99")
        assert status == 429
        assert 0 < int(headers["retry-after"]) <= 60
        assert msgspec.json.decode(body)["status"] == 429
        # What needs no token needs none.
        assert ask(server, "/api/v1/openapi.json")[0] == 200
        assert ask(server, "/livez")[0] == 200


def test_behind_a_proxy_each_client_has_his_own_count(world: World) -> None:
    with running(api(world), proxies=LOOPBACK) as server:
        for number in range(MOST):
            spoofed = f"X-Forwarded-For: 198.51.100.{number}, 203.0.113.1"
            assert guess(server, number, spoofed)[0] == 401
        assert guess(server, 99, "X-Forwarded-For: 203.0.113.1")[0] == 429
        assert guess(server, 99, "X_Forwarded_For: 203.0.113.2")[0] == 401
        good = f"Authorization: Bearer {world.tokens['admin']}"
        forwarded = "X-Forwarded-For: 203.0.113.2"
        assert ask(server, "/api/v1/clients", good, forwarded)[0] == 200
        for site in ("2001:db8::1", "2001:db8::2"):
            for number in range(MOST // 2):
                assert guess(server, number, f"X-Forwarded-For: {site}")[0] == 401
        assert guess(server, 99, "X-Forwarded-For: 2001:db8::3")[0] == 429
        assert guess(server, 99, "X-Forwarded-For: 2001:db8:0:1::1")[0] == 401


# --- who may watch -------------------------------------------------------------------------------


def test_o3_metrics_are_for_the_networks_that_are_named(server: Running, proxied: Running) -> None:
    """O3: this machine, unless told otherwise; through a proxy it is whoever it asks for."""
    assert ask(server, "/metrics")[0] == 200
    assert msgspec.json.decode(ask(server, "/readyz")[2]) == {"ready": True, "checks": {}}
    forwarded = "X-Forwarded-For: 203.0.113.1"
    # By a proxy that is known, and by one that is not.
    for asked in (proxied, server):
        status, _, body = ask(asked, "/metrics", forwarded)
        assert status == 403
        assert b"web.metrics_allow" in body
        status, _, body = ask(asked, "/readyz", forwarded)
        assert (status, msgspec.json.decode(body)) == (200, {"ready": True})
        assert ask(asked, "/livez", forwarded)[0] == 200
    assert ask(proxied, "/metrics", "X-Forwarded-For: 127.0.0.1")[0] == 200


def test_o3_others_are_told_whether_and_not_why(world: World) -> None:
    with running(api(world), watchers=(ip_network("192.0.2.0/24"),)) as server:
        assert ask(server, "/metrics")[0] == 403
        assert msgspec.json.decode(ask(server, "/readyz")[2]) == {"ready": True}
        assert ask(server, "/livez")[0] == 200
