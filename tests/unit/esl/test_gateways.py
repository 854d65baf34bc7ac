"""What a switch says of its gateways: the real one's words, and whatever else may come (G1)."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl import commands
from controller.esl.events import decode_event, text
from controller.esl.gateways import (
    FAILED_STATES,
    GATEWAY_EVENTS,
    MOST_CHARACTERS,
    CannotTell,
    Gateway,
    ask_gateways,
    is_usable,
    read_gateways,
)

HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
#: Seen on 1.11.1: one that neither registers nor is asked whether it is there.
PLAIN = """  <gateway>
    <name>pstn</name>
    <profile>callback_public</profile>
    <scheme>Digest</scheme>
    <realm>127.0.0.1:35809</realm>
    <username>FreeSWITCH</username>
    <password>no</password>
    <from>&lt;sip:FreeSWITCH@127.0.0.1:35809&gt;</from>
    <contact>&lt;sip:gw+pstn@127.0.0.1:19235;transport=udp;gw=pstn&gt;</contact>
    <exten>FreeSWITCH</exten>
    <to>sip:FreeSWITCH@127.0.0.1:35809</to>
    <proxy>sip:127.0.0.1:35809</proxy>
    <context>callback_trigger</context>
    <expires>3600</expires>
    <freq>3600</freq>
    <ping>0</ping>
    <pingfreq>0</pingfreq>
    <pingmin>0</pingmin>
    <pingcount>0</pingcount>
    <pingmax>0</pingmax>
    <pingtime>0.00</pingtime>
    <pinging>0</pinging>
    <state>NOREG</state>
    <status>UP</status>
    <uptime-usec>1685362</uptime-usec>
    <calls-in>0</calls-in>
    <calls-out>0</calls-out>
    <failed-calls-in>0</failed-calls-in>
    <failed-calls-out>0</failed-calls-out>
  </gateway>
"""
#: Seen on 1.11.1: one whose registrar says no.
REFUSED = """  <gateway>
    <name>regbad</name>
    <profile>callback_public</profile>
    <scheme>Digest</scheme>
    <realm>exp</realm>
    <username>acct</username>
    <password>yes</password>
    <from>&lt;sip:acct@127.0.0.1:38770&gt;</from>
    <contact>&lt;sip:gw+regbad@127.0.0.1:19235;transport=udp;gw=regbad&gt;</contact>
    <exten>acct</exten>
    <to>sip:acct@127.0.0.1:38770</to>
    <proxy>sip:127.0.0.1:38770</proxy>
    <context>callback_trigger</context>
    <expires>60</expires>
    <freq>60</freq>
    <ping>1795911121</ping>
    <pingfreq>5</pingfreq>
    <pingmin>1</pingmin>
    <pingcount>0</pingcount>
    <pingmax>1</pingmax>
    <pingtime>0.00</pingtime>
    <pinging>1</pinging>
    <state>FAIL_WAIT</state>
    <status>DOWN</status>
    <uptime-usec>0</uptime-usec>
    <calls-in>1</calls-in>
    <calls-out>7</calls-out>
    <failed-calls-in>2</failed-calls-in>
    <failed-calls-out>3</failed-calls-out>
    <retry>5s</retry>
  </gateway>
