"""A return call that is not made: what its caller would hear, by the machine that real calls go by.

It stands for a switch on which all goes well, and for a caller who knows what to do: he presses 1
where that is asked, types the right password, and dials one number. It ends where he would talk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from controller.callback import conversation
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    Effect,
    FindRoute,
    Hangup,
    LookUpCredit,
    LookUpTime,
    SetTimer,
    Tell,
)
from controller.callback.events import (
    Credit,
    CreditKnown,
    Key,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    ReturnEvent,
    RouteFound,
    Secret,
    StepDone,
    TimeKnown,
    TimerFired,
)
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.callback.steps import MAKE_A_CALL
from controller.callback.transcript import Words, words
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan

#: No call has as many turns in which all goes well.
_MOST_TURNS: Final = 100
#: How long a sentence sounds, seconds: no question was hasty.
_SENTENCE_SECONDS: Final = 2.0
#: Any password will do: it is right.
_PASSWORD: Final = "0000"  # noqa: S105

Running = Ask | Tell | Bridge | Hangup
Pending = CheckPassword | LookUpCredit | LookUpTime | FindRoute


class Rehearsal:
    """One call. `lines` are what a transcript of it would have, `connected` whether he would talk.

    `dials` are the keys of his number; empty: the call ends where he would dial. `plan_of` says how
    a number is called; `credit` what an account has, `member` (A5) for whom somebody calls who is
    not on the list; None: for nobody. What a call costs is looked at nowhere.
    """

    def __init__(
        self,
        session: ReturnSession,
        *,
        dials: str,
        plan_of: Callable[[str], Plan],
        credit: Credit | None = None,
        member: AuthorisedCaller | None = None,
        now: float,
    ) -> None:
        self.lines: list[Words] = []
        self.connected = False
        self._session = session
        self._plan_of = plan_of
        self._credit = credit
        self._member = member
        self._now = now
        self._running: Running | None = None
        self._pending: Pending | None = None
        self._timer: SetTimer | None = None
        number = "" if member is None else member.number.lstrip("+")
        #: What he answers, by where he is asked; each once.
        self._answers: dict[Return, str] = {
            Return.HUMAN: "1",
            Return.MENU: f"{MAKE_A_CALL}#",
            Return.MEMBER: f"{number}#" if number else "",
            Return.DESTINATION: f"{dials}#" if dials else "",
        }

    def play(self) -> None:
        """Play it to its end."""
        self._tell(ReturnAttached())
        for _ in range(_MOST_TURNS):
            if self._session.state is Return.ENDED or not self._turn():
                return

    def _turn(self) -> bool:
        """Let happen what comes next; False: there is nothing more to be told."""
        pending, running = self._pending, self._running
        self._pending = None
        match pending:
            case CheckPassword(step=step):
                self._tell(PasswordChecked(step, right=True, member=self._member))
                return True
            case LookUpCredit(step=step):
                self._tell(CreditKnown(step, self._credit))
                return True
            case LookUpTime(step=step):
                self._tell(TimeKnown(step, self._session.time_left))
                return True
            case FindRoute(step=step, number=number):
                self._tell(RouteFound(step, self._plan_of(number)))
                return True
            case None:
                pass
        match running:
            case Bridge():
                self.connected = True
                return False
            case Hangup(cause=cause):
                self._tell(LegEnded(cause))
                return True
            case Ask(step=step):
                self._pass()
                self._tell(StepDone(step, digits=Secret(_PASSWORD)))
                return True
            case Tell(step=step):
                return self._said(step)
            case None:
                return self._wait()

    def _said(self, step: int) -> bool:
        """End a sentence; where it was a question, answer it, or leave it at that."""
        state = self._session.state
        self._pass()
        self._running = None
        self._tell(StepDone(step))
        if state not in self._answers or self._session.state is not state:
            return True
        answer, self._answers[state] = self._answers[state], ""
        for key in answer:
            self._tell(Key(key))
        # Who is asked again has nothing more to say.
        return bool(answer)

    def _wait(self) -> bool:
        """Let a timer come due."""
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        self._now = max(self._now, timer.at)
        self._tell(TimerFired(timer.number))
        return True

    def _pass(self) -> None:
        self._now += _SENTENCE_SECONDS

    def _tell(self, event: ReturnEvent) -> None:
        self._session, effects = conversation.step(self._session, event, self._now)
        self.lines += words(effects)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case SetTimer():
                self._timer = effect
            case Ask() | Tell() | Hangup() | Bridge():
                self._running = effect
            case CheckPassword() | LookUpCredit() | LookUpTime() | FindRoute():
                self._pending, self._running = effect, None
            case _:
                pass
