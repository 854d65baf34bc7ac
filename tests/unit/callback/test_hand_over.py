"""O4: any controller goes on with a leg, by what the leg's variables say and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback import conversation, limits
from controller.callback import stage as stages
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    DropKeys,
    ForgetSecret,
    Hangup,
    HoldOn,
    LookUpCredit,
    Note,
    SaveStage,
    Tell,
)
from controller.callback.events import ReturnAttached
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.policy.model import Policy

from .given import (
    DESTINATION,
    DID,
    MEMBER,
    NOW,
    OTHER,
    POLICY,
    STAGES,
    WITH_PASSWORD,
    all_stages,
    policies,
)
from .switch_leg import SwitchLeg


def fresh(policy: Policy = WITH_PASSWORD) -> ReturnSession:
    """Make the session of a controller that has never seen the leg."""
    return ReturnSession(leg="leg", request="request", policy=policy)


def first_asked(policy: Policy) -> Return:
    """Give what a policy asks first of somebody who is not on the list."""
    if policy.human_check:
        return Return.HUMAN
    if policy.caller_passwords:
        return Return.MEMBER
    return Return.PASSWORD if policy.password_hash else Return.DESTINATION


@given(all_stages)
def test_what_one_controller_writes_another_reads(stage: stages.Stage) -> None:
    read = stages.read(stages.write(stage))
    assert read is not None
    assert 0 <= read.deadline - stage.deadline <= 0.001
    assert msgspec.structs.replace(read, deadline=stage.deadline) == stage


BEFORE = {
    "1:password:7:2:0:0:0.000::": stages.Stage(Return.PASSWORD, step=7, tries=2),
    "1:destination:3:0:1:0:1795475801.251:+442079460000:": stages.Stage(
        Return.DESTINATION, step=3, dialled=1, deadline=1795475801.251, destination="+442079460000"
    ),
    "1:bridging:4:0:1:0:0.000:+442079460000:": stages.Stage(
        Return.BRIDGING, step=4, dialled=1, destination="+442079460000"
    ),
    "1:ending:9:3:0:0:0.000::password_failed": stages.Stage(
        Return.ENDING, step=9, tries=3, outcome="password_failed"
    ),
}


@pytest.mark.parametrize("text", BEFORE)
def test_o4_a_stage_of_the_release_before_is_read(text: str) -> None:
    """Calls go on while controllers are replaced by those of the next release."""
    assert stages.read(text) == BEFORE[text]
    after, _ = conversation.step(fresh(), ReturnAttached(stage=text), NOW)
    expected = BEFORE[text].state
    assert after.state is (Return.DESTINATION if expected is Return.BRIDGING else expected)
    assert after.step > BEFORE[text].step


@given(all_stages.filter(lambda s: s.state.value in "password destination bridging ending"))
def test_o4_every_stage_of_the_release_before_is_read(stage: stages.Stage) -> None:
    _, state, step, tries, dialled, talked, _, deadline, to, _, outcome = stages.write(stage).split(
        ":"
    )
    text = f"1:{state}:{step}:{tries}:{dialled}:{talked}:{deadline}:{to}:{outcome}"
    read = stages.read(text)
    if to and to[0] != "+":
        assert read is None, "it knew no numbers of the platform's own"
        return
    assert read is not None
    assert msgspec.structs.replace(read, deadline=stage.deadline) == msgspec.structs.replace(
        stage, unreached=0, member=""
    )


HOSTILE = [
    "",
    "2",
    "2:destination",
    "2:destination:1:0:0:0:0:0.000:+12125550123:",
    "2:destination:1:0:0:0:0:0.000:+12125550123::\n",
    "2:destination:1:0:0:0:0:0.000:+12125550123:::",
    "2:talking:1:0:0:0:0:0.000:::",
    "2:checking:1:0:0:0:0:0.000:::",
    "2:credit:1:0:0:0:0:0.000:::",
    "2:connecting:1:0:0:0:0:0.000:::",
    "2:ended:1:0:0:0:0:0.000:::",
    "3:destination:1:0:0:0:0:0.000:::",
    "2:destination:-1:0:0:0:0:0.000:::",
    "2:destination:\u0661:0:0:0:0:0.000:::",
    "2:destination:9999999999:0:0:0:0:0.000:::",
    "2:destination:1:0:0:0:0:nan:::",
    "2:destination:1:0:0:0:0:1e9:::",
    "2:destination:1:0:0:0:0:0.000:12125550123::",
    "2:destination:1:0:0:0:0:0.000::12125550123:",
    "2:destination:1:0:0:0:0:0.000:::Robert'); DROP TABLE",
    "2:destination:1:0:0:0:0:0.000:${system(id)}::",
    " 2:destination:1:0:0:0:0:0.000:::",
    # The release before knew no menu, and has no such row.
    "1:menu:1:0:0:0:0.000::",
    "1:human:1:0:0:0:0.000::",
    "1:destination:1:0:0:0:0.000:+12125550123",
    "1:destination:1:0:0:0:0:0.000:::",
    "2:destination:1:0:0:0:0.000::",
]


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80)), policies)
def test_g1_a_stage_that_is_none_of_ours_begins_anew_with_the_password(
    text: str, policy: Policy
) -> None:
    assert stages.read(text) is None
    session = fresh(policy)
    anew = conversation.step(session, ReturnAttached(), NOW)
    assert conversation.step(session, ReturnAttached(stage=text), NOW) == anew
    assert anew[0].state is first_asked(policy)


@given(st.from_regex(rf"[12]:({'|'.join(STAGES)})(:[0-9a-z+.]{{0,12}}){{7,9}}"), policies)
def test_g1_a_stage_nearly_ours_is_read_whole_or_not_at_all(text: str, policy: Policy) -> None:
    after, _ = conversation.step(fresh(policy), ReturnAttached(stage=text), NOW)
    if stages.read(text) is None:
        assert after.state is first_asked(policy)
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


def taken_over(leg: SwitchLeg) -> tuple[Return, tuple[object, ...]]:
    """Have another controller go on; give where it is, and what it says."""
    leg.hand_over()
    assert isinstance(leg.running, (Ask, Tell))
    return leg.session.state, leg.running.prompts


def test_t9_a_leg_taken_over_at_press_1_is_asked_for_it_again() -> None:
    leg = SwitchLeg(msgspec.structs.replace(WITH_PASSWORD, human_check=True))
    leg.attach()
    leg.wait(10)
    assert taken_over(leg) == (Return.HUMAN, ("human_check",))
    assert leg.session.deadline == leg.now + limits.HUMAN_SECONDS
    leg.press("1")
    # From then on nobody is asked for it any more.
    assert taken_over(leg) == (Return.PASSWORD, ("password_enter",))


STRANGER = msgspec.structs.replace(POLICY, caller_passwords=True, credit_query=True)


def test_a5_a_leg_taken_over_before_the_password_is_asked_for_whom_it_is_once_more() -> None:
    leg = SwitchLeg(STRANGER)
    leg.attach()
    leg.press("212")
    assert taken_over(leg) == (Return.MEMBER, ("number_enter",))
    leg.press("2125550177#")
    assert leg.session.state is Return.PASSWORD
    assert taken_over(leg) == (Return.MEMBER, ("number_enter",))
    leg.press("2125550177#9999#")
    leg.checked(False)
    assert taken_over(leg) == (Return.MEMBER, ("number_enter",))
    assert leg.session.tries == 1


def test_a5_whose_password_was_right_goes_along() -> None:
    """His speed dials, and his credit, count with the next controller too."""
    leg = SwitchLeg(STRANGER)
    leg.attach()
    leg.press("2125550177#1234#")
    leg.checked(True, member=OTHER)
    assert taken_over(leg) == (Return.MENU, ("credit_menu",))
    assert leg.session.caller == OTHER
    leg.press("5#")
    leg.joins()
    stage = stages.read(leg.stage)
    assert stage is not None
    assert (stage.state, stage.member) == (Return.BRIDGING, OTHER.number)
    assert stages.read(leg.stage) is not None


def test_a2_who_is_on_the_list_by_his_own_number_is_found_by_it() -> None:
    leg = SwitchLeg(POLICY, caller=MEMBER)
    leg.attach()
    stage = stages.read(leg.stage)
    assert stage is not None
    assert stage.member == ""


def test_a3_a_leg_taken_over_at_its_password_is_not_asked_once_it_is_locked_out() -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    leg.locked = True
    assert taken_over(leg) == (Return.TELLING, ("locked_out", "goodbye"))


@pytest.mark.parametrize("typed", ["", "2"])
def test_c1_a_leg_taken_over_at_the_menu_keeps_its_time(typed: str) -> None:
    leg = SwitchLeg(msgspec.structs.replace(POLICY, credit_query=True), caller=MEMBER)
    leg.attach()
    before = leg.session.deadline
    leg.wait(20)
    leg.press(typed)
    assert taken_over(leg) == (Return.MENU, ("credit_menu",))
    assert leg.session.deadline == pytest.approx(before, abs=0.001)
    leg.wait(10.1)
    assert leg.session.outcome == "dial_time_over"


@pytest.mark.parametrize("told", [False, True])
def test_c2_a_leg_taken_over_at_the_credit_goes_on_where_it_was_to(told: bool) -> None:
    leg = SwitchLeg(msgspec.structs.replace(POLICY, credit_query=True), caller=MEMBER)
    leg.attach()
    leg.press("1#")
    assert isinstance(leg.looked_up, LookUpCredit)
    if told:
        leg.credit_known(None)
    assert taken_over(leg) == (Return.MENU, ("credit_menu",))


def test_c2_o4_a_credit_said_before_goodbye_is_all_that_is_lost() -> None:
    leg = SwitchLeg(msgspec.structs.replace(POLICY, credit_query_again=True), caller=MEMBER)
    leg.attach()
    leg.press("2125550123#")
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    assert isinstance(leg.looked_up, LookUpCredit)
    leg.hand_over("NORMAL_CLEARING")
    assert isinstance(leg.running, Hangup)


@pytest.mark.parametrize("preset", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_d6_a_leg_taken_over_before_connecting_is_asked_for_no_password(
    preset: bool, told: bool
) -> None:
    """Nor is a number of the list asked for, and no application's number is used twice."""
    caller = msgspec.structs.replace(MEMBER, presets={DID: DESTINATION} if preset else {})
    leg = SwitchLeg(msgspec.structs.replace(WITH_PASSWORD, say_time_left=True), caller=caller)
    leg.attach()
    leg.press("1234#2125550123#")
    leg.checked(True)
    if told:
        leg.time_known(3600)
    before = leg.session
    assert before.state is Return.CONNECTING
    leg.hand_over()
    assert leg.session.step > before.step
    assert leg.session.state is (Return.CONNECTING if preset else Return.DESTINATION)
    # D3: it can be dialled again, all the same.
    leg.press("*0#")
    leg.time_known(None)
    assert isinstance(leg.running, Bridge)
    assert leg.running.number == DESTINATION


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


def test_a4_what_another_controller_left_of_a_password_is_forgotten_first() -> None:
    """Whatever was being asked: it may have died between a password and its next question."""
    for state in (Return.HUMAN, Return.MEMBER, Return.PASSWORD, Return.MENU, Return.DESTINATION):
        stage = stages.write(stages.Stage(state, step=1, deadline=NOW + 20))
        _, effects = conversation.step(fresh(), ReturnAttached(stage=stage), NOW)
        assert effects[:2] == (Note("decided", "taken_over"), ForgetSecret())
        assert not any(isinstance(e, CheckPassword) for e in effects)


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
    assert effects[:2] == (HoldOn(resume=True), DropKeys(on=False))
    asked = next(e for e in effects if isinstance(e, Tell))
    assert asked.prompts == ("destination_busy", "destination_enter")
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
        assert leg.session.outcome == "stuck"
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
