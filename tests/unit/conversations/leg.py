"""A return leg: the switch, the runtime of each controller that drives it, and the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from controller.callback import conversation
from controller.callback import stage as stages
from controller.callback.effects import (
    Ask,
    Bridge,
    CallConnected,
    CallOver,
    CheckPassword,
    DropKeys,
    Effect,
    FindRoute,
    ForgetSecret,
    Hangup,
    HoldOn,
    Identified,
    Kill,
    LetGo,
    LookUpCredit,
    LookUpTime,
    MoveLimit,
    NotCalled,
    Note,
    Record,
    Release,
    SaveStage,
    SetTimer,
    Tell,
)
from controller.callback.events import (
    Bridged,
    CreditKnown,
    Key,
    LegEnded,
    ReturnAttached,
    ReturnEvent,
    RouteFound,
    Secret,
    SocketClosed,
    StepDone,
    TimeKnown,
    TimerFired,
    kind,
)
from controller.callback.machine import is_stale
from controller.callback.return_session import ReturnSession
from controller.callback.return_table import RETURN
from controller.callback.said import Prompt
from controller.callback.states import Return
from controller.callback.transcript import Words, words

from .clock import Clock, Ticket
from .given import DID, Store
from .language import Far, Row
from .sounding import Application, Asking, Calling, Sentence, Telling

#: Until a command is taken by the switch, seconds.
COMMAND_SECONDS: Final = 0.02
#: Until another controller has a leg that lost its own, and one that comes back from talking.
TAKE_OVER_SECONDS: Final = 0.3
COME_BACK_SECONDS: Final = 0.1
PROMPT_SECONDS: Final = 2.0


class Watcher(Protocol):
    """Who is told what begins and ends on the leg."""

    def begins(self, thing: str) -> None: ...
    def ends(self, thing: str) -> None: ...


class Driver:
    """A controller's session of the leg. It may be told of the leg's end without driving it."""

    def __init__(self, session: ReturnSession) -> None:
        self.session = session
        self.connected = True
        self.timer: Ticket | None = None


class Leg:
    """The leg, its variables, what runs on it, and whoever drives it."""

    def __init__(self, row: Row, store: Store, clock: Clock) -> None:
        self.row, self.store, self.clock = row, store, clock
        self.watchers: list[Watcher] = []
        self.heard: list[Sentence] = []
        self.called: list[str] = []
        self.languages: list[str] = []
        self.records: list[Record] = []
        self.transcript: list[tuple[float, Words]] = []
        #: What a log, a trace or an error would show.
        self.shown: list[str] = []
        self.secrets: set[str] = set(store.keeper.secrets)
        self.acted: set[tuple[Return, str]] = set()
        self.said: set[str] = set()
        self.over_at: float | None = None
        self.drivers: list[Driver] = []
        self.driver: Driver | None = None
        self.sound_stopped = self.hang_up_lost = False
        self._pile: list[Application] = []
        self._stage: str | None = None
        self._talked_to: str | None = None
        self._cause: str | None = None
        self._disposition: str | None = None
        self._just_before: list[str] = []
        self._while_ringing: list[str] = []
        self._hidden = False  # sensitive_dtmf
        self._resumes = True  # socket_resume
        self._drops = False
        self._limited: Ticket | None = None
        self._answered_at = clock.now

    def answered(self) -> None:
        """Begin."""
        self.begins("answering")
        if self.store.dialogue_seconds is not None:
            self._limit(self.store.dialogue_seconds)
        self._connect()

    # --- what applications need ------------------------------------------------------------

    def lasts(self, prompt: Prompt) -> float:
        """Give how long a prompt sounds."""
        return self.row.sounds.get(prompt, PROMPT_SECONDS) if isinstance(prompt, str) else 2.0

    def begins(self, thing: str) -> None:
        """Tell whoever watches that something has begun."""
        for watcher in self.watchers:
            watcher.begins(thing)

    def ends(self, thing: str) -> None:
        """Tell whoever watches that something has ended."""
        for watcher in self.watchers:
            watcher.ends(thing)

    def sound(self, seconds: float, do: Callable[[], None]) -> Ticket:
        """Have something done when so much has sounded: never, once the sound has stopped."""

        def unless_stopped() -> None:
            if not self.sound_stopped and self.over_at is None:
                do()

        return self.clock.after(seconds, unless_stopped)

    # --- what happens to it ----------------------------------------------------------------

    def press(self, digit: str) -> None:
        """Have the caller press a key."""
        if self.sound_stopped:
            return
        running = self._pile[-1] if self._pile else None
        if isinstance(running, Calling) and running.thing == "ringing":
            self._while_ringing.append(digit)
            return
        if running is None:
            self._just_before.append(digit)
        reported = not self._hidden if running is None else running.key(digit)
        if reported:
            self._report(digit)

    def _report(self, digit: str) -> None:
        if self.driver is not None and self.driver.connected:
            self._post(self.driver, Key(digit))

    def hang_up(self) -> None:
        """Have the caller hang up."""
        ringing = any(isinstance(app, Calling) and app.thing == "ringing" for app in self._pile)
        self._end("ORIGINATOR_CANCEL" if ringing else "NORMAL_CLEARING")

    def controller_dies(self, *, told: bool) -> None:
        """Take the controller away; `told`: only its connection breaks, and it is told so."""
        driver, self.driver = self.driver, None
        if not told:
            self.drivers = []
        if driver is None or not driver.connected:
            return
        driver.connected = False
        if told:
            self._post(driver, SocketClosed())
        self._stop_timer(driver)
        # Without `socket_resume` what is running comes to its end first.
        if self._resumes or not self._pile:
            self._clear()
            self.clock.after(TAKE_OVER_SECONDS, self._connect)

    def _clear(self) -> None:
        pile, self._pile = self._pile, []
        for running in reversed(pile):
            running.stop()

    def _connect(self) -> None:
        """Connect to a controller, which reads the leg's variables and begins."""
        if self.over_at is not None:
            return
        driver = Driver(self._session())
        self.driver = driver
        self.drivers.append(driver)
        self._post(
            driver,
            ReturnAttached(self._stage, self._talked_to, self._cause, self._disposition),
        )

    def _session(self) -> ReturnSession:
        store, rings = self.store, self.row.rings
        session = ReturnSession("leg", "request", store.policy, did=DID, number=rings)
        before = stages.read(self._stage)
        member = "" if before is None else before.member
        return msgspec.structs.replace(
            session,
            caller=store.entry(member or rings),
            redial=store.last_dialled if rings else "",
            locked=store.is_locked,
        )

    def _limit(self, seconds: float) -> None:
        """Have the switch end the leg so long after its answer (M5)."""
        if self._limited is not None:
            self._limited.cancel()
        at = self._answered_at + seconds
        self._limited = self.clock.at(at, lambda: self._end("ALLOTTED_TIMEOUT"))

    def _end(self, cause: str) -> None:
        if self.over_at is not None:
            return
        self._clear()
        self.over_at = self.clock.now
        paid = self.store.dialogue_seconds is not None
        ended = LegEnded(cause, self._stage, self._talked_to, charged=paid)
        for driver in self.drivers:
            self._post(driver, ended)
        if not self.drivers:
            self.records += [
                effect
                for effect in conversation.record_of_unseen_end(self._session(), ended)
                if isinstance(effect, Record)
            ]

    # --- the runtime -----------------------------------------------------------------------

    def _post(self, driver: Driver, event: ReturnEvent) -> None:
        if driver not in self.drivers:
            return  # it died
        before = driver.session
        if RETURN[before.state][kind(event)].action and not is_stale(before, event):
            self.acted.add((before.state, kind(event)))
        driver.session, effects = conversation.step(before, event, self.clock.now)
        self.transcript += [(self.clock.passed, line) for line in words(effects)]
        self.shown += [repr(driver.session), repr(event), repr(effects)]
        for effect in effects:
            self._perform(driver, effect)

    def _send(self, driver: Driver, do: Callable[[], None]) -> None:
        """Have the switch do something at its next tick."""

        def unless_gone() -> None:
            if driver.connected and self.over_at is None:
                do()

        self.clock.after(COMMAND_SECONDS, unless_gone)

    def _answer(self, driver: Driver, thing: str, seconds: float, event: ReturnEvent) -> None:
        """Have the store answer after a while."""
        self.begins(thing)

        def answer() -> None:
            self.ends(thing)
            if driver.connected:
                self._post(driver, event)

        self.clock.after(seconds, answer)

    def _perform(self, driver: Driver, effect: Effect) -> None:
        match effect:
            case SetTimer(number, at):
                self._stop_timer(driver)
                driver.timer = self.clock.at(at, lambda: self._post(driver, TimerFired(number)))
            case SaveStage(stage):
                assert stages.read(stage) is not None, stage
                self._stage = stage
                self.shown.append(stage)
            case Tell(step, prompts, final):
                self._speaks(driver, prompts)
                self._send(driver, lambda: self._tell(step, prompts, final))
            case Ask(prompts=prompts):
                self._speaks(driver, prompts)
                self._just_before = []
                self._send(driver, lambda: self._ask(effect))
            case ForgetSecret():
                self._send(driver, self._forget)
            case CheckPassword():
                self._check(driver, effect)
            case LookUpCredit() | LookUpTime():
                self._look_up(driver, effect)
            case FindRoute(step, wanted):
                self._answer(driver, "finding", 0.0, RouteFound(step, *self.store.route(wanted)))
            case CallConnected() | CallOver() | Identified() | NotCalled() | Note():
                pass
            case MoveLimit(seconds):
                self._limit(seconds)
            case DropKeys(on):
                self._drops = on
            case HoldOn(resume):
                self._resumes = resume
            case Bridge():
                self._send(driver, lambda: self._call(effect))
            case LetGo():
                driver.connected = False
                self._stop_timer(driver)
                self._post(driver, SocketClosed())
            case Hangup(cause=cause):
                self._send(driver, lambda: None if self.hang_up_lost else self._end(cause))
            case Kill(cause):
                self._send(driver, lambda: self._end(cause))
            case Record():
                self.records.append(effect)
            case Release():
                driver.connected = False
                self._stop_timer(driver)
            case _:
                raise AssertionError(f"a return leg does not want {effect}")

    @staticmethod
    def _stop_timer(driver: Driver) -> None:
        if driver.timer is not None:
            driver.timer.cancel()

    def _speaks(self, driver: Driver, prompts: tuple[Prompt, ...]) -> None:
        language = driver.session.language
        if prompts and self.languages[-1:] != [language]:
            self.languages.append(language)
        self.said.update(prompt for prompt in prompts if isinstance(prompt, str))

    def _check(self, driver: Driver, check: CheckPassword) -> None:
        self.secrets.add(check.digits.reveal())
        checked = self.store.check(driver.session, check)
        if checked is None:
            self.begins("checking")
        else:
            self._answer(driver, "checking", self.store.check_seconds, checked)

    def _look_up(self, driver: Driver, effect: LookUpCredit | LookUpTime) -> None:
        event: ReturnEvent
        if isinstance(effect, LookUpTime):
            event = TimeKnown(effect.step, self.store.seconds(driver.session))
        else:
            caller = driver.session.caller
            credit = self.store.credit(None if caller is None else caller.number)
            event = CreditKnown(effect.step, credit)
        if self.store.answers:
            self._answer(driver, "looking_up", self.store.look_up_seconds, event)

    # --- the switch ------------------------------------------------------------------------

    def _run(self, application: Application) -> None:
        if self._pile:
            self._pile[-1].pause()
        self._pile.append(application)
        application.start()

    def _done(self, application: Application, event: StepDone) -> None:
        self._pile.remove(application)
        if self._pile:
            self._pile[-1].resume()
        driver = self.driver
        if driver is not None and driver.connected:
            self._post(driver, event)
        elif isinstance(application, Calling):
            self.clock.after(COME_BACK_SECONDS, self._connect)

    def _tell(self, step: int, prompts: tuple[Prompt, ...], final: bool) -> None:
        telling = Telling(self, prompts, lambda: self._done(telling, StepDone(step)), final=final)
        self._run(telling)

    def _ask(self, ask: Ask) -> None:
        self._hidden = True

        def done(typed: str | None) -> None:
            self._done(asking, StepDone(ask.step, None if typed is None else Secret(typed)))

        # Seen: a key that was pressed while this was on its way is an event, and read all the same.
        if self._just_before:
            ask = msgspec.structs.replace(ask, prompts=())
        asking = Asking(self, ask, done)
        self._run(asking)
        for key in self._just_before:
            asking.key(key)

    def _forget(self) -> None:
        self._hidden = False

    def _call(self, bridge: Bridge) -> None:
        fates = self.row.far.get(bridge.number, (Far(),))
        before = self.called.count(bridge.number)
        self.called.append(bridge.number)

        def answered() -> None:
            self._talked_to, self._disposition = bridge.legs[0], "SUCCESS"
            if self.driver is not None and self.driver.connected:
                self._post(self.driver, Bridged(bridge.legs[0]))

        def done(disposition: str, cause: str | None) -> None:
            self._disposition = disposition
            self._cause = cause or self._cause
            event = StepDone(bridge.step, None, disposition, self._cause, self._talked_to)
            self._done(calling, event)
            # Seen: what was typed while it rang comes when that is over, at once.
            keys, self._while_ringing = self._while_ringing, []
            for key in keys if cause is None else ():
                self._report(key)

        far = fates[min(before, len(fates) - 1)]
        calling = Calling(self, bridge, far, answered, done, lambda: self._drops)
        self._run(calling)
