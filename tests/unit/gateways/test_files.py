"""The file of a gateway: what FreeSWITCH reads is what the channel says, whatever that is."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given

from controller.gateways.files import REVISION, differences, from_xml, params, to_xml
from controller.gateways.model import GatewayError, gateway
from controller.policy.channels import Channel

from .given import as_freeswitch_reads, channels, param_values, passwords, wants

GLOBALS = {"domain": "not what was written"}


def test_a_channel_by_address_needs_a_proxy_and_no_more() -> None:
    """I1, I2: the CallerID that was decided goes into From; an account's name does not."""
    written = to_xml(wants(), password=None)
    assert param_values(as_freeswitch_reads(written, GLOBALS)) == {
        "proxy": "192.0.2.10",
        "register-transport": "udp",
        "register": "false",
        "caller-id-in-from": "true",
    }


def test_a_channel_that_registers_says_all_that_it_has() -> None:
    """T1: calls to where it registered are addressed to the gateway; the DID is in To."""
    wanted = wants(
        username="1234@acme.example",
        register=True,
        transport="tls",
        domain="example.org",
        ping_seconds=30,
    )
    assert params(wanted, "s3cret") == {
        "proxy": "192.0.2.10",
        "register-transport": "tls",
        "username": "1234",
        "auth-username": "1234@acme.example",
        "password": "s3cret",
        "register": "true",
        "extension": "auto_to_user",
        "caller-id-in-from": "true",
        "from-domain": "example.org",
        "ping": "30",
    }


@given(channels(), passwords)
def test_any_channel_gives_a_file_that_freeswitch_reads_as_it_is_meant(
    channel: Channel, password: str
) -> None:
    """G1: nothing in it is markup, a variable or an instruction to the switch."""
    wanted = gateway(channel)
    given = password if channel.username is not None else None
    written = to_xml(wanted, password=given, revision="0123abcd")
    assert written.isascii()
    root = as_freeswitch_reads(written, GLOBALS)
    (element,) = root
    assert element.get("name") == channel.name
    assert param_values(root) == params(wanted, given)
    assert param_values(root)["proxy"] == channel.proxy
    assert param_values(root).get("password") == given
    assert param_values(root).get("auth-username", wanted.username) == channel.username
    (variable,) = root.iter("variable")
    assert (variable.get("name"), variable.get("value")) == (REVISION, "0123abcd")
    again = from_xml(written)
    assert again is not None
    assert (again.name, again.params, again.revision) == (
        channel.name,
        params(wanted, given),
        "0123abcd",
    )


def test_a4_a_password_is_shown_nowhere_but_in_its_file() -> None:
    wanted = wants(username="1234")
    before, after = params(wanted, "s3cret-before"), params(wanted, "s3cret-after")
    assert differences(before, after) == ["password"]
    assert "s3cret" not in repr(from_xml(to_xml(wanted, password="s3cret")))


def test_the_first_comment_says_whose_file_it_is() -> None:
    first = to_xml(wants(), password=None).splitlines()[1]
    assert first.strip().startswith("<!-- Made by callbackd switch config")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not XML",
        "<include/>",
        '<include><gateway name="pstn"><param name="ping" value="30"/></gateway></include>',
        '<include><gateway name="pstn"/><!-- Made by somebody --></include>',
        "<include>\n<!-- A trunk. -->\n<!-- Made by callbackd switch config -->\n"
        '<gateway name="pstn"/></include>',
    ],
)
def test_what_does_not_begin_with_our_mark_is_somebody_elses(text: str) -> None:
    assert from_xml(text) is None


def test_a_file_as_an_editor_leaves_it_is_still_ours() -> None:
    """Somebody moved it about or added to it: it was ours, and is written over."""
    root = ET.fromstring(
        to_xml(wants(), password=None, revision="1"),
        ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)),
    )
    ET.SubElement(next(root.iter("gateway")), "param", name="ping", value="10")
    found = from_xml(ET.tostring(root).decode())
    assert found is not None
    assert found.params["ping"] == "10"


@pytest.mark.parametrize("password", ["a\nb", "a\x00b", "tab\t", "\x7f", "\u2028", "\ufffe"])
def test_a_password_that_no_file_can_hold_is_refused_by_the_setting_s_name(password: str) -> None:
    with pytest.raises(GatewayError, match=r"channel_passwords\.pstn: holds a character") as error:
        to_xml(wants(username="1234"), password=password)
    assert password not in str(error.value)


def test_a_password_with_a_colon_is_refused() -> None:
    """FreeSWITCH cuts it off there (seen on 1.11.1), and the trunk refuses the rest."""
    with pytest.raises(GatewayError, match=r"channel_passwords\.pstn: holds a colon") as error:
        to_xml(wants(username="1234"), password="ab:cd")
    assert "ab" not in str(error.value).replace("callbackd", "")


def test_what_changed_is_said_by_its_name() -> None:
    before = {"proxy": "a", "ping": "30", "password": "one"}
    after = {"proxy": "b", "password": "two", "username": "1234"}
    assert differences(before, after) == [
        "proxy: a -> b",
        "ping: 30 -> -",
        "password",
        "username: - -> 1234",
    ]
