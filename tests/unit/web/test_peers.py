"""G1: who asks is known, behind a proxy too, and nobody chooses whom he is taken for."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from controller.web.peers import Peers, is_in, read_address, site

PROXIES = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/24")]


def asked(peer: str, forwarded: str | None = None) -> dict[str, str]:
    """Give the environment of a request."""
    said = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return {"REMOTE_ADDR": peer, **said}


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        # Nobody's word but the proxies' is taken.
        ("192.0.2.7", "203.0.113.1", "192.0.2.7"),
        ("127.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.1", "203.0.113.1"),
        ("127.0.0.1", "203.0.113.1, 10.0.0.3", "203.0.113.1"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.1, 10.0.0.3", "203.0.113.1"),
        ("127.0.0.1", "10.0.0.3, 10.0.0.4", "10.0.0.3"),
        ("::ffff:127.0.0.1", " 2001:db8::1 ", "2001:db8::1"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        # Some proxies say the port, too: their clients are not all one for that.
        ("127.0.0.1", "203.0.113.1:49152", "203.0.113.1"),
        ("127.0.0.1", "203.0.113.1:49152, 10.0.0.3:80 ", "203.0.113.1"),
        ("127.0.0.1", "[2001:db8::1]:49152", "2001:db8::1"),
        ("127.0.0.1", ",".join(["10.0.0.3"] * 1000), "10.0.0.3"),
    ],
)
def test_g1_the_last_address_that_is_no_proxy_asks(
    peer: str, forwarded: str | None, who: str
) -> None:
    assert Peers(PROXIES).of(asked(peer, forwarded)) == ip_address(who)


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "x",
        "192.0.2.7:",
        "192.0.2.7:80:80",
        "[192.0.2.7",
        "1:2",
        "203.0.113.1, unknown",
        "\u00fc",
        "1" * 9000,
    ],
)
def test_g1_what_a_proxy_says_and_is_no_address_is_nobody(odd: str) -> None:
    """G1: it is not taken for the proxy's own address, which may be allowed more."""
    found = Peers(PROXIES).of(asked("127.0.0.1", odd))
    assert found is None or odd == ""
    assert not is_in(None, PROXIES)


def test_g1_without_proxies_nothing_that_is_said_counts() -> None:
    peers = Peers()
    said = asked("127.0.0.1", "203.0.113.1")
    assert peers.of(said) == ip_address("127.0.0.1")
    assert peers.is_forwarded_by_a_stranger(said)
    assert peers.is_forwarded_by_a_stranger({"REMOTE_ADDR": "::1", "HTTP_FORWARDED": "for=x"})
    assert not peers.is_forwarded_by_a_stranger(asked("127.0.0.1"))
    assert not Peers(PROXIES).is_forwarded_by_a_stranger(said)


def test_a_site_is_one_address_or_64_bits() -> None:
    assert site(read_address("192.0.2.7")) == "192.0.2.7"
    assert site(read_address("2001:db8::1")) == site(read_address("2001:db8::2:3:4:5"))
    assert site(read_address("2001:db8::1")) != site(read_address("2001:db8:0:1::1"))
    assert site(read_address("fe80::1%eth0")) == "fe80::/64"
    assert site(None) == "None"


@pytest.mark.parametrize(
    ("peer", "said", "is_"),
    [
        ("127.0.0.1", "https", True),
        ("10.0.0.3", "HTTPS ", True),
        ("127.0.0.1", "http, https", True),
        ("127.0.0.1", "https, http", False),
        ("127.0.0.1", "http", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", None, False),
        # Nobody's word but the proxies' is taken.
        ("192.0.2.7", "https", False),
        ("", "https", False),
    ],
)
def test_o2_that_tls_is_there_is_a_proxys_to_say(peer: str, said: str | None, is_: bool) -> None:
    environ = {"REMOTE_ADDR": peer}
    if said is not None:
        environ["HTTP_X_FORWARDED_PROTO"] = said
    assert Peers(PROXIES).is_over_tls(environ) is is_
