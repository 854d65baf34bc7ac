"""A controller that is told to stop: takes no more, hands over what it has, and ends (SPEC O4).

Where others are there, the switches' lists are written without us first; then the listener closes,
trigger calls are handed over at once and dialogues when their callers notice least
(`callback.leaving`). Where nobody is, all goes on as before for as long as it may, callers are
still taken, and the door closes last: whoever is on the telephone then is kept by the switch for
the few seconds in which we start again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog
from gevent.event import Event as Flag

from controller.callback import leaving
from controller.callback.effects import Effect
from controller.callback.trigger import TriggerSession
from controller.esl import commands
from controller.esl.errors import EslError, NotConnected
from controller.esl.session import LINGER_SECONDS
from controller.esl.wire import Frame
from controller.guard.members import SERVING
from controller.runtime.legs import Leg
from controller.runtime.return_leg import ReturnLeg

if TYPE_CHECKING:
    from controller.esl.server import EslServer
    from controller.runtime.controllers_list import ControllersList
    from controller.runtime.dispatcher import Dispatcher
    from controller.runtime.services import Services

log: Any = structlog.get_logger("draining")

#: How long is waited for the switches' lists to be written without us, seconds.
LISTS_SECONDS: Final = 3.0
#: After `drain_seconds` so long more for answers that are typed, or checked, just then, seconds.
GRACE_SECONDS: Final = 5.0
#: A trigger call whose X is over so soon is finished here, seconds.
FINISHED_SECONDS: Final = 1.0
#: How long is waited at the end for what is being written, seconds.
WRITE_SECONDS: Final = 5.0
#: How long the end may take beyond `drain_seconds`, seconds.
ENDING_SECONDS: Final = 30.0
#: How long the switch may take to take the last command on a leg, seconds.
TAKEN_SECONDS: Final = 1.0
#: How often legs are looked at, seconds.
_LOOK_SECONDS: Final = 0.05


class Draining:
    """The end of a controller.

    `lists`: those of the controllers on the switches.
    """

    def __init__(
        self,
        services: Services,
        server: EslServer,
        dispatcher: Dispatcher,
        lists: ControllersList,
    ) -> None:
        self._services = services
        self._server = server
        self._dispatcher = dispatcher
        self._lists = lists
        self._hurry = Flag()
        #: Whether it has begun: `/readyz` says so.
        self.begun = False
        #: Whether legs that connect are not taken any more.
        self.closed = False

    def hurry(self) -> None:
        """Be told a second time: wait for nothing any more."""
        self._hurry.set()

    def run(self) -> None:
        """Drain; what is left after that is nobody's any more but the switch's."""
        services = self._services
        self.begun = True
        until = self._now() + services.settings.drain_seconds
        services.standing.leave()
        self._dispatcher.stop()
        log.info("draining", legs=len(services.legs), others=len(self._others()))
        if not self._others():
            self._serve_alone(until)
        if self._others():
            self._hand_over(until)
        else:
            self._write()
            # Others may be there of whom nobody knows: of an older release.
            self._clear_lists()
            self._close_door()
        left = self._in_dialogue()
        for leg in left:
            self._cut(leg)
        self._wait(lambda: not self._in_dialogue(), self._now() + TAKEN_SECONDS)
        log.info("drained", cut=len(left))

    # --- with others -------------------------------------------------------------------------

    def _others(self) -> list[str]:
        """Give the names of those who take legs besides us."""
        services = self._services
        members = services.standing.members
        return [m.name for m in members if m.name != services.name and m.state == SERVING]

    def _hand_over(self, until: float) -> None:
        """Part with each leg when its caller notices least, and until then go on with it."""
        if not self._wait(self._lists.is_written, self._now() + LISTS_SECONDS):
            # They are refused here, and go on to the next one of their old list.
            log.warning("lists_not_written")
        self._close_door()
        self._services.handing = self
        last = until + GRACE_SECONDS
        self._wait(lambda: not self._look(until), last)

    def _look(self, until: float) -> bool:
        """Part with those whose moment it is; whether any is left that we should wait for."""
        late, now = self._now() >= until, self._services.clock.now()
        for leg in self._in_dialogue():
            if isinstance(leg.session, TriggerSession):
                if leaving.rings_on(leg.session, now, FINISHED_SECONDS):
                    self._part_with(leg, "ringing")
            elif late and leaving.is_at_rest(leg.session):
                self._part_with(leg, "at_rest")
        # What is being sent is written with it; what rings is answered to any controller.
        return bool(self._in_dialogue() or self._dispatcher.calling.unsent)

    def moment(self, leg: Leg[Any], effects: Sequence[Effect]) -> tuple[Effect, ...] | None:
        """Give what is left to do of a step by which a leg is best handed over; None: it is not."""
        if isinstance(leg, ReturnLeg) and leaving.asks(leg.session, effects):
            return leaving.unasked(effects)
        return None

    def part_with(self, leg: Leg[Any]) -> None:
        """Hand a leg over as soon as the switch has taken what was sent on it last.

        Not where a key is pressed meanwhile: then the answer is awaited here.
        """

        def taken() -> None:
            if leaving.is_untouched(leg.session):
                self._part_with(leg, "unasked")

        # Sent for its answer alone.
        self._once_taken(leg, commands.linger(LINGER_SECONDS), taken)

    # --- alone -------------------------------------------------------------------------------

    def _serve_alone(self, until: float) -> None:
        """Go on until dialogues are over, as long as it may last; or until another one is there.

        A return call that rings is waited for too: its answer comes over our link only.
        """
        dialogues = self._dialogues
        self._wait(
            lambda: bool(self._others() or not (dialogues() or len(self._dispatcher.calling))),
            until,
        )

        def nobody_is_cut() -> bool:
            legs = dialogues()
            at_rest = all(leaving.is_at_rest(leg.session) for leg in legs)
            return bool(self._others()) or (at_rest and not self._dispatcher.calling.unsent)

        self._wait(nobody_is_cut, until + GRACE_SECONDS)

    def _clear_lists(self) -> None:
        cleared = gevent.spawn(self._lists.clear)
        self._wait(cleared.ready, self._now() + LISTS_SECONDS)
        cleared.kill(block=False)

    # --- the end -----------------------------------------------------------------------------

    def _close_door(self) -> None:
        self.closed = True
        self._server.stop_accepting()

    def _in_dialogue(self) -> list[Leg[Any]]:
        return [leg for leg in self._services.legs if leg.socket is not None]

    def _dialogues(self) -> list[ReturnLeg]:
        return [leg for leg in self._in_dialogue() if isinstance(leg, ReturnLeg)]

    def _part_with(self, leg: Leg[Any], how: str) -> None:
        """Leave a leg to the switch, which goes on with another controller."""
        self._services.metrics.handed_over.labels(how).inc()
        log.info("handed_over", leg=leg.uuid, how=how, state=str(leg.session.state))
        leg.hand_over()

    def _cut(self, leg: Leg[Any]) -> None:
        """Leave a leg to the switch in the middle of what it is at."""
        if not (isinstance(leg, ReturnLeg) and leaving.is_over(leg.session)):
            now = self._services.clock.now()
            rings = isinstance(leg.session, TriggerSession) and leaving.rings_on(leg.session, now)
            self._part_with(leg, "ringing" if rings else "cut")
            return
        # Nobody says the last sentence again: the switch plays it to its end.
        resume = commands.api("uuid_setvar", leg.uuid, "socket_resume")
        self._once_taken(leg, resume, lambda: self._part_with(leg, "telling"))

    def _once_taken(self, leg: Leg[Any], command: bytes, then: Callable[[], None]) -> None:
        """Do something as soon as the switch has answered a command, and taken all before it."""
        socket = leg.socket

        def on_reply(frame: Frame | None, error: EslError | None) -> None:
            if frame is not None and leg.socket is socket:
                then()

        try:
            leg.transmit(command, on_reply)
        except NotConnected:
            return  # it is gone, which is an event of its own

    def _write(self) -> None:
        """Have what waits to be written be written now, while calls go on."""
        services, done = self._services, Flag()

        def flush() -> None:
            services.transcribing.flush()
            services.placing.flush()
            done.set()

        services.spawn(flush)
        self._wait(done.is_set, self._now() + WRITE_SECONDS)

    def finish(self) -> None:
        """Wait until all that is being written is, as long as it may last; then break it off."""
        services = self._services
        services.spawn(services.transcribing.flush)
        services.spawn(services.placing.flush)
        until = self._now() + WRITE_SECONDS
        while left := [one for one in services.greenlets if not one.dead]:
            seconds = until - self._now()
            if seconds <= 0 or self._hurry.is_set():
                log.warning("broken_off", tasks=len(left), store=services.store_fault)
                break
            gevent.wait([*left, self._hurry], timeout=seconds, count=1)
        gevent.killall(list(services.greenlets))

    @staticmethod
    def _now() -> float:
        return time.monotonic()

    def _wait(self, so: Callable[[], bool], until: float) -> bool:
        """Wait until something is so, for as long as that, unless we are hurried; whether it is."""
        while not so():
            if self._now() >= until or self._hurry.wait(timeout=_LOOK_SECONDS):
                return so()
        return True
