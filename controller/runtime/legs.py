"""A leg that we hold: its connection, its machine, its one timer.

Events are taken one at a time and to their end: an effect that brings about an event (a write
that finds the connection gone) puts it in a queue, so that a machine is never entered twice.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar
from weakref import WeakMethod

import gevent
import structlog

from controller.callback.effects import (
    Effect,
    Hangup,
    Kill,
    Release,
    SetTimer,
)
from controller.callback.events import LegEnded, SocketClosed, TimerFired
from controller.callback.machine import Session
from controller.esl import commands
from controller.esl.connection import OnReply
from controller.esl.errors import EslError, NotConnected, UnsafeText
from controller.esl.events import Event, cause, text
from controller.esl.failures import failed_legs
from controller.esl.session import OutboundSession
from controller.esl.wire import Frame
from controller.runtime.about import about
from controller.runtime.services import Services
from controller.runtime.speaking import PART_PREFIX
from controller.runtime.unheld import WHOSE

log: Any = structlog.get_logger("leg")

S = TypeVar("S", bound=Session)
A = TypeVar("A")

#: The `Event-UUID` of a step begins so; that of a variable's setting does not.
STEP_PREFIX = "step-"
VARIABLE = "variable"


def step_id(step: int) -> str:
    """Give the `Event-UUID` of a step."""
    return f"{STEP_PREFIX}{step}"


def step_of(event_uuid: str | None) -> int | None:
    """Give the step that an `Application-UUID` names, or None where it is no step of ours."""
    if event_uuid is None or not event_uuid.startswith(STEP_PREFIX):
        return None
    number = event_uuid[len(STEP_PREFIX) :]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None


def is_ours(event_uuid: str | None) -> bool:
    """Whether an `Application-UUID` is that of something that we had done on the leg."""
    return event_uuid is None or event_uuid.startswith((STEP_PREFIX, PART_PREFIX, VARIABLE))


def ended(event: Event) -> LegEnded:
    """Give what CHANNEL_HANGUP_COMPLETE says of the end of a leg."""
    return LegEnded(
        cause=cause(event.hangup_cause) or "UNKNOWN",
        stage=text(event.stage),
        talked_to=text(event.last_bridge_to),
        failed=failed_legs(event.originate_causes),
        # 0: it was limited by the policy alone.
        charged=text(event.charged) not in (None, "0"),
        said=text(event.said),
        talk_ended=cause(event.bridge_hangup_cause),
    )


def weakly(method: Callable[[A], None]) -> Callable[[A], None]:
    """Give what calls a method of a leg as long as somebody has the leg, and then does nothing.

    For what a leg has itself: held by that, each leg that is over would stay until the next
    collection of all objects, which stops every call.
    """
    weak = WeakMethod(method)

    def call(argument: A) -> None:
        alive = weak()
        if alive is not None:
            alive(argument)

    return call


class Leg(Generic[S]):
    """What trigger and return legs have in common."""

    #: For metrics: `trigger` or `return`.
    kind = ""
    #: The callback that it is of; None: there is none yet.
    request: str | None = None

    def __init__(self, services: Services, link: OutboundSession, uuid: str, session: S) -> None:
        self.services = services
        self.socket: OutboundSession | None = link
        self.uuid = uuid
        self.session = session
        self._queue: deque[object] = deque()
        self._busy = False
        #: Variables of the leg that are to be set with what is sent next.
        self._variables: dict[str, str] = {}
        self._timer: Any = None
        self.over = False
        link.on_event = self._told
        link.on_closed = self._on_closed

    def begin(self, attached: object, epoch: int) -> None:
        """Hold the leg from now on, and tell its machine that it has attached.

        `epoch`: what `standing.epoch` was when it connected.
        """
        if self.services.standing.epoch != epoch:
            # We stood still while it was looked up, and it may have been moved.
            self.drop()
            return
        self.services.legs.add(self)
        self.post(attached)
        if self.socket is not None and not self.socket.connected:
            # It went while the leg was looked up, when nobody was told.
            self._on_closed(self.socket.closed_by)
        else:
            # It may have been moved meanwhile; from here on its events tell.
            self._ask_whose()

    # --- events ----------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take an event of the switch."""
        raise NotImplementedError

    def _told(self, event: Event) -> None:
        if (
            event.name == "CHANNEL_EXECUTE_COMPLETE"
            and event.hangup_cause is None
            and not is_ours(text(event.application_uuid))
        ):
            # The dialplan goes on: the leg has left our hold, or that was before we had it.
            self._ask_whose()
        self.on_event(event)

    def _ask_whose(self) -> None:
        """Find out whether another controller has the leg: our connection would stay as it is."""
        socket, unheld = self.socket, self.services.unheld
        if socket is None or not self.services.standing.others:
            return

        def on_reply(frame: Frame | None, _error: EslError | None) -> None:
            path = None if frame is None else frame.headers.get("Reply-Text")
            if not self.over and unheld.is_anothers(path):
                with self._about():
                    log.warning("leg_lost", controller=path)
                self.drop()

        with contextlib.suppress(NotConnected):
            socket.transmit(WHOSE, on_reply)

    def transition(self, event: Any, now: float) -> tuple[S, tuple[Effect, ...]]:  # noqa: ANN401
        """Take one step of the leg's machine."""
        raise NotImplementedError

    def post(self, event: object) -> None:
        """Give the machine an event and do what it wants; never raises, never waits for long."""
        self.services.standing.check()
        self._queue.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue and not self.over:
                # A timer and a node's link know nothing of whose it is; and who lets go of all
                # legs may be at another one.
                with self._about():
                    self._take(self._queue.popleft())
        except Exception as error:  # noqa: BLE001  (a fault of ours must not take others along)
            self._fault(error)
        finally:
            self._busy = False

    def _take(self, event: object) -> None:
        before = self.session.state
        self.session, effects = self.transition(event, self.services.clock.now())
        if self.session.state is not before:
            log.debug("state", leg=self.uuid, before=str(before), after=str(self.session.state))
        handing = self.services.handing
        left = None if handing is None else handing.moment(self, effects)
        for effect in effects if left is None else left:
            try:
                self.perform(effect)
            except NotConnected:
                # The connection's end is an event of its own, already in the queue or coming.
                continue
        self._send_variables()
        if handing is not None and left is not None:
            handing.part_with(self)

    def _fault(self, error: Exception) -> None:
        # The leg is given back to the switch, which tries the next controller.
        with self._about():
            log.error("leg_fault", state=str(self.session.state), exc_info=error)
        self.services.metrics.faults.labels(f"{self.kind}_leg").inc()
        self._queue.clear()
        self._finish()

    def _on_closed(self, error: EslError | None) -> None:
        link, self.socket = self.socket, None
        if error is not None:
            with self._about():
                self.services.note_esl_error(error)
        self.post(SocketClosed() if link is None else self.closed(link))

    def closed(self, link: OutboundSession) -> object:
        """Give what the end of a connection tells the machine."""
        return SocketClosed()

    def leg_ended(self, event: Event) -> None:
        """Tell the machine that the leg has hung up."""
        self.post(ended(event))

    # --- effects ---------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """Do one effect. Raises `NotConnected` where the connection is gone."""
        match effect:
            case SetTimer(number, at):
                self._set_timer(number, at)
            case Hangup(_, cause):
                self.transmit(commands.hangup(cause))
            case Kill(cause):
                self.services.kill(self.uuid, cause)
            case Release():
                self._finish()
            case _:
                raise UnsafeText(f"{type(effect).__name__} is no effect of a {self.kind} leg")

    def transmit(self, command: bytes, on_reply: OnReply | None = None) -> None:
        """Send a command on the leg's connection. Raises `NotConnected`."""
        self.services.standing.check()
        if self.socket is None:
            raise NotConnected("the leg has no connection")
        variables, self._variables = self._variables, {}
        first = commands.set_variables(self.uuid, variables) if variables else None
        self.socket.transmit(command, on_reply, first=first)

    def set_variables(self, **values: str) -> None:
        """Set variables of the leg; an empty one is taken away.

        All those of one step are sent as one command, before whatever else is sent in it.
        """
        self._variables.update(values)
        if not self._busy:
            self._send_variables()

    def _send_variables(self) -> None:
        if not self._variables:
            return
        self.services.standing.check()
        variables, self._variables = self._variables, {}
        if self.socket is not None and not self.over:
            with contextlib.suppress(NotConnected):
                self.socket.transmit(commands.set_variables(self.uuid, variables))

    def spawn(self, function: Callable[..., None], *args: object) -> None:
        """Do something that waits, in a greenlet of its own."""
        self.services.spawn(function, *args)

    def _set_timer(self, number: int, at: float) -> None:
        self._stop_timer()
        seconds = max(at - self.services.clock.now(), 0.0)
        timer = gevent.get_hub().loop.timer(seconds)
        # Told, it counts from now: else from when the loop last looked at the clock, and all that
        # was done since would be lacking at the end.
        timer.start(gevent.spawn, self.post, TimerFired(number), update=True)
        self._timer = timer

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def let_go(self) -> None:
        """Leave the leg to the switch: it keeps the call and closes the connection."""
        self._stop_timer()
        self.transmit(commands.EXIT)

    def supersede(self) -> None:
        """The same leg has connected anew: this one has no say any more, and nothing to record.

        Its connection stays, and is told all: to close it would end the new one (`unheld`).
        """
        self.over = True
        self._stop_timer()
        if self.socket is not None:
            self.socket.on_event = None

    def drop(self) -> None:
        """We stood still: it is another controller's by now, or the switch connects again."""
        with self._about():
            self.supersede()
            self.services.legs.forget(self)
            socket, self.socket = self.socket, None
            if socket is not None:
                self.services.unheld.keep(self.uuid, socket, self.request)

    def _about(self) -> AbstractContextManager[None]:
        return about(request=self.request, leg=self.uuid)

    def _finish(self) -> None:
        """The leg is over for us: nothing is awaited, nothing is kept."""
        self.over = True
        self._stop_timer()
        self.services.legs.forget(self)
        if self.socket is not None:
            try:
                # Without it the switch keeps the leg's uuid until the linger time is over.
                self.socket.transmit(commands.EXIT)
            except NotConnected:
                return

    def hand_over(self) -> None:
        """Close the connection, so that the switch goes on with another controller."""
        if self.socket is not None:
            self.socket.close()
