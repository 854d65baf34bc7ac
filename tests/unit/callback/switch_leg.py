"""A return leg as the switch has it: it does what the machine says and minds the order.

It stands for the switch and for the runtime: applications run, timers come due, variables are
kept when a controller goes. What a machine must never do is asserted here, as it happens.
"""

from __future__ import annotations

from typing import Final

from controller.callback import conversation, limits
from controller.callback import stage as stages
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    Effect,
    Hangup,
    HoldOn,
    Kill,
    LetGo,
    Record,
    Release,
    SaveStage,
    SetTimer,
    Tell,
)
from controller.callback.events import (
    Bridged,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    ReturnEvent,
    Secret,
    SocketClosed,
    StepDone,
    TimerFired,
)
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.policy.model import Policy
from controller.runtime.prompts import STOCK

from .given import NOW

OUTCOMES: Final = frozenset(
    {
        "completed",
        "hung_up",
        "password_failed",
        "check_failed",
        "dial_time_over",
        "not_reached",
        "prompts_unheard",
        "stuck",
    }
)  # fmt: skip


class SwitchLeg:
    """The leg, its variables, the application that runs on it, and the session that drives it."""

    def __init__(self, policy: Policy, gateways: tuple[str, ...] = ("one", "two")) -> None:
        self.policy = policy
        self.gateways = gateways
        self.now = NOW
        self.busy_seconds = 0.0
        self.session = self._new_session()
        self.effects: list[Effect] = []
        self.running: Ask | Tell | Bridge | Hangup | None = None
        self.check: CheckPassword | None = None
        self.timer: SetTimer | None = None
        self.stage: str | None = None
        self.joined_with: str | None = None
        self.over = False
        self.proved = policy.password_hash is None
        self.handed_over = 0
        self.followers: list[ReturnSession] = []
        self._last: Ask | Tell | Bridge | Hangup | None = None
        self._in_bridge = False
        self._dial_by: float | None = None
        self._released = False
        self._bridges = 0

    def _new_session(self) -> ReturnSession:
        return ReturnSession(
            leg="leg", request="request", policy=self.policy, gateways=self.gateways
        )

    # --- what happens ----------------------------------------------------------------------

    def tell(self, event: ReturnEvent) -> tuple[Effect, ...]:
        """Give the machine an event, and do what it wants."""
        before = self.session
        self.session, effects = conversation.step(before, event, self.now)
        if isinstance(event, PasswordChecked) and event.right and effects:
            self.proved = True
        for position, effect in enumerate(effects):
            self._do(effect, effects[:position], effects[position + 1 :])
        return effects

    def attach(self, **variables: str | None) -> tuple[Effect, ...]:
        """Connect to a controller, with the variables as they are."""
        return self.tell(ReturnAttached(stage=self.stage, **variables))

    def wait(self, seconds: float) -> None:
        """Let time pass; the timer comes due on the way."""
        until = self.now + seconds
        timer = self.timer
        if timer is not None and timer.at <= until:
            self._pass(timer.at)
            self.timer = None
            self.tell(TimerFired(timer.number))
        else:
            self._pass(until)

    def _pass(self, until: float) -> None:
        if self.session.state is not Return.TALKING:
            self.busy_seconds += max(until - self.now, 0.0)
        self.now = max(until, self.now)

    def type(self, digits: str | None) -> tuple[Effect, ...]:
        """End the question under way with what was typed."""
        assert isinstance(self.running, Ask)
        step, self.running = self.running.step, None
        return self.tell(StepDone(step, digits=None if digits is None else Secret(digits)))

    def played(self) -> tuple[Effect, ...]:
        """End the sentence under way."""
        assert isinstance(self.running, Tell)
        step, self.running = self.running.step, None
        return self.tell(StepDone(step))

    def checked(self, right: bool | None) -> tuple[Effect, ...]:
        """End the check of a password."""
        assert self.check is not None
        step, self.check = self.check.step, None
        return self.tell(PasswordChecked(step, right))

    def bridge_ends(self, disposition: str, cause: str | None = None) -> tuple[Effect, ...]:
        """End the bridge under way without `Bridged`; with a cause it was talked all the same."""
        assert isinstance(self.running, Bridge)
        bridge, self.running = self.running, None
        if cause is not None:
            self.joined_with = bridge.legs[-1]
        return self.tell(
            StepDone(
                bridge.step,
                disposition=disposition,
                bridge_hangup_cause=cause,
                last_bridge_to=self.joined_with,
            )
        )

    def joins(self) -> tuple[Effect, ...]:
        """Have the destination answer."""
        assert isinstance(self.running, Bridge)
        self.joined_with = self.running.legs[0]
        return self.tell(Bridged(self.joined_with))

    def end(self, cause: str = "NORMAL_CLEARING") -> tuple[Effect, ...]:
        """Hang the leg up, and tell everybody who ever drove it."""
        self.over = True
        self.running = self.check = None
        ended = LegEnded(cause, self.stage, self.joined_with)
        effects = self.tell(ended)
        for follower in self.followers:
            after, said = conversation.step(follower, ended, self.now)
            assert after.state is Return.ENDED
            assert [type(e) for e in said] in ([Release], [Record, Release])
        return effects

    def hand_over(self, cause: str | None = None, disposition: str | None = None) -> ReturnSession:
        """Take the controller away and connect to the next one; give the session that was."""
        before = self.session
        if before.state is not Return.NEW:
            gone, effects = conversation.step(before, SocketClosed(), self.now)
            assert effects == ()
            self.followers.append(gone)
        self.running = self.check = self.timer = None
        self.handed_over += 1
        self.session = self._new_session()
        self.attach(
            last_bridge_to=self.joined_with,
            bridge_hangup_cause=cause,
            originate_disposition=disposition,
        )
        return before

    # --- what is done ----------------------------------------------------------------------

    def _do(self, effect: Effect, before: tuple[Effect, ...], after: tuple[Effect, ...]) -> None:
        assert not self._released, "nothing follows the release"
        self.effects.append(effect)
        match effect:
            case SetTimer():
                self.timer = effect
            case SaveStage(text):
                stage = stages.read(text)
                assert stage is not None
                assert stage.step == self.session.step
                assert stage.state is not Return.PASSWORD or not self.proved or self.handed_over
                self.stage = text
            case HoldOn(resume):
                self._hold_on(resume, before, after)
            case Ask() | Tell() | Bridge() | Hangup():
                self._start(effect, before)
            case CheckPassword():
                self.check = effect
            case LetGo():
                assert self._in_bridge
                self.timer = None
            case Kill():
                assert isinstance(self.running, Hangup)
            case Record(request, outcome):
                assert request == "request"
                assert outcome in OUTCOMES
                assert [type(e) for e in after] == [Release]
            case Release():
                assert [type(e) for e in before] == [Record]
                self._released = True
                self.timer = None

    def _hold_on(self, resume: bool, before: tuple[Effect, ...], after: tuple[Effect, ...]) -> None:
        if resume:
            assert before == (), "nothing happens on the leg before the switch holds on again"
            assert self._in_bridge
            self._in_bridge = False
        else:
            assert [type(e) for e in before[-1:]] == [SaveStage]
            assert [type(e) for e in after[:1]] == [Bridge]

    def _start(self, effect: Ask | Tell | Bridge | Hangup, before: tuple[Effect, ...]) -> None:
        if self._last is not None and not isinstance(effect, Hangup):
            assert effect.step > self._last.step, "no step number is used twice"
        self._last = self.running = effect
        if isinstance(effect, (Ask, Tell)):
            assert not self._in_bridge, "the switch holds on again before anything is played"
            assert isinstance(before[-1], SaveStage)
            for prompt in effect.prompts:
                assert prompt in STOCK or prompt.startswith("sound:/")
        if isinstance(effect, Ask):
            assert effect.secret or self.proved, "no destination before the password"
            self._note_deadline(effect)
        if isinstance(effect, Bridge):
            assert [type(e) for e in before] == [SaveStage, HoldOn]
            assert not self._in_bridge, "one bridge at a time"
            self._in_bridge = True
            self._dial_by = None
            self._bridges += 1
            assert self._bridges <= limits.MAX_DIALLED

    def _note_deadline(self, ask: Ask) -> None:
        if ask.secret:
            return
        deadline = self.session.deadline
        if self._dial_by is None:
            assert deadline == self.now + self.policy.dial_seconds
            self._dial_by = deadline
        # D1: it stays where it is; each hand-over may round it up to the millisecond.
        assert 0 <= deadline - self._dial_by <= 0.001 * (self.handed_over + 1)
        assert ask.timeout <= deadline - self.now
