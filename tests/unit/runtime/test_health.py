"""I4, O3, O5: what is known of channels while the service runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gevent
import pytest
import structlog
from gevent.event import Event as Flag

from controller.esl.errors import NotConnected
from controller.esl.events import Event, GatewayTold
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.routing.failures import TRIAL_SECONDS
from controller.runtime.health import HEALTH_EVENTS, HEALTH_FILTERS, ChannelHealth
from controller.simulator import Simulator
from controller.simulator.gateways import Gateway, list_as_xml
from tests.redis_servers import until

NOW = 5000.0


class Node:
    """A node's link, as far as gateways go: what it answers, and what happens meanwhile."""

    def __init__(self, name: str = "one", **states: Any) -> None:
        self.name = name
        self.up = Flag()
        self.up.set()
        self.gateways = {
            gateway: Gateway(name=gateway, state=state) for gateway, state in states.items()
        }
        self.asked = 0
        self.answers: str | Exception | None = None
        self.meanwhile: Any = lambda: None

    def api(self, *words: str) -> str:
        """Answer `sofia xmlstatus gateway`."""
        assert words == ("sofia", "xmlstatus", "gateway")
        self.asked += 1
        answer = self.answers or list_as_xml(self.gateways, "callback_public")
        self.meanwhile()
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    """Health with its metrics, its table and its clock."""

    def __init__(self, *channels: str) -> None:
        self.channels = list(channels)
        self.now = NOW
        self.metrics = Metrics()
        self.health = ChannelHealth(
            channels=lambda: self.channels, metrics=self.metrics, now=lambda: self.now
        )

    def ask(self, node: Node) -> None:
        """Ask a node, as when its link is up."""
        self.health._links[node.name] = cast(SwitchLink, node)
        self.health.ask(cast(SwitchLink, node))

    def fault(self) -> str:
        """Give what is said for readiness, or nothing."""
        return self.health.fault or ""

    def troubles(self, node: str = "one") -> dict[str, str]:
        """Give what is wrong now."""
        return self.health.troubles(node, self.now)

    def fail(self, channel: str, times: int = 1, node: str = "one") -> None:
        """Let a channel fail."""
        for _ in range(times):
            self.health.failed(node, channel, self.now)

    def value(self, name: str, **labels: str) -> float | None:
        """Give the value of a metric."""
        return self.metrics.registry.get_sample_value(f"callbackd_channel_{name}", labels)


def state(gateway: str, status: str, registration: str = "NOREG") -> GatewayTold:
    """Make the event by which a switch tells a gateway's state."""
    return GatewayTold(gateway=gateway, gateway_state=registration, gateway_status=status)


# --- what the switch says --------------------------------------------------------------------


def test_what_was_never_asked_is_tried() -> None:
    world = World("pstn", "pstn2")
    assert world.troubles() == {}
    assert not world.fault()


def test_a_gateway_that_is_down_and_one_that_is_not_there_are_not_used() -> None:
    world = World("pstn", "pstn2", "pstn3")
    node = Node(pstn="up", pstn2="down", other="up")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            world.ask(node)
    assert world.troubles() == {"pstn2": "down", "pstn3": "down"}
    assert world.troubles("never asked") == {}
    assert [(line["channel"], line["why"]) for line in logs] == [
        ("pstn2", "down"),
        ("pstn3", "no_gateway"),
    ]
    up = {name: world.value("up", node="one", channel=name) for name in world.channels}
    assert up == {"pstn": 1, "pstn2": 0, "pstn3": 0}


@pytest.mark.parametrize(
    ("registration", "trouble"),
    [("REGED", None), ("UNREGED", "down"), ("TRYING", "down"), ("FAIL_WAIT", "down")],
)
def test_one_that_is_not_registered_is_down(registration: str, trouble: str | None) -> None:
    world, node = World("pstn"), Node(pstn="up")
    node.gateways["pstn"].register = True
    node.gateways["pstn"].registration = registration
    world.ask(node)
    assert world.troubles().get("pstn") == trouble


def test_one_of_two_of_the_same_name_is_enough() -> None:
    world, node = World("pstn"), Node(pstn="up", other="down")
    answer = node.api("sofia", "xmlstatus", "gateway")
    node.answers = answer.replace("<name>other<", "<name>pstn<")
    world.ask(node)
    assert world.troubles() == {}


def test_what_a_node_does_not_answer_leaves_what_was_known() -> None:
    world, node = World("pstn", "pstn2"), Node(pstn="up", pstn2="down")
    world.ask(node)
    with structlog.testing.capture_logs() as logs:
        for answer in (NotConnected("gone"), "-ERR sofia Command not found!", "<gateways>"):
            node.answers = answer
            world.ask(node)
            assert world.troubles() == {"pstn2": "down"}
        node.answers = None
        world.ask(node)
        node.answers = NotConnected("gone again")
        world.ask(node)
    assert [line["event"] for line in logs] == ["gateways_not_asked"] * 2