"""


def several(*gateways: str) -> str:
    """Write the answer to `sofia xmlstatus gateway`."""
    return f"{HEAD}<gateways>\n{''.join(gateways)}</gateways>\n"


def test_all_gateways_are_read_as_the_switch_writes_them() -> None:
    asked: list[tuple[str, ...]] = []

    def api(*words: str) -> str:
        asked.append(words)
        return several(PLAIN, REFUSED).rstrip("\n")

    plain, refused = ask_gateways(api)
    assert asked == [("sofia", "xmlstatus", "gateway")]
    assert plain == Gateway(
        name="pstn",
        profile="callback_public",
        status="UP",
        state="NOREG",
        proxy="sip:127.0.0.1:35809",
        realm="127.0.0.1:35809",
        username="FreeSWITCH",
        sender="<sip:FreeSWITCH@127.0.0.1:35809>",
        contact="<sip:gw+pstn@127.0.0.1:19235;transport=udp;gw=pstn>",
        context="callback_trigger",
        expires_seconds=3600,
    )
    assert (plain.usable, plain.registers, plain.transport) == (True, False, "udp")
    assert (refused.usable, refused.registers, refused.has_password) == (False, True, True)
    assert (refused.username, refused.realm, refused.ping_seconds) == ("acct", "exp", 5)
    assert (refused.calls_out, refused.failed_out) == (7, 3)
    assert (refused.calls_in, refused.failed_in) == (1, 2)


def test_one_gateway_and_none_are_read() -> None:
    assert [one.name for one in read_gateways(HEAD + PLAIN)] == ["pstn"]
    assert read_gateways(several()) == ()


def test_two_profiles_may_have_one_of_the_same_name() -> None:
    other = PLAIN.replace("callback_public", "other")
    assert [one.profile for one in read_gateways(several(PLAIN, other))] == [
        "callback_public",
        "other",
    ]


@pytest.mark.parametrize("state", [*FAILED_STATES, "DOWN", "UNREGED", "TRYING", "REGED", "NOREG"])
def test_the_status_decides_and_a_failure_that_is_about_to(state: str) -> None:
    """Seen on 1.11.1: DOWN until it is registered, and UP while it registers anew."""
    assert not is_usable("DOWN", state)
    assert is_usable("UP", state) is (state not in FAILED_STATES)
    assert not is_usable("INVALID", state)


@pytest.mark.parametrize("name", ["a&b", "a&b;c", "&", "a&amp;b", "x && y"])
def test_g1_values_that_the_switch_forgets_to_escape_are_read(name: str) -> None:
    written = PLAIN.replace("<username>FreeSWITCH<", f"<username>{name}<")
    assert read_gateways(several(written))[0].username == name.replace("&amp;", "&")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Invalid Gateway!\n",
        "-ERR sofia Command not found!\n",
        "-ERR no reply\n",
        "<",
        "<gateways>",
        "<profile></profile>",
        several("<gateway></gateway>"),
        several(PLAIN.replace("<status>UP</status>", "")),
        several(PLAIN.replace("<name>pstn</name>", "<name> </name>")),
        several(PLAIN.replace("pstn", "a<b")),
        several(PLAIN.replace("pstn", "a\x00b")),
        several(PLAIN)[:-40],
        HEAD + PLAIN + PLAIN,
        several(PLAIN.replace("FreeSWITCH", "&#0;")),
        several(PLAIN.replace("FreeSWITCH", "\ud800")),
        f"<gateways>{' ' * MOST_CHARACTERS}</gateways>",
    ],
)
def test_g1_what_is_no_list_of_gateways_says_nothing(answer: str) -> None:
    with pytest.raises(CannotTell):
        read_gateways(answer)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE g SYSTEM "file:///etc/passwd">',
        '<!ENTITY x SYSTEM "http://198.51.100.1/">',
        "<!-- a comment is nothing that the switch writes -->",
    ],
)
def test_g1_nothing_is_declared_expanded_or_fetched(declared: str) -> None:
    text = f"{HEAD}{declared}<gateways>{PLAIN.replace('FreeSWITCH', '&b;')}</gateways>"
    with pytest.raises(CannotTell, match="declares"):
        read_gateways(text)


def test_g1_what_is_nested_without_end_ends() -> None:
    deep = sys.getrecursionlimit() * 50
    text = f"<gateways>{'<a>' * deep}{'</a>' * deep}{PLAIN}</gateways>"
    assert [one.name for one in read_gateways(text)] == ["pstn"]


pieces = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["<", ">", "</", "&", "&amp;", "&lt;", "<!", "<?", "]]>", "<![CDATA[", "gateway", "status"]
    ),
)


@given(st.integers(0, len(several(PLAIN, REFUSED))), st.integers(0, 40), st.lists(pieces))
def test_g1_whatever_is_changed_it_is_read_or_refused(at: int, gone: int, put: list[str]) -> None:
    whole = several(PLAIN, REFUSED)
    try:
        found = read_gateways(whole[:at] + "".join(put) + whole[at + gone :])
    except CannotTell:
        return
    assert all(isinstance(one, Gateway) and one.name and one.status for one in found)


# --- what it tells by itself -----------------------------------------------------------------


def test_a_change_of_state_is_told_by_the_switch() -> None:
    """Seen on 1.11.1."""
    body = {
        "Event-Subclass": "sofia::gateway_state",
        "Event-Name": "CUSTOM",
        "Core-UUID": "c0d4f3bb-9d3e-4a0a-8d5c-0c9a4f1b1b11",
        "Event-Date-Timestamp": "1795911153345863",
        "Event-Calling-File": "sofia_reg.c",
        "Event-Sequence": "2091",
        "Gateway": "pinglive",
        "State": "NOREG",
        "Ping-Status": "DOWN",
        "Phrase": "Request Timeout",
        "Status": "408",
    }
    event = decode_event(json.dumps(body).encode())
    assert (event.name, text(event.gateway)) == ("CUSTOM", "pinglive")
    assert (text(event.gateway_state), text(event.gateway_status)) == ("NOREG", "DOWN")


def test_events_of_modules_are_asked_for_last() -> None:
    """Seen on 1.11.1: every word after CUSTOM counts as one of those."""
    assert commands.subscribe([GATEWAY_EVENTS[0], "BACKGROUND_JOB"]) == (
        b"event json BACKGROUND_JOB CUSTOM sofia::gateway_state\n\n"
    )
