"""Dialling, calling and talking, as often as it is allowed (SPEC D1-D6, I4, M5)."""

from __future__ import annotations

import msgspec

from controller.callback.effects import (
    Bridge,
    CallConnected,
    CallOver,
    DropKeys,
    Effect,
    FindRoute,
    HoldOn,
    LetGo,
    LookUpTime,
    MoveLimit,
    NotCalled,
    Note,
    Tell,
)
from controller.callback.events import (
    Bridged,
    Key,
    RouteFound,
    Secret,
    StepDone,
    TimeKnown,
    TimerFired,
)
from controller.callback.keys import Entry, dialled
from controller.callback.limits import (
    BRIDGE_SLACK_SECONDS,
    DEAF_SECONDS,
    LOOK_UP_SECONDS,
    MAX_UNREACHED,
    QUESTION_SECONDS,
    SENTENCES,
    TIME_OVER,
    UNPAID,
    WAY_SECONDS,
)
from controller.callback.return_session import NOTHING_TYPED, ReturnSession
from controller.callback.said import SOUND, Duration, Prompt
from controller.callback.states import Return
from controller.callback.steps import (
    Step,
    ask_in_time,
    change,
    look_up_credit,
    save,
    take_key,
    tell_and_end,
    timed,
    wait_in_time_over,
)
from controller.guard.destinations import refusal_of_destination

#: What is dialled is over, and the time to dial with it.
NO_DEADLINE = 0.0


def begin_dialling(session: ReturnSession, now: float) -> Step:
    """Go on to the destination: that of the list (D5), or what is dialled now."""
    session = change(session, deadline=NO_DEADLINE)
    if session.preset:
        return _call(change(session, keys=NOTHING_TYPED), session.preset, now)
    return ask_destination(session, (), now, ahead=True)


def ask_destination(
    session: ReturnSession, sentences: tuple[Prompt, ...], now: float, *, ahead: bool = False
) -> Step:
    """Ask for a number; as `ask_in_time` does."""
    prompts = (*sentences, "destination_enter")
    return ask_in_time(session, Return.DESTINATION, prompts, now, answered, ahead=ahead)


def destination_key(session: ReturnSession, event: Key, now: float) -> Step:
    """D2: a key of the number, `#` that ends it, or `*` that clears it."""
    if now < session.deaf_until:
        return session, ()
    return take_key(session, event.digit, now, answered)


