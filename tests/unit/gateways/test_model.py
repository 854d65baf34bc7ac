"""Which gateways channels want, and which of them nobody can have."""

from __future__ import annotations

import pytest

from controller.gateways.model import (
    GatewayError,
    check_passwords,
    gateway,
    unused_passwords,
    wanted,
)

from .given import channel, wants


def test_a_channel_that_is_off_keeps_its_gateway() -> None:
    """Its calls in progress go on, and it is on again at once."""
    found = wanted([channel(enabled=False)])
    assert [one.name for one in found.gateways] == ["pstn"]


def test_a_channel_without_a_proxy_has_its_gateway_written_by_hand() -> None:
    found = wanted(
        [channel(name="b", proxy=None), channel(name="c", proxy=None, enabled=False), channel()],
        "office",
    )
    assert [one.name for one in found.gateways] == ["pstn"]
    assert found.by_hand == {"b": "channel b", "office": "route.internal_gateway"}
    with pytest.raises(GatewayError, match="by hand"):
        gateway(channel(proxy=None))


def test_an_internal_gateway_that_is_a_channel_too_is_written_once() -> None:
    found = wanted([channel()], "pstn")
    assert [one.name for one in found.gateways] == ["pstn"]
    assert found.by_hand == {}


@pytest.mark.parametrize("name", ["_all_", "_ALL_"])
def test_no_gateway_is_called_as_the_switch_calls_all_of_them(name: str) -> None:
    """`killgw _all_` would take all of them down."""
    with pytest.raises(GatewayError, match=f"channel {name}: .*another name"):
        wanted([channel(name=name)])


def test_a_file_that_the_switch_would_not_read_is_not_written() -> None:
    with pytest.raises(GatewayError, match=r"channel \.pstn: .*dot"):
        wanted([channel(name=".pstn")])


@pytest.mark.parametrize("name", ["_all_", ".pstn"])
def test_what_is_written_by_hand_may_be_called_anything(name: str) -> None:
    assert wanted([channel(name=name, proxy=None)]).by_hand == {name: f"channel {name}"}


def test_a_username_needs_a_password_and_the_setting_is_named() -> None:
    found = wanted([channel(username="1234"), channel(name="two")])
    with pytest.raises(GatewayError, match=r"channel_passwords\.pstn: .*CHANNEL_PASSWORDS"):
        check_passwords(found, {"two": "unused"})
    check_passwords(found, {"pstn": "secret"})
    assert unused_passwords(found, {"pstn": "secret", "two": "x", "gone": "y"}) == ["gone", "two"]


def test_the_user_is_what_stands_before_the_at() -> None:
    assert wants(username="1234@acme.example").user == "1234"
    assert wants(username="1234").user == "1234"
    assert wants(username="@acme.example").user == wants().user == "FreeSWITCH"
