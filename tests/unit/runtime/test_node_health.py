"""O4: what is known of nodes while the service runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from gevent.event import Event as Flag
from prometheus_client import generate_latest

from controller.esl.events import decode_event
from controller.metrics import Metrics
from controller.routing.failures import (
    FIRST_REFUSED_SECONDS,
    LONGEST_REFUSED_SECONDS,
    REFUSAL_SECONDS,
)
from controller.routing.nodes import NodeState
from controller.runtime.health import HEALTH_EVENTS
from controller.runtime.link_events import LINK_EVENTS, LINK_FILTERS
from controller.runtime.node_health import STALE_SECONDS, NodeHealth

#: What a FreeSWITCH 1.11.1 said, word for word but for its addresses.
BEAT = (
    b'{"Event-Name":"HEARTBEAT","Core-UUID":"626bcadf-6135-4b5a-ad31-6fefd3ecf4d7",'
    b'"FreeSWITCH-Hostname":"vm","Event-Date-Timestamp":"1795968008171001",'
    b'"Event-Calling-File":"switch_core.c","Event-Calling-Function":"send_heartbeat",'
    b'"Event-Calling-Line-Number":"95","Event-Sequence":"526","Event-Info":"System Ready",'
    b'"Up-Time":"0 years, 0 days, 0 hours, 0 minutes, 20 seconds, 19 milliseconds",'
    b'"FreeSWITCH-Version":"1.11.1-release+git~20260526T204126Z~c2c59645f6~64bit",'
    b'"Uptime-msec":"20019","Session-Count":"3","Max-Sessions":"100","Session-Per-Sec":"100",'
    b'"Session-Per-Sec-Last":"0","Session-Per-Sec-Max":"57","Session-Per-Sec-FiveMin":"57",'
    b'"Session-Since-Startup":"7","Session-Peak-Max":"1","Session-Peak-FiveMin":"1",'
    b'"Idle-CPU":"40.366667"}'
)


class Known:
    """A node's health and its clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.metrics = Metrics()
        self.health = NodeHealth(metrics=self.metrics, now=lambda: self.seconds)
        self.link = SimpleNamespace(name="fs1", up=Flag(), owes_seconds=0.0)
        self.link.up.set()

    @property
    def state(self) -> NodeState:
        """What is known now."""
        (state,) = self.health.states([cast(Any, self.link)], {"fs1": (1, 2)}, ())
        return state

    def tell(self, body: bytes = BEAT) -> None:
        """The switch says something."""
        self.health.told("fs1", decode_event(body))


@pytest.fixture
def known() -> Known:
    return Known()


def test_o4_what_a_switch_says_of_itself_counts_for_a_while(known: Known) -> None:
    assert known.state == NodeState("fs1", calling=1, answered=2)
    known.tell()
    said = NodeState("fs1", calling=1, answered=2, sessions=3, most_sessions=100, idle=40)
    assert known.state == said
    known.seconds += STALE_SECONDS
    assert known.state == NodeState("fs1", calling=1, answered=2)
    known.tell()
    # Its link breaks: what comes back may be another switch.
    known.health.link_up("fs1")
    assert known.state.sessions is None


@pytest.mark.parametrize("value", ['""', '"-1"', '"1e9"', '"x"', '"9999999999"', '["1", "2"]'])
def test_g1_what_is_no_count_is_none(known: Known, value: str) -> None:
    known.tell(BEAT.replace(b'"Session-Count":"3"', b'"Session-Count":' + value.encode()))
    assert known.state.sessions is None
    assert known.state.most_sessions == 100


def test_o4_a_link_that_owes_an_answer_is_silent(known: Known) -> None:
    known.link.owes_seconds = 1.6
    assert known.state.silent
    known.link.owes_seconds = 0.4
    assert not known.state.silent


def test_o4_a_node_that_refuses_is_left_alone_longer_each_time(known: Known) -> None:
    lasted = []
    for _ in range(7):
        known.health.refused("fs1")
        begun = known.seconds
        while known.state.refusing:
            known.seconds += 0.5
        lasted.append(known.seconds - begun)
        known.health.trying("fs1")
        # One call tries it, and others wait for what becomes of that.
        assert known.state.refusing
    assert lasted[:3] == [FIRST_REFUSED_SECONDS, 4.0, 8.0]
    assert lasted[-1] == LONGEST_REFUSED_SECONDS
    assert known.metrics.node_refusals.labels("fs1")._value.get() == 7


def test_o4_calls_that_are_refused_together_count_once(known: Known) -> None:
    for _ in range(5):
        known.health.refused("fs1")
    known.seconds += FIRST_REFUSED_SECONDS
    assert not known.state.refusing


def test_o4_one_call_tries_a_node_that_refused(known: Known) -> None:
    """Many are due by then, and come all at once: the others pass it by, or are put off."""
    known.health.refused("fs1")
    known.seconds += FIRST_REFUSED_SECONDS
    refusing = [known.state.refusing]
    with known.health.having_one_more("fs1"):
        refusing.append(known.state.refusing)
    # It was not made: another one may.
    refusing.append(known.state.refusing)
    assert refusing == [False, True, False]
    known.health.took("fs1")
    with known.health.having_one_more("fs1"):
        assert not known.state.refusing


def test_o4_nothing_is_told_of_a_node_that_is_no_more(known: Known) -> None:
    """Switches that announce themselves come and go, each under a name of its own."""
    known.health.refused("fs1")
    assert 'node="fs1"' in generate_latest(known.metrics.registry).decode()
    known.health.forget("fs1")
    known.health.forget("fs1")
    assert 'node="fs1"' not in generate_latest(known.metrics.registry).decode()


@pytest.mark.parametrize("is_told", [True, False])
def test_o4_a_node_whose_trial_goes_well_is_well(known: Known, is_told: bool) -> None:
    """A refusal comes at once: what comes later, or nothing, is none."""
    known.health.refused("fs1")
    known.seconds += FIRST_REFUSED_SECONDS
    known.health.trying("fs1")
    if is_told:
        known.health.took("fs1")
    else:
        known.seconds += REFUSAL_SECONDS
        known.health.trying("fs1")
    assert not known.state.refusing
    known.health.refused("fs1")
    known.seconds += FIRST_REFUSED_SECONDS
    assert not known.state.refusing


def test_o4_a_call_that_is_being_made_counts_before_it_is_written(known: Known) -> None:
    with known.health.having_one_more("fs1"), known.health.having_one_more("fs1"):
        assert known.state.calling == 3
    assert known.state.calling == 1


def test_g1_a_link_is_told_of_nothing_else() -> None:
    """Each filter lets one more thing through: all are known, and each is for something."""
    assert ("BACKGROUND_JOB", "CHANNEL_HANGUP_COMPLETE", "HEARTBEAT", *HEALTH_EVENTS) == LINK_EVENTS
    assert set(LINK_FILTERS) == {
        ("Event-Name", "BACKGROUND_JOB"),
        ("Event-Name", "HEARTBEAT"),
        ("Event-Name", "CUSTOM"),
        ("variable_callback_leg", "return"),
        ("variable_callback_leg", "destination"),
    }
