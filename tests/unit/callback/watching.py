"""What a return call must never do, asserted at each of its steps.

Every key that a caller presses is counted here once more: it is an answer, or the beginning of
one, or it was dropped for a reason that this page gives.
"""

from __future__ import annotations

from typing import Final

from controller.callback import limits
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
    CreditKnown,
    Key,
    PasswordChecked,
    ReturnAttached,
    ReturnEvent,
    RouteFound,
    StepDone,
    TimerFired,
    kind,
)
from controller.callback.keys import digits_of
from controller.callback.machine import is_stale
from controller.callback.return_session import ReturnSession
from controller.callback.return_table import RETURN
from controller.callback.said import SOUND, Prompt
from controller.callback.states import Return
from controller.callback.transcript import words
from controller.numbers.e164 import BadNumber, parse_dialled
from controller.prompts.catalogue import NAMES

#: The password that callers of these tests type; no other keys of theirs have it in them.
PASSWORD: Final = "864209753"

OUTCOMES: Final = frozenset(
    {
        "completed",
        "hung_up",
        "no_human",
        "locked_out",
        "password_failed",
        "check_failed",
        "dial_time_over",
        "not_reached",
        "no_credit",
        "no_rate",
        "credit_over",
        "spend_limit",
        "prompts_unheard",
        "stuck",
    }
)  # fmt: skip

QUESTIONS: Final = {
    Return.HUMAN: "human_check",
    Return.MEMBER: "number_enter",
    Return.PASSWORD: "password_enter",
    Return.MENU: "credit_menu",
    Return.DESTINATION: "destination_enter",
}
#: Where a key that is pressed is of an answer, under way or to come.
COUNTED: Final = frozenset(
    {
        Return.MEMBER,
        Return.PASSWORD,
        Return.CHECKING,
        Return.MENU,
        Return.CREDIT,
        Return.DESTINATION,
    }
)
#: What nobody expects to hear: what was typed before it is dropped, since whoever typed on did not
#: know of it.
UNEXPECTED: Final = frozenset(
    {
        "password_wrong",
        "locked_out",
        "sorry",
        "number_wrong",
        "number_not_allowed",
        "speed_dial_unknown",
        "redial_unknown",
        "emergency_not_connected",
        "credit_too_low",
        "credit_unknown",
    }
)
#: What the end of a leg says of its destination.
ENDS: Final = frozenset({CallOver, NotCalled})
#: Where somebody is only told something more, and then nothing.
LEAVING: Final = frozenset({Return.TELLING, Return.ENDING})
#: How long it is silent before a question is asked again, seconds.
SILENCE: Final = {
    Return.HUMAN: limits.HUMAN_KEY_SECONDS,
    Return.MEMBER: limits.FIRST_DIGIT_SECONDS,
    Return.MENU: limits.FIRST_DIGIT_SECONDS,
    Return.DESTINATION: limits.FIRST_DIGIT_SECONDS,
}


def prompts_of(effects: tuple[Effect, ...]) -> list[Prompt]:
    """Give what effects say, in order."""
    return [p for e in effects if isinstance(e, (Ask, Tell)) for p in e.prompts]


