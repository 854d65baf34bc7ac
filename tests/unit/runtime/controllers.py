"""A controller in small pieces: the real one, stopped wherever it waits for something else.

Each of its greenlets is a `Task` that goes on when it is told to, from one place where it waits
to the next: for the store, for a switch's reply, for time to pass. In between it could be cut
nowhere, so a task that is thrown away where it waits is a process that was killed there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import msgspec
from greenlet import getcurrent, greenlet
from sqlalchemy.exc import OperationalError

from controller.callback.effects import Record
from controller.credit.model import LegEnd
from controller.esl.errors import NotConnected
from controller.esl.events import Event
from controller.esl.switch import SwitchLink
from controller.esl.wire import Frame
from controller.guard.often import Limit, Over
from controller.policy.clients import ClientTable
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.runtime import attaching, return_leg
from controller.runtime.answers import answered_until
from controller.runtime.dispatcher import Dispatcher
from controller.runtime.inheriting import Inheriting
from controller.runtime.link_events import LinkEvents
from controller.runtime.nodes import Nodes
from controller.runtime.reconcile import reconcile
from controller.runtime.services import Services
from controller.store.charging import SqlCharging
from controller.store.conversing import Conversing
from controller.store.database import Away
from controller.store.requests import Request
from controller.store.stops import Stop
from tests.unit.runtime.placed import Places
from tests.unit.runtime.switches import MICROS, Leg, Node

if TYPE_CHECKING:
    from tests.unit.runtime.world import World

P = ParamSpec("P")
R = TypeVar("R")


class Step(Enum):
    """How a task goes on from where it waits."""

    #: What it asked for is done, and it hears of it.
    DONE = "done"
    #: It is done, and the task has not heard of it yet.
    HALF = "half"
    #: The store was away.
    AWAY = "away"
    #: The store did it, and was away before it could say so.
    UNTOLD = "untold"


class Killed(BaseException):
    """What ends a task whose process was killed; nothing catches it."""


class Task(greenlet):
    """A greenlet of a controller.

    `wake`: it goes on at this time, and not before. `held`: what it waits for takes long, and all
    others go on meanwhile. `writes`: it is about to write to the store.
    """

    def __init__(
        self, owner: Running, function: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        super().__init__(self._go, owner.world.main)
        self.owner = owner
        self.what = getattr(function, "__name__", "task")
        self.wake: int | None = None
        self.held = False
        self.writes = False
        self.started = False
        self._work = (function, args)
        self.fault: Exception | None = None

    def _go(self) -> None:
        function, args = self._work
        try:
            function(*args)
        except Killed:
            pass
        except Away:
            # As in a greenlet of the real one: it is logged, and that is all.
            self.owner.world.note("the store is away")
        except Exception as error:  # noqa: BLE001  (it is raised again where all are stepped)
            self.fault = error

    def park(self) -> Step:
        """Wait to be told how to go on."""
        if not self.owner.alive:
            raise Killed
        step: Step = self.owner.world.main.switch()
        return step

    def sleep(self, seconds: float) -> None:
        """Wait for time to pass."""
        self.wake = self.owner.world.now + int(seconds * MICROS)
        self.park()


def current() -> Task:
    """Give the task that runs."""
    task = getcurrent()
    assert isinstance(task, Task), "only a task waits"
    return task


class Offloaded:
    """What is done in a thread of its own: by `runtime.offload`, in the real one."""

    def __init__(self, owner: Running, *, writes: bool) -> None:
        self._owner = owner
        self._writes = writes

    def run_first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same: whose turn it is is drawn anyway."""
        return self.run(function, *args, **kwargs)

    def run(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Wait, do it, and perhaps wait once more before its result is there."""
        task = current()
        task.writes = self._writes
        step = task.park()
        task.writes = False
        if step is Step.AWAY:
            raise _away()
        result = function(*args, **kwargs)
        self._owner.world.check()
        if step is Step.HALF:
            task.park()
        if step is Step.UNTOLD:
            raise _away()
        return result


def _away() -> Exception:
    return OperationalError("", None, Exception("the store is away"))


class Wire:
    """One connection to a switch: what was sent is on its way until it is delivered."""

    #: Whoever answers late here answers: links that break are another matter.
    owes_seconds = 0.0

    def __init__(self, owner: Running, node: Node) -> None:
        self.owner = owner
        self.node = node
        self.connected = True
        self.on_its_way: list[bytes] = []

    def transmit(self, command: bytes, on_reply: Any = None, *, first: bytes | None = None) -> None:
        """Send; whoever gets the second part has got the first."""
        if not self.connected:
            raise NotConnected("the connection has ended")
        self.on_its_way.append((first or b"") + command)

    def request(self, command: bytes, seconds: float | None = None) -> Frame:
        """Send a question and wait for its answer; it is for this run of the switch, or lost."""
        if not self.connected:
            raise NotConnected("the connection has ended")
        task = current()
        step = task.park()
        self._expect()
        self.deliver()
        printed = self.node.take(command)
        self.owner.world.check()
        if step is Step.HALF:
            task.park()
            self._expect()
        return Frame({}, printed.encode())

    def _expect(self) -> None:
        if not self.connected:
            raise NotConnected("the connection broke")

    def deliver(self) -> None:
        """Let the switch have what was sent."""
        while self.on_its_way:
            self.node.take(self.on_its_way.pop(0))

    def close(self, error: Exception | None = None) -> None:
        """End it, as `SwitchLink` does."""
        self.connected = False


class Letter(msgspec.Struct, eq=False):
    """What a controller has not read yet; of a connection, or of a leg's own."""

    wire: Wire | None
    read: Callable[..., None]
    about: Any


class Held(msgspec.Struct, eq=False):
    """A return leg that a controller holds: all that is asked of one from outside."""

    leg: Leg
    owner: Any
    socket: bool = True

    def leg_ended(self, event: Event) -> None:
        """Its end came over the link."""
        self.owner.leg_over(self.leg)

    def drop(self) -> None:
        """Its controller stood still: the connection is closed."""
        self.owner.legs.held.pop(self.leg.uuid, None)
        self.owner.world.is_left(self.owner, self.leg)


class Legs:
    """The legs that a controller holds."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}

    def get(self, uuid: str) -> Held | None:
        """Give one by its uuid."""
        return self.held.get(uuid)

    def __iter__(self) -> Any:
        return iter(list(self.held.values()))


class Pieces(Services):
    """The services of a controller, whose greenlets are tasks."""

    owner: Running

    def spawn(self, function: Callable[..., object], *args: object) -> None:
        """Have a task run, later."""
        self.owner.spawn(function, *args)

    spawn_for_all = spawn


class Watch:
    """The clock of a machine: it may be a little ahead of another one's."""

    def __init__(self, world: World, ahead: int) -> None:
        self._world = world
        self._ahead = ahead

    def micros(self) -> int:
        """Microseconds since 1970. No two moments are the same: by his a writer knows his row."""
        self._world.now += 1
        return self._world.now + self._ahead

    def now(self) -> float:
        """Seconds since 1970."""
        return self.micros() / MICROS

    def follow(self) -> None:
        """It has nothing to follow."""


class Known:
    """The policies and the stops."""

    def __init__(self, owner: Running) -> None:
        self._owner = owner

    def get(self, extension: str) -> Policy | None:
        """Give the policy of an extension."""
        policies = self._owner.world.policies
        found: Policy | None = self._owner.services.reads.run(policies.get, extension)
        return found


class Stops:
    """What is stopped."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self) -> tuple[Stop, ...]:
        """Give all that is stopped."""
        return tuple(self._world.stops)


class Channels:
    """The channels of the table."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self) -> Trunks:
        """Give all of them."""
        return self._world.trunks


class NoTroubles:
    """Every channel works, as far as anybody knows."""

    def troubles(self, node: str, now: float) -> dict[str, str]:
        """Give none."""
        return {}

    def trying(self, node: str, channels: tuple[str, ...], now: float) -> None:
        """A call is sent."""

    def ended(self, node: str, channel: str, cause: str, now: float, number: str) -> None:
        """A call has ended."""

    def worked(self, node: str, channel: str) -> None:
        """A call was answered."""

    def link_up(self, link: SwitchLink) -> None:
        """Ask nothing."""


class Noted:
    """Callbacks are limited by nothing that anybody reaches; what came to nothing is noted."""

    def __init__(self, world: World) -> None:
        self._world = world

    def count(self, callback: str, limits: Sequence[Limit]) -> Over | None:
        """Let each be made."""
        return None

    def note(self, limits: Sequence[Limit]) -> None:
        """Note one."""
        self._world.noted += bool(limits)


class NoSuspicions:
    """Nothing looks like fraud."""

    def refusal(self, request: Request, policy: Policy) -> str | None:
        """Let each be made."""
        return None

    seen = refusal

    def call_ended(self, end: LegEnd) -> None:
        """Nothing is counted."""


class NoSounds:
    """Nodes have no sounds here, and are asked for none."""

    def ask(self, link: SwitchLink) -> None:
        """Ask nothing."""


class Running:
    """A controller of its own name, in a process of its own: it shares the database alone."""

    def __init__(self, world: World, name: str, ahead: int) -> None:
        # Not the real one's: that opens ports, files and threads.
        self.world = world
        self.alive = True
        self.frozen = False
        self.looking = False
        self.tasks: list[Task] = []
        self.letters: list[Letter] = []
        self.timers: list[tuple[int, Callable[..., None], tuple[Any, ...]]] = []
        self.wires: dict[str, Wire] = {}
        #: Nodes whose link stays down.
        self.cut: set[str] = set()
        self.settings = world.settings
        self.metrics = world.metrics
        nothing = cast(Any, None)
        self.services = Pieces(
            settings=world.settings,
            name=name,
            clock=cast(Any, Watch(world, ahead)),
            metrics=world.metrics,
            sql=cast(Any, Offloaded(self, writes=True)),
            reads=cast(Any, Offloaded(self, writes=False)),
            files=nothing,
            hashing=nothing,
            policies=cast(Any, Known(self)),
            requests=world.requests,
            passwords=nothing,
            prompts=nothing,
            trunks=cast(Any, Channels(world)),
            stops=cast(Any, Stops(world)),
            drains=cast(Any, SimpleNamespace(get=lambda: tuple(world.drains))),
            clients=cast(Any, SimpleNamespace(get=ClientTable)),
            sounds=nothing,
            sound_watch=cast(Any, NoSounds()),
            lockouts=nothing,
            conversing=Conversing(world.engine),
            charging=SqlCharging(world.engine),
            transcripts=cast(Any, SimpleNamespace(add=nothing)),
            health=cast(Any, NoTroubles()),
            places=cast(Any, Places(world.placed, Watch(world, ahead).now)),
            often=cast(Any, Noted(world)),
            patterns=nothing,
            presence=cast(Any, world.presence),
            suspicious=cast(Any, SimpleNamespace(known=nothing)),
            notices=nothing,
            destinations=cast(Any, SimpleNamespace(keep=nothing, open_of=lambda request: [])),
        )
        self.services.owner = self
        self.services.watching = cast(Any, NoSuspicions())
        self.legs = Legs()
        self.services.legs = cast(Any, self.legs)
        self.dispatcher = Dispatcher(self.services)
        events = LinkEvents(self.services, self.dispatcher.calling)
        self.nodes = Nodes(
            self.services,
            self.dispatcher.calling,
            on_event=events.take,
            on_up=lambda link: None,
        )
        Inheriting(self.services, self.dispatcher.calling)
        self.services.standing._stillness.note(world.seconds())

    @property
    def name(self) -> str:
        """Its name in leases."""
        return self.services.name

    @property
    def awake(self) -> bool:
        """Whether it gets on by itself."""
        return self.alive and not self.frozen

    def ticks(self) -> None:
        """Have it note that it goes on, as it does every second."""
        standing = self.services.standing
        if standing.check():
            self.world.note("stood still")
        standing._stillness.note(self.world.seconds())

    @property
    def is_still(self) -> bool:
        """Whether it has stood still for as long as its lease."""
        gap = self.world.seconds() - (self.services.standing._stillness._noted or 0.0)
        return self.alive and self.frozen and gap >= self.world.presence.lease_seconds

    # --- its links ---------------------------------------------------------------------------

    def connect(self, node: Node) -> None:
        """A link comes up, as `SwitchLink` has it."""
        if node.name in self.wires:
            return
        wire = self.wires[node.name] = Wire(self, node)
        link = self.services.links[node.name]
        link.core = node.core
        link._connection = cast(Any, wire)
        link._connection_number += 1
        link.up.set()
        link._on_up(link, link.in_flight)

    def disconnect(self, node: Node, *, lost: bool) -> None:
        """A link breaks; what was on its way is lost, or just got there."""
        wire = self.wires.pop(node.name, None)
        if wire is None:
            return
        if not lost:
            wire.deliver()
        wire.close()
        link = self.services.links[node.name]
        link.up.clear()
        self.letters = [letter for letter in self.letters if letter.wire is not wire]
        link._on_down(link, None)

    def hears(self, wire: Wire, event: Event) -> None:
        """A switch says something to this link."""
        link = self.services.links[wire.node.name]
        self.letters.append(Letter(wire, link._handle, event))

    def later(self, seconds: float, function: Callable[..., None], *args: Any) -> None:
        """Have something done at a later time."""
        self.timers.append((self.world.now + int(seconds * MICROS), function, args))

    # --- its legs ----------------------------------------------------------------------------

    def leg_attaches(self, leg: Leg) -> None:
        """A return leg connects: as `attaching.attach`, as far as the request goes."""
        services = self.services
        request = services.reads.run(services.requests.get, leg.job.request)
        policy = None if request is None else services.policies.get(request.extension)
        assert request is not None
        assert policy is not None
        if leg.holder != self.name:
            return  # over, or with another one by now
        services.on_attempt_over(request.id)
        if request.state == "calling":
            until = answered_until(services, policy)
            epoch = services.standing.epoch
            services.spawn(attaching._answered, services, request, until, None, {}, epoch)
        self.legs.held[leg.uuid] = Held(leg, self)

    def leg_over(self, leg: Leg) -> None:
        """A leg that it holds is over."""
        if self.legs.held.pop(leg.uuid, None) is not None:
            record = Record(leg.job.request, "completed", "NORMAL_CLEARING")
            row = self.world.kept.rows[leg.job.request]
            self.services.spawn(
                return_leg.record, self.services, record, row.extension, leg.job.attempt
            )

    # --- its work ----------------------------------------------------------------------------

    def spawn(self, function: Callable[..., object], *args: Any) -> None:
        """Have a task run."""
        if self.alive:
            self.tasks.append(Task(self, function, args))
            self.services.standing.begun(self.tasks[-1])

    def look(self) -> None:
        """Have it look for what is due, as its one greenlet does again and again."""
        if not self.looking:
            self.looking = True
            self.spawn(self._look)

    def _look(self) -> None:
        try:
            self.dispatcher.look()
        except Away:
            self.services.note_store_fault("dispatcher")
        finally:
            self.looking = False

    def ask(self, node: Node) -> None:
        """Have it ask a node for what should be alive there, as it does now and then."""
        link = self.services.links[node.name]
        if link.up.is_set():
            self.spawn(self._reconcile, link)

    def _reconcile(self, link: SwitchLink) -> None:
        node = self.world.nodes[link.name]
        wire, well = self.wires.get(node.name), self.services.store_fault is None
        unsent = self.world.unsent(node)
        reconcile(self.services, link, self.dispatcher.calling)
        # Whoever finds the store away then does nothing, and asks again later.
        well = well and self.services.store_fault is None
        if well and wire is not None and wire.connected:
            self.world.was_asked(node, unsent)

    def ready(self) -> list[Task]:
        """Give the tasks that can go on now."""
        return [t for t in self.tasks if t.wake is None or t.wake <= self.world.now]

    def step(self, task: Task, how: Step) -> None:
        """Let one go on to the next place where it waits."""
        task.wake = None
        if task.started:
            task.switch(how)
        else:
            task.started = True
            task.switch()
        if task.dead:
            self.tasks.remove(task)
        if task.fault is not None:
            raise task.fault

    def read(self, times: int = 1) -> None:
        """Read what came first; `times`: it was sent so often."""
        letter = self.letters.pop(0)
        for _ in range(times):
            letter.read(letter.about)

    def catch_up(self) -> bool:
        """Do all that there is to do at this moment; whether there was anything."""
        busy = False
        for wire in self.wires.values():
            busy = busy or bool(wire.on_its_way)
            wire.deliver()
        while self.letters:
            self.read()
            busy = True
        for timer in [t for t in self.timers if t[0] <= self.world.now]:
            self.timers.remove(timer)
            timer[1](*timer[2])
            busy = True
        for task in self.ready():
            if not task.held:
                self.step(task, Step.DONE)
                busy = True
        return busy

    def kill(self) -> None:
        """SIGKILL: whatever it was at is not done any more."""
        self.alive = False
        for task in self.tasks:
            if task.started and not task.dead:
                task.throw(Killed())
        self.tasks.clear()
        self.letters.clear()
        self.timers.clear()
