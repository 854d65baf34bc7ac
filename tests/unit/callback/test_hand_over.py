"""O4: any controller goes on with a leg, by what the leg's variables say and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback import conversation, limits
from controller.callback import stage as stages
from controller.callback.effects import Ask, ForgetSecret, Hangup, HoldOn, SaveStage, Tell
from controller.callback.events import ReturnAttached
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.policy.model import Policy

from .given import DESTINATION, NOW, WITH_PASSWORD, deadlines, policies
from .switch_leg import SwitchLeg

STATES = [Return.PASSWORD, Return.DESTINATION, Return.BRIDGING, Return.ENDING]


def fresh(policy: Policy = WITH_PASSWORD) -> ReturnSession:
    """Make the session of a controller that has never seen the leg."""
    return ReturnSession(leg="leg", request="request", policy=policy, gateways=("one",))


@given(
    st.builds(
        stages.Stage,
        state=st.sampled_from(STATES),
        step=st.integers(0, 999_999_999),
        tries=st.integers(0, 999),
        dialled=st.integers(0, 999),
        talked=st.integers(0, 999),
        deadline=deadlines,
        destination=st.sampled_from(["", DESTINATION]),
        outcome=st.sampled_from(["", "completed", "dial_time_over"]),
    )
)
def test_what_one_controller_writes_another_reads(stage: stages.Stage) -> None:
    read = stages.read(stages.write(stage))
    assert read is not None
    assert 0 <= read.deadline - stage.deadline <= 0.001
    assert msgspec.structs.replace(read, deadline=stage.deadline) == stage


HOSTILE = [
    "",
    "1",
    "1:destination",
    "1:destination:1:0:0:0:0.000:+12125550123",
    "1:destination:1:0:0:0:0.000:+12125550123:\n",
    "1:destination:1:0:0:0:0.000:+12125550123::",
    "1:talking:1:0:0:0:0.000::",
    "1:checking:1:0:0:0:0.000::",
    "1:ended:1:0:0:0:0.000::",
    "2:destination:1:0:0:0:0.000::",
    "1:destination:-1:0:0:0:0.000::",
    "1:destination:\u0661:0:0:0:0.000::",
    "1:destination:9999999999:0:0:0:0.000::",
    "1:destination:1:0:0:0:nan::",
    "1:destination:1:0:0:0:1e9::",
    "1:destination:1:0:0:0:0.000:12125550123:",
    "1:destination:1:0:0:0:0.000::Robert'); DROP TABLE",
    "1:destination:1:0:0:0:0.000:${system(id)}:",
    " 1:destination:1:0:0:0:0.000::",
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80)), policies)
def test_g1_a_stage_that_is_none_of_ours_begins_anew_with_the_password(
    text: str, policy: Policy
) -> None:
    assert stages.read(text) is None
    session = fresh(policy)
    anew = conversation.step(session, ReturnAttached(), NOW)
    assert conversation.step(session, ReturnAttached(stage=text), NOW) == anew
    assert anew[0].state is (Return.PASSWORD if policy.password_hash else Return.DESTINATION)


@given(st.from_regex(r"1:(password|destination|bridging|ending)(:[0-9a-z+.]{0,12}){7}"), policies)
def test_g1_a_stage_nearly_ours_is_read_whole_or_not_at_all(text: str, policy: Policy) -> None:
    after, _ = conversation.step(fresh(policy), ReturnAttached(stage=text), NOW)
    if stages.read(text) is None:
        assert after.state is (Return.PASSWORD if policy.password_hash else Return.DESTINATION)
        assert (after.tries, after.dialled) == (0, 0)


def test_a1_a_leg_taken_over_at_its_password_is_asked_for_it_again_with_its_tries() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.type("9999")
    leg.checked(False)
    leg.type("1234")
    leg.hand_over()
    assert leg.session.state is Return.PASSWORD
    assert leg.session.tries == 1
    # The keys pressed at the moment of the change are not kept, nor hidden for ever.
    assert [type(e) for e in leg.effects[-4:-1]] == [ForgetSecret, SaveStage, Ask]


def test_a1_a_password_removed_meanwhile_is_not_asked_for_any_more() -> None:
    stage = stages.write(stages.Stage(Return.PASSWORD, step=1, tries=1))
    session = fresh(msgspec.structs.replace(WITH_PASSWORD, password_hash=None))
    after, _ = conversation.step(session, ReturnAttached(stage=stage), NOW)
    assert after.state is Return.DESTINATION


def test_d1_a_leg_taken_over_while_dialling_keeps_its_time() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.type("1234")
    leg.checked(True)
    before = leg.session.deadline
    leg.wait(20)
    leg.hand_over()
    assert leg.session.state is Return.DESTINATION
    assert leg.session.deadline == pytest.approx(before, abs=0.001)
    leg.wait(10.1)
    assert leg.session.outcome == "dial_time_over"


def test_d1_a_leg_taken_over_after_its_time_hears_goodbye() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.type("1234")
    leg.checked(True)
    leg.now += 31
    leg.hand_over()
    assert leg.session.state is Return.TELLING
    assert isinstance(leg.running, Tell)


def test_d1_a_clock_that_is_behind_does_not_lengthen_the_time_to_dial() -> None:
    stage = stages.write(stages.Stage(Return.DESTINATION, step=3, deadline=NOW + 3600))
    after, _ = conversation.step(fresh(), ReturnAttached(stage=stage), NOW)
    assert after.deadline <= NOW + WITH_PASSWORD.dial_seconds


def test_o4_a_bridge_is_taken_up_with_what_became_of_it() -> None:
    """Talked or not, the switch says it; the resuming of the socket is set again first."""
    session = fresh()
    stage = stages.write(stages.Stage(Return.BRIDGING, step=4, dialled=1, destination=DESTINATION))
    legs = msgspec.structs.replace(session, dialled=1).destination_legs
    not_reached, effects = conversation.step(
        session, ReturnAttached(stage=stage, originate_disposition="USER_BUSY"), NOW
    )
    assert not_reached.state is Return.DESTINATION
    assert effects[0] == HoldOn(resume=True)
    ask = next(e for e in effects if isinstance(e, Ask))
    assert ask.prompts == ("destination_busy", "destination_enter")
    talked, effects = conversation.step(
        session,
        ReturnAttached(
            stage=stage,
            last_bridge_to=legs[0],
            bridge_hangup_cause="ALLOTTED_TIMEOUT",
            originate_disposition="SUCCESS",
        ),
        NOW,
    )
    assert (talked.state, talked.outcome) == (Return.TELLING, "completed")
    assert [e.prompts for e in effects if isinstance(e, Tell)] == [("time_over",)]
    # The conversation of an earlier destination is not this one's.
    other = msgspec.structs.replace(session, dialled=2).destination_legs
    still, _ = conversation.step(session, ReturnAttached(stage=stage, last_bridge_to=other[0]), NOW)
    assert still.state is Return.DESTINATION


@pytest.mark.parametrize("how", ["told", "stuck"])
def test_o4_a_leg_that_is_being_hung_up_is_hung_up_by_the_next_one_too(how: str) -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    if how == "stuck":
        leg.wait(limits.QUESTION_SECONDS)
    else:
        for _ in range(3):
            leg.type("9999")
            leg.checked(False)
        leg.played()
    outcome = leg.session.outcome
    leg.hand_over()
    assert leg.session.state is Return.ENDING
    assert leg.session.outcome == outcome
    assert isinstance(leg.running, Hangup)
