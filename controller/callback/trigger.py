"""The trigger leg: ring X seconds, store what follows, refuse (SPEC T1, T2, T5, T10).

Who is called back, and whether at all, is decided when it is stored (`callback.asking`): a caller
who gets no callback hears no difference.
"""

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
from controller.numbers.caller import Caller
from controller.policy.fields import EarlyHangUp
from controller.policy.model import Policy

#: How long storing may keep the caller ringing beyond X, seconds.
STORE_SECONDS: Final = 2.0
#: How long a leg may take to go after it was hung up, seconds.
GONE_SECONDS: Final = 5.0
#: How a call is refused whose trunk says nothing of it (T1): 486; some carriers then try once more.
REFUSAL: Final = "USER_BUSY"
#: The refusal where the number that was rung is nobody's.
NOBODY: Final = "UNALLOCATED_NUMBER"

Step = tuple["TriggerSession", tuple[Effect, ...]]


class TriggerSession(msgspec.Struct, frozen=True):
    """A trigger leg. `policy` None: the number that was rung belongs to no extension.

    Attributes:
        did, caller: what was rung, and by whom.
        since: when it began to ring, seconds since 1970.
        ahead: the next timer is that of storing ahead (T2), and not the end of X.
        stored: the number of the last storing.
        refusal: the cause that it is refused with.

    """

    leg: str
    policy: Policy | None
    state: Trigger = Trigger.NEW
    timer: int = 0
    step: int = 0
    did: str = ""
    caller: Caller = Caller()
    since: float = 0.0
    ahead: bool = False
    stored: int = 0
    refusal: str = REFUSAL


def step(session: TriggerSession, event: TriggerEvent, now: float) -> Step:
    """Take one event; `now` is seconds since 1970."""
    return machine.step(TRIGGER, ACTIONS, session, event, now)


def _wait(session: TriggerSession, state: Trigger, at: float) -> tuple[TriggerSession, SetTimer]:
    after = msgspec.structs.replace(session, state=state, timer=session.timer + 1)
    return after, SetTimer(after.timer, at)


def _begin_ringing(session: TriggerSession, event: TriggerAttached, now: float) -> Step:
    policy = session.policy
    # X counts from the switch's first ring: a leg taken over from a dead controller has rung
    # already, and its caller hears no difference.
    session = msgspec.structs.replace(
        session,
        did=event.did,
        caller=event.caller,
        since=now - event.rung,
        refusal=event.refusal if policy is not None else NOBODY,
    )
    if policy is None:
        session, hangup = _hang_up(session, now)
        return session, (NoteTrigger(event.did, event.caller, "unknown_did"), *hangup)
    if policy.ring_seconds <= event.rung:
        return _store(session, now)
    ahead = _early(policy)
    if ahead is None or ahead >= policy.ring_seconds:
        session, timer = _wait(session, Trigger.RINGING, now + (policy.ring_seconds - event.rung))
        return session, (timer,)
    session = msgspec.structs.replace(session, ahead=True)
    if ahead <= event.rung:
        return _time_over(session, event, now)
    session, timer = _wait(session, Trigger.RINGING, now + (ahead - event.rung))
    return session, (timer,)


def _early(policy: Policy) -> int | None:
    """Give after how long a caller who hangs up is called back all the same (T2); None: never."""
    return policy.early_hang_up_seconds if policy.early_hang_up is EarlyHangUp.CALLBACK else None


def _request(
    session: TriggerSession, ends: float, *, second: bool = False
) -> tuple[TriggerSession, StoreRequest]:
    session = msgspec.structs.replace(session, stored=session.stored + 1)
    return session, StoreRequest(session.stored, session.did, session.caller, ends, second)


def _time_over(session: TriggerSession, event: object, now: float) -> Step:
    policy = session.policy
    assert policy is not None, "RINGING is not reached without a policy"
    ends = session.since + policy.ring_seconds
    if not session.ahead or ends <= now:
        return _store(session, now)
    session, request = _request(msgspec.structs.replace(session, ahead=False), ends)
    session, timer = _wait(session, Trigger.RINGING, ends)
    return session, (request, timer)


def _second_try(session: TriggerSession, event: object, now: float) -> Step:
    return _store(session, now, second=True)


def _store(session: TriggerSession, now: float, *, second: bool = False) -> Step:
    session, request = _request(msgspec.structs.replace(session, ahead=False), now, second=second)
    session, timer = _wait(session, Trigger.STORING, now + STORE_SECONDS)
    return session, (request, timer)


def _hang_up(session: TriggerSession, now: float) -> tuple[TriggerSession, tuple[Effect, ...]]:
    session, timer = _wait(session, Trigger.REFUSING, now + GONE_SECONDS)
    session = msgspec.structs.replace(session, step=session.step + 1)
    return session, (Hangup(session.step, session.refusal), timer)


def _refuse(session: TriggerSession, event: RequestStored, now: float) -> Step:
    return _hang_up(session, now)


def _refuse_unstored(session: TriggerSession, event: object, now: float) -> Step:
    # The caller must not ring on because our store is slow; it may still succeed.
    return _hang_up(session, now)


def _hung_up_early(session: TriggerSession, event: LegEnded, now: float) -> Step:
    policy = session.policy
    assert policy is not None, "RINGING is not reached without a policy"
    early = _early(policy)
    effect: Effect
    if early is not None and now - session.since >= early:
        session, effect = _request(session, now)
    else:
        effect = NoteTrigger(session.did, session.caller, "hung_up_early")
    return msgspec.structs.replace(session, state=Trigger.ENDED), (effect, Release())


def _ended(session: TriggerSession, event: LegEnded, now: float) -> Step:
    return msgspec.structs.replace(session, state=Trigger.ENDED), (Release(),)


def _let_go(session: TriggerSession, event: object, now: float) -> Step:
    # The switch connects again; X is counted from its own clock, so nothing has to be kept.
    return msgspec.structs.replace(session, state=Trigger.ENDED), (Release(),)


def _kill(session: TriggerSession, event: object, now: float) -> Step:
    session, timer = _wait(session, session.state, now + GONE_SECONDS)
    return session, (Kill(session.refusal), timer)


ACTIONS: Final[dict[str, machine.Action]] = {
    "begin_ringing": _begin_ringing,
    "second_try": _second_try,
    "time_over": _time_over,
    "refuse": _refuse,
    "refuse_unstored": _refuse_unstored,
    "hung_up_early": _hung_up_early,
    "ended": _ended,
    "let_go": _let_go,
    "kill": _kill,
}