class Watch:
    """Follows one leg through all its controllers."""

    def __init__(self, session: ReturnSession) -> None:
        self.session = session
        self.proved = not session.names_member and session.password_hash is None
        #: Since when nothing has sounded and nobody has pressed a key.
        self.quiet_since = 0.0
        #: How many keys of a password were seen that the switch has read too.
        self.seen = 0
        self._keys = ""
        self._stage: stages.Stage | None = None
        self._steps: set[int] = set()
        self._in_bridge = self._drops = self._hidden = self._under_way = False
        self._last_words = 0
        #: M4: the destination that something is held for, and that nobody has answered.
        self.held: int | None = None
        self._not_called: set[int] = set()
        self._released = False
        self._event: ReturnEvent | None = None

    # --- a step ----------------------------------------------------------------------------

    def step(
        self,
        before: ReturnSession,
        event: ReturnEvent,
        after: ReturnSession,
        effects: tuple[Effect, ...],
        now: float,
    ) -> None:
        """Look at a step that was taken."""
        self.session, self._event = after, event
        if is_stale(before, event):
            assert (after, effects) == (before, ())
            return
        row = RETURN[before.state][kind(event)]
        assert after.state in (row.to or (before.state,))
        if isinstance(event, PasswordChecked) and event.right and effects:
            self.proved = True
            assert after.caller == (event.member or before.caller)
        if isinstance(event, RouteFound) and row.action and event.plan.ways:
            self.held = after.dialled
        assert after.said <= limits.MAX_HUMAN
        assert after.credits <= limits.MAX_CREDIT
        answered = self._count(before, event, after, effects, now)
        said = prompts_of(effects)
        self._look_for_cause(before, event, after, said, now, answered=answered)
        self._look_at_time(before, event, after, effects, now)
        shown = f"{event!r} {after!r} {effects!r} {list(words(effects))!r} {self._stage!r}"
        assert PASSWORD not in shown

    def _count(
        self,
        before: ReturnSession,
        event: ReturnEvent,
        after: ReturnSession,
        effects: tuple[Effect, ...],
        now: float,
    ) -> bool:
        """Count keys; give whether an answer was taken."""
        if isinstance(event, ReturnAttached) and before.state is Return.NEW:
            self._keys, self.seen = "", 0  # what is typed while nobody is there is lost
        elif isinstance(event, Key) and before.state in COUNTED:
            # Nobody types so much ahead; a machine may.
            full = before.state not in SILENCE and len(self._keys) >= limits.MAX_AHEAD
            self._keys += "" if full else event.digit
        elif isinstance(event, StepDone) and event.digits and before.state is Return.PASSWORD:
            self._keys += event.digits.reveal()[self.seen :]
        if before.state is Return.PASSWORD and isinstance(event, StepDone):
            self.seen = 0
        # An answer that is the password is never written down, nor one that may be.
        answered = False
        for effect in effects:
            if isinstance(effect, CheckPassword):
                assert digits_of(self._next()) == effect.digits.reveal()
                answered = True
            elif isinstance(effect, Note) and effect.what == "typed":
                if before.state is Return.HUMAN:
                    assert isinstance(event, Key)
                    assert effect.text == (event.digit if event.digit == "1" else "(another key)")
                elif before.state is Return.MEMBER:
                    number = number_of(self._next(), after)
                    assert effect.text == (number or "(no number)")
                    answered = True
                elif effect.text == "(no choice)":
                    assert digits_of(self._next()) not in ("1", "2")
                    answered = True
                elif effect.text == "(no number)":
                    while not digits_of(self._next()):
                        pass
                    answered = True
                elif effect.text != "(password)":
                    self._take(digits_of(effect.text.rstrip("#")))
                    answered = True
        kept = after.keys.reveal()
        said = prompts_of(effects)
        called = any(isinstance(e, (Bridge, FindRoute)) for e in effects)
        deaf = isinstance(event, Key) and now < before.deaf_until
        if deaf and before.state is Return.DESTINATION:
            # It was typed while the destination rang.
            self._keys = self._keys[:-1]
        asked = set(QUESTIONS.values()) & set(map(str, said))
        unexpected = asked and UNEXPECTED & set(map(str, said))
        if called or after.state in LEAVING or unexpected:
            assert not kept, "nobody knew of it who typed on"
            self._keys = ""
        while self._keys != kept:
            # All that is taken without a word of it is an answer that was empty, or cleared.
            self._take("")
            answered = True
        return answered

    def _next(self) -> str:
        """Take the next answer of what was typed."""
        assert self._keys, "it was never typed, or is used twice"
        answer, _, self._keys = self._keys.partition("#")
        return answer

    def _take(self, digits: str) -> None:
        """Take the answer that has these digits; none may come before it, but empty ones."""
        while True:
            found = digits_of(self._next())
            if found == digits:
                return
            assert not found, f"{found} is lost"

    def _look_for_cause(
        self,
        before: ReturnSession,
        event: ReturnEvent,
        after: ReturnSession,
        said: list[Prompt],
        now: float,
        *,
        answered: bool,
    ) -> None:
        """Nothing is said twice, and nothing is called wrong, without a cause."""
        if after.state is Return.TELLING and said:
            self._last_words += 1
            assert self._last_words == 1, "the last sentence is said once"
        if isinstance(event, ReturnAttached):
            return
        silent = isinstance(event, TimerFired) and not before.keys.reveal()
        unread = before.state is Return.PASSWORD and isinstance(event, StepDone)
        if after.state is before.state and QUESTIONS.get(after.state) in said:
            assert answered or unread or silent
            if not answered and not unread:
                assert now - self.quiet_since >= SILENCE[after.state] - 0.001
        if "password_wrong" in said:
            wrong = isinstance(event, PasswordChecked) and event.right is False
            assert wrong or (unread and not answered) or (silent and before.state is Return.MEMBER)
        told = {"number_wrong", "speed_dial_unknown", "redial_unknown"} & set(map(str, said))
        if told and before.state is not Return.BRIDGING:
            assert answered
        if "number_not_allowed" in said:
            assert answered or after.preset or isinstance(event, RouteFound)
        if "credit_unknown" in said and not isinstance(event, (CreditKnown, TimerFired)):
            assert after.credits == limits.MAX_CREDIT

    def _look_at_time(
        self,
        before: ReturnSession,
        event: ReturnEvent,
        after: ReturnSession,
        effects: tuple[Effect, ...],
        now: float,
    ) -> None:
        """D1, T9: no question is waited for beyond its time, and none is given more of it."""
        longest = {
            Return.HUMAN: limits.HUMAN_SECONDS,
            Return.MEMBER: limits.QUESTION_SECONDS,
            Return.MENU: after.policy.dial_seconds,
            Return.DESTINATION: after.policy.dial_seconds,
        }.get(after.state)
        if longest is None:
            return
        # Each hand-over may round it up to the millisecond.
        assert after.deadline <= now + longest + 0.002
        for effect in effects:
            if isinstance(effect, SetTimer):
                assert effect.at <= after.deadline
                # Once an answer has begun, it is the pause between two keys that ends it.
                assert not after.keys.reveal() or effect.at <= now + limits.DIGIT_SECONDS
        again = after.state is before.state and after.state is not Return.MEMBER
        if again and not isinstance(event, ReturnAttached):
            assert after.deadline == before.deadline

    # --- an effect -------------------------------------------------------------------------

    def effect(self, effect: Effect, before: tuple[Effect, ...], after: tuple[Effect, ...]) -> None:
        """Look at an effect, with those of its step that come before and after it."""
        assert not self._released, "nothing follows the release"
        # A line of the transcript is nothing that is done.
        before = tuple(e for e in before if not isinstance(e, Note))
        match effect:
            case SaveStage(text):
                self._stage = stages.read(text)
                assert self._stage is not None
                last = SaveStage not in [type(e) for e in after]
                assert not last or self._stage.step == self.session.step
                if self._stage.state in (Return.MEMBER, Return.PASSWORD):
                    assert not self.proved
            case ForgetSecret():
                assert before == (), "a password is forgotten before anything else is done"
                self._hidden = False
            case HoldOn(resume):
                self._hold_on(resume, before, after)
            case DropKeys(on, leg):
                assert not on or (self.session.may_go_on and leg in self.session.destination_legs)
                assert not on or [type(e) for e in after] == [LetGo]
                self._drops = on
            case Ask() | Tell() | Bridge():
                self._start(effect, before)
            case CheckPassword():
                assert not self._hidden
                assert not self.proved
            case LookUpCredit() | LookUpTime():
                assert self.proved
                assert self._stage is not None
                assert self._stage.step == effect.step
            case FindRoute() | CallConnected() | CallOver():
                self._look_at_call(effect)
            case LetGo():
                assert self._in_bridge
            case Identified() | MoveLimit() | NotCalled():
                self._look_at_money(effect, before, after)
            case Kill():
                assert self.session.state is Return.ENDING
            case Hangup():
                assert self._stage is not None
                assert self._stage.state is Return.ENDING, "whoever comes next hangs up too"
            case Record(request, outcome):
                assert request == "request"
                assert outcome in OUTCOMES
                assert [type(e) for e in after] == [Release]
                assert set(map(type, before)) <= ENDS
            case Release():
                assert [type(e) for e in before if type(e) not in ENDS] == [Record]
                self._released = True
            case _:
                pass

    def _look_at_money(
        self,
        effect: Identified | MoveLimit | NotCalled,
        before: tuple[Effect, ...],
        after: tuple[Effect, ...],
    ) -> None:
        match effect:
            case Identified(caller):
                assert isinstance(self._event, PasswordChecked)
                assert self.proved, "M9: nobody pays for whom nobody knows"
                who = self.session.caller
                assert caller == ("" if who is None else who.number)
            case MoveLimit(seconds, serial):
                assert not self._in_bridge
                assert seconds > 0
                assert [type(e) for e in after[:3]] == [SaveStage, HoldOn, Bridge]
                granted = self.session.granted
                assert granted is not None, "no limit is moved that nobody granted"
                assert (seconds, serial) == (granted.return_seconds, granted.serial)
            case NotCalled(position):
                # Once for each destination that nobody answered, together with its end.
                assert position <= self.session.dialled
                assert [type(e) for e in before][-1:] == [CallOver]
                assert [e.leg for e in before if isinstance(e, CallOver)] == [None]
                came = isinstance(self._event, ReturnAttached)
                assert came or position not in self._not_called, "once for each"
                self._not_called.add(position)
                self.held = None

    def _look_at_call(self, effect: FindRoute | CallConnected | CallOver) -> None:
        match effect:
            case FindRoute(step, number, position):
                assert self.proved
                assert self._stage is not None
                assert (self._stage.step, self._stage.dialled) == (step, position)
                assert number == self._stage.destination
                self._under_way = True
            case CallConnected(position, leg):
                assert self._in_bridge
                assert position == self.session.dialled
                assert leg is None or leg in self.session.destination_legs
                self.held = None
            case CallOver(position, leg=leg):
                # Once for each destination; but whoever comes to a leg does not know.
                assert position <= self.session.dialled
                came = isinstance(self._event, ReturnAttached)
                assert self._under_way or came, "it is over once"
                assert leg is None or leg in self.session.destination_legs
                self._under_way = False
                self.held = None if leg is not None else self.held

    def _hold_on(self, resume: bool, before: tuple[Effect, ...], after: tuple[Effect, ...]) -> None:
        if resume:
            assert before == (), "nothing happens on the leg before the switch holds on again"
            assert self._in_bridge
            assert after[:1] == (DropKeys(on=False),)
            self._in_bridge = False
        else:
            assert [type(e) for e in before[-1:]] == [SaveStage]
            assert [type(e) for e in after[:1]] == [Bridge]

    def _start(self, effect: Ask | Tell | Bridge, before: tuple[Effect, ...]) -> None:
        assert effect.step not in self._steps, "no step number is used twice"
        self._steps.add(effect.step)
        assert self._stage is not None
        assert self._stage.step >= effect.step, "whoever comes next goes on behind it"
        assert not self._hidden, "a password is forgotten before anything else is done"
        if isinstance(effect, Bridge):
            assert self.proved
            assert [type(e) for e in before[-1:]] == [HoldOn]
            granted = self.session.granted
            if granted is not None:
                assert any(isinstance(e, MoveLimit) for e in before) == (granted.return_seconds > 0)
                most = granted.destination_seconds or effect.longest_seconds
                assert effect.longest_seconds <= most, "M4: no longer than is paid for"
            assert not self._in_bridge, "one bridge at a time"
            assert self.session.unreached < limits.MAX_UNREACHED
            self._in_bridge = self._under_way = True
            return
        assert not self._in_bridge, "the switch holds on again before anything is played"
        assert not self._drops, "the keys of a conversation mean nothing after it"
        for prompt in effect.prompts:
            assert not isinstance(prompt, str) or prompt in NAMES or prompt.startswith(f"{SOUND}/")
        self._may_ask(effect)

    def _may_ask(self, effect: Ask | Tell) -> None:
        """A1: nothing before the password, and never the password again."""
        state = self.session.state
        if isinstance(effect, Ask):
            assert state is Return.PASSWORD
            self._hidden = True
        else:
            assert effect.final == (state is Return.TELLING), "the last sentence alone is not cut"
        if state in (Return.MEMBER, Return.PASSWORD):
            assert not self.proved, "nobody is asked again who was right"
        if state in (Return.MENU, Return.CREDIT, Return.CONNECTING, Return.DESTINATION):
            assert self.proved


def number_of(answer: str, session: ReturnSession) -> str:
    """Give the number that an answer is; empty where it is none."""
    try:
        return parse_dialled(digits_of(answer), session.policy.country)
    except BadNumber:
        return ""
