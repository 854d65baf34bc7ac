"""Whole return calls: anything may happen at any moment, and yet the call ends, recorded once.

What must never happen in between is asserted by `watching`.
"""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controller.callback import limits
from controller.callback.effects import (
    Ask,
    Bridge,
    Hangup,
    LookUpCredit,
    LookUpTime,
    Record,
    Release,
)
from controller.callback.events import (
    Bridged,
    Credit,
    CreditKnown,
    PasswordChecked,
    ReturnAttached,
    RouteFound,
    StepDone,
    TimeKnown,
    TimerFired,
)
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.credit.model import Granted
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan
from tests.unit.examples import many

from .given import CALLER, DESTINATION, OTHER, causes, granted, members, money, plans, policies
from .switch_leg import SwitchLeg
from .watching import PASSWORD

#: What callers press: answers to every question, nonsense, and more than was asked for.
pressed = st.one_of(
    st.sampled_from(
        [
            "1", "2", "1#", "2#", "#", "*", "12", "9", "5#", "12#", "*0#", "2125550123#",
            "2125550123", "011442079460000#", "99*2125550123#", "911#", "9005550123#",
            "1#2#2125550123#", "2#5#", "2125550123#5#", "2125550177#12#",
        ]
    ),
    st.text("0123456789*#", max_size=6),
)  # fmt: skip
#: Whoever rings, as the list has him.
listed = members.map(lambda member: msgspec.structs.replace(member, number=CALLER))
#: How fast: at once, as people do, and with pauses that end an answer.
pauses = st.sampled_from([0.0, 0.0, 0.3, 1.9, 2.1, 4.5])
seconds = st.one_of(st.floats(0, 6), st.sampled_from([0.01, 2.0, 2.0, 4.0, 4.0, 10.0, 90.0]))
#: What a caller who listens answers.
ANSWERS = {
    Return.HUMAN: ("1",),
    Return.MEMBER: ("2125550177#",),
    Return.CHECKING: ("1#", "2#", "2125550123#", "#2#", "*#2125550123#"),
    Return.MENU: ("1#", "1", "2#", "2", "2125550123#", "2125550123"),
    Return.CREDIT: ("1#", "2#", "2125550123#", "#1#"),
    Return.DESTINATION: ("2125550123#", "2125550123#", "2125550123", "5#", "*0#", "204#"),
}