def destination_wait_over(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """Take the number that the pause ends, ask again, or end the time to dial (D1)."""
    return wait_in_time_over(session, now, ask_destination, answered)


def answered(session: ReturnSession, entry: Entry, now: float) -> Step:
    """Take a complete answer to the question for a destination (D3)."""
    policy = session.policy
    last = session.destination or session.redial
    found = dialled(entry, policy.country, session.caller, last, session.platform)
    session = change(session, keys=Secret(entry.rest))
    # What is no number is not kept: it may be a password that was typed too soon (A4).
    keys = entry.keys + ("#" if entry.ended else "") if found.number else "(no number)"
    typed = Note("typed", keys)
    wrong = found.wrong
    if not _may_call(session, found.number):
        wrong = "number_not_allowed"
    if wrong:
        session, effects = ask_destination(session, (wrong,), now)
        return session, (typed, Note("decided", wrong), *effects)
    if not found.number:
        # Only `*` or `#`: the question begins anew.
        return ask_destination(session, (), now, ahead=True)
    session, effects = _call(session, found.number, now)
    return session, (typed, *effects)


def _may_call(session: ReturnSession, number: str) -> bool:
    """Whether a number may be called (G2); an extension of the platform may, where there is a way.

    One that was dialled in an earlier call may have none any more.
    """
    policy, platform = session.policy, session.platform
    if not number:
        return True
    if platform.is_emergency(number, policy.country):
        return platform.emergency_connected
    if platform.is_internal(number):
        return not policy.blocks(number, None)
    return number[0] == "+" and refusal_of_destination(number, policy, platform.ranges) is None


def _call(session: ReturnSession, number: str, now: float) -> Step:
    """Call a number: first a way to it is found."""
    if not _may_call(session, number):
        # Of a list that was made before the policy was what it is.
        return tell_and_end(session, ("number_not_allowed", "goodbye"), "not_reached", now)
    session = change(session, destination=number, keys=NOTHING_TYPED, pause=0.0, plan=None)
    session = change(session, granted=None)
    session = change(session, deadline=NO_DEADLINE, dialled=session.dialled + 1)
    session, timer = _connecting(session, now + WAY_SECONDS)
    # Whoever takes over asks for the number once more, and for no password.
    saved = save(session, Return.DESTINATION)
    return session, (saved, FindRoute(session.step, number, session.dialled), timer)


def _connecting(session: ReturnSession, until: float) -> tuple[ReturnSession, Effect]:
    session = change(session, state=Return.CONNECTING, step=session.step + 1, playing=False)
    return timed(session, until)


def route_found(session: ReturnSession, event: RouteFound, now: float) -> Step:
    """Call the number by the way that was found, after what D6 says of it; or say that none was."""
    if not event.plan.ways:
        return _not_called(session, event.plan.refusal, now)
    session = change(session, plan=event.plan, granted=event.granted)
    if not session.policy.say_time_left or event.plan.kind == "emergency":
        return _bridge(session, now)
    session, timer = _connecting(session, now + LOOK_UP_SECONDS)
    saved = save(session, Return.DESTINATION)
    return session, (saved, LookUpTime(session.step, session.destination), timer)


def _not_called(session: ReturnSession, reason: str, now: float) -> Step:
    """There is no way to the number: say so, and go on as with one that was not reached."""
    session, effects = _go_on_unreached(session, reason, now)
    return session, (Note("decided", f"not_called {reason}"), *effects)


def time_known(session: ReturnSession, event: TimeKnown, now: float) -> Step:
    """D6: say how long the call may last."""
    if event.seconds is None:
        return _bridge(session, now)
    session = change(session, playing=True)
    session, timer = timed(session, now + QUESTION_SECONDS)
    said: tuple[Prompt, ...] = ("time_left_is", Duration(max(event.seconds, 0)))
    return session, (Tell(session.step, said), timer)


def time_told(session: ReturnSession, event: StepDone, now: float) -> Step:
    """D6 is said: call the number."""
    return _bridge(session, now)


def connecting_late(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """No way is found in time: say so. Or D6 takes too long: then call all the same.

    A way that is found later is of a step that is over.
    """
    return _not_called(session, "late", now) if session.plan is None else _bridge(session, now)


def _bridge(session: ReturnSession, now: float) -> Step:
    policy, plan = session.policy, session.plan
    assert plan is not None, "a way is found first"
    session = change(session, state=Return.BRIDGING, step=session.step + 1)
    wait = policy.destination_ring_seconds * len(plan.ways) + BRIDGE_SLACK_SECONDS
    session, timer = timed(session, now + wait)
    bridge = Bridge(
        step=session.step,
        position=session.dialled,
        number=session.destination,
        plan=plan,
        legs=session.destination_legs[: len(plan.ways)],
        ring_seconds=policy.destination_ring_seconds,
        longest_seconds=session.talk_seconds,
    )
    talked = change(session, talked=session.talked + 1)
    bridge = msgspec.structs.replace(
        bridge,
        time_over=last_words(talked, TIME_OVER),
        goodbye=last_words(talked, None) if session.parts_alone else (),
    )
    granted = session.granted
    limit: tuple[Effect, ...] = ()
    if granted is not None and granted.return_seconds:
        limit = (MoveLimit(granted.return_seconds, granted.serial),)
    saved = save(session, Return.BRIDGING)
    return session, (*limit, saved, HoldOn(resume=False), bridge, timer)


def let_go(session: ReturnSession, event: Bridged, now: float) -> Step:
    """People talk: the leg is left to the switch."""
    session = change(
        session,
        state=Return.TALKING,
        talked=session.talked + 1,
        unreached=0,
        timer=session.timer + 1,
    )
    # D4: `**` drops the destination where the call may go on after it.
    drop: tuple[Effect, ...] = ()
    if session.may_go_on and event.other:
        drop = (DropKeys(on=True, leg=event.other),)
    connected = CallConnected(session.dialled, event.other, event.failed)
    return session, (Note("decided", "connected"), connected, *drop, LetGo())


def not_connected(session: ReturnSession, event: StepDone, now: float) -> Step:
    """The bridge is over before anybody said that it came about."""
    outcome = BridgeOutcome(
        talked_to=event.last_bridge_to,
        hangup_cause=event.bridge_hangup_cause,
        disposition=event.disposition,
        failed=event.failed,
    )
    return after_bridge(session, outcome, now)


class BridgeOutcome(msgspec.Struct, frozen=True):
    """What became of a destination, as the switch's variables say it; see `StepDone`."""

    talked_to: str | None
    hangup_cause: str | None
    disposition: str | None
    failed: tuple[tuple[str, str], ...] = ()


def after_bridge(session: ReturnSession, outcome: BridgeOutcome, now: float) -> Step:
    """Go on after a destination: it was talked to, or it was not reached."""
    session = change(session, deadline=NO_DEADLINE, keys=NOTHING_TYPED)
    talked_to, hangup_cause = outcome.talked_to, outcome.hangup_cause
    disposition = outcome.disposition
    back: tuple[Effect, ...] = (HoldOn(resume=True), DropKeys(on=False))
    if talked_to is not None and talked_to in session.destination_legs:
        session = change(session, talked=session.talked + 1, unreached=0)
        over = CallOver(session.dialled, hangup_cause, talked_to, outcome.failed)
        note = Note("decided", f"talked {hangup_cause or ''}".strip())
        session, effects = _after_talking(session, hangup_cause, now)
    else:
        over = CallOver(session.dialled, disposition, None, outcome.failed)
        note = Note("decided", f"not_reached {disposition or ''}".strip())
        session = change(session, deaf_until=now + DEAF_SECONDS)
        session, effects = _go_on_unreached(session, disposition or "", now)
        effects = (NotCalled(session.dialled), *effects)
    return session, (*back, over, note, *effects)


def _go_on_unreached(session: ReturnSession, why: str, now: float) -> Step:
    """Say why a number was not reached, and ask for another one, or end the call."""
    session = change(session, unreached=session.unreached + 1)
    sentence = SENTENCES.get(why, "destination_unreachable")
    if session.unreached >= MAX_UNREACHED or session.preset:
        outcome = why if why in UNPAID else "not_reached"
        return tell_and_end(session, (sentence, "goodbye"), outcome, now)
    return ask_destination(session, (sentence,), now)


def _after_talking(session: ReturnSession, hangup_cause: str | None, now: float) -> Step:
    """D4, C2, M5: after a conversation."""
    last = last_words(session, hangup_cause)
    if last:
        return tell_and_end(session, last, "completed", now)
    then = Return.DESTINATION if session.may_go_on else Return.TELLING
    if _hears_credit_again(session):
        return look_up_credit(session, then, now)
    return go_on(session, then, now)


def last_words(session: ReturnSession, hangup_cause: str | None) -> tuple[Prompt, ...]:
    """Give what ends the call after a conversation; none: something else is to be said or asked.

    `hangup_cause`: why the conversation ended. The session's count has it already.
    """
    if hangup_cause == TIME_OVER:
        sound = session.policy.sound_before_disconnecting
        return ("time_over",) if sound is None else (f"{SOUND}{sound}",)
    return () if session.may_go_on or _hears_credit_again(session) else ("goodbye",)


def _hears_credit_again(session: ReturnSession) -> bool:
    return session.policy.credit_query_again and session.caller is not None


def go_on(session: ReturnSession, then: Return, now: float) -> Step:
    """Ask for another destination, or say goodbye."""
    if then is Return.DESTINATION:
        return ask_destination(session, (), now, ahead=True)
    return tell_and_end(session, ("goodbye",), "completed", now)
