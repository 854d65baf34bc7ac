"""Trigger calls as callers and operators have them, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback import trigger
from controller.callback.effects import (
    Effect,
    Hangup,
    Kill,
    NoteTrigger,
    Release,
    SetTimer,
    StoreRequest,
)
from controller.callback.events import (
    LegEnded,
    RequestStored,
    SocketClosed,
    TimerFired,
    TriggerAttached,
    TriggerEvent,
)
from controller.callback.states import Trigger
from controller.callback.trigger import TriggerSession
from controller.numbers.caller import Caller
from controller.policy.model import Policy

from .given import CALLER, DID, NOW, POLICY

KNOWN = Caller(number=CALLER)


def run(
    policy: Policy | None, *events: TriggerEvent, now: float = NOW
) -> tuple[TriggerSession, list[Effect]]:
    """Run a trigger leg through events, all at one time."""
    session = TriggerSession(leg="leg-t", policy=policy)
    done: list[Effect] = []
    for event in events:
        session, effects = trigger.step(session, event, now)
        done += effects
    return session, done


def attached(caller: Caller = KNOWN, rung: float = 0.0) -> TriggerAttached:
    """Make the event that begins a trigger leg."""
    return TriggerAttached(rung=rung, caller=caller, did=DID)


def ringing_ends(policy: Policy, caller: Caller) -> StoreRequest:
    """Give what is stored when X is over."""
    _, effects = run(policy, attached(caller), TimerFired(1))
    (found,) = [e for e in effects if isinstance(e, StoreRequest)]
    return found


def test_t1_it_rings_for_x_is_stored_and_then_refused() -> None:
    session, effects = run(POLICY, attached())
    assert session.state is Trigger.RINGING
    assert effects == [SetTimer(1, NOW + POLICY.ring_seconds)]
    session, effects = run(POLICY, attached(), TimerFired(1))
    assert session.state is Trigger.STORING
    # T5: the return call is due after the delay.
    assert effects[1] == StoreRequest("100", DID, CALLER, None, NOW + POLICY.delay_seconds)
    session, effects = run(POLICY, attached(), TimerFired(1), RequestStored())
    assert session.state is Trigger.REFUSING
    assert Hangup(1, "USER_BUSY") in effects
    session, effects = run(
        POLICY, attached(), TimerFired(1), RequestStored(), LegEnded("USER_BUSY")
    )
    assert session.state is Trigger.ENDED
    assert effects[-1] == Release()


@given(st.integers(1, 60), st.floats(0, 100, allow_nan=False))
def test_t1_x_counts_from_the_switchs_first_ring_whoever_has_the_leg(x: int, rung: float) -> None:
    policy = msgspec.structs.replace(POLICY, ring_seconds=x)
    session, effects = run(policy, attached(rung=rung))
    if rung < x:
        assert effects == [SetTimer(1, NOW + (x - rung))]
    else:
        assert session.state is Trigger.STORING


def test_t1_the_caller_does_not_ring_on_because_the_store_is_slow() -> None:
    session, effects = run(POLICY, attached(), TimerFired(1))
    assert effects[-1] == SetTimer(2, NOW + trigger.STORE_SECONDS)
    session, effects = run(POLICY, attached(), TimerFired(1), TimerFired(2), RequestStored())
    assert session.state is Trigger.REFUSING
    assert [e for e in effects if isinstance(e, Hangup)] == [Hangup(1, "USER_BUSY")]


def test_t1_a_leg_that_does_not_go_is_killed_by_its_node() -> None:
    _, effects = run(
        POLICY, attached(), TimerFired(1), RequestStored(), TimerFired(3), TimerFired(4)
    )
    assert [e for e in effects if isinstance(e, Kill)] == [Kill("USER_BUSY")] * 2


@pytest.mark.parametrize("reason", ["hidden", "not_digits", "not_a_number"])
def test_t4_a_hidden_caller_is_refused_like_others_and_kept_with_the_reason(reason: str) -> None:
    stored = ringing_ends(POLICY, Caller(reason=reason))
    assert (stored.number, stored.reason) == (None, reason)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (DID, "own_number"),
        ("+19005550100", "costly_number"),
        ("+442079460000", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
    ],
)
def test_t7_g2_our_own_a_premium_and_a_foreign_number_are_not_called_back(
    number: str, reason: str
) -> None:
    """T7, G2, T10: the operator sees who was refused, and why."""
    stored = ringing_ends(POLICY, Caller(number=number))
    assert (stored.number, stored.reason) == (number, reason)


def test_t10_a_disabled_extension_rings_refuses_and_keeps_the_call() -> None:
    policy = msgspec.structs.replace(POLICY, enabled=False)
    stored = ringing_ends(policy, KNOWN)
    assert (stored.number, stored.reason) == (KNOWN.number, "disabled")


def test_t10_a_number_that_is_nobodys_is_refused_at_once_and_kept() -> None:
    session, effects = run(None, attached())
    assert session.state is Trigger.REFUSING
    assert effects == [
        NoteTrigger("", DID, CALLER, "unknown_did"),
        Hangup(1, "UNALLOCATED_NUMBER"),
        SetTimer(1, NOW + trigger.GONE_SECONDS),
    ]


@pytest.mark.parametrize(
    ("caller", "reason"), [(KNOWN, "hung_up_early"), (Caller(reason="hidden"), "hidden")]
)
def test_t2_who_hangs_up_before_x_gets_no_callback_and_is_kept(caller: Caller, reason: str) -> None:
    session, effects = run(POLICY, attached(caller), LegEnded("ORIGINATOR_CANCEL"))
    assert session.state is Trigger.ENDED
    assert effects[1:] == [NoteTrigger("100", DID, caller.number, reason), Release()]


def test_t10_a_call_that_ends_before_it_is_known_leaves_nothing() -> None:
    session, effects = run(POLICY, LegEnded("ORIGINATOR_CANCEL"))
    assert (session.state, effects) == (Trigger.ENDED, [Release()])


@pytest.mark.parametrize(
    "before",
    [
        (),
        (attached(),),
        (attached(), TimerFired(1)),
        (attached(), TimerFired(1), RequestStored()),
    ],
)
def test_o4_a_connection_that_goes_leaves_the_leg_to_the_next_controller(
    before: tuple[TriggerEvent, ...],
) -> None:
    _, once = run(POLICY, *before)
    session, effects = run(POLICY, *before, SocketClosed(), TimerFired(1), LegEnded("X"))
    assert session.state is Trigger.ENDED
    assert effects == [*once, Release()]