class ReturnCall(RuleBasedStateMachine):
    """One return call, with callers, switches and controllers at their worst."""

    leg: SwitchLeg

    @initialize(
        policy=policies,
        channels=st.sampled_from([("one",), ("one", "two"), ("one", "two"), ()]),
        slow=st.sampled_from([False, False, True]),
        caller=st.one_of(st.none(), listed, listed),
        redial=st.sampled_from(["", DESTINATION]),
        locked=st.sampled_from([False, False, False, True]),
        internal=st.sampled_from([(), (3, 4)]),
        paid=granted,
    )
    def answered(
        self,
        policy: Policy,
        channels: tuple[str, ...],
        slow: bool,
        caller: AuthorisedCaller | None,
        redial: str,
        locked: bool,
        internal: tuple[int, ...],
        paid: Granted | None,
    ) -> None:
        self.leg = SwitchLeg(
            policy,
            channels,
            slow=slow,
            caller=caller,
            redial=redial,
            locked=locked,
            internal=internal,
            granted=paid,
            sentence=2.0,
        )
        self.leg.attach()

    @rule(seconds=seconds)
    def time_passes(self, seconds: float) -> None:
        self.leg.wait(seconds)

    @rule(keys=pressed, pause=pauses)
    def keys_are_pressed(self, keys: str, pause: float) -> None:
        self.leg.press(keys, pause)

    @rule(answer=st.integers(0, 9), behind=st.sampled_from(["", "", "1#", "2#", "2125550123#"]))
    def a_question_is_answered(self, answer: int, behind: str) -> None:
        answers = ANSWERS.get(self.leg.session.state, ("",))
        self.leg.press(answers[answer % len(answers)] + behind)

    @rule(
        before=st.sampled_from(["", "", "1", "7*"]),
        after=st.sampled_from(["#", "#2#", ""]),
        pause=st.sampled_from([0.0, 0.3]),
        early=st.sampled_from([0, 0, 0, 1, 2, 9, 10]),
        twice=st.booleans(),
    )
    @precondition(lambda self: isinstance(self.leg.running, Ask) and not self.leg.read)
    def a_password_is_typed(
        self, before: str, after: str, pause: float, early: int, twice: bool
    ) -> None:
        # Of a password that is not typed to its end nobody knows which keys were seen and read.
        early = min(early, len(before + PASSWORD)) if after else 0
        self.leg.press(before + PASSWORD + after, pause, early, twice=twice)

    @rule(number=st.sampled_from(["2125550177#", "911#", "#"]))
    @precondition(
        lambda self: self.leg.session.state is Return.MEMBER and not self.leg.session.keys.reveal()
    )
    def a_number_and_a_password_are_typed(self, number: str) -> None:
        self.leg.press(number + PASSWORD + "#", 0.2)

    @rule(
        right=st.sampled_from([True, True, True, False, None]),
        locked=st.sampled_from([False, False, True]),
    )
    @precondition(lambda self: self.leg.check is not None)
    def password_is_checked(self, right: bool | None, locked: bool) -> None:
        assert self.leg.check is not None
        named = right and self.leg.check.member is not None
        self.leg.checked(right, locked=locked and right is False, member=OTHER if named else None)

    @rule(credit=st.one_of(st.none(), money))
    @precondition(lambda self: isinstance(self.leg.looked_up, LookUpCredit))
    def credit_is_found(self, credit: Credit | None) -> None:
        self.leg.credit_known(credit)

    @rule(left=st.sampled_from([None, 0, 3600]))
    @precondition(lambda self: isinstance(self.leg.looked_up, LookUpTime))
    def time_is_found(self, left: int | None) -> None:
        self.leg.time_known(left)

    @rule(found=st.one_of(st.none(), plans), paid=granted)
    @precondition(lambda self: self.leg.wanted is not None)
    def a_way_is_found(self, found: Plan | None, paid: Granted | None) -> None:
        self.leg.route_found(found, paid)

    @rule(cause=causes, talked=st.sampled_from(["not", "heard of", "heard of", "not heard of"]))
    @precondition(lambda self: isinstance(self.leg.running, Bridge))
    def destination_answers_or_not(self, cause: str, talked: str) -> None:
        leg = self.leg
        if leg.session.state is Return.TALKING:
            conversation_ends(leg, cause)
        elif talked == "heard of":
            leg.joins()
        else:
            leg.bridge_ends(cause, cause if talked == "not heard of" else None)

    @rule(cause=causes, really=st.integers(0, 3))
    @precondition(lambda self: not self.leg.over)
    def another_controller_goes_on(self, cause: str, really: int) -> None:
        if really == 0:
            before = self.leg.hand_over(cause=cause, disposition=cause)
            check_taken_over(self.leg, before)

    @rule(off=st.sampled_from([-2, -1, 1, 2]))
    def something_late_is_told(self, off: int) -> None:
        session = self.leg.session
        for event in (
            StepDone(session.step + off),
            PasswordChecked(session.step + off, right=True),
            CreditKnown(session.step + off, credit=None),
            TimeKnown(session.step + off, seconds=None),
            RouteFound(session.step + off, Plan(refusal="no_channel")),
            TimerFired(session.timer + off),
            Bridged("another leg"),
            ReturnAttached(),
        ):
            assert self.leg.tell(event) == ()
        assert self.leg.session is session

    @rule(cause=causes, what=st.sampled_from(["nothing"] * 14 + ["end", "stand still"]))
    @precondition(lambda self: not self.leg.over)
    def leg_ends_or_stands_still(self, cause: str, what: str) -> None:
        # Seldom, or few calls would come far.
        if what == "end":
            self.leg.end(cause)
        elif what == "stand still":
            self.leg.dead = True

    def teardown(self) -> None:
        if not hasattr(self, "leg"):
            return
        leg = self.leg
        for _ in range(60):
            # Nothing happens any more but time: questions in vain, telling, hanging up, and the
            # switch's own limit.
            if leg.over:
                break
            if leg.session.state is Return.TALKING:
                leg.hand_over("ALLOTTED_TIMEOUT")
            elif leg.dead and isinstance(leg.running, Hangup):
                leg.end()
            else:
                assert leg.timer is not None
                leg.wait(leg.timer.at - leg.now)
        assert leg.over
        assert leg.session.state is Return.ENDED
        assert [type(e) for e in leg.effects].count(Record) == 1
        assert [type(e) for e in leg.effects].count(Release) == 1
        # M4: of a bridge that hung the switch says what it costs.
        assert leg.watch.held is None or leg.session.outcome == "stuck"
        if not leg.handed_over:
            longest = limits.longest_without_talking(leg.policy)
            assert leg.busy_seconds <= longest


def conversation_ends(leg: SwitchLeg, cause: str) -> None:
    """End a conversation, and check where the call goes on: D4, C2, M5."""
    ends = cause == "ALLOTTED_TIMEOUT" or not leg.session.may_go_on
    leg.hand_over(cause)
    if leg.looked_up is not None:
        assert leg.session.state is Return.CREDIT
        assert cause != "ALLOTTED_TIMEOUT"
    else:
        assert leg.session.state is (Return.TELLING if ends else Return.DESTINATION)


def check_taken_over(leg: SwitchLeg, before: ReturnSession) -> None:
    """Check that whoever goes on with a leg is where the one before was."""
    after = leg.session
    # A preset number that was about to be called is called anew.
    again = before.state is Return.CONNECTING and bool(before.preset)
    assert (after.dialled, after.tries) == (before.dialled + again, before.tries)
    # A5: for whom the call is goes along.
    assert after.caller == before.caller
    match before.state:
        case Return.HUMAN:
            assert after.state is Return.HUMAN
        case Return.MEMBER | Return.PASSWORD | Return.CHECKING:
            asked = Return.MEMBER if before.names_member else Return.PASSWORD
            assert after.state is (Return.TELLING if leg.locked else asked)
        case Return.MENU | Return.DESTINATION:
            over = before.deadline <= leg.now
            assert after.state is (Return.TELLING if over else before.state)
        case Return.CREDIT:
            ends = before.after_credit is Return.TELLING
            assert after.state is (Return.ENDING if ends else before.after_credit)
        case Return.CONNECTING:
            # The number is asked for again, unless the list has it.
            assert after.state is (Return.CONNECTING if before.preset else Return.DESTINATION)
            assert after.destination == before.destination
        case Return.BRIDGING | Return.TALKING:
            assert after.state in (Return.TELLING, Return.DESTINATION, Return.CREDIT)
            if leg.joined_with is not None and not after.may_go_on:
                assert after.state is not Return.DESTINATION
        case _:
            assert after.state is Return.ENDING
            assert after.outcome == before.outcome


TestReturnCall = ReturnCall.TestCase
TestReturnCall.settings = settings(max_examples=many(400), stateful_step_count=40)
