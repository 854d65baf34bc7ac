"""In whatever order things happen, nobody is given a policy older than what he knows of.

Three controllers with one store and one real Valkey. Between any two steps of a look-up, of an
announcement or of a tick anything else may happen: changes, with and without an announcement;
messages that come, come late or are lost; a Redis that is away, emptied, or replaced by a copy of
an hour ago, as a fail-over may do it. Time is an argument.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
import pytest
from gevent.event import Event
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from controller.cache.address import parse
from controller.cache.client import RedisHandle
from controller.cache.local import Flight
from controller.policy.changes import Change
from controller.policy.model import Policy
from tests.redis_servers import LONG, Server
from tests.unit.cache.given import Cache, MemorySource
from tests.unit.examples import many

T = TypeVar("T")

#: Orders that are tried; by hand, a thousand take some minutes.
EXAMPLES = many(int(os.environ.get("CACHE_ORDERS", "60")))
#: What fails is not made smaller: each order talks to a server, and that would take for ever.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
CONTROLLERS = 3
DIDS = ("+12025550101", "+12025550102")
EXTENSIONS = ("100", "200")
#: What a controller may come to know a change by.
MEANS = ("own", "message", "tick")
KEYS = (*(("d", did) for did in DIDS), *(("e", extension) for extension in EXTENSIONS))

lineages = (f"any-order-{number}" for number in itertools.count())


class Step(gevent.Greenlet):  # type: ignore[type-arg]  # it takes none when it runs
    """Something that is done, and may be stopped at one of the points that it passes."""

    def __init__(self, work: Callable[[], None], points: int | None) -> None:
        super().__init__(work)
        #: How many points it passes until it stops; None: it does not.
        self.left = points
        #: What it waits at since it stopped.
        self.gate: Event | None = None
        #: It waits for another's reading.
        self.waits = False

    @property
    def rests(self) -> bool:
        """Whether it does nothing now."""
        return self.dead or self.gate is not None or self.waits

    def go_on(self, points: int | None) -> None:
        """Go on, and stop after so many points more, if at all."""
        self.left = points
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.set()


def point(*_: object) -> None:
    """Be a point: whoever is to stop here stops."""
    step = gevent.getcurrent()
    if isinstance(step, Step) and step.left is not None:
        step.left -= 1
        if step.left < 0:
            step.left = None
            step.gate = Event()
            step.gate.wait()


class Fickle(RedisHandle):
    """A Redis that can be away, before a command or after it."""

    def __init__(self, url: str) -> None:
        super().__init__(parse(url))
        self.away = False

    def execute(self, *command: bytes | str | int) -> Any:
        point()
        if self.away:
            raise RedisConnectionError("away")
        reply = super().execute(*command)
        point()
        if self.away:
            raise RedisConnectionError("away, but it was done")
        return reply


class Controller:
    """A cache, what it must know of, and the messages that are on their way to it."""

    def __init__(self, source: MemorySource, url: str, clock: Clock) -> None:
        self.redis = Fickle(url)
        self.cache = Cache(source, self.redis, now=lambda: clock.time)
        self.messages: list[Change] = []
        self.ticking = False
        #: What was announced by it or to it, and the position of its last tick.
        self.knows: list[Change] = []
        self.ticked = 0

    def least(self, kind: str, name: str) -> int:
        """Give the count that an answer must at least be of."""
        touching = (
            change.seq
            for change in self.knows
            if change.everything or name in (change.dids if kind == "d" else change.extensions)
        )
        return max(self.ticked, *touching, 0)


class Clock:
    """The time."""

    time = 0.0


class AnyOrder(RuleBasedStateMachine):
    """What may happen."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.source = MemorySource(next(lineages))
        self.source.on_read = point
        self.clock = Clock()
        self.controllers = [
            Controller(self.source, self.server.url, self.clock) for _ in range(CONTROLLERS)
        ]
        #: What each key gave, from which count on.
        self.states: dict[tuple[str, str], list[tuple[int, Policy | None]]] = {
            key: [(0, None)] for key in KEYS
        }
        #: Greenlets that stopped, or that wait for one that did.
        self.under_way: list[Step] = []
        self.saved: dict[bytes, tuple[bytes, int]] = {}
        self.plain = self.server.client()
        # Every order begins alike: a script that is not known yet is one command more.
        self.plain.script_flush()

    @initialize()
    def begin(self) -> None:
        for controller in self.controllers:
            controller.cache.policies.tick()
            controller.cache.policies.on_heard(True)

    def teardown(self) -> None:
        with gevent.Timeout(LONG, AssertionError("something hangs")):
            while self.under_way:
                # All of them: one may wait for another.
                for step in self.under_way:
                    step.go_on(None)
                self.settle()
        for controller in self.controllers:
            controller.cache.policies.close()
        self.plain.close()

    # --- doing things, all at once or stopping in the middle

    def do(self, points: int | None, work: Callable[[], T], then: Callable[[T], None]) -> None:
        # In one breath: nothing can come to be known between the end of it and the check.
        step = Step(lambda: then(work()), points)
        self.under_way.append(step)
        step.start()
        self.settle()

    def settle(self) -> None:
        """Let everything run until each greenlet has ended, has stopped, or waits for another."""
        quiet = 0
        with gevent.Timeout(LONG, AssertionError("something hangs")):
            while quiet < 3:
                # A moment for the server, unless nobody waits for it.
                gevent.sleep(0 if quiet else 0.0001)
                quiet = quiet + 1 if all(step.rests for step in self.under_way) else 0
        ended = [step for step in self.under_way if step.dead]
        self.under_way = [step for step in self.under_way if not step.dead]
        for step in ended:
            step.get()

    def go_on(self, which: int, points: int | None) -> None:
        if self.under_way:
            self.under_way[which % len(self.under_way)].go_on(points)
            self.settle()

    points = st.none() | st.integers(0, 6)
    which = st.integers(0, CONTROLLERS - 1)
    keys = st.sampled_from(KEYS)
    means = st.sampled_from(MEANS)

    @rule(which=st.integers(0, 10), points=points)
    def something_goes_on(self, which: int, points: int | None) -> None:
        self.go_on(which, points)

    # --- the store

    @rule(
        extension=st.sampled_from(EXTENSIONS),
        dids=st.sets(st.sampled_from(DIDS)),
        announcer=st.none() | which,
        points=points,
    )
    def write(
        self, extension: str, dids: set[str], announcer: int | None, points: int | None
    ) -> None:
        before = self.source.policies
        taken = {did for other in before for did in before[other].dids if other != extension}
        free = tuple(sorted(dids - taken))
        if free:
            self.changed(self.source.write(extension, free), announcer, points)
        elif dids:
            self.changed(self.source.write_all(), announcer, points)
        elif extension in before:
            self.changed(self.source.delete(extension), announcer, points)

    def changed(self, change: Change, announcer: int | None, points: int | None) -> None:
        for kind, name in KEYS:
            read = self.source.policies.values()
            now = next(
                (found for found in read if name == found.extension or name in found.dids), None
            )
            if now != self.states[kind, name][-1][1]:
                self.states[kind, name].append((change.seq, now))
        if announcer is None:
            return
        writer = self.controllers[announcer]

        def announce() -> None:
            writer.cache.policies.announce(change)

        def announced(_: object) -> None:
            writer.knows.append(change)
            if not writer.redis.away:
                for controller in self.controllers:
                    controller.messages.append(change)

        self.do(points, announce, announced)

    # --- what is the most trouble, so that it comes often

    def change(self, key: tuple[str, str], which: int, means: str) -> None:
        """Change a key in a way that a controller comes to know of."""
        kind, name = key
        owner = next(
            (
                extension
                for extension, found in self.source.policies.items()
                if name == extension or name in found.dids
            ),
            None,
        )
        dids = self.source.policies[owner].dids if owner is not None else ()
        if owner is None:
            self.write(name if kind == "e" else EXTENSIONS[0], {*DIDS}, None, None)
            return
        other = (which + 1) % CONTROLLERS
        announcer = {"own": which, "message": other, "tick": None}[means]
        self.write(owner, set(dids), announcer, None)
        if means == "tick":
            self.tick(which, None)
        elif means == "message":
            self.messages(which, "come")

    @rule(which=which, key=keys, points=st.integers(0, 6), means=means, more=points)
    def a_look_up_is_overtaken(
        self, which: int, key: tuple[str, str], points: int, means: str, more: int | None
    ) -> None:
        self.clock.time += 1.1
        self.look(self.controllers[which], key, points)
        self.look(self.controllers[which], key, None)
        self.change(key, which, means)
        for step in list(self.under_way):
            step.go_on(more)
        self.settle()
        self.clock.time += 1.1
        for number, controller in enumerate(self.controllers):
            self.tick(number, None)
            self.look(controller, key, None)

    @rule(which=which, key=keys, means=means)
    def redis_loses_its_last_writes(self, which: int, key: tuple[str, str], means: str) -> None:
        self.clock.time += 1.1
        self.look(self.controllers[which], key, None)
        self.redis(0, "copied")
        self.change(key, which, means)
        self.redis(0, "replaced")
        self.look(self.controllers[which], key, None)

    # --- the controllers

    @rule(which=which, key=keys, points=points)
    def look_up(self, which: int, key: tuple[str, str], points: int | None) -> None:
        self.look(self.controllers[which], key, points)

    @rule(seconds=st.sampled_from((0.0, 0.3, 1.1)))
    def everybody_looks_everything_up(self, seconds: float) -> None:
        self.clock.time += seconds
        for controller in self.controllers:
            for key in KEYS:
                self.look(controller, key, None)

    @rule(key=keys, first=which)
    def everybody_looks_up(self, key: tuple[str, str], first: int) -> None:
        self.clock.time += 1.1
        for controller in (*self.controllers[first:], *self.controllers[:first]):
            self.look(controller, key, None)

    def look(self, controller: Controller, key: tuple[str, str], points: int | None) -> None:
        kind, name = key
        policies = controller.cache.policies

        def read() -> Policy | None:
            if kind == "e":
                return policies.get(name)
            found = policies.by_dids((name,))
            return found[1] if found is not None else None

        def check(found: Policy | None) -> None:
            least = controller.least(kind, name)
            states = self.states[key]
            after = [state for seq, state in states if seq > least]
            at_least = [state for seq, state in states if seq <= least][-1]
            assert found in (at_least, *after), (key, least, found, states)

        self.do(points, read, check)

    @rule(which=which, points=points)
    def tick(self, which: int, points: int | None) -> None:
        controller = self.controllers[which]
        if controller.ticking:
            return
        controller.ticking = True
        position = self.source.seq

        def ticked(_: object) -> None:
            controller.ticking = False
            controller.ticked = max(controller.ticked, position)

        self.do(points, controller.cache.policies.tick, ticked)

    @rule(which=which, what=st.sampled_from(("come", "come", "lost", "deaf", "heard")))
    def messages(self, which: int, what: str) -> None:
        controller = self.controllers[which]
        if what == "come":
            for change in controller.messages:
                controller.cache.policies.on_message(change)
                controller.knows.append(change)
        elif what != "lost":
            controller.cache.policies.on_heard(what == "heard")
        controller.messages.clear()

    # --- Redis

    @rule(
        which=which,
        what=st.sampled_from(("away", "back", "back", "emptied", "copied", "replaced", "scripts")),
    )
    def redis(self, which: int, what: str) -> None:
        match what:
            case "away":
                self.controllers[which].redis.away = True
            case "back":
                for controller in self.controllers:
                    controller.redis.away = False
            case "emptied":
                self.empty()
            case "copied":
                self.saved = {
                    key: (self.plain.dump(key) or b"", self.plain.pttl(key)) for key in self.all()
                }
            case "replaced":
                self.empty()
                for key, (value, lasts) in self.saved.items():
                    self.plain.restore(key, max(lasts, 0), value, replace=True)
            case "scripts":
                self.plain.script_flush()

    def all(self) -> list[bytes]:
        return list(self.plain.scan_iter(f"callbackd:{{{self.source.lineage}}}:*", count=1000))

    def empty(self) -> None:
        for key in self.all():
            self.plain.delete(key)


def test_in_any_order_nobody_is_given_what_he_knows_to_be_over(
    shared_valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Run(AnyOrder):
        server = shared_valkey

    wait = Flight.wait

    def noted(flight: Flight) -> None:
        step = gevent.getcurrent()
        assert isinstance(step, Step)
        step.waits = True
        try:
            wait(flight)
        finally:
            step.waits = False

    monkeypatch.setattr(Flight, "wait", noted)

    run_state_machine_as_test(
        Run,
        settings=settings(
            settings.default, phases=PHASES, max_examples=EXAMPLES, stateful_step_count=30
        ),
    )
