"""T4: which trunk a call came over, by the address that its INVITE came from."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy.channels import Channel
from controller.policy.trunks import Trunks

WIDE = Channel(name="wide", addresses=("192.0.2.0/24", "2001:db8::/32"))
ONE = Channel(name="one", addresses=("198.51.100.7", "192.0.2.128/25"))
HOST = Channel(name="host", addresses=("192.0.2.200",))
NONE = Channel(name="none")
TRUNKS = Trunks([WIDE, ONE, NONE, HOST])


@pytest.mark.parametrize(
    ("address", "channel"),
    [
        ("192.0.2.0", WIDE),
        ("192.0.2.127", WIDE),
        ("2001:db8::1", WIDE),
        ("2001:DB8:0::1", WIDE),
        ("198.51.100.7", ONE),
        # The narrowest network counts, whatever the order.
        ("192.0.2.128", ONE),
        ("192.0.2.200", HOST),
        ("192.0.2.201", ONE),
        ("192.0.3.0", None),
        ("198.51.100.8", None),
        ("2001:db9::1", None),
        ("::", None),
    ],
)
def test_t4_a_call_is_of_the_trunk_whose_network_it_came_from(
    address: str, channel: Channel | None
) -> None:
    assert TRUNKS.find(address) is channel
    assert Trunks([HOST, NONE, ONE, WIDE]).find(address) is channel


@pytest.mark.parametrize(
    "address",
    [None, "", "x", "192.0.2.1:5060", "192.0.2.1/32", "192.0.2.0/24", "192.0.2", "3221225985",
     " 192.0.2.1", "192.0.2.1, 198.51.100.7", "[2001:db8::1]", "sip:192.0.2.1"],
)  # fmt: skip
def test_g1_what_is_no_address_is_of_no_trunk(address: str | None) -> None:
    assert TRUNKS.find(address) is None


def test_without_trunks_no_call_is_of_one() -> None:
    assert Trunks().find("192.0.2.1") is None
    assert Trunks([NONE]).find("192.0.2.1") is None


def test_a_channel_is_given_by_its_name() -> None:
    assert TRUNKS.channels == (WIDE, ONE, NONE, HOST)
    for channel in TRUNKS.channels:
        assert TRUNKS.get(channel.name) is channel
    for name in ("gone", "", None):
        assert TRUNKS.get(name) is None
    assert Trunks().channels == ()


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
def test_t4_an_address_is_found_exactly_in_the_networks_that_have_it(
    base: ipaddress.IPv4Address | ipaddress.IPv6Address,
    length: int,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    network = ipaddress.ip_network((base, min(length, base.max_prefixlen)), strict=False)
    channel = Channel(name="pstn", addresses=(str(network),))
    channel.check()
    trunks = Trunks([channel])
    assert trunks.find(str(base)) is channel
    assert (trunks.find(str(other)) is channel) == (other in network)
