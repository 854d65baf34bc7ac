"""The dispatcher in a world where anything dies at any time: nobody is called twice (O5, T6, T7).

The dispatcher, the database and the switch's command texts are the real ones; the switch, the
network and time are models. A controller is cut wherever it waits for something else, thrown away
there, or left standing while others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, event

from controller.metrics import Metrics
from controller.runtime.reconcile import GRACE_SECONDS
from controller.store.database import open_database
from controller.store.drains import Drain
from controller.store.stops import Stop
from tests.unit.examples import FEW, many
from tests.unit.runtime.controllers import Running, Step, Task
from tests.unit.runtime.switches import MICROS, Phone
from tests.unit.runtime.world import NUMBERS, World

REFUSALS = (
    "USER_BUSY", "NO_ANSWER", "CALL_REJECTED", "NORMAL_TEMPORARY_FAILURE",
    "DESTINATION_OUT_OF_ORDER",
)  # fmt: skip
#: The longest time in which nobody does anything at all, microseconds: more is being frozen.
IDLE = 10 * MICROS
#: How far it is from one write to the next, in steps.
FAR = 20
#: No more is begun where so much waits to go on.
MANY = 8
#: What must have happened in all histories together.
MUST_HAPPEN = (
    "killed in call", "is called again", "what lay unsent is found", "unknown",
    "too many at a time",
)  # fmt: skip


class Course(msgspec.Struct, frozen=True):
    """How something that a controller is at goes on.

    After `steps` of it, or so many `writes`, something fails, it goes on for `more` steps, is stuck
    (`held`) or not, and time passes, in which all else goes on.
    """

    writes: int
    steps: int
    last: Step
    fails: str
    lost: bool
    more: int
    held: bool
    seconds: float


#: As far as the attempt is written; `fails` breaks the link.
UNSENT = Course(1, 0, Step.HALF, "link", lost=True, more=0, held=True, seconds=0.0)

which = st.integers(0, 1)
some = st.integers(0, 7)
extensions = st.sampled_from(["100", "101"])
numbers = st.sampled_from(NUMBERS)
node_names = st.sampled_from(["fs1", "fs2"])
phones = st.builds(
    Phone,
    cause=st.sampled_from(["", *REFUSALS]),
    rings=st.sampled_from([0.0, 1.0, 1000.0, 1000.0]),
    talks=st.sampled_from([0.0, 3.0, 1000.0, 1000.0]),
)
courses = st.builds(
    Course,
    writes=st.sampled_from([0, 0, 1, 1, 2]),
    steps=st.integers(0, 3) | st.integers(0, 16),
    last=st.sampled_from([Step.DONE, Step.HALF, Step.HALF, Step.UNTOLD, Step.AWAY]),
    fails=st.sampled_from(["", "", "", "killed", "killed", "link", "cut", "frozen", "node"]),
    lost=st.booleans(),
    more=st.integers(0, 2),
    held=st.booleans(),
    seconds=st.sampled_from([0.0, 0.0, 1.0, 6.0, 12.0, 40.0]),
)
turns = st.lists(st.integers(0, 5), max_size=30)


class Life(RuleBasedStateMachine):
    """Two controllers, two switches, two telephones."""

    def __init__(self, make: Callable[[int, int | None], World]) -> None:
        super().__init__()
        self._make = make

    @initialize(channels=st.integers(1, 2), at_a_time=st.sampled_from([None, 1]), one=phones,
                other=phones)  # fmt: skip
    def begin(self, channels: int, at_a_time: int | None, one: Phone, other: Phone) -> None:
        self.world = self._make(channels, at_a_time)
        self.world.phones = dict(zip(NUMBERS, (one, other), strict=True))
        self.world.settle()

    def awake(self, which: int) -> Running:
        """Give one that is not frozen, or the other one."""
        first, second = self.world.controllers[which], self.world.controllers[1 - which]
        return first if first.awake or not second.awake else second

    def take(self, task: Task, course: Course) -> None:
        """Let something go as it goes."""
        owner = task.owner
        for left in range(course.writes, 0, -1):
            for _ in range(FAR):
                if not task.writes:
                    self.step(task, Step.DONE)
            self.step(task, course.last if left == 1 else Step.DONE)
        for left in range(0 if course.writes else course.steps, 0, -1):
            self.step(task, course.last if left == 1 else Step.DONE)
        if course.fails:
            self.fails(owner, course)
        for _ in range(course.more):
            self.step(task, Step.DONE)
        task.held = course.held
        if course.seconds:
            self.world.live(course.seconds)

    def step(self, task: Task, how: Step) -> None:
        """Let something go on by a step; what sleeps wakes up when it would."""
        world, owner = self.world, task.owner
        if task.wake is not None and task.wake - world.idle_since < IDLE:
            world.advance(max(world.now, task.wake))
        if owner.awake and task in owner.ready():
            owner.step(task, how)

    def fails(self, owner: Running, course: Course) -> None:
        """Something fails that has to do with a controller."""
        world = self.world
        if course.fails == "killed":
            world.kill(world.controllers.index(owner), lost=course.lost)
        elif course.fails == "frozen":
            owner.frozen = True
        for node in world.nodes.values():
            if course.fails == "node":
                world.restart(node, lost=course.lost)
            elif course.fails in ("link", "cut"):
                world.breaks(owner, node, lost=course.lost)
                if course.fails == "cut":
                    owner.cut.add(node.name)

    # --- what is asked for -------------------------------------------------------------------

    @rule(extension=extensions, number=numbers)
    def a_caller_rings(self, extension: str, number: str) -> None:
        self.world.ask(extension, number)

    @rule(which=which, extension=extensions, number=numbers, course=courses, stop=st.booleans())
    def a_call_is_begun(
        self, which: int, extension: str, number: str, course: Course, stop: bool
    ) -> None:
        """Somebody who rings is called back at once, as far as it gets."""
        task = self.begun(self.awake(which), extension, number)
        if task is not None:
            if stop:
                self.world.stops.append(Stop("everywhere", "", False, "", "", 0))
            self.take(task, msgspec.structs.replace(course, seconds=0.0))
            self.world.stops.clear()
            self.world.live(course.seconds)

    @rule(which=which, extension=extensions, number=numbers, turns=turns, course=courses,
          how=st.sampled_from(["killed", "stuck", "link", "late"]),
          beyond=st.sampled_from([0.5, 1.5]))  # fmt: skip
    def a_call_is_not_sent(
        self, which: int, extension: str, number: str, how: str, beyond: float, turns: list[int],
        course: Course,
    ) -> None:  # fmt: skip
        """One dies, or is stuck, before it sends; both find what it has written, at once."""
        world = self.world
        controller = self.awake(which)
        task = self.begun(controller, extension, number)
        if task is None:
            return
        # It sends, and the network keeps it; or it does not.
        sent = msgspec.structs.replace(UNSENT, last=Step.DONE if how == "late" else Step.HALF)
        self.take(task, msgspec.structs.replace(sent, fails="killed" if how == "killed" else ""))
        if how in ("link", "late"):
            self.fails(controller, UNSENT)
            self.step(task, Step.DONE)
        self.a_moment_passes(GRACE_SECONDS + beyond)
        attempt = next(reversed(world.kept.tries.values()), None)
        asks = []
        for other in world.controllers:
            if other.awake and attempt is not None:
                other.connect(world.nodes[attempt.node])
                other.ask(world.nodes[attempt.node])
                asks.append(other.tasks[-1])
        self.all_take_turns(turns)
        for ask in asks[:1]:
            self.take(ask, course)
        if how == "late":
            world.live(GRACE_SECONDS)
            world.comes_late()

    @rule(which=which, extension=extensions, number=numbers, phone=phones, hears=which,
          times=st.integers(1, 2), course=courses)  # fmt: skip
    def a_call_is_made(
        self,
        which: int,
        extension: str,
        number: str,
        phone: Phone,
        hears: int,
        times: int,
        course: Course,
    ) -> None:
        """A telephone rings, and does something; one of them hears of it, or does not."""
        task = self.begun(self.awake(which), extension, number)
        if task is not None:
            for _ in range(FAR):
                self.step(task, Step.DONE)
        self.a_telephone_does_something(-1, phone, hears, times, course)

    def begun(self, controller: Running, extension: str, number: str) -> Task | None:
        """Have a call begun for somebody who rings; give what begins it."""
        self.world.ask(extension, number)
        self.a_moment_passes(self.world.policies[extension].delay_seconds + 0.01)
        before = list(controller.tasks)
        controller.look()
        look = controller.tasks[-1] if controller.tasks != before else None
        for _ in range(FAR):
            if look is not None:
                self.step(look, Step.DONE)
        begun = [task for task in controller.tasks if task not in before and task is not look]
        return begun[-1] if begun else None

    @rule(pick=some)
    def a_callback_is_cancelled(self, pick: int) -> None:
        rows = list(self.world.kept.rows)
        if rows:
            self.world.requests.cancel(rows[pick % len(rows)], self.world.now)

    @rule(extension=st.sampled_from(["", "100"]), hang_up=st.booleans(),
          seconds=st.sampled_from([0.0, 2.0, 12.0]))  # fmt: skip
    def callbacks_are_stopped(self, extension: str, hang_up: bool, seconds: float) -> None:
        scope = "extension" if extension else "everywhere"
        self.world.stops.append(Stop(scope, extension, hang_up, "", "", 0))
        self.world.live(seconds)
        if seconds:
            self.world.stops.clear()

    @rule(node=node_names, seconds=st.sampled_from([0.0, 2.0, 12.0]))
    def a_node_is_drained(self, node: str, seconds: float) -> None:
        self.world.drains.append(Drain(node, "", "", 0))
        self.world.live(seconds)
        if seconds:
            self.world.drains.clear()

    # --- what controllers do -----------------------------------------------------------------

    @rule(which=which, course=courses)
    def one_looks(self, which: int, course: Course) -> None:
        controller = self.awake(which)
        before = list(controller.tasks)
        controller.look()
        if controller.tasks != before:
            self.take(controller.tasks[-1], course)

    @rule(which=which, node=node_names, course=courses)
    def one_asks_a_node(self, which: int, node: str, course: Course) -> None:
        self.asks(self.awake(which), node, course)

    def asks(self, controller: Running, node: str, course: Course) -> None:
        """Have one ask a node for what should be alive there."""
        before = list(controller.tasks)
        if len(before) < MANY:
            controller.ask(self.world.nodes[node])
        if controller.tasks != before:
            self.take(controller.tasks[-1], course)

    @rule(which=which, pick=some, course=courses)
    def one_goes_on(self, which: int, pick: int, course: Course) -> None:
        ready = self.awake(which).ready()
        if ready:
            self.take(ready[pick % len(ready)], course)

    @rule(turns=turns)
    def all_take_turns(self, turns: list[int]) -> None:
        """One after the other goes on by a step; where nobody can, time passes until one can."""
        world = self.world
        for turn in turns:
            tasks = [task for c in world.controllers if c.awake for task in c.tasks]
            ready = [task for task in tasks if task in task.owner.ready()]
            if ready:
                task = ready[turn % len(ready)]
                task.owner.step(task, Step.DONE)
            elif tasks:
                wake = min(task.wake or world.now for task in tasks)
                self.a_moment_passes((wake - world.now) / MICROS)

    @rule()
    def what_is_stuck_goes_on(self) -> None:
        for controller in self.world.controllers:
            for task in list(controller.tasks):
                task.held = False
                while controller.awake and task in controller.ready():
                    controller.step(task, Step.DONE)

    @rule(which=which, times=st.integers(1, 2), course=courses)
    def one_reads(self, which: int, times: int, course: Course) -> None:
        controller = self.awake(which)
        if controller.awake and controller.letters:
            if times > 1:
                self.world.note("an answer comes twice")
            before = list(controller.tasks)
            controller.read(times)
            for task in controller.tasks[len(before) :][:1]:
                self.take(task, course)

    # --- what people do ----------------------------------------------------------------------

    @rule(number=numbers, phone=phones)
    def a_telephone_will_do_otherwise(self, number: str, phone: Phone) -> None:
        self.world.phones[number] = phone

    @rule(pick=some, phone=phones, which=which, times=st.integers(1, 2), course=courses)
    def a_telephone_does_something(
        self, pick: int, phone: Phone, which: int, times: int, course: Course
    ) -> None:
        """It does, and one hears of it."""
        self.the_network_delivers(late=False)
        legs = [(node, leg) for node in self.world.nodes.values() for leg in node.legs.values()]
        if legs:
            node, leg = legs[pick % len(legs)]
            if leg.answered is None and not phone.cause:
                node.answer(leg.uuid)
            else:
                node.end(leg.uuid, "NORMAL_CLEARING" if leg.answered else phone.cause)
            self.one_reads(which, times, course)

    # --- what fails --------------------------------------------------------------------------

    @rule(which=which, course=courses)
    def something_fails(self, which: int, course: Course) -> None:
        self.fails(self.world.controllers[which], course)

    @rule()
    def everything_is_mended(self) -> None:
        for controller in self.world.controllers:
            controller.frozen = False
            controller.cut.clear()
            for node in self.world.nodes.values():
                controller.connect(node)

    @rule(late=st.booleans())
    def the_network_delivers(self, late: bool) -> None:
        if late:
            self.world.comes_late()
        self.world.advance(self.world.now)

    # --- time --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0]))
    def a_moment_passes(self, seconds: float) -> None:
        to = self.world.now + int(seconds * MICROS)
        if to - self.world.idle_since > IDLE:
            self.world.settle()
        self.world.advance(to)

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.5, 10.0, 35.0, 80.0]))
    def a_while_passes(self, seconds: float) -> None:
        self.world.live(seconds)
        self.world.stops.clear()
        self.world.drains.clear()

    # --- what holds --------------------------------------------------------------------------

    @invariant()
    def all_is_as_it_may_be(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        """In the end everything works: everything comes to its end, and nothing is left."""
        if not hasattr(self, "world"):
            return
        try:
            self.world.come_to_an_end()
        finally:
            self.world.close()


class Laboratory:
    """One database for all histories, emptied before each; what they do is counted."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "callbackd.sqlite3"
        self.engine: Engine = open_database(f"sqlite:///{self.path}")
        self.engine.dispose()
        event.listen(self.engine, "connect", self._hasty)
        self.metrics = Metrics()
        self.seen: Counter[str] = Counter()

    @staticmethod
    def _hasty(connection: object, _: object) -> None:
        assert hasattr(connection, "execute")
        connection.execute("PRAGMA synchronous = OFF")

    def world(
        self, patch: pytest.MonkeyPatch, channels: int, at_a_time: int | None = None
    ) -> World:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM callback_attempt")
            connection.exec_driver_sql("DELETE FROM callback_request")
        world = World(self.engine, self.path, self.metrics, self.seen, channels, at_a_time)
        world.replace(patch)
        return world


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[Laboratory]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    made = Laboratory(tmp_path)
    yield made
    made.engine.dispose()
    structlog.reset_defaults()


