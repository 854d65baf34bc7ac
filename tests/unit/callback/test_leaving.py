"""O4: when a caller hears no difference if another controller goes on with the call."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.callback import conversation, leaving, trigger
from controller.callback import stage as stages
from controller.callback.effects import Ask, Effect, SaveStage, Tell
from controller.callback.events import Key, ReturnAttached, Secret, StepDone, TriggerAttached
from controller.callback.return_session import ReturnSession
from controller.callback.states import Return
from controller.callback.trigger import TriggerSession
from controller.numbers.caller import Caller
from controller.policy.model import Policy
from controller.policy.rules import validate

NOW = 1_000_000.0


def policy(**values: Any) -> Policy:
    """An extension's settings."""
    return validate(
        {
            "extension": "1001",
            "dids": ("+12025550101",),
            "country": "US",
            "ring_seconds": 5,
            "caller_ids": ("+12025550111",),
        }
        | values
    )


def begun(stage: str | None = None, **values: Any) -> tuple[ReturnSession, tuple[Effect, ...]]:
    """A return leg that has connected, and what is done then."""
    session = ReturnSession(leg="leg", request="request", policy=policy(**values))
    return conversation.step(session, ReturnAttached(stage=stage), NOW)


def saved(effects: tuple[Effect, ...]) -> str:
    """The stage that effects leave in the leg."""
    (stage,) = (effect.stage for effect in effects if isinstance(effect, SaveStage))
    return stage


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, Return.DESTINATION),
        ({"human_check": True}, Return.HUMAN),
        ({"password_hash": "x"}, Return.PASSWORD),
    ],
)
def test_o4_the_next_one_asks_the_very_same(values: dict[str, Any], state: Return) -> None:
    """O4: a question that is handed over before it is asked is asked in the same words."""
    session, effects = begun(**values)
    assert session.state is state
    assert leaving.asks(session, effects)
    left = leaving.unasked(effects)
    assert not [effect for effect in left if isinstance(effect, (Tell, Ask))]
    after, again = begun(saved(left), **values)
    assert after.state is state
    assert [e.prompts for e in again if isinstance(e, (Tell, Ask))] == [
        e.prompts for e in effects if isinstance(e, (Tell, Ask))
    ]
    assert after.deadline == session.deadline


def test_o4_a_question_behind_a_sentence_is_asked_here() -> None:
    """O4: why an answer was none is said once, and the next one does not know it."""
    session, _ = begun()
    for digit in "123#":
        session, effects = conversation.step(session, Key(digit), NOW)
    assert any(isinstance(effect, Tell) for effect in effects)
    assert not leaving.asks(session, effects)


def test_o4_an_answer_that_has_begun_is_awaited() -> None:
    session, effects = begun()
    typed = msgspec.structs.replace(session, keys=Secret("1"))
    assert not leaving.asks(typed, effects)
    assert not leaving.is_untouched(typed)
    assert leaving.is_untouched(session)


def test_o4_the_password_of_a_member_is_asked_for_here() -> None:
    """O4, A5: the next one would ask for the number too, which was given."""
    session, effects = begun(caller_passwords=True, password_hash="x")
    assert session.state is Return.MEMBER
    assert leaving.asks(session, effects)
    for digit in "2025550123#":
        session, effects = conversation.step(session, Key(digit), NOW)
    assert session.state is Return.PASSWORD
    assert not leaving.asks(session, effects)


def test_o4_who_does_not_press_1_is_not_asked_oftener() -> None:
    """O4, T9: how often it was said is known here alone."""
    session, effects = begun(human_check=True)
    again = msgspec.structs.replace(session, said=2)
    assert leaving.asks(session, effects)
    assert not leaving.asks(again, effects)


def test_o4_at_rest_is_whoever_has_heard_the_question_and_types_nothing() -> None:
    session, _ = begun()
    assert not leaving.is_at_rest(session)
    heard, _ = conversation.step(session, StepDone(step=session.step), NOW)
    assert leaving.is_at_rest(heard)
    typing, _ = conversation.step(heard, Key("2"), NOW)
    assert not leaving.is_at_rest(typing)


@pytest.mark.parametrize(
    "state",
    [Return.CHECKING, Return.CREDIT, Return.CONNECTING, Return.BRIDGING, Return.TELLING,
     Return.ENDING, Return.PASSWORD],
)  # fmt: skip
def test_o4_nobody_is_at_rest_who_waits_for_us(state: Return) -> None:
    session, _ = begun()
    session = msgspec.structs.replace(session, state=state, playing=False)
    assert not leaving.is_at_rest(session)
    assert leaving.is_over(session) is (state is Return.TELLING)


def test_o4_a_trigger_call_is_handed_over_while_it_rings_on() -> None:
    """O4, T1: not in its last moment, and not when it is being refused."""
    session = TriggerSession(leg="leg", policy=policy())
    assert not leaving.rings_on(session, NOW, 1.0)
    attached = TriggerAttached(
        rung=2.0, caller=Caller(number="+12125550199"), did="+12025550101", refusal="USER_BUSY"
    )
    session, _ = trigger.step(session, attached, NOW)
    assert leaving.rings_on(session, NOW, 1.0)
    assert leaving.rings_on(session, NOW + 1.9, 1.0)
    assert not leaving.rings_on(session, NOW + 2.1, 1.0)


def test_o4_the_stage_of_a_leg_that_is_left_can_be_read_by_all() -> None:
    """O4: controllers of two releases stand side by side while they are replaced."""
    _, effects = begun()
    assert stages.read(saved(effects)) is not None
