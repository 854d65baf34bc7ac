"""The trigger leg: ring X seconds, store what follows, refuse (SPEC T1, T2, T4, T10)."""

from __future__ import annotations

from typing import Final

import msgspec

from controller.callback import machine
from controller.callback.effects import (
    Effect,
    Hangup,
    Kill,
    NoteTrigger,
    Release,
    SetTimer,
    StoreRequest,
)
from controller.callback.events import LegEnded, RequestStored, TriggerAttached, TriggerEvent
from controller.callback.states import TRIGGER, Trigger
from controller.guard.destinations import refusal_of_return_call
from controller.policy.model import Policy

#: How long storing may keep the caller ringing beyond X, seconds.
STORE_SECONDS: Final = 2.0
#: How long a leg may take to go after it was hung up, seconds.
GONE_SECONDS: Final = 5.0
#: The refusal that makes no carrier try another way (T1).
REFUSAL: Final = "USER_BUSY"
#: The refusal where the number that was rung is nobody's.
NOBODY: Final = "UNALLOCATED_NUMBER"

Step = tuple["TriggerSession", tuple[Effect, ...]]


class TriggerSession(msgspec.Struct, frozen=True):
    """A trigger leg. `policy` None: the number that was rung belongs to no extension.

    `number` is whom to call back, `reason` why nobody is.
    """

    leg: str
    policy: Policy | None
    state: Trigger = Trigger.NEW
    timer: int = 0
    step: int = 0
    did: str = ""
    number: str | None = None
    reason: str | None = None


def step(session: TriggerSession, event: TriggerEvent, now: float) -> Step:
    """Take one event; `now` is seconds since 1970."""
    return machine.step(TRIGGER, ACTIONS, session, event, now)


def _wait(session: TriggerSession, state: Trigger, at: float) -> tuple[TriggerSession, SetTimer]:
    after = msgspec.structs.replace(session, state=state, timer=session.timer + 1)
    return after, SetTimer(after.timer, at)


def _begin_ringing(session: TriggerSession, event: TriggerAttached, now: float) -> Step:
    policy = session.policy
    if policy is None:
        session = msgspec.structs.replace(session, did=event.did, reason="unknown_did")
        session, hangup = _hang_up(session, NOBODY, now)
        return session, (NoteTrigger("", event.did, event.caller.number, "unknown_did"), *hangup)
    number, reason = event.caller.number, event.caller.reason
    if not policy.enabled:
        reason = "disabled"
    elif number is not None:
        reason = refusal_of_return_call(number, policy)
    session = msgspec.structs.replace(session, did=event.did, number=number, reason=reason)
    # X counts from the switch's first ring: a leg taken over from a dead controller has rung
    # already, and its caller hears no difference.
    left = policy.ring_seconds - event.rung
    if left <= 0:
        return _store(session, event, now)
    session, timer = _wait(session, Trigger.RINGING, now + left)
    return session, (timer,)


def _store(session: TriggerSession, event: object, now: float) -> Step:
    policy = session.policy
    assert policy is not None, "RINGING is not reached without a policy"
    request = StoreRequest(
        extension=policy.extension,
        did=session.did,
        number=session.number,
        reason=session.reason,
        due=now + policy.delay_seconds,
    )
    session, timer = _wait(session, Trigger.STORING, now + STORE_SECONDS)
    return session, (request, timer)


def _hang_up(
    session: TriggerSession, cause: str, now: float
) -> tuple[TriggerSession, tuple[Effect, ...]]:
    session, timer = _wait(session, Trigger.REFUSING, now + GONE_SECONDS)
    session = msgspec.structs.replace(session, step=session.step + 1)
    return session, (Hangup(session.step, cause), timer)


def _refuse(session: TriggerSession, event: RequestStored, now: float) -> Step:
    return _hang_up(session, REFUSAL, now)


def _refuse_unstored(session: TriggerSession, event: object, now: float) -> Step:
    # The caller must not ring on because our store is slow; it may still succeed.
    return _hang_up(session, REFUSAL, now)


def _hung_up_early(session: TriggerSession, event: LegEnded, now: float) -> Step:
    policy = session.policy
    extension = "" if policy is None else policy.extension
    note = NoteTrigger(extension, session.did, session.number, session.reason or "hung_up_early")
    return msgspec.structs.replace(session, state=Trigger.ENDED), (note, Release())


def _ended(session: TriggerSession, event: LegEnded, now: float) -> Step:
    return msgspec.structs.replace(session, state=Trigger.ENDED), (Release(),)


def _let_go(session: TriggerSession, event: object, now: float) -> Step:
    # The switch connects again; X is counted from its own clock, so nothing has to be kept.
    return msgspec.structs.replace(session, state=Trigger.ENDED), (Release(),)


def _kill(session: TriggerSession, event: object, now: float) -> Step:
    session, timer = _wait(session, session.state, now + GONE_SECONDS)
    return session, (Kill(REFUSAL), timer)


ACTIONS: Final[dict[str, machine.Action]] = {
    "begin_ringing": _begin_ringing,
    "store": _store,
    "refuse": _refuse,
    "refuse_unstored": _refuse_unstored,
    "hung_up_early": _hung_up_early,
    "ended": _ended,
    "let_go": _let_go,
    "kill": _kill,
}
