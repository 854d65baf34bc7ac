"""The setting `redis.url`."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cache.address import CacheSettingsError, parse
from controller.cache.client import open_redis
from controller.cache.connections import PrimaryConnection, TcpConnection, UnixConnection


@pytest.mark.parametrize(
    ("url", "shown", "options"),
    [
        ("redis://a", "redis://a:6379", {"host": "a", "port": 6379, "db": 0}),
        ("redis://a:1/2", "redis://a:1", {"host": "a", "port": 1, "db": 2}),
        (
            "redis://u:p%40%2f@a.example",
            "redis://a.example:6379",
            {"username": "u", "password": "p@/", "host": "a.example", "port": 6379, "db": 0},
        ),
        ("redis://:p@[::1]:7/", "redis://::1:7",
         {"password": "p", "host": "::1", "port": 7, "db": 0}),
    ],
)  # fmt: skip
def test_one_server(url: str, shown: str, options: dict[str, object]) -> None:
    found = parse(url)
    assert (found.shown, found.options) == (shown, options)
    assert found.connection_class is TcpConnection


def test_a_socket() -> None:
    found = parse("unix:///a%20b/c.sock?db=3")
    assert found.connection_class is UnixConnection
    assert (found.shown, found.options) == ("unix:///a b/c.sock", {"path": "/a b/c.sock", "db": 3})


def test_tls_checks_the_servers_name() -> None:
    found = parse("rediss://a")
    assert found.options["tls"].check_hostname
    assert found.options["tls"].verify_mode.name == "CERT_REQUIRED"


def test_sentinels() -> None:
    found = parse("redis+sentinel://u:p@a,b:2,[::1]:3/main/4?sentinel_password=q")
    assert found.shown == "redis+sentinel://a:26379,b:2,::1:3/main"
    assert found.connection_class is PrimaryConnection
    sentinels = found.options.pop("sentinels")
    assert found.options == {"username": "u", "password": "p", "db": 4}
    assert sentinels._addresses == [("a", 26379), ("b", 2), ("::1", 3)]
    assert sentinels._options["password"] == "q"


def test_sentinels_with_tls() -> None:
    found = parse("rediss+sentinel://a/main")
    assert found.options["tls"] is found.options["sentinels"]._options["tls"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "begins with none"),
        ("s3cret", "begins with none"),
        ("http://:s3cret@a", "begins with none"),
        ("redis://", "names no host"),
        ("redis://:s3cret@a,b", "names no host, or several"),
        ("redis://s3cret@a", "no password before it"),
        ("redis://:s3cret@a:b", "a host that cannot be read"),
        ("redis://:s3cret@a:0", "a port that is none"),
        ("redis://:s3cret@a:65536", "a port that is none"),
        ("redis://:s3cret@a/one", "a database that is no number"),
        ("redis://:s3cret@a?retry=9", "an option 'retry'"),
        ("redis://:s3#cret@a", "has a #"),
        ("redis://:s3cret@[a", "is no URL"),
        ("unix://s3cret", "no absolute path"),
        ("unix:///a?db=-1", "a database that is no number"),
        ("unix:///a?password=s3cret", "an option 'password'"),
        ("redis+sentinel://:s3cret@a", "no service"),
        ("redis+sentinel:///main", "no sentinel"),
        ("redis+sentinel://:s3cret@a,,b/main", "a host that cannot be read"),
        ("rediss://:s3cret@a?ssl_ca_certs=/nowhere", "cannot be read"),
        ("rediss://:s3cret@a?ssl_cert_reqs=none", "an option 'ssl_cert_reqs'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_setting_and_without_its_password(
    url: str, said: str
) -> None:
    with pytest.raises(CacheSettingsError) as caught:
        open_redis(url)
    message = str(caught.value)
    assert message.startswith("redis.url: ")
    assert said in message
    assert "s3cret" not in message


def test_a_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(CacheSettingsError, match="ssl_ca_certs"):
        open_redis(f"rediss://a?ssl_ca_certs={tmp_path}/ca.pem")
