"""O4, G1: which announcements of switches are believed."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.announced import Announced, Announcement, Doubt, doubt, read
from tests.abuse import NAMES, NUMBERS

ALLOW = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32"))


def why(name: str, host: str, port: int = 8021) -> Doubt | None:
    """Give why a switch is not believed; fs1 is configured."""
    return doubt(Announced(name, 1000, Announcement(host, port)), ALLOW, ("fs1",))


@pytest.mark.parametrize(
    ("name", "host", "port", "doubted"),
    [
        ("fs2", "192.0.2.7", 8021, None),
        ("fs2", "2001:db8::7", 8021, None),
        ("fs2", "192.0.3.7", 8021, Doubt.ADDRESS),
        # Of another family: nobody's network.
        ("fs2", "::ffff:192.0.2.7", 8021, Doubt.ADDRESS),
        ("fs2", "127.0.0.1", 8021, Doubt.ADDRESS),
        # A name could be another address when it is connected to.
        ("fs2", "localhost", 8021, Doubt.ADDRESS),
        ("fs2", "192.0.2.7%eth0", 8021, Doubt.ADDRESS),
        # Whatever stands behind it.
        ("fs2", "2001:db8::7%eth0", 8021, Doubt.ADDRESS),
        ("fs2", "2001:db8::7%\n", 8021, Doubt.ADDRESS),
        ("fs1", "192.0.2.7", 8021, Doubt.CONFIGURED),
        ("fs2", "192.0.2.7", 0, Doubt.MALFORMED),
        ("fs2", "192.0.2.7", 65_536, Doubt.MALFORMED),
        ("fs2", "192.0.2.7", -1, Doubt.MALFORMED),
        ("fs 2", "192.0.2.7", 8021, Doubt.MALFORMED),
        ("", "192.0.2.7", 8021, Doubt.MALFORMED),
        ("a" * 65, "192.0.2.7", 8021, Doubt.MALFORMED),
    ],
)
def test_g1_only_what_is_named_is_believed(
    name: str, host: str, port: int, doubted: Doubt | None
) -> None:
    assert why(name, host, port) is doubted


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_g1_whatever_lies_in_redis_is_read_and_doubted(name: bytes, said: bytes) -> None:
    found = read(name, 1000, said)
    assert doubt(found, (), ()) in (Doubt.MALFORMED, Doubt.ADDRESS)


@pytest.mark.parametrize("abuse", [*NUMBERS, *NAMES])
def test_g1_no_abuse_is_a_name_or_an_address(abuse: str) -> None:
    assert why(abuse, "192.0.2.7") in (Doubt.MALFORMED, None)
    assert why("fs2", abuse) is Doubt.ADDRESS


def test_a_lease_that_has_ended_holds_no_more() -> None:
    assert [Announced("fs2", left, None).holds for left in (1, 0, -1)] == [True, False, False]
