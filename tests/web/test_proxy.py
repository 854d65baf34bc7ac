"""The API behind a real nginx with deploy/nginx.conf, where nginx and openssl are installed."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.web.api.failures import MOST
from controller.web.serving import GUARDING
from tests.web.conftest import Next
from tests.web.server import PATIENCE, api, running
from tests.web.world import World

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx.conf"


class Proxy(msgspec.Struct):
    """An nginx: the ports of this machine that it has."""

    plain: int
    secure: int
    certificate: str

    def ask(
        self, path: str, headers: dict[str, str] | None = None, *, plain: bool = False
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask once; give status, headers and body."""
        if plain:
            made = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=PATIENCE)
        else:
            context = ssl.create_default_context(cafile=self.certificate)
            made = http.client.HTTPSConnection(
                "localhost", self.secure, timeout=PATIENCE, context=context
            )
        try:
            made.request("GET", path, headers=headers or {})
            answer = made.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, said, answer.read()
        finally:
            made.close()


def free_ports(count: int) -> list[int]:
    """Find ports of this machine that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def listens(port: int) -> bool:
    """Whether something of this machine listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine, and its key."""
    made, key = directory / "fullchain.pem", directory / "privkey.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture(scope="module")
def world(on_sqlite: Next, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with on_sqlite(tmp_path_factory.mktemp("web")) as made:
        yield made


def said(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Say what is known of a request, in the place of the pages."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}".encode()]


@pytest.fixture(scope="module")
def proxy(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A controller's server, and nginx in front of it."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None or shutil.which("openssl") is None:
        pytest.skip("no nginx or no openssl here")
    directory = tmp_path_factory.mktemp("nginx")
    chain, key = certificate(directory)
    plain, secure = free_ports(2)
    options = {"proxies": (ip_network("127.0.0.1/32"),), "pages": said}
    with running(api(world), **options) as server:
        example = EXAMPLE.read_text(encoding="utf-8")
        for was, is_ in (
            ("127.0.0.1:8085", f"127.0.0.1:{server.address[1]}"),
            (r"listen \[::\].*", ""),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ", f"listen 127.0.0.1:{secure} "),
            ("/etc/ssl/callbackd/fullchain.pem", str(chain)),
            ("/etc/ssl/callbackd/privkey.pem", str(key)),
            ("callbackd.example.com", "localhost"),
            # The tests ask faster than a client does.
            ("rate=20r/s", "rate=1000r/s"),
        ):
            example, count = re.subn(was, is_, example)
            assert count, was
        paths = "".join(
            f"{name}_temp_path {directory}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = directory / "nginx.conf"
        config.write_text(
            f"daemon off;\npid {directory}/pid;\nerror_log {directory}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{paths}{example}\n}}\n"
        )
        begin = [nginx, "-p", str(directory), "-e", f"{directory}/error.log", "-c", str(config)]
        tested = subprocess.run([*begin, "-t"], capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stderr
        process = subprocess.Popen(begin, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + PATIENCE
            while not listens(secure):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            yield Proxy(plain, secure, str(chain))
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_the_api_is_there_by_tls_and_says_so(world: World, proxy: Proxy) -> None:
    token = {"Authorization": f"Bearer {world.tokens['admin']}"}
    status, headers, body = proxy.ask("/api/v1/clients", token)
    assert status == 200
    assert msgspec.json.decode(body)["items"]
    assert headers["strict-transport-security"] == "max-age=63072000"
    assert headers["server"] == "nginx"
    for name, value in GUARDING.items():
        assert headers[name.lower()] == value


def test_without_tls_nothing_is_answered_but_where_to_go(world: World, proxy: Proxy) -> None:
    token = {"Authorization": f"Bearer {world.tokens['admin']}", "Host": "localhost"}
    status, headers, body = proxy.ask("/api/v1/clients?limit=1", token, plain=True)
    assert status == 308
    assert headers["location"] == "https://localhost/api/v1/clients?limit=1"
    assert b"acme" not in body


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/livez", "/api/../metrics", "/%6detrics", "//metrics"]
)
def test_o3_what_is_for_this_network_is_not_for_the_world(proxy: Proxy, path: str) -> None:
    status, _, body = proxy.ask(path)
    assert status == 404
    assert b"callbackd_" not in body


@pytest.mark.parametrize("path", ["/", "/login", "/apix"])
def test_o2_the_pages_know_that_they_are_behind_tls(proxy: Proxy, path: str) -> None:
    """Their cookies are for TLS alone then, whatever whoever asks says."""
    status, _, body = proxy.ask(path, {"X-Forwarded-Proto": "http"})
    assert (status, body.decode()) == (200, f"https://localhost:{proxy.secure}")


def test_old_tls_is_not_spoken(proxy: Proxy) -> None:
    context = ssl.create_default_context(cafile=proxy.certificate)
    with (
        socket.create_connection(("127.0.0.1", proxy.secure), timeout=PATIENCE) as line,
        context.wrap_socket(line, server_hostname="localhost") as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


def test_who_is_counted_for_wrong_tokens_is_not_the_clients_to_say(proxy: Proxy) -> None:
    """The last test: this machine has used up its wrong tokens then."""
    said = [
        proxy.ask(
            "/api/v1/clients",
            {"Authorization": f"Bearer cbd_{n}", "X-Forwarded-For": f"203.0.113.{n}"},
        )
        for n in range(MOST + 1)
    ]
    assert [status for status, _, _ in said] == [401] * MOST + [429]
    assert int(said[-1][1]["retry-after"]) > 0
