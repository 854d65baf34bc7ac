"""G1: what a switch says of its configuration: the real one's words, and whatever else may come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl import configuration as told
from controller.esl.gateways import CannotTell

#: Seen on 1.11.1, with the files of fs-config.
EVENT_SOCKET = """<configuration name="event_socket.conf" description="Event socket">
    <settings>
    
        <param name="listen-ip" value="127.0.0.1"></param>

        <param name="listen-port" value="21679"></param>

    
        <param name="password" value="only-for-this-test"></param>

        <param name="apply-inbound-acl" value="callback_event_socket"></param>

        <param name="stop-on-bind-error" value="true"></param>

        <param name="nat-map" value="false"></param>

  </settings>

</configuration>
"""  # noqa: W293
SOFIA = """<configuration name="sofia.conf" description="SIP">
    <global_settings>
        <param name="log-level" value="0"></param>

  </global_settings>

    <profiles>
    <profile name="callback_public">
  
        <gateways>
    
          <gateway name="pstn">
              <param name="proxy" value="192.0.2.10"></param>

              <param name="context" value="callback_trigger"></param>

  </gateway>

          <gateway name="other">
              <param name="proxy" value="192.0.2.20"></param>

  </gateway>

  </gateways>


        <settings>
            <param name="sip-ip" value="127.0.0.1"></param>

            <param name="Apply-Inbound-ACL" value="one"></param>

            <param name="apply-inbound-acl" value="two"></param>

  </settings>

</profile>

  </profiles>

</configuration>
"""  # noqa: W293
PROFILES = """<?xml version="1.0" encoding="ISO-8859-1"?>
<profiles>
<profile>
<name>callback_public</name>
<type>profile</type>
<data>sip:mod_sofia@127.0.0.1:14311</data>
<state>RUNNING (0)</state>
</profile>
<profile>
<name>callback_public</name>
<type>profile</type>
<data>sips:mod_sofia@192.0.2.2:7443;transport=wss</data>
<state>RUNNING (0) (WSS)</state>
</profile>
<alias>
<name>192.0.2.2</name>
<type>alias</type>
<data>callback_public</data>
<state>ALIASED</state>
</alias>
<gateway>
<name>pstn</name>
<type>gateway</type>
<data>sip:FreeSWITCH@192.0.2.10</data>
<state>NOREG</state>
</gateway>

</profiles>
"""
PROFILE = """<?xml version="1.0" encoding="ISO-8859-1"?>
<profile>
  <profile-info>
    <name>callback_public</name>
    <pres-hosts></pres-hosts>
    <context>callback_trigger</context>
    <session-to>1800</session-to>
    <max-recv-rps>500</max-recv-rps>
    <hold-music>local_stream://a&b</hold-music>
  </profile-info>
</profile>
"""
CONTEXT = """<context name="callback">
      <extension name="return_call_longest" continue="true">
          <condition field="${callback_leg}:14400" expression="^return:[1-9][0-9]{0,5}$">
              <action application="set" data="park_timeout=14400:ALLOTTED_TIMEOUT"></action>

              <anti-action application="hangup" data="CALL_REJECTED"></anti-action>

      </condition>

    </extension>

</context>
"""
NOTHING = "can't find anything\n"


def says(answer: str) -> Callable[..., str]:
    """Make a switch that answers so, whatever it is asked."""
    return lambda *_: answer


def test_settings_are_read_and_no_password_is_kept() -> None:
    assert told.ask_settings(says(EVENT_SOCKET), "event_socket.conf") == {
        "listen-ip": ("127.0.0.1",),
        "listen-port": ("21679",),
        "apply-inbound-acl": ("callback_event_socket",),
        "stop-on-bind-error": ("true",),
        "nat-map": ("false",),
    }


def test_profiles_are_read_with_the_contexts_of_their_gateways() -> None:
    (profile,) = told.ask_profiles(says(SOFIA)).items()
    assert profile[0] == "callback_public"
    assert profile[1].gateways == {"pstn": "callback_trigger", "other": ""}
    assert profile[1].settings == {"sip-ip": ("127.0.0.1",), "apply-inbound-acl": ("one", "two")}


def test_what_runs_is_read() -> None:
    assert told.ask_running_profiles(says(PROFILES)) == ("callback_public",)
    runs = told.ask_running_profile(says(PROFILE), "callback_public")
    assert (runs["context"], runs["session-to"], runs["max-recv-rps"]) == (
        "callback_trigger",
        "1800",
        "500",
    )
    stopped = PROFILES.replace("RUNNING (0)", "DOWN (0)")
    assert told.ask_running_profiles(says(stopped)) == ()


def test_a_context_is_read_with_what_it_does_otherwise() -> None:
    assert told.ask_context(says(CONTEXT), "callback") == (
        ("set", "park_timeout=14400:ALLOTTED_TIMEOUT"),
        ("hangup", "CALL_REJECTED"),
    )
    assert told.ask_context(says(NOTHING), "callback") is None


def test_limits_and_the_release_are_read() -> None:
    assert told.ask_release(says("1.11.1-release\n")) == "1.11.1-release"
    assert told.ask_expansion(says("+OK api_expansion is off \n")) is False
    assert told.ask_expansion(says("+OK api_expansion is on \n")) is True
    assert told.ask_limit(says("+OK sessions per second: 50\n"), "sps") == 50
    assert told.ask_limit(says("+OK max sessions: 1000\n"), "max_sessions") == 1000
    assert told.ask_yes(says("true"), "module_exists", "mod_lua")


ASKED: dict[str, Callable[[told.Ask], object]] = {
    "settings": lambda ask: told.ask_settings(ask, "switch.conf"),
    "profiles": told.ask_profiles,
    "running": told.ask_running_profiles,
    "profile": lambda ask: told.ask_running_profile(ask, "callback_public"),
    "release": told.ask_release,
    "expansion": told.ask_expansion,
    "limit": lambda ask: told.ask_limit(ask, "sps"),
    "yes": lambda ask: told.ask_yes(ask, "acl", "192.0.2.1", "list"),
}
#: This one may be told that there is none.
WITH_CONTEXT: dict[str, Callable[[told.Ask], object]] = {
    **ASKED,
    "context": lambda ask: told.ask_context(ask, "callback"),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "answer",
    [
        "",
        "-ERR fsctl Command not found!\n",
        "-ERR bad args\n",
        "Invalid Profile!\n",
        "<configuration",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<a>\x00</a>",
    ],
)
def test_an_answer_that_is_none_is_no_answer(asked: str, answer: str) -> None:
    with pytest.raises(CannotTell):
        ASKED[asked](says(answer))


@given(st.text(max_size=200))
def test_no_answer_does_harm(answer: str) -> None:
    for ask in WITH_CONTEXT.values():
        for text in (answer, f"<a>{answer}</a>", f'<a><param name="{answer}"/></a>'):
            with contextlib.suppress(CannotTell):
                ask(says(text))