def test_what_is_told_in_between_counts_at_once() -> None:
    world, node = World("pstn"), Node(pstn="up")
    world.health.told("one", state("pstn", "DOWN"))
    assert world.troubles() == {}  # nothing else of that node is known yet
    world.ask(node)
    with structlog.testing.capture_logs() as logs:
        world.health.told("one", state("pstn", "DOWN"))
        assert world.troubles() == {"pstn": "down"}
        world.health.told("one", state("pstn", "UP", "REGED"))
        assert world.troubles() == {}
        world.health.told("one", state("pstn", "UP", "REGISTER"))
        world.health.told("one", GatewayTold())
        world.health.told("one", state("pstn", "\n"))
    assert [line["event"] for line in logs] == ["channel_down", "channel_up"]


def test_what_is_told_while_it_is_asked_is_newer_than_the_answer() -> None:
    world, node = World("pstn"), Node(pstn="up")
    world.ask(node)
    node.meanwhile = lambda: world.health.told("one", state("pstn", "DOWN"))
    world.ask(node)
    assert world.troubles() == {"pstn": "down"}
    node.meanwhile = lambda: None
    world.ask(node)
    assert world.troubles() == {}


def test_a_node_is_asked_once_at_a_time() -> None:
    world, node = World("pstn"), Node(pstn="up")
    node.meanwhile = lambda: world.ask(node)
    world.ask(node)
    assert node.asked == 1


def test_a_channel_that_is_taken_away_leaves_nothing_behind() -> None:
    world, node = World("pstn", "pstn2"), Node(pstn="up", pstn2="up")
    world.ask(node)
    world.fail("pstn2", 3)
    world.channels.remove("pstn2")
    world.ask(node)
    assert world.value("up", node="one", channel="pstn2") is None
    assert world.value("set_aside", node="one", channel="pstn2") is None
    world.channels.append("pstn2")
    assert world.troubles() == {}


# --- what calls say --------------------------------------------------------------------------


def test_a_channel_that_fails_three_times_is_left_alone_and_then_tried_by_one_call() -> None:
    world = World("pstn", "pstn2")
    with structlog.testing.capture_logs() as logs:
        world.fail("pstn", 3)
        assert world.troubles() == {"pstn": "failing"}
        assert world.troubles("two") == {}
        world.now += 15
        assert world.troubles() == {}
        world.health.trying("one", ["pstn", "pstn2"], world.now)
        assert world.troubles() == {"pstn": "failing"}
        world.fail("pstn")
        world.now += 30
        assert world.troubles() == {}
        world.health.worked("one", "pstn")
        world.fail("pstn", 2)
        assert world.troubles() == {}
    assert [(line["event"], line.get("seconds")) for line in logs] == [
        ("channel_set_aside", 15),
        ("channel_set_aside", 30),
        ("channel_works", None),
    ]


def test_a_trial_that_nothing_came_of_is_somebody_elses() -> None:
    world = World("pstn")
    world.fail("pstn", 3)
    world.now += 15
    world.health.trying("one", ["pstn"], world.now)
    world.now += TRIAL_SECONDS
    assert world.troubles() == {}


def test_down_goes_before_failing() -> None:
    world = World("pstn")
    world.fail("pstn", 3)
    world.ask(Node(pstn="down"))
    assert world.troubles() == {"pstn": "down"}


@pytest.mark.parametrize(
    ("cause", "trouble"),
    [
        ("NORMAL_TEMPORARY_FAILURE", "failing"),
        ("PROGRESS_TIMEOUT", "failing"),
        ("USER_BUSY", None),
        ("CALL_REJECTED", None),
        ("ORIGINATOR_CANCEL", None),
    ],
)
def test_a_cause_says_whether_it_is_the_channel(cause: str, trouble: str | None) -> None:
    world = World("pstn")
    for _ in range(3):
        world.health.ended("one", "pstn", cause, world.now)
    assert world.troubles().get("pstn") == trouble


@pytest.mark.parametrize(("cause", "trouble"), [("USER_BUSY", None), ("CALL_REJECTED", "failing")])
def test_only_what_means_the_person_ends_a_row_of_failures(cause: str, trouble: str | None) -> None:
    world = World("pstn")
    world.fail("pstn", 2)
    world.health.ended("one", "pstn", cause, world.now)
    world.fail("pstn")
    assert world.troubles().get("pstn") == trouble


