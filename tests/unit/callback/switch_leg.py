"""A return leg as the switch has it: it does what the machine says and minds the order.

It stands for the switch and for the runtime: applications run, timers come due, variables are
kept when a controller goes. Time is a number: it passes when a test says so. What a machine must
never do is asserted by `watching`, as it happens.
"""

from __future__ import annotations

from typing import Any

from controller.callback import conversation
from controller.callback import stage as stages
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    Effect,
    FindRoute,
    Hangup,
    LetGo,
    LookUpCredit,
    LookUpTime,
    Record,
    Release,
    SaveStage,
    SetTimer,
    Tell,
)
from controller.callback.events import (
    Bridged,
    Credit,
    CreditKnown,
    Key,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    ReturnEvent,
    RouteFound,
    Secret,
    SocketClosed,
    StepDone,
    TimeKnown,
    TimerFired,
)
from controller.callback.platform import Platform
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.credit.model import Granted
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan

from .given import CALLER, DID, NOW, plan
from .watching import Watch

#: How long the switch takes to hang up, seconds.
HANGUP_SECONDS = 0.1


class SwitchLeg:
    """The leg, its variables, the application that runs on it, and the session that drives it.

    `caller` is whom the list has for who rings, `redial` what he dialled last, `locked` whether
    too many passwords were wrong before, `internal` how many digits the platform's own numbers
    have. `channels`: over which calls go; a way is found at once, unless `slow`, and `granted` what
    it may cost. `sentence`: so long each prompt sounds; None: sentences, and the questions for a
    password, end only when a test says so.
    """

    def __init__(
        self,
        policy: Policy,
        channels: tuple[str, ...] = ("one", "two"),
        *,
        caller: AuthorisedCaller | None = None,
        redial: str = "",
        locked: bool = False,
        internal: tuple[int, ...] = (),
        sentence: float | None = None,
        slow: bool = False,
        granted: Granted | None = None,
    ) -> None:
        self.policy = policy
        self.granted = granted
        self.channels = channels
        self.slow = slow
        self.wanted: FindRoute | None = None
        self.caller = caller
        self.redial = redial
        self.locked = locked
        self.internal = internal
        self.sentence = sentence
        self.members: dict[str, AuthorisedCaller] = {}
        self.now = NOW
        self.busy_seconds = 0.0
        self.stage: str | None = None
        self.session = self._new_session()
        self.watch = Watch(self.session)
        self.effects: list[Effect] = []
        self.running: Ask | Tell | Bridge | Hangup | None = None
        self.ends: float | None = None
        self.read = ""
        self.check: CheckPassword | None = None
        self.looked_up: LookUpCredit | LookUpTime | None = None
        self.timer: SetTimer | None = None
        self.joined_with: str | None = None
        self.over = False
        #: A switch on which nothing moves any more: only timers come due.
        self.dead = False
        self.handed_over = 0
        self.followers: list[ReturnSession] = []

    def _new_session(self) -> ReturnSession:
        stage = stages.read(self.stage)
        member = "" if stage is None else stage.member
        return ReturnSession(
            leg="leg",
            request="request",
            policy=self.policy,
            did=DID,
            number=CALLER,
            caller=self.members[member] if member else self.caller,
            redial=self.redial,
            locked=self.locked,
            platform=Platform(internal_lengths=self.internal),
        )

    # --- what happens ----------------------------------------------------------------------

    def tell(self, event: ReturnEvent) -> tuple[Effect, ...]:
        """Give the machine an event, and do what it wants."""
        before = self.session
        self.session, effects = conversation.step(before, event, self.now)
        self.watch.step(before, event, self.session, effects, self.now)
        for position, effect in enumerate(effects):
            self.effects.append(effect)
            self.watch.effect(effect, effects[:position], effects[position + 1 :])
            self._do(effect)
        if self.wanted is not None and not self.slow:
            effects += self.route_found(granted=self.granted)
        return effects

    def route_found(
        self, found: Plan | None = None, granted: Granted | None = None
    ) -> tuple[Effect, ...]:
        """Have a way found to what is to be called, or this one; `granted`: for how long (M4)."""
        assert self.wanted is not None
        wanted, self.wanted = self.wanted, None
        if found is None and self.session.platform.is_internal(wanted.number):
            found = plan("inside", kind="internal")
        return self.tell(RouteFound(wanted.step, found or plan(*self.channels), granted))

    def attach(self, **variables: Any) -> tuple[Effect, ...]:
        """Connect to a controller, with the variables as they are."""
        return self.tell(ReturnAttached(stage=self.stage, **variables))

    def wait(self, seconds: float) -> None:
        """Let time pass; what is due on the way happens."""
        until = self.now + seconds
        while not self.over:
            ends = None if self.dead else self.ends
            timer = self.timer
            if ends is not None and ends <= until and (timer is None or ends <= timer.at):
                self._pass(ends)
                self._application_ends()
            elif timer is not None and timer.at <= until:
                self._pass(timer.at)
                self.timer = None
                self.tell(TimerFired(timer.number))
            else:
                break
        self._pass(until)

    def _pass(self, until: float) -> None:
        if self.session.state not in (Return.TALKING, Return.ENDING):
            self.busy_seconds += max(until - self.now, 0.0)
        self.now = max(until, self.now)

    def _application_ends(self) -> None:
        match self.running:
            case Tell():
                self.played()
            case Ask():
                self.type(self.read or None)
            case Hangup():
                self.end()

    def press(self, keys: str, pause: float = 0.0, early: int = 0, *, twice: bool = False) -> None:
        """Have the caller press keys, one each `pause`.

        `early`: so many of a password's first ones come before the switch was told to hide them.
        `twice`: and it reads them all the same, as 1.11.1 may.
        """
        for key in keys:
            if self.over or self.dead:
                return
            asked, seen = self.running, bool(early)
            if isinstance(asked, Ask) and seen:
                early -= 1
                self.tell(Key(key))
                self.watch.seen += twice and key != "#"
            if isinstance(asked, Ask) and (twice or not seen):
                self._read(asked, key)
            elif not isinstance(asked, Ask) and self.session.state is not Return.TALKING:
                self._press(key)
            self.wait(pause)

    def _press(self, key: str) -> None:
        heard = self.running
        if self.session.state is not Return.HUMAN and self.now >= self.session.deaf_until:
            # Others are no beginning of an answer.
            self.watch.quiet_since = self.now
        self.tell(Key(key))
        if isinstance(heard, Tell) and not heard.final:
            # Any key ends what is being played, but for the last sentence.
            if heard is self.running:
                self.played()
            else:
                assert self.tell(StepDone(heard.step)) == (), "it is over already"

    def _read(self, ask: Ask, key: str) -> None:
        if key != "#":
            self.read += key
        if key == "#" or len(self.read) >= ask.max_digits:
            self.type(self.read or None)
        elif self.sentence is not None:
            self.ends = self.now + ask.digit_timeout

    def type(self, digits: str | None) -> tuple[Effect, ...]:
        """End the question for a password with what was typed."""
        assert isinstance(self.running, Ask)
        step, self.running, self.ends, self.read = self.running.step, None, None, ""
        return self.tell(StepDone(step, digits=None if digits is None else Secret(digits)))

    def played(self) -> tuple[Effect, ...]:
        """End the sentence under way."""
        assert isinstance(self.running, Tell)
        step, self.running, self.ends = self.running.step, None, None
        self.watch.quiet_since = self.now
        return self.tell(StepDone(step))

    def checked(
        self, right: bool | None, *, locked: bool = False, member: AuthorisedCaller | None = None
    ) -> tuple[Effect, ...]:
        """End the check of a password."""
        assert self.check is not None
        step, self.check = self.check.step, None
        self.locked = self.locked or locked
        if member is not None:
            self.members[member.number] = member
        return self.tell(PasswordChecked(step, right, locked, member))

    def credit_known(self, credit: Credit | None) -> tuple[Effect, ...]:
        """Have the credit found."""
        assert isinstance(self.looked_up, LookUpCredit)
        step, self.looked_up = self.looked_up.step, None
        return self.tell(CreditKnown(step, credit))

    def time_known(self, seconds: int | None) -> tuple[Effect, ...]:
        """Have it found how long the call may last."""
        assert isinstance(self.looked_up, LookUpTime)
        step, self.looked_up = self.looked_up.step, None
        return self.tell(TimeKnown(step, seconds))

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
                failed=tuple((leg, "NORMAL_TEMPORARY_FAILURE") for leg in bridge.legs[:-1]),
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
        self.running = self.ends = self.check = self.looked_up = self.wanted = None
        ended = LegEnded(cause, self.stage, self.joined_with)
        effects = self.tell(ended)
        for follower in self.followers:
            after, said = conversation.step(follower, ended, self.now)
            assert after.state is Return.ENDED
            # Whoever records it too writes the same.
            assert said in (effects, (Release(),))
        return effects

    def hand_over(self, cause: str | None = None, disposition: str | None = None) -> ReturnSession:
        """Take the controller away and connect to the next one; give the session that was."""
        before = self.session
        if before.state is not Return.NEW:
            gone, effects = conversation.step(before, SocketClosed(), self.now)
            assert effects == ()
            self.followers.append(gone)
        self.running = self.ends = self.check = self.looked_up = self.wanted = self.timer = None
        self.read = ""
        self.handed_over += 1
        self.session = self._new_session()
        self.attach(
            last_bridge_to=self.joined_with,
            bridge_hangup_cause=cause,
            originate_disposition=disposition,
        )
        return before

    # --- what is done ----------------------------------------------------------------------

    def _do(self, effect: Effect) -> None:
        match effect:
            case SetTimer():
                self.timer = effect
            case SaveStage(text):
                self.stage = text
            case Ask() | Tell() | Hangup() | Bridge():
                self.running, self.read = effect, ""
                self.ends = self._end_of(effect)
            case CheckPassword():
                self.check = effect
            case LookUpCredit() | LookUpTime():
                self.looked_up = effect
            case FindRoute():
                self.wanted = effect
            case LetGo() | Release():
                self.timer = None
            case Record():
                pass

    def _end_of(self, application: Ask | Tell | Bridge | Hangup) -> float | None:
        if self.sentence is None:
            return None
        match application:
            case Tell(prompts=prompts):
                return self.now + self.sentence * len(prompts)
            case Ask(prompts=prompts, timeout=timeout):
                return self.now + self.sentence * len(prompts) + timeout
            case Hangup():
                return self.now + HANGUP_SECONDS
            case Bridge():
                return None
