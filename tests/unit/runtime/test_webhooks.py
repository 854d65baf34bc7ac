"""O5: what is posted to other servers: signed, within its time, taken or not and why."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.runtime.webhooks import NotTaken, Poster, Target

from .receiving import PATIENCE, Receiver, receiving

SECRET = "a secret of ours that both know"
BODY = '{"a":"ä"}'.encode()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def poster(url: str, seconds: float = PATIENCE, tls: ssl.SSLContext | None = None) -> Poster:
    """Make what posts there."""
    return Poster(Target(url, SECRET, seconds), now=lambda: 1_795_000_000.9, tls=tls)


def refused(made: Poster) -> str:
    """Post something that is not taken, and give why."""
    with pytest.raises(NotTaken) as error:
        made.post(BODY, key="k-1", kind="test")
    return str(error.value)


def test_o5_a_post_is_signed_and_has_its_key(server: Receiver) -> None:
    poster(server.url).post(BODY, key="k-1", kind="test")
    (got,) = server.got
    assert (got.path, got.body) == ("/told?of=us", BODY)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["idempotency-key"] == "k-1"
    assert got.headers["callbackd-event"] == "test"
    # As docs/records.md tells others to check it.
    parts = dict(part.split("=", 1) for part in got.headers["callbackd-signature"].split(","))
    signed = f"{parts['t']}.".encode() + got.body
    made = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(made, parts["v1"])
    assert parts["t"] == "1795000000"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_o5_what_is_answered_with_2xx_is_taken(server: Receiver, status: int) -> None:
    server.answer = lambda got: status
    poster(server.url).post(BODY, key="k-1", kind="test")
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 409, 429, 500, 503, 599])
def test_o5_what_is_answered_otherwise_is_not(server: Receiver, status: int) -> None:
    server.answer = lambda got: status
    assert refused(poster(server.url)).startswith(f"it answered {status}")


def test_o5_redirects_are_not_followed(server: Receiver) -> None:
    with receiving() as other:
        server.answer = lambda got: 307
        server.more = {"Location": other.url}
        assert refused(poster(server.url)) == "it answered 307: redirects are not followed"
        assert other.got == []


def test_o5_proxies_of_the_environment_are_not_asked(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    poster(server.url).post(BODY, key="k-1", kind="test")


def test_o5_a_server_that_is_not_there_has_taken_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    assert refused(poster(url)).startswith("ConnectionRefusedError")
    assert refused(poster("http://nobody.invalid/")).startswith("gaierror")


# --- servers that do not end ---------------------------------------------------------------------


@contextmanager
def raw(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that says something to whoever connects, and give its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        accepted, _ = listening.accept()
        accepted.settimeout(PATIENCE)
        # It is cut, which is the point.
        with accepted, contextlib.suppress(OSError):
            say(accepted)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        thread.join(PATIENCE)
        listening.close()
    assert not thread.is_alive()


def silent(accepted: socket.socket) -> None:
    """Take all, and say nothing."""
    while accepted.recv(65536):
        pass


def trickling(accepted: socket.socket) -> None:
    """Say a little again and again: no piece is late, and the whole never comes."""
    accepted.recv(65536)
    accepted.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    accepted.settimeout(0.02)
    while True:
        accepted.sendall(b"x")
        try:
            if not accepted.recv(1):
                return
        except TimeoutError:
            continue


def endless(accepted: socket.socket) -> None:
    """Say more and more."""
    accepted.recv(65536)
    accepted.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        accepted.sendall(b"X-Long: " + b"x" * 65536)


@pytest.mark.parametrize("say", [silent, trickling])
def test_o5_an_answer_has_to_come_in_time(say: Callable[[socket.socket], None]) -> None:
    with raw(say) as address:
        assert refused(poster(f"http://{address}/", 0.2)) == "no answer within 0.2 s"


def test_o5_being_secured_is_part_of_that_time() -> None:
    with raw(silent) as address:
        assert refused(poster(f"https://{address}/", 0.2)) == "no answer within 0.2 s"


def test_o5_what_is_no_answer_is_not_read_to_its_end() -> None:
    with raw(endless) as address:
        assert refused(poster(f"http://{address}/")).startswith("LineTooLong")

    def other(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(b"SSH-2.0-x\r\n")
        silent(accepted)

    with raw(other) as address:
        assert refused(poster(f"http://{address}/")).startswith("BadStatusLine")


def test_o5_a_body_is_not_waited_for() -> None:
    def say(accepted: socket.socket) -> None:
        accepted.recv(65536)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        silent(accepted)

    with raw(say) as address:
        poster(f"http://{address}/").post(BODY, key="k-1", kind="test")


def test_o5_what_is_under_way_ends_with_the_controller(server: Receiver) -> None:
    server.held.clear()
    made, said = poster(server.url), list[str]()
    thread = threading.Thread(target=lambda: said.append(refused(made)))
    thread.start()
    assert server.came.wait(PATIENCE)
    made.close()
    thread.join(PATIENCE)
    assert said
    # Nothing is posted any more.
    assert refused(made) == "the controller stops"
    assert len(server.got) == 1


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate for `localhost`, with its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl is here to make a certificate")
    made = tmp_path_factory.mktemp("tls") / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(made.with_name("key.pem")), "-out", str(made)),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return made


def test_o5_a_server_has_to_prove_who_it_is(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with receiving(context) as server:
        # Nobody vouches for it.
        assert refused(poster(server.url)).startswith("SSLCertVerificationError")
        trusting = ssl.create_default_context(cafile=certificate)
        # It is another one.
        elsewhere = server.url.replace("localhost", "127.0.0.1")
        assert refused(poster(elsewhere, tls=trusting)).startswith("SSLCertVerificationError")
        assert server.got == []
        poster(server.url, tls=trusting).post(BODY, key="k-1", kind="test")
        assert server.got[0].headers["host"].startswith("localhost:")


def test_o5_what_connects_when_its_time_is_over_is_not_asked_any_more(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with several addresses, each of which may take the whole time to say nothing."""
    late, real = threading.Event(), socket.create_connection
    made = poster(server.url, 0.05)
    cut = made._cut

    def cut_off() -> None:
        cut()
        late.set()

    def slow(address: tuple[str, int], *, timeout: float) -> socket.socket:
        assert late.wait(PATIENCE)
        return real(address, timeout=PATIENCE)

    monkeypatch.setattr(made, "_cut", cut_off)
    monkeypatch.setattr("controller.runtime.webhooks.socket.create_connection", slow)
    assert refused(made) == "no answer within 0.05 s"
    assert server.got == []
