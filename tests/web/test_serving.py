"""The API behind gevent's server, over real sockets: nothing waits for it, nothing gets past it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from controller.web.api.reading import MOST_BYTES
from controller.web.serving import SILENT_SECONDS, Handler, Server
from tests.web.conftest import Next
from tests.web.server import PATIENCE, Line, Running, api, head, running
from tests.web.world import World


@pytest.fixture(scope="module")
def world(on_sqlite: Next, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with on_sqlite(tmp_path_factory.mktemp("web")) as made:
        yield made


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Running]:
    with running(api(world)) as made:
        yield made


POST = ("POST", "/api/v1/clients")
JSON = "Content-Type: application/json"


def test_the_api_is_served_beside_the_pages_of_health(world: World, server: Running) -> None:
    with Line(server) as line:
        for path, status in (
            ("/livez", 200),
            ("/api/v1/clients", 200),
            ("/api/v1/nothing", 404),
            ("/metrics", 200),
            ("/api", 404),
            ("/apis", 404),
        ):
            line.say(head(world, "GET", path))
            heard = line.hear()
            assert heard[0] == status, path
            problem = heard[1]["content-type"] == "application/problem+json"
            assert problem == (path == "/api/v1/nothing")


def test_one_connection_serves_many_requests(world: World, server: Running) -> None:
    with Line(server) as line:
        for number in range(5):
            body = f'{{"name":"many-{number}"}}'.encode()
            line.say(head(world, *POST, JSON, f"Content-Length: {len(body)}"), body)
            assert line.hear()[0] == 201
        line.say(head(world, "DELETE", "/api/v1/clients/many-0"))
        assert line.hear()[0] == 204
        line.say(head(world, "HEAD", "/api/v1/clients/many-1"))
        line.say(head(world, "GET", "/api/v1/clients/many-1", 'If-None-Match: "1"'))
        status, headers, _ = line.hear_head()
        assert (status, headers["etag"]) == (200, '"1"')
        assert line.hear()[0] == 304


def test_no_body_waits_for_its_head_to_be_confirmed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        taken, address = listening.accept()
        Handler(taken, address, None)
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert taken.gettimeout() == SILENT_SECONDS
        taken.close()


def test_a_body_in_chunks_is_read(world: World, server: Running) -> None:
    with Line(server) as line:
        line.say(
            head(world, *POST, JSON, "Transfer-Encoding: chunked"),
            b'8\r\n{"name":\r\n8\r\n"chunk"}\r\n0\r\n\r\n',
        )
        assert line.hear()[0] == 201
        line.say(head(world, "GET", "/livez"))
        assert line.hear()[0] == 200


def test_a_connection_that_would_be_another_one_is_read_no_further_than_its_body(
    world: World, server: Running
) -> None:
    for lines in (["Connection: upgrade"], ["Upgrade: websocket"]):
        with Line(server) as line:
            line.say(head(world, *POST, JSON, *lines, "Content-Length: 2"), b"{}")
            assert line.hear()[0] == 422


def test_of_a_body_that_is_too_long_no_more_is_read_than_is_taken(
    world: World, server: Running
) -> None:
    for announced in (MOST_BYTES + 1, 10**12, 10**30):
        with Line(server) as line:
            line.say(head(world, *POST, JSON, f"Content-Length: {announced}"), b"{")
            assert line.hear()[0] == 413
            assert line.is_closed()
    with Line(server) as line:
        line.say(head(world, *POST, JSON, "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        threading.Thread(target=line.say, args=[piece] * 64, daemon=True).start()
        assert line.hear()[0] == 413
        assert line.is_closed()


def test_a_client_that_asks_before_it_sends_is_refused_before(
    world: World, server: Running
) -> None:
    for lines, status in (
        ([JSON, "Content-Length: 2000000"], 413),
        (["Content-Type: text/plain", "Content-Length: 2"], 415),
    ):
        with Line(server) as line:
            line.say(head(world, *POST, *lines, "Expect: 100-continue"))
            assert line.hear()[0] == status
            assert line.is_closed()
    with Line(server) as line:
        body = b'{"name":"asked"}'
        line.say(head(world, *POST, JSON, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert line.hear()[0] == 100
        line.say(body)
        assert line.hear()[0] == 201


def test_a_body_that_nobody_reads_is_no_next_request(world: World, server: Running) -> None:
    hidden = head(world, "DELETE", "/api/v1/clients/bolt")
    with Line(server) as line:
        length = f"Content-Length: {len(hidden)}"
        line.say(head(world, "GET", "/api/v1/clients", length), hidden)
        assert line.hear()[0] == 200
        line.say(head(world, "PUT", "/api/v1/clients", length), hidden)
        assert line.hear()[0] == 405
        line.say(head(world, "GET", "/livez"))
        assert line.hear()[0] == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Content-Length: +5"],
        ["Content-Length: 1_0"],
        ["Content-Length: -1"],
        ["Content-Length: 5, 5"],
        ["Content-Length: \xb2"],
    ],
)
def test_a_body_without_a_certain_end_ends_the_connection(
    world: World, server: Running, lines: list[str]
) -> None:
    hidden = head(world, "DELETE", "/api/v1/clients/bolt")
    with Line(server) as line:
        line.say(head(world, *POST, JSON, *lines), hidden)
        status, headers, body = line.hear()
        assert (status, headers["content-type"]) == (400, "application/problem+json")
        assert msgspec.json.decode(body)["status"] == 400
        assert line.is_closed()


@pytest.mark.parametrize(
    "body", [b"x", b"5\r\nab", b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"fffffffffffffffff\r\n"]
)
def test_chunks_that_are_none_are_400(world: World, server: Running, body: bytes) -> None:
    with Line(server) as line:
        line.say(head(world, *POST, JSON, "Transfer-Encoding: chunked"), body)
        line.shut()
        assert line.hear()[0] == 400
        assert line.is_closed()


def test_a_body_that_is_cut_short_is_400(world: World, server: Running) -> None:
    with Line(server) as line:
        line.say(head(world, *POST, JSON, "Content-Length: 100"), b'{"name":"cut"}')
        line.shut()
        assert line.hear()[0] == 400


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /api/v1/clients\x00 HTTP/1.1",
        b"GET /api/v1/\xff\xfe HTTP/1.1",
        b"\x00\x01\x02",
        b"GET",
        b"GET /api/v1/clients HTTP/9.9",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
        b"POST /api/v1/clients",
        b"GET http://localhost/api/v1/clients HTTP/1.1",
        b"GET * HTTP/1.1",
    ],
)
def test_a_head_that_is_none_is_4xx(server: Running, request_line: bytes) -> None:
    with Line(server) as line:
        line.say(request_line, b"\r\nHost: localhost\r\n\r\n")
        line.shut()
        status, headers, body = line.hear()
        assert 400 <= status < 500
        assert headers["content-type"] in ("application/problem+json", "application/json")
        assert body


def test_nothing_of_all_this_is_printed(
    world: World, server: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    for said in (
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nX" + b"y" * 70_000,
        head(world, *POST, JSON, "Transfer-Encoding: chunked") + b"zz",
        head(world, *POST, JSON, "Content-Length: 9") + b"{",
        b"\r\n\r\n",
        b"nothing\r\n\r\n",
    ):
        with Line(server) as line:
            line.say(said)
            line.shut()
            line.read_all()
    with Line(server) as line:
        line.say(head(world, "GET", "/api/v1/audit?limit=1000"))
    with Line(server) as line:
        line.say(head(world, "GET", "/livez"))
        assert line.hear()[0] == 200
    assert capfd.readouterr() == ("", "")


def test_nobody_waits_for_the_database(world: World) -> None:
    """While a call of the directory blocks, the event loop serves others."""
    entered, let_go = threading.Event(), threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.directory, name)

        def get(self, *args: Any) -> Any:
            entered.set()
            assert let_go.wait(PATIENCE)
            return world.directory.get(*args)

    slow: Any = Slow()
    with (
        running(api(world, directory=slow)) as server,
        Line(server) as waiting,
        Line(server) as other,
    ):
        waiting.say(head(world, "GET", "/api/v1/clients/acme"))
        assert entered.wait(PATIENCE)
        for path in ("/livez", "/api/v1/openapi.json"):
            other.say(head(world, "GET", path))
            assert other.hear()[0] == 200
        let_go.set()
        assert waiting.hear()[0] == 200


def test_o5_it_asks_nobody_for_the_name_of_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """O5: gevent would ask DNS at the start, which takes ten seconds where that is away."""
    asked: list[str] = []

    def look_up(name: str) -> str:
        asked.append(name)
        return name

    monkeypatch.setattr("gevent.pywsgi.socket.getfqdn", look_up)
    server = Server(("127.0.0.1", 0), lambda environ, start: [], max_connections=1)
    server.start()
    try:
        assert asked == []
        assert server.get_environ()["SERVER_NAME"] == "127.0.0.1"
    finally:
        server.stop()
