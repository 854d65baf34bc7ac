"""Whole return calls: anything may happen at any moment, and yet the call ends, recorded once.

What must never happen in between is asserted by `switch_leg`.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controller.callback import limits
from controller.callback.effects import Ask, Bridge, Hangup, Record, Release, Tell
from controller.callback.events import (
    Bridged,
    PasswordChecked,
    ReturnAttached,
    StepDone,
    TimerFired,
)
from controller.callback.states import Return
from controller.policy.model import Policy

from .given import causes, policies, typed
from .switch_leg import SwitchLeg


class ReturnCall(RuleBasedStateMachine):
    """One return call, with callers, switches and controllers at their worst."""

    leg: SwitchLeg

    @initialize(policy=policies, gateways=st.sampled_from([("one",), ("one", "two")]))
    def answered(self, policy: Policy, gateways: tuple[str, ...]) -> None:
        self.leg = SwitchLeg(policy, gateways)
        self.leg.attach()

    @rule(seconds=st.floats(0, 120))
    def time_passes(self, seconds: float) -> None:
        if not self.leg.over:
            self.leg.wait(seconds)

    @rule(
        digits=st.one_of(st.none(), st.just("12125550123"), st.just("442079460000"), typed),
        cause=causes,
        talked=st.sampled_from(["not", "heard of", "not heard of"]),
    )
    def application_ends(self, digits: str | None, cause: str, talked: str) -> None:
        leg = self.leg
        match leg.running:
            case Ask():
                leg.type(digits)
            case Tell():
                leg.played()
            case Hangup():
                leg.end()
            case Bridge() if leg.session.state is Return.TALKING:
                leg.hand_over(cause)
                assert isinstance(leg.running, Tell)
            case Bridge() if talked == "heard of":
                leg.joins()
                assert leg.session.state is Return.TALKING
            case Bridge():
                leg.bridge_ends(cause, cause if talked == "not heard of" else None)

    @rule(right=st.sampled_from([True, True, False, None]))
    @precondition(lambda self: self.leg.check is not None and not self.leg.over)
    def password_is_checked(self, right: bool | None) -> None:
        self.leg.checked(right)

    @rule(cause=causes)
    @precondition(lambda self: not self.leg.over)
    def another_controller_goes_on(self, cause: str) -> None:
        leg = self.leg
        before = leg.hand_over(cause=cause, disposition=cause)
        after = leg.session
        assert (after.dialled, after.tries) == (before.dialled, before.tries)
        match before.state:
            case Return.PASSWORD | Return.CHECKING:
                assert after.state is Return.PASSWORD
            case Return.DESTINATION:
                over = before.deadline <= leg.now
                assert after.state is (Return.TELLING if over else Return.DESTINATION)
            case Return.BRIDGING | Return.TALKING:
                talked = leg.joined_with is not None
                assert after.state is Return.TELLING or (
                    after.state is Return.DESTINATION and not talked
                )
            case _:
                assert after.state is Return.ENDING
                assert after.outcome == before.outcome

    @rule(off=st.sampled_from([-2, -1, 1, 2]))
    def something_late_is_told(self, off: int) -> None:
        session = self.leg.session
        for event in (
            StepDone(session.step + off),
            PasswordChecked(session.step + off, right=True),
            TimerFired(session.timer + off),
            Bridged("another leg"),
            ReturnAttached(),
        ):
            assert self.leg.tell(event) == ()
        assert self.leg.session is session

    @rule(cause=causes, really=st.integers(0, 9))
    def leg_hangs_up(self, cause: str, really: int) -> None:
        # Seldom, or few calls would come far.
        if really == 0 and not self.leg.over:
            self.leg.end(cause)

    def teardown(self) -> None:
        if not hasattr(self, "leg"):
            return
        leg = self.leg
        for _ in range(4):
            # Nothing happens any more but time: telling, hanging up, and the switch's own limit.
            if leg.over:
                break
            if leg.session.state is Return.TALKING or isinstance(leg.running, Hangup):
                leg.end("ALLOTTED_TIMEOUT")
            else:
                assert leg.timer is not None
                leg.wait(leg.timer.at - leg.now)
        assert leg.over
        assert leg.session.state is Return.ENDED
        assert [type(e) for e in leg.effects].count(Record) == 1
        assert [type(e) for e in leg.effects].count(Release) == 1
        if not leg.handed_over:
            assert leg.busy_seconds <= longest(leg.policy, leg.gateways)


def longest(policy: Policy, gateways: tuple[str, ...]) -> float:
    """Give the longest that a call may last but for its conversation: every question asked."""
    questions = limits.MAX_TRIES * (limits.QUESTION_SECONDS + limits.CHECK_SECONDS)
    destinations = limits.MAX_DIALLED * (
        policy.dial_seconds
        + policy.destination_ring_seconds * len(gateways)
        + limits.BRIDGE_SLACK_SECONDS
    )
    goodbye = limits.QUESTION_SECONDS + limits.GONE_SECONDS
    # What hangs after it was hung up is killed, again and again: the time for that is the node's.
    return questions + destinations + goodbye + 50 * limits.GONE_SECONDS


TestReturnCall = ReturnCall.TestCase
TestReturnCall.settings = settings(max_examples=400, stateful_step_count=40)
