"""The end of a call that its switch's dialplan sees to: what it is left, and what is kept of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.callback import conversation
from controller.callback import stage as stages
from controller.callback.conversation import record_of_unseen_end
from controller.callback.effects import Bridge, CallOver, Effect, Note, Record, Release
from controller.callback.events import LegEnded
from controller.callback.limits import TIME_OVER
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.policy.model import Policy

from .calls import at_destination, policy
from .given import DESTINATION, MEMBER, NOW, POLICY
from .switch_leg import SwitchLeg

#: The sound of an extension's own.
OVER = "/sounds/over.wav"


def calls(wanted: Policy = POLICY, *, parts_alone: bool = True, **more: Any) -> SwitchLeg:
    """Give a call on a switch of such a dialplan, whose destination is being called."""
    leg = at_destination(wanted, **more)
    leg.session = msgspec.structs.replace(leg.session, parts_alone=parts_alone)
    leg.press("2125550123#")
    assert leg.session.state is Return.BRIDGING
    return leg


def left(leg: SwitchLeg) -> tuple[object, object]:
    """Give what the dialplan says where the conversation was cut off, and where it was not."""
    assert isinstance(leg.running, Bridge)
    return leg.running.time_over, leg.running.goodbye


def test_d4_goodbye_is_left_to_the_dialplan_where_nothing_else_is_to_be_decided() -> None:
    assert left(calls()) == (("time_over",), ("goodbye",))


def test_m5_so_is_the_extensions_sound_and_that_ends_any_call() -> None:
    leg = calls(policy(sound_before_disconnecting=OVER, further_calls=1))
    assert left(leg) == ((f"sound:{OVER}",), ())


@pytest.mark.parametrize(
    ("wanted", "caller"),
    [
        ({"further_calls": 1}, None),
        ({"credit_query": True, "credit_query_again": True}, MEMBER),
    ],
)
def test_d4_c2_where_something_is_to_be_asked_or_looked_up_the_leg_comes_back(
    wanted: dict[str, Any], caller: Any
) -> None:
    leg = SwitchLeg(policy(**wanted), caller=caller)
    leg.attach()
    leg.session = msgspec.structs.replace(leg.session, parts_alone=True)
    leg.press("2#2125550123#" if caller else "2125550123#")
    assert left(leg) == (("time_over",), ())


def test_d4_after_the_last_call_that_is_allowed_it_does_not() -> None:
    leg = calls(policy(further_calls=1))
    leg.session = msgspec.structs.replace(leg.session, talked=1)
    assert leg.session.may_go_on
    leg = at_destination(policy(further_calls=1))
    leg.session = msgspec.structs.replace(leg.session, parts_alone=True, talked=1)
    leg.press("2125550123#")
    assert left(leg) == (("time_over",), ("goodbye",))


def test_o4_a_dialplan_of_before_is_left_no_goodbye() -> None:
    """It would pass over that; to who is cut off it says something, where nobody is there."""
    assert left(calls(parts_alone=False)) == (("time_over",), ())


def parted(said: str | None, talk_ended: str | None, stage: str | None, leg: str) -> LegEnded:
    """Give the end of a leg on which the dialplan has said the last words."""
    return LegEnded("NORMAL_CLEARING", stage, leg, said=said, talk_ended=talk_ended)


def kept(cause: str, said: str, leg: str) -> tuple[Effect, ...]:
    """Give what is kept of such an end."""
    return (
        CallOver(1, cause, leg),
        Note("decided", f"talked {cause}"),
        Note("decided", "completed"),
        Note("said", said),
        Record("request", "completed", "NORMAL_CLEARING", DESTINATION),
    )


@pytest.mark.parametrize(
    ("said", "cause", "words"),
    [("goodbye", "NORMAL_CLEARING", "goodbye"), ("time_over", TIME_OVER, f"sound:{OVER}")],
)
def test_t10_what_the_dialplan_said_is_kept_whoever_hears_of_the_end(
    said: str, cause: str, words: str
) -> None:
    """T10: by its controller, or by one that has never heard of it: the same."""
    own = policy(sound_before_disconnecting=OVER)
    leg = calls(own)
    leg.joins()
    assert leg.session.state is Return.TALKING
    assert leg.joined_with is not None
    ended = parted(said, cause, leg.stage, leg.joined_with)
    _, effects = conversation.step(leg.session, ended, NOW)
    assert effects == (*kept(cause, words, leg.joined_with), Release())
    unseen = record_of_unseen_end(ReturnSession("leg", "request", own), ended)
    assert unseen == effects[:-1]


def test_t10_a_caller_who_hangs_up_in_the_conversation_was_told_nothing() -> None:
    leg = calls()
    leg.joins()
    assert leg.joined_with is not None
    for said in (None, "something else"):
        ended = parted(said, "NORMAL_CLEARING", leg.stage, leg.joined_with)
        _, effects = conversation.step(leg.session, ended, NOW)
        over, *_ = effects
        assert [type(effect) for effect in effects] == [CallOver, Record, Release]
        assert over == CallOver(1, "NORMAL_CLEARING", leg.joined_with)


def test_o4_whoever_lost_the_leg_keeps_nothing_of_one_that_others_went_on_with() -> None:
    leg = calls()
    leg.joins()
    assert leg.joined_with is not None
    stage = stages.read(leg.stage)
    assert stage is not None
    went_on = stages.write(msgspec.structs.replace(stage, step=stage.step + 1))
    ended = parted("goodbye", "NORMAL_CLEARING", went_on, leg.joined_with)
    _, effects = conversation.step(leg.session, ended, NOW)
    assert effects == (Release(),)
