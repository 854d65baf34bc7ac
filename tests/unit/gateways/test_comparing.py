"""What runs against what is wanted: nothing that differs goes unseen."""

from __future__ import annotations

import pytest
from hypothesis import given

from controller.gateways.comparing import Compared, Difference, Found, compare
from controller.gateways.model import Wanted, gateway
from controller.policy.channels import Channel

from .given import PROFILE, channels, runs, wants


def only(wanted: Wanted, *running: object) -> Compared:
    """Compare where there is one gateway in all."""
    (found,) = compare(wanted, running, PROFILE)  # type: ignore[arg-type]
    return found


@given(channels())
def test_what_runs_as_it_was_written_is_as_wanted(channel: Channel) -> None:
    wanted = gateway(channel)
    found = only(Wanted((wanted,)), runs(wanted))
    assert (found.found, found.differences, found.well) == (Found.AS_WANTED, (), True)


def test_what_does_not_run_is_missing() -> None:
    found = only(Wanted((wants(),)))
    assert (found.found, found.well, found.up, found.registers) == (
        Found.MISSING,
        False,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("otherwise", "difference"),
    [
        ({"profile": "external"}, Difference("profile", PROFILE, "external")),
        ({"proxy": "sip:192.0.2.11"}, Difference("proxy", "sip:192.0.2.10", "sip:192.0.2.11")),
        ({"transport": "tcp"}, Difference("transport", "tls", "tcp")),
        ({"username": "4321"}, Difference("username", "1234", "4321")),
        ({"password": False}, Difference("password", "set", "none")),
        ({"state": "NOREG"}, Difference("register", "yes", "no")),
        ({"domain": "192.0.2.10"}, Difference("domain", "example.org", "the proxy")),
        ({"domain": "192.0.2.1"}, Difference("domain", "example.org", "192.0.2.1")),
        ({"ping_seconds": 0}, Difference("ping_seconds", "30", "0")),
    ],
)
def test_each_field_that_differs_is_named(
    otherwise: dict[str, object], difference: Difference
) -> None:
    wanted = wants(
        username="1234", register=True, transport="tls", domain="example.org", ping_seconds=30
    )
    found = only(Wanted((wanted,)), runs(wanted, **otherwise))
    assert (found.found, found.differences, found.well) == (Found.DIFFERENT, (difference,), False)


def test_another_proxy_is_told_once_where_it_is_the_domain_too() -> None:
    before = wants(proxy="192.0.2.11")
    found = only(Wanted((wants(),)), runs(before))
    assert found.differences == (Difference("proxy", "sip:192.0.2.10", "sip:192.0.2.11"),)


def test_one_that_is_told_twice_is_not_what_is_wanted() -> None:
    """One was taken down a moment ago, or another profile has one of the same name."""
    wanted = wants()
    twice = only(Wanted((wanted,)), runs(wanted), runs(wanted, profile="external"))
    assert twice.differences == (Difference("name", "once", f"on {PROFILE} and on external"),)


def test_of_what_is_written_by_hand_only_that_it_is_there_is_said() -> None:
    by_hand = Wanted((), {"pstn": "channel pstn"})
    there = only(by_hand, runs(wants(proxy="anything.example"), profile="external"))
    assert (there.found, there.well) == (Found.BY_HAND, True)
    assert only(by_hand).found is Found.MISSING


def test_what_nobody_wants_is_told_and_is_no_fault() -> None:
    found = only(Wanted(), runs(wants()))
    assert (found.found, found.well) == (Found.NOT_WANTED, True)


def test_they_come_in_the_order_of_names_with_the_switch_s_own_words() -> None:
    a, b = wants(name="a"), wants(name="b", username="1", register=True)
    found = compare(
        Wanted((b, a), {"c": "channel c"}), [runs(b, status="DOWN", state="FAIL_WAIT")], PROFILE
    )
    assert [(one.name, one.found, one.status, one.state, one.up) for one in found] == [
        ("a", Found.MISSING, "", "", False),
        ("b", Found.AS_WANTED, "DOWN", "FAIL_WAIT", False),
        ("c", Found.MISSING, "", "", False),
    ]
