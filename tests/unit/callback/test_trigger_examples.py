"""Trigger calls as callers and operators have them, each by the rule of SPEC.md that it shows."""

from __future__ import annotations

from typing import Any

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
    SecondTry,
    SocketClosed,
    TimerFired,
    TriggerAttached,
    TriggerEvent,
)
from controller.callback.states import Trigger
from controller.callback.trigger import TriggerSession
from controller.numbers.caller import Caller
from controller.policy.fields import EarlyHangUp
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


def attached(caller: Caller = KNOWN, rung: float = 0.0, **more: Any) -> TriggerAttached:
    """Make the event that begins a trigger leg."""
    return TriggerAttached(rung=rung, caller=caller, did=DID, **more)


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
    # T5: the delay counts from here.
    assert effects[1] == StoreRequest(1, DID, KNOWN, NOW)
    session, effects = run(POLICY, attached(), TimerFired(1), RequestStored(1))
    assert session.state is Trigger.REFUSING
    assert Hangup(1, "USER_BUSY") in effects
    session, effects = run(
        POLICY, attached(), TimerFired(1), RequestStored(1), LegEnded("USER_BUSY")
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
    session, effects = run(POLICY, attached(), TimerFired(1), TimerFired(2), RequestStored(1))
    assert session.state is Trigger.REFUSING
    assert [e for e in effects if isinstance(e, Hangup)] == [Hangup(1, "USER_BUSY")]


def test_t1_a_leg_that_does_not_go_is_killed_by_its_node() -> None:
    _, effects = run(
        POLICY, attached(), TimerFired(1), RequestStored(1), TimerFired(3), TimerFired(4)
    )
    assert [e for e in effects if isinstance(e, Kill)] == [Kill("USER_BUSY")] * 2


@pytest.mark.parametrize("caller", [Caller(reason="hidden"), Caller(number="+19005550100")])
def test_t10_whoever_gets_no_callback_hears_no_difference(caller: Caller) -> None:
    """T4, T7, G2: why nobody is called back is decided when it is stored, by other rules."""
    assert ringing_ends(POLICY, caller) == StoreRequest(1, DID, caller, NOW)
    off = msgspec.structs.replace(POLICY, enabled=False)
    assert ringing_ends(off, KNOWN) == StoreRequest(1, DID, KNOWN, NOW)


def test_t1_each_trunk_has_a_refusal_of_its_own() -> None:
    _, effects = run(POLICY, attached(refusal="CALL_REJECTED"), TimerFired(1), RequestStored(1))
    assert Hangup(1, "CALL_REJECTED") in effects
    _, effects = run(
        POLICY,
        attached(refusal="CALL_REJECTED"),
        TimerFired(1),
        RequestStored(1),
        TimerFired(3),
    )
    assert Kill("CALL_REJECTED") in effects


def test_t1_a_carriers_second_try_is_refused_at_once_and_joins() -> None:
    session, effects = run(POLICY, attached(), SecondTry())
    assert session.state is Trigger.STORING
    assert effects[1] == StoreRequest(1, DID, KNOWN, NOW, second=True)
    session, effects = run(POLICY, attached(), SecondTry(), RequestStored(1))
    assert session.state is Trigger.REFUSING
    # Found out too late, it is a call like any other, and joins by its number (T6).
    session, effects = run(POLICY, attached(), TimerFired(1), SecondTry())
    assert (session.state, len(effects)) == (Trigger.STORING, 3)


def test_t10_a_number_that_is_nobodys_is_refused_at_once_and_kept() -> None:
    session, effects = run(None, attached())
    assert session.state is Trigger.REFUSING
    assert effects == [
        NoteTrigger(DID, KNOWN, "unknown_did"),
        Hangup(1, "UNALLOCATED_NUMBER"),
        SetTimer(1, NOW + trigger.GONE_SECONDS),
    ]


@pytest.mark.parametrize("caller", [KNOWN, Caller(reason="hidden")])
def test_t2_who_hangs_up_before_x_gets_no_callback_and_is_kept(caller: Caller) -> None:
    """Whether there would have been none anyway is found out when it is kept."""
    session, effects = run(POLICY, attached(caller), LegEnded("ORIGINATOR_CANCEL"))
    assert session.state is Trigger.ENDED
    assert effects[1:] == [NoteTrigger(DID, caller, "hung_up_early"), Release()]


CALLBACK = msgspec.structs.replace(
    POLICY, early_hang_up=EarlyHangUp.CALLBACK, early_hang_up_seconds=2, ring_seconds=5
)


def test_t2_who_hangs_up_after_n_seconds_is_called_back_where_that_is_wished() -> None:
    session, effects = trigger.step(TriggerSession("leg-t", CALLBACK), attached(), NOW)
    assert effects == (SetTimer(1, NOW + 2),)
    # What follows is stored from then on: whoever dies with the caller's hang-up loses nothing.
    session, effects = trigger.step(session, TimerFired(1), NOW + 2)
    assert effects == (StoreRequest(1, DID, KNOWN, NOW + 5), SetTimer(2, NOW + 5))
    assert session.state is Trigger.RINGING
    session, effects = trigger.step(session, RequestStored(1), NOW + 2.1)
    assert (session.state, effects) == (Trigger.RINGING, ())
    # T5: the delay counts from the end of the call.
    ended, effects = trigger.step(session, LegEnded("ORIGINATOR_CANCEL"), NOW + 3)
    assert effects == (StoreRequest(2, DID, KNOWN, NOW + 3), Release())
    assert ended.state is Trigger.ENDED
    # Nobody hung up: it ends as every call does.
    session, effects = trigger.step(session, TimerFired(2), NOW + 5)
    assert effects[0] == StoreRequest(2, DID, KNOWN, NOW + 5)
    session, effects = trigger.step(session, RequestStored(2), NOW + 5)
    assert effects[0] == Hangup(1, "USER_BUSY")


def test_t2_who_hangs_up_before_n_seconds_is_not() -> None:
    session, _ = trigger.step(TriggerSession("leg-t", CALLBACK), attached(), NOW)
    _, effects = trigger.step(session, LegEnded("ORIGINATOR_CANCEL"), NOW + 1.9)
    assert effects == (NoteTrigger(DID, KNOWN, "hung_up_early"), Release())


def test_t2_a_leg_that_was_taken_over_is_stored_ahead_at_once() -> None:
    """O5: N seconds were over already when this controller came."""
    _, effects = run(CALLBACK, attached(rung=3))
    assert effects == [StoreRequest(1, DID, KNOWN, NOW + 2), SetTimer(1, NOW + 2)]


def test_t1_what_was_stored_ahead_late_is_not_the_last_word() -> None:
    """The refusal waits for the storing that counts."""
    session, _ = run(CALLBACK, attached(rung=4), TimerFired(1), now=NOW)
    session, _ = trigger.step(session, TimerFired(1), NOW + 1)
    assert session.state is Trigger.STORING
    session, effects = trigger.step(session, RequestStored(1), NOW + 1)
    assert (session.state, effects) == (Trigger.STORING, ())
    session, effects = trigger.step(session, RequestStored(2), NOW + 1)
    assert session.state is Trigger.REFUSING


def test_t10_a_call_that_ends_before_it_is_known_leaves_nothing() -> None:
    session, effects = run(POLICY, LegEnded("ORIGINATOR_CANCEL"))
    assert (session.state, effects) == (Trigger.ENDED, [Release()])


@pytest.mark.parametrize(
    "before",
    [
        (),
        (attached(),),
        (attached(), TimerFired(1)),
        (attached(), TimerFired(1), RequestStored(1)),
    ],
)
def test_o4_a_connection_that_goes_leaves_the_leg_to_the_next_controller(
    before: tuple[TriggerEvent, ...],
) -> None:
    _, once = run(POLICY, *before)
    session, effects = run(POLICY, *before, SocketClosed(), TimerFired(1), LegEnded("X"))
    assert session.state is Trigger.ENDED
    assert effects == [*once, Release()]
