"""How return calls end, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

import msgspec
import pytest

from controller.callback import conversation, limits
from controller.callback import stage as stages
from controller.callback.conversation import record_of_unseen_end
from controller.callback.effects import (
    CallOver,
    Hangup,
    Kill,
    LetGo,
    NotCalled,
    Record,
    Release,
    Tell,
)
from controller.callback.events import LegEnded
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return

from .calls import at_destination, bridging, policy, prompts, record
from .given import DESTINATION, NOW, POLICY

# --- M: the switch ends the conversation -----------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "said"), [(None, "time_over"), ("/sounds/over.wav", "sound:/sounds/over.wav")]
)
def test_m5_who_is_cut_off_hears_the_extensions_sound_and_the_call_ends(
    sound: str | None, said: str
) -> None:
    leg = bridging(policy(sound_before_disconnecting=sound, further_calls=1))
    assert leg.joins()[-1] == LetGo()
    assert leg.session.state is Return.TALKING
    leg.wait(POLICY.longest_call_seconds)
    leg.hand_over("ALLOTTED_TIMEOUT")
    assert prompts(leg) == (said,)
    leg.played()
    leg.end()
    assert record(leg) == Record("request", "completed", "NORMAL_CLEARING", DESTINATION)


def test_m5_the_last_sentence_is_heard_to_its_end_whatever_is_pressed() -> None:
    leg = bridging()
    leg.bridge_ends("SUCCESS", "ALLOTTED_TIMEOUT")
    assert isinstance(leg.running, Tell)
    assert leg.running.final
    leg.press("5#")
    assert prompts(leg) == ("time_over",)


def test_m5_who_was_not_cut_off_hears_goodbye() -> None:
    leg = bridging()
    leg.joins()
    leg.hand_over("NORMAL_CLEARING")
    assert prompts(leg) == ("goodbye",)


def test_m5_a_conversation_that_ended_before_we_heard_of_it_counts() -> None:
    leg = bridging()
    leg.bridge_ends("SUCCESS", "ALLOTTED_TIMEOUT")
    assert prompts(leg) == ("time_over",)
    assert leg.session.outcome == "completed"


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
def test_t10_a_caller_who_hangs_up_is_recorded_with_what_came_of_it(answered: bool) -> None:
    leg = bridging()
    if answered:
        leg.joins()
    released = [] if answered else [NotCalled]
    said = [type(e) for e in leg.end("ORIGINATOR_CANCEL")]
    assert said == [CallOver, *released, Record, Release]
    outcome = "completed" if answered else "hung_up"
    assert record(leg) == Record("request", outcome, "ORIGINATOR_CANCEL", DESTINATION)


def test_o5_a_conversation_that_only_the_legs_end_tells_of_counts() -> None:
    """The controller heard of no answer, but the leg's variables name the destination's leg."""
    leg = bridging()
    leg.joined_with = leg.session.destination_legs[1]
    leg.end()
    assert record(leg).outcome == "completed"


def test_o5_a_leg_that_answers_nothing_is_hung_up_and_then_killed() -> None:
    leg = bridging()
    leg.wait(POLICY.destination_ring_seconds * 2 + limits.BRIDGE_SLACK_SECONDS)
    assert isinstance(leg.running, Hangup)
    leg.wait(limits.GONE_SECONDS)
    leg.wait(limits.GONE_SECONDS)
    assert [type(e) for e in leg.effects].count(Kill) == 2
    leg.end()
    assert record(leg).outcome == "stuck"


def detached() -> ReturnSession:
    """Give the session of a controller whose connection to a leg broke."""
    leg = at_destination()
    leg.hand_over()
    after, effects = conversation.step(leg.followers[0], LegEnded("X", leg.stage), leg.now)
    assert (after.state, effects) == (Return.ENDED, (Release(),))
    return leg.followers[0]


def test_o4_who_lost_a_leg_records_its_end_only_if_nobody_went_on() -> None:
    session = detached()
    own = stages.write(stages.Stage(Return.DESTINATION, step=session.step))
    for stage in (own, None, "no stage of ours"):
        _, effects = conversation.step(session, LegEnded("NORMAL_CLEARING", stage), NOW)
        assert effects == (Record("request", "hung_up", "NORMAL_CLEARING"), Release())


def test_o5_the_end_of_a_leg_that_nobody_held_is_recorded_by_what_its_variables_say() -> None:
    session = ReturnSession("leg", "request", POLICY)
    legs = msgspec.structs.replace(session, dialled=1).destination_legs
    stage = stages.write(stages.Stage(Return.BRIDGING, step=3, dialled=1, destination=DESTINATION))
    over = stages.write(stages.Stage(Return.ENDING, step=3, outcome="password_failed"))
    for ended, outcome, destination in (
        (LegEnded("X"), "no_controller", None),
        (LegEnded("X", "no stage of ours"), "no_controller", None),
        (LegEnded("X", stage), "hung_up", DESTINATION),
        (LegEnded("X", stage, "another leg"), "hung_up", DESTINATION),
        (LegEnded("X", stage, legs[0]), "completed", DESTINATION),
        (LegEnded("X", over), "password_failed", None),
    ):
        *over_too, said = record_of_unseen_end(session, ended)
        assert said == Record("request", outcome, "X", destination)
        # The destination that was being called or talked to is over with it.
        talked = legs[0] if outcome == "completed" else None
        released = [] if talked else [NotCalled(1)]
        assert over_too == ([CallOver(1, "X", talked), *released] if destination else [])
