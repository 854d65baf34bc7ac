"""Switches, two controllers and a database, and time, which passes when a test says so.

What is taken for granted: a switch gets what is sent to it within a second or never, and clocks of
two machines differ by less than half a second. `reconcile.GRACE_SECONDS` beyond
`calling.SEND_SECONDS` is there for these two. What a network held back for longer is modelled too
(`kept`), as long as the leg lives that it would call again.
"""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest
from greenlet import getcurrent
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from controller.cache.metrics import PresenceMetrics
from controller.callback.asking import Asking, ask
from controller.esl.events import Event
from controller.guard.ranges import shipped
from controller.metrics import Metrics
from controller.numbers.caller import Caller
from controller.policy.channels import Channel
from controller.policy.fields import Rate
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.runtime import (
    answers,
    at_a_time,
    calling,
    dispatcher,
    link_events,
    reconcile,
    services,
    standing,
)
from controller.runtime.reconcile import GRACE_SECONDS
from controller.settings import Dispatcher, Settings
from controller.settings import Node as NodeSettings
from controller.store import arrivals
from controller.store.drains import Drain
from controller.store.requests import Requests
from controller.store.stops import Stop, is_stopped
from tests.unit.runtime.controllers import Running, current
from tests.unit.runtime.kept import Kept, Row, Try, check_move
from tests.unit.runtime.placed import Placed
from tests.unit.runtime.switches import MICROS, NOBODY_SECONDS, Around, Leg, Node, Phone

#: How often a controller asks each node for what should be alive there, seconds.
ASK_SECONDS: Final = 10
#: What setting up a call may take beyond its ringing, and how long a request is leased that is due:
#: here less, so that leases end while something is at it.
SLACK_SECONDS: Final = 15
LEASE_SECONDS: Final = 5
PLACE_SLACK_SECONDS: Final = 5
#: How long a controller that stands still is left alone.
PRESENCE_SECONDS: Final = 8
#: How long what goes on at one moment may go on, in turns.
TURNS: Final = 1000

NUMBERS: Final = ("+12125550191", "+12125550192")
POLICIES: Final = {
    "100": Policy(
        extension="100", dids=("+12025550100",), country="US", delay_seconds=0,
        retries_busy=2, retries_no_answer=1, retries_failed=2, retry_seconds=5,
        expiry_seconds=100, return_ring_seconds=5, dial_seconds=5, destination_ring_seconds=5,
        longest_call_seconds=30, unanswered_per_extension=Rate(day=1_000_000),
    ),
    "101": Policy(
        extension="101", dids=("+12025550101",), country="US", delay_seconds=3,
        retries_failed=1, retry_seconds=20, expiry_seconds=40, return_ring_seconds=5,
        dial_seconds=5, destination_ring_seconds=5, longest_call_seconds=30,
    ),
}  # fmt: skip