def test_o3_failures_are_counted_by_what_they_were() -> None:
    world = World("pstn")
    world.ask(Node(pstn="up"))
    for cause in ("PROGRESS_TIMEOUT", "GATEWAY_DOWN", "GATEWAY_DOWN", "USER_BUSY"):
        world.health.ended("one", "pstn", cause, world.now)
    world.health.failed("", "pstn", world.now)
    counted = {
        cause: world.value("failures_total", channel="pstn", cause=cause)
        for cause in ("silent", "down", "failed", "full")
    }
    assert counted == {"silent": 1, "down": 2, "failed": 1, "full": None}
    assert world.value("set_aside", node="one", channel="pstn") == 0
    world.fail("pstn", 3)
    assert world.value("set_aside", node="one", channel="pstn") == 1
    world.now += 15
    assert world.value("set_aside", node="one", channel="pstn") == 0


# --- readiness -------------------------------------------------------------------------------


def test_o3_no_channel_on_any_node_is_a_fault() -> None:
    world = World("pstn", "pstn2")
    one, two = Node("one", pstn="down"), Node("two", pstn2="up")
    world.ask(one)
    assert "pstn, pstn2" in world.fault()
    world.ask(two)
    assert not world.fault()
    world.fail("pstn2", 3, node="two")
    assert not world.fault()  # it is tried all the same, where there is nothing else
    two.up.clear()
    assert world.fault()
    one.up.clear()
    assert not world.fault()  # that there is no node, others say


def test_o3_of_no_channels_at_all_nothing_is_wrong() -> None:
    world = World()
    world.ask(Node(pstn="up"))
    assert not world.fault()


# --- over a real link ------------------------------------------------------------------------


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[Simulator]:
    (tmp_path / "gateways").mkdir()
    (tmp_path / "gateways" / "pstn.xml").write_text(
        '<include><gateway name="pstn"><param name="proxy" value="192.0.2.1"/>'
        '<param name="register" value="false"/><param name="ping" value="5"/></gateway></include>'
    )
    dialplan = tmp_path / "dialplan.xml"
    dialplan.write_text("<include/>")
    with Simulator(dialplan=dialplan, gateways=tmp_path / "gateways") as running:
        yield running


def test_a_link_tells_of_gateways_when_it_is_up_and_from_then_on(
    switch: Simulator, tmp_path: Path
) -> None:
    world = World("pstn", "pstn2")
    host, port = switch.address

    def on_event(event: Event) -> None:
        world.health.told("one", event)

    link = SwitchLink(
        "one", host, port, "ClueCon",
        on_event=on_event,
        on_up=lambda link, jobs: world.health.link_up(link),
        on_down=lambda link, error: None,
        events=("BACKGROUND_JOB", *HEALTH_EVENTS),
        filters=(("Event-Name", "BACKGROUND_JOB"), *HEALTH_FILTERS),
    )  # fmt: skip
    link.start()
    until(lambda: world.troubles() == {"pstn2": "down"}, "it was asked", pause=gevent.sleep)
    switch.gateway("pstn", "down")
    until(lambda: "pstn" in world.troubles(), "it was told", pause=gevent.sleep)
    switch.gateway("pstn", "up")
    (tmp_path / "gateways" / "pstn2.xml").write_text(
        (tmp_path / "gateways" / "pstn.xml").read_text().replace('"pstn"', '"pstn2"')
    )
    assert link.api("sofia", "profile", "callback_public", "rescan").endswith("+OK scan complete")
    until(lambda: world.troubles() == {}, "one was added", pause=gevent.sleep)
    link.api("sofia", "profile", "callback_public", "killgw", "pstn")
    until(lambda: world.troubles() == {"pstn": "down"}, "one has gone", pause=gevent.sleep)
    link.stop()


def test_every_node_that_is_there_is_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controller.runtime.health.ASK_SECONDS", 0.01)
    world, node, away = World("pstn"), Node(pstn="up"), Node("two")
    for one in (node, away):
        world.health.link_up(cast(SwitchLink, one))
    until(lambda: node.asked == away.asked == 1, "they were asked", pause=gevent.sleep)
    away.up.clear()
    world.health.start()
    node.gateways["pstn"].state = "down"
    until(lambda: world.troubles() == {"pstn": "down"}, "it was seen", pause=gevent.sleep)
    node.answers = ValueError("a fault of ours")
    until(
        lambda: world.metrics.registry.get_sample_value(
            "callbackd_faults_total", {"where": "health"}
        ),
        "it was counted",
        pause=gevent.sleep,
    )
    asked = node.asked
    until(lambda: node.asked > asked, "it goes on", pause=gevent.sleep)
    world.health.stop()
    assert away.asked == 1