def test_o5_nobody_is_called_twice_and_nobody_is_forgotten(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Here(Life):
        def __init__(self) -> None:
            super().__init__(partial(laboratory.world, monkeypatch))

    examples = settings(max_examples=many(60), stateful_step_count=50)
    run_state_machine_as_test(Here, settings=examples)
    # A history in which nothing happens proves nothing; a few may have little in them.
    for what in () if FEW else MUST_HAPPEN:
        assert laboratory.seen[what] > 0, what


@pytest.mark.parametrize("dies", [False, True])
def test_g3_a_call_has_its_place_as_long_as_it_lives_whoever_took_it(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """O5: also where its controller dies meanwhile; the next one is called when it is over."""
    world = laboratory.world(monkeypatch, 1, at_a_time=1)
    one, other = NUMBERS
    world.phones = dict.fromkeys(NUMBERS, Phone(cause="", rings=1.0, talks=1000.0))
    world.ask("100", one)
    world.live(2)
    (leg,) = [leg for node in world.nodes.values() for leg in node.legs.values()]
    waits = world.ask("100", other)
    if dies:
        for which in (0, 1):
            world.kill(which, lost=True)
    world.live(80)
    assert leg.answered is not None
    assert world.kept.rows[waits].state == "pending"
    for node in world.nodes.values():
        if leg.uuid in node.legs:
            node.end(leg.uuid, "NORMAL_CLEARING")
    world.live(11)
    assert world.kept.rows[waits].state == "answered"
    world.come_to_an_end()
    world.close()
