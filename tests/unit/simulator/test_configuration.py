"""What `callbackd check --switch` asks: the simulated switch says it as the real one does."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.esl import configuration as told
from controller.simulator import Simulator
from controller.simulator.configuration import PROFILE

FS_CONFIG = Path(__file__).parents[3] / "fs-config"
#: What the profile has of its own, and what is said of sound.
OF_ITS_OWN = {"disable-rtp-auto-adjust": "$${callback_rtp_strict}"}


@pytest.fixture
def switch() -> Iterator[Simulator]:
    made = Simulator(dialplan=FS_CONFIG / "dialplan", version="1.11.1-release")
    yield made.start()
    made.stop()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("version short", "1.11.1-release\n"),
        ("fsctl api_expansion", "+OK api_expansion is off \n"),
        ("fsctl sps", "+OK sessions per second: 50\n"),
        ("fsctl max_sessions", "+OK max sessions: 1000\n"),
        ("acl 1.2.3.4 callback_trunks", "false"),
        ("acl 127.0.0.1 callback_trunks", "true"),
        ("acl 127.0.0.1 nolist", "false"),
        ("acl", "false"),
        ("xml_locate", "-ERR bad args\n"),
        ("xml_locate configuration configuration name", "-ERR bad args\n"),
        ("xml_locate configuration configuration name nothing.conf", "can't find anything\n"),
        ("xml_locate dialplan context name nothing", "can't find anything\n"),
        ("sofia xmlstatus profile nothing", "Invalid Profile!\n"),
    ],
)
def test_it_answers_as_the_real_one(switch: Simulator, asked: str, said: str) -> None:
    """Seen on 1.11.1."""
    assert switch.api.run(asked) == said


def test_its_xml_is_read_as_the_real_ones_is(switch: Simulator) -> None:
    def ask(*words: str) -> str:
        return switch.api.run(" ".join(words))

    socket = told.ask_settings(ask, "event_socket.conf")
    assert socket["listen-ip"] == ("127.0.0.1",)
    assert socket["apply-inbound-acl"] == ("callback_event_socket",)
    assert told.ask_settings(ask, "switch.conf")["api-expansion"] == ("false",)
    (profile,) = told.ask_profiles(ask).values()
    assert profile.settings["apply-inbound-acl"] == ("callback_trunks",)
    assert set(profile.gateways) == {"pstn", "pstn2"}
    assert told.ask_running_profiles(ask) == ("callback_public",)
    assert told.ask_running_profile(ask, "callback_public")["max-recv-rps"] == "500"
    actions = told.ask_context(ask, "callback_trigger") or ()
    assert ("sched_hangup", "+75 USER_BUSY") in actions


def test_its_profile_is_set_as_ours_is() -> None:
    root = ET.parse(FS_CONFIG / "sip_profiles" / "callback_public.xml").getroot()
    ours = {one.get("name", ""): one.get("value", "") for one in root.iter("param")}
    assert {name: ours.get(name) for name in PROFILE} == {**PROFILE, **OF_ITS_OWN}