class World:
    """One history. `names` are given in order, so that a history is the same each time."""

    def __init__(
        self,
        engine: Engine,
        path: Path,
        metrics: Metrics,
        seen: Counter[str],
        channels: int,
        at_a_time: int | None = None,
    ) -> None:
        self.main = getcurrent()
        self.now = 1_800_000_000 * MICROS
        self.seen = seen
        self.metrics = metrics
        self.settings = Settings(
            nodes=(NodeSettings(name="fs1"), NodeSettings(name="fs2")),
            dispatcher=Dispatcher(max_calling=3, max_calling_per_node=2, max_calling_per_channel=3),
        )
        self.trunks = Trunks(Channel(name=name) for name in ("one", "two")[:channels])
        few = msgspec.structs.replace(POLICIES["100"], concurrent_calls=at_a_time)
        self.policies: dict[str, Policy] = POLICIES | {"100": few}
        self.stops: list[Stop] = []
        self.drains: list[Drain] = []
        self.phones = dict.fromkeys(NUMBERS, Phone())
        self.engine = engine
        self.requests = Requests(engine)
        self.kept = Kept(path)
        around = Around(
            now=lambda: self.now, phone=lambda number: self.phones[number], rings=self.rings,
            says=self.says,
            answered=self.looks_for_a_controller, over=self.leg_over, note=self.note,
        )  # fmt: skip
        self.nodes = {name: Node(name, around) for name in ("fs1", "fs2")}
        #: What the network holds back.
        self.held_back: list[tuple[Node, bytes]] = []
        self.presence = SimpleNamespace(
            lease_seconds=PRESENCE_SECONDS, metrics=PresenceMetrics(CollectorRegistry())
        )
        self.controllers: list[Running] = []
        #: How many return calls were noted that came to nothing (G3).
        self.noted = 0
        self.placed = Placed(self.note)
        self._uuids = 0
        self._started = 0
        self._asks = self.now
        self._rung: set[str] = set()
        #: When somebody last did all that there was to do.
        self.idle_since = self.now
        for _ in range(2):
            self.controllers.append(self.start())

    def close(self) -> None:
        """End all that runs."""
        for controller in self.controllers:
            controller.kill()
        self.kept.close()

    def replace(self, patch: pytest.MonkeyPatch) -> None:
        """Put this world in the place of time and chance."""
        slow = SimpleNamespace(sleep=lambda seconds: current().sleep(seconds))
        patch.setattr(reconcile, "gevent", slow)
        patch.setattr(services, "gevent", slow)
        patch.setattr(answers, "gevent", slow)
        patch.setattr(standing, "now", self.seconds)
        patch.setattr(link_events, "gevent", SimpleNamespace(spawn_later=self._spawn_later))
        names = SimpleNamespace(uuid4=self.uuid)
        patch.setattr(calling, "uuid", names)
        patch.setattr(calling, "CALLING_SLACK_SECONDS", SLACK_SECONDS)
        patch.setattr(dispatcher, "LEASE_SECONDS", LEASE_SECONDS)
        patch.setattr(at_a_time, "PLACE_SLACK_SECONDS", PLACE_SLACK_SECONDS)
        patch.setattr(calling, "STALE_SECONDS", PLACE_SLACK_SECONDS / 2)
        patch.setattr(arrivals, "uuid", names)

    @staticmethod
    def _spawn_later(seconds: float, function: Any, *args: Any) -> None:
        # What was left to others is looked at later, by the controller that left it.
        function.__self__._services.owner.later(seconds, function, *args)

    def seconds(self) -> float:
        """Give the time as controllers measure how long they stood still."""
        return self.now / MICROS

    def uuid(self) -> uuid.UUID:
        """Give a name that nothing else has."""
        self._uuids += 1
        return uuid.UUID(int=self._uuids)

    def note(self, what: str) -> None:
        """Count something that happened."""
        self.seen[what] += 1

    # --- what the switches do ----------------------------------------------------------------

    def rings(self, node: Node, leg: Leg) -> None:
        """A telephone begins to ring: nobody's may ring twice."""
        number, attempt = leg.job.number, leg.job.attempt
        assert leg.uuid not in self._rung, "O5: what has rung once is called once more"
        self._rung.add(leg.uuid)
        others = [
            other.uuid
            for switch in self.nodes.values()
            for other in switch.legs.values()
            if other is not leg and other.job.number == number
        ]
        assert not others, "T6, T7: a number is called twice at a time"
        self.note(f"rings by gateway {leg.job.gateway}")
        self._belongs(leg)
        if self.kept.rows[leg.job.request].attempts > 1:
            self.note("is called again")
        if self._outlived(attempt):
            self.note("rings at a node that started anew")

    def _belongs(self, leg: Leg) -> None:
        row = self.kept.rows[leg.job.request]
        assert row.live, f"O5: a leg lives whose request is {row.state}, {row.outcome}"
        assert row.attempt == leg.job.attempt, "O5: a leg lives of an attempt that is over"

    def says(self, node: Node, event: Event) -> None:
        """A switch says something to every link that is up."""
        heard = 0
        for controller in self.controllers:
            wire = controller.wires.get(node.name)
            if controller.alive and wire is not None:
                controller.hears(wire, event)
                heard += controller.awake
        if event.name == "BACKGROUND_JOB" and not heard:
            self.note("an answer that nobody hears")

    def looks_for_a_controller(self, node: Node, leg: Leg) -> None:
        """An answered leg connects to a controller that is there."""
        for controller in self.controllers:
            if controller.alive:
                leg.holder = controller.name
                controller.spawn(controller.leg_attaches, leg)
                return
        leg.holder = None
        leg.until = min(leg.until, self.now + NOBODY_SECONDS * MICROS)

    def leg_over(self, node: Node, leg: Leg) -> None:
        """The connection of a leg ends with it."""
        for controller in self.controllers:
            if controller.name == leg.holder and controller.alive:
                controller.spawn(controller.leg_over, leg)
        leg.holder = ""

    # --- what is checked ---------------------------------------------------------------------

    def check(self) -> None:
        """Check everything that holds at any time."""
        for before, after in self.kept.read():
            if before is not None:
                check_move(before, after)
                self._moved(before, after)
        self.kept.check()
        nothing = [t for t in self.kept.tries.values() if t.counts and t.extension == "100"]
        self._check_at_a_time()
        assert self.noted <= len(nothing), "G3: what came to nothing is counted twice"
        for node in self.nodes.values():
            for leg in node.legs.values():
                self._belongs(leg)

    def _check_at_a_time(self) -> None:
        """Check that no extension has more calls than it may."""
        alive = Counter(
            self.kept.rows[leg.job.request].extension
            for node in self.nodes.values()
            for leg in node.legs.values()
        )
        for extension, policy in self.policies.items():
            most = policy.concurrent_calls
            assert most is None or alive[extension] <= most, "G3: too many calls at a time"

    def _moved(self, before: Row, after: Row) -> None:
        attempt = before.attempt or ""
        received = any(attempt in node.received for node in self.nodes.values())
        if before.state == "calling" and after.state == "pending":
            given_back = attempt not in self.kept.tries
            assert not given_back or not (received or self._is_on_its_way(attempt)), (
                "O5: what was sent is taken for unsent"
            )
            self.note("is given back" if given_back else "is to be called again")
        if after.outcome == "unknown" and before.outcome != "unknown":
            if not received and not self._outlived(attempt):
                # Nobody could ask the node in all that time.
                assert before.lease_until is not None
                assert before.lease_until < self.now + MICROS, "O5: lost, and nobody was called"
                self.note("given up unsent")
            self.note("unknown")
        if after.state == "done":
            self.note(f"done: {after.outcome}")

    def _outlived(self, attempt: str) -> bool:
        """Whether its node has started anew since it was to be called from there."""
        written = self.kept.tries[attempt]
        return written.core != self.nodes[written.node].core

    def _is_on_its_way(self, attempt: str) -> bool:
        return any(
            attempt.encode() in data
            for controller in self.controllers
            if controller.alive
            for wire in controller.wires.values()
            for data in wire.on_its_way
        )

    def unsent(self, node: Node) -> list[Try]:
        """Give the attempts that were written for a node a while ago and never sent."""
        long_ago = self.now - (GRACE_SECONDS + 1) * MICROS
        return [
            t
            for t in self.kept.tries.values()
            if t.node == node.name
            and t.core == node.core
            and t.ended is None
            and t.id not in node.received
            and t.begun < long_ago
        ]

    def was_asked(self, node: Node, unsent: list[Try]) -> None:
        """Check that somebody who asked a node did something about what lay there unsent."""
        for lay in unsent:
            assert (
                self.kept.tries.get(lay.id) != lay
                or lay.id in node.received
                or self._is_on_its_way(lay.id)
            ), "O5: what was never sent goes on to lie there"
            self.note("what lay unsent is found")

    # --- faults ------------------------------------------------------------------------------

    def start(self) -> Running:
        """Start a controller, under a name that none had before."""
        self._started += 1
        ahead = 400_000 * (self._started % 2)
        controller = Running(self, f"controller{self._started}", ahead)
        for node in self.nodes.values():
            controller.connect(node)
        return controller

    def kill(self, which: int, *, lost: bool) -> None:
        """Kill a controller; another one takes its place."""
        controller = self.controllers[which]
        waited = [task.what for task in controller.tasks if task.started]
        for what in waited:
            self.note(f"killed in {what.strip('_')}")
        for node in self.nodes.values():
            self.breaks(controller, node, lost=lost)
        controller.kill()
        self.controllers[which] = self.start()
        for node in self.nodes.values():
            for leg in node.legs.values():
                if leg.holder == controller.name:
                    self.note("a leg is taken over")
                    self.looks_for_a_controller(node, leg)

    def breaks(self, controller: Running, node: Node, *, lost: bool) -> None:
        """A link breaks; what is on its way is lost with it, or not."""
        wire = controller.wires.get(node.name)
        if wire is not None and lost and len(self.trunks.channels) == 1:
            # With several, the second channel would be tried by what comes late.
            self.held_back += [(node, data) for data in wire.on_its_way if b"originate" in data]
        if wire is not None and wire.on_its_way:
            self.note("a link breaks with a command on its way")
        controller.disconnect(node, lost=lost)

    def restart(self, node: Node, *, lost: bool) -> None:
        """A switch dies and comes back."""
        for controller in self.controllers:
            self.breaks(controller, node, lost=lost)
        node.restart()

    def comes_late(self) -> None:
        """What a network held back arrives, where the leg lives that it is about."""
        for node, data in list(self.held_back):
            attempt = data.decode().rpartition("\nJob-UUID: ")[2].strip()
            if attempt in node.legs:
                self.note("a command comes late")
                self.held_back.remove((node, data))
                node.take(data)

    # --- what people do ----------------------------------------------------------------------

    def ask(self, extension: str, number: str) -> str:
        """Somebody has rung, and was refused: he asks to be called back."""
        policy = self.policies[extension]
        asked = ask(
            self.requests,
            Asking(
                policy=policy, did=policy.dids[0], caller=Caller(number=number), now=self.now,
                expiry_seconds=900, ranges=shipped(), stopped=is_stopped(self.stops, policy),
                leg=str(self.uuid()),
            ),
        )  # fmt: skip
        self.note(f"asked: {asked.state}" if not asked.joined else "joined")
        self.check()
        return asked.id

    # --- time --------------------------------------------------------------------------------

    def advance(self, to: int) -> None:
        """Let time pass, in which no controller does anything."""
        for controller in self.controllers:
            for wire in controller.wires.values():
                wire.deliver()
        while True:
            limits = [node.next_moment() for node in self.nodes.values()]
            first = min((limit for limit in limits if limit is not None), default=None)
            if first is None or first > to:
                break
            self.now = max(self.now, first)
            for node in self.nodes.values():
                node.pass_time()
        self.now = max(self.now, to)
        for controller in self.controllers:
            if controller.awake:
                controller.ticks()
        self.check()

    def settle(self) -> None:
        """Have all who are awake do what there is to do at this moment."""
        for _ in range(TURNS):
            # Each has its turn, whether or not one before it had something to do.
            did = [controller.catch_up() for controller in self.controllers if controller.awake]
            if not any(did):
                break
        else:
            raise AssertionError("they never come to an end")
        self.idle_since = self.now
        self.check()

    def live(self, seconds: float) -> None:
        """Let time pass in which everybody who is awake does his work when it is due."""
        until = self.now + int(seconds * MICROS)
        self.settle()
        while self.now < until:
            self.advance(min(until, self._next_moment()))
            asks = self.now >= self._asks
            if asks:
                self._asks = self.now + ASK_SECONDS * MICROS
            self._judge()
            for controller in self.controllers:
                if controller.awake:
                    self._work(controller, asks=asks)
            self.settle()

    def _judge(self) -> None:
        """Whoever is awake finds out who stands still, and takes what he has."""
        still = frozenset(one.name for one in self.controllers if one.is_still)
        for controller in self.controllers:
            known = controller.services.standing
            if controller.awake and known.away != still:
                self.note("somebody is judged away")
                known.away = still
                for function in known.on_change:
                    function()
        for node in self.nodes.values():
            for leg in node.legs.values():
                if leg.answered is not None and leg.holder in still:
                    self._is_taken(leg)

    def is_left(self, controller: Running, leg: Leg) -> None:
        """A controller lets go of a leg, having stood still: it is another's, or connects anew."""
        if leg.holder == controller.name:
            self._is_taken(leg)

    def _is_taken(self, leg: Leg) -> None:
        for controller in self.controllers:
            if controller.awake:
                self.note("a leg is moved")
                leg.holder = controller.name
                controller.spawn(controller.leg_attaches, leg)
                return

    def _work(self, controller: Running, *, asks: bool) -> None:
        for node in self.nodes.values():
            if node.name not in controller.cut:
                controller.connect(node)
            if asks:
                controller.ask(node)
        controller.look()

    def _next_moment(self) -> int:
        """Give when somebody has something to do next."""
        moments = [self._asks]
        for controller in self.controllers:
            moments += [task.wake for task in controller.tasks if task.wake is not None]
            moments += [timer[0] for timer in controller.timers]
        for row in self.kept.rows.values():
            if row.ended is None:
                moments += [row.due, row.expires + 1]
                if row.lease_until is not None:
                    moments.append(row.lease_until + 1)
        first = min((moment for moment in moments if moment > self.now), default=self._asks)
        happens = [node.next_moment() for node in self.nodes.values()]
        return min([first, *(max(self.now, at) for at in happens if at is not None)])

    def _can_be_called(self) -> list[str]:
        """Give the requests that wait for nothing but to be called."""
        rows = self.kept.rows.values()
        engaged = {row.number for row in rows if row.live}
        return [
            row.id
            for row in rows
            if row.state == "pending"
            and row.number not in engaged
            and row.expires > max(row.due, self.now) + 3 * LEASE_SECONDS * MICROS
        ]

    def come_to_an_end(self) -> None:
        """Let everything work again; check that all comes to its end."""
        self.stops.clear()
        self.drains.clear()
        for controller in self.controllers:
            controller.frozen = False
            controller.cut.clear()
            for task in controller.tasks:
                task.held = False
        self.live(ASK_SECONDS)
        waiting = self._can_be_called()
        for _ in range(TURNS):
            self.live(ASK_SECONDS)
            if all(row.ended is not None for row in self.kept.rows.values()):
                break
        else:
            raise AssertionError("O5: a request never ends")
        for id_ in waiting:
            assert self.kept.rows[id_].outcome != "expired", "O5: nobody called, and all could"
        # What its controllers know of its calls goes as well.
        self.live(120)
        for node in self.nodes.values():
            assert not node.legs, "O5: a leg is left behind"
        for controller in self.controllers:
            assert len(controller.dispatcher.calling) == 0, "a place is taken for good"
            assert not controller.tasks
