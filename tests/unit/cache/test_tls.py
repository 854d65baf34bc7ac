"""Redis over TLS: a Valkey behind a listener that ends the TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.ssl
import pytest
from gevent import socket
from gevent.server import StreamServer
from redis.exceptions import ConnectionError as RedisConnectionError

from controller.cache.client import open_redis
from tests.redis_servers import Server


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


@pytest.fixture
def port(certificate: Path, shared_valkey: Server) -> Iterator[int]:
    """Give the port of the listener."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))

    def carry(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass  # the other direction has ended
        finally:
            one.close()
            other.close()

    def serve(accepted: socket.socket, _: object) -> None:
        behind = socket.socket(socket.AF_UNIX)
        behind.connect(str(shared_valkey.path))
        gevent.joinall(
            [gevent.spawn(carry, accepted, behind), gevent.spawn(carry, behind, accepted)]
        )

    listener = StreamServer(("127.0.0.1", 0), serve, ssl_context=context)
    listener.start()
    bound: int = listener.socket.getsockname()[1]
    yield bound
    listener.stop(timeout=1)


def test_a_server_whose_certificate_is_known_is_spoken_to(certificate: Path, port: int) -> None:
    redis = open_redis(f"rediss://localhost:{port}?ssl_ca_certs={certificate}")
    assert redis.execute("PING") == b"PONG"
    assert redis.execute("ECHO", b"x" * 100_000) == b"x" * 100_000
    subscription = redis.subscribe("tls")
    messages = iter(subscription)
    redis.execute("PUBLISH", "tls", b"heard")
    assert next(messages) == b"heard"
    subscription.close()
    redis.close()


def test_a_server_with_another_name_or_an_unknown_certificate_is_not(
    certificate: Path, port: int
) -> None:
    for url in (
        f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}",
        f"rediss://localhost:{port}",
    ):
        redis = open_redis(url)
        with pytest.raises(RedisConnectionError, match="certificate verify failed"):
            redis.execute("PING")
        redis.close()
