"""The return leg: password, destination, conversation, end (SPEC A1, A3, D1-D3, M5)."""

from __future__ import annotations

from typing import Final

import msgspec

from controller.callback import machine
from controller.callback import stage as stages
from controller.callback.effects import (
    Ask,
    Bridge,
    CheckPassword,
    Effect,
    ForgetSecret,
    Hangup,
    HoldOn,
    Kill,
    LetGo,
    Record,
    Release,
    SaveStage,
    SetTimer,
    Tell,
)
from controller.callback.events import (
    Bridged,
    LegEnded,
    PasswordChecked,
    ReturnAttached,
    ReturnEvent,
    StepDone,
)
from controller.callback.limits import (
    BRIDGE_SLACK_SECONDS,
    CHECK_SECONDS,
    DIGIT_SECONDS,
    FIRST_DIGIT_SECONDS,
    GONE_SECONDS,
    HASTY_SECONDS,
    MAX_DIALLED,
    MAX_HASTY,
    MAX_NUMBER_DIGITS,
    MAX_PASSWORD_DIGITS,
    MAX_TRIES,
    QUESTION_SECONDS,
    SENTENCES,
)
from controller.callback.return_session import ReturnSession
from controller.callback.states import RETURN, Return
from controller.callerid.resolver import for_destination
from controller.guard.destinations import refusal_of_destination
from controller.numbers.e164 import BadNumber, parse_dialled

Step = tuple[ReturnSession, tuple[Effect, ...]]


def step(session: ReturnSession, event: ReturnEvent, now: float) -> Step:
    """Take one event; `now` is seconds since 1970."""
    return machine.step(RETURN, ACTIONS, session, event, now)


# --- what several actions do -----------------------------------------------------------------


def _set(session: ReturnSession, **changes: object) -> ReturnSession:
    return msgspec.structs.replace(session, **changes)


def _timed(session: ReturnSession, at: float) -> tuple[ReturnSession, SetTimer]:
    session = _set(session, timer=session.timer + 1)
    return session, SetTimer(session.timer, at)


def _save(session: ReturnSession, state: Return) -> tuple[ReturnSession, SaveStage]:
    text = stages.write(
        stages.Stage(
            state=state,
            step=session.step,
            tries=session.tries,
            dialled=session.dialled,
            talked=session.talked,
            deadline=session.deadline,
            destination=session.destination,
            outcome=session.outcome or "",
        )
    )
    return session, SaveStage(text)


def _ask_password(session: ReturnSession, prompts: tuple[str, ...], now: float) -> Step:
    session = _set(session, state=Return.PASSWORD, step=session.step + 1, asked=now)
    session, save = _save(session, Return.PASSWORD)
    session, timer = _timed(session, now + QUESTION_SECONDS)
    ask = Ask(
        session.step, prompts, MAX_PASSWORD_DIGITS, FIRST_DIGIT_SECONDS, DIGIT_SECONDS, secret=True
    )
    return session, (save, ask, timer)


def _ask_destination(session: ReturnSession, prompts: tuple[str, ...], now: float) -> Step:
    """Ask for a number. The time to dial (D1) runs from the first question until the bridge."""
    if not session.deadline:
        session = _set(session, deadline=now + session.policy.dial_seconds)
    if session.deadline <= now:
        return _dial_time_over(session, None, now)
    session = _set(session, state=Return.DESTINATION, step=session.step + 1, asked=now)
    session, save = _save(session, Return.DESTINATION)
    session, timer = _timed(session, session.deadline)
    left = session.deadline - now
    ask = Ask(session.step, prompts, MAX_NUMBER_DIGITS, left, min(DIGIT_SECONDS, left))
    return session, (save, ask, timer)


def _tell_and_end(
    session: ReturnSession, prompts: tuple[str, ...], outcome: str, now: float
) -> Step:
    session = _set(session, state=Return.TELLING, step=session.step + 1, outcome=outcome)
    session, save = _save(session, Return.ENDING)
    session, timer = _timed(session, now + QUESTION_SECONDS)
    return session, (save, Tell(session.step, prompts), timer)


def _hang_up(session: ReturnSession, outcome: str, now: float) -> Step:
    session = _set(
        session, state=Return.ENDING, step=session.step + 1, outcome=session.outcome or outcome
    )
    session, timer = _timed(session, now + GONE_SECONDS)
    return session, (Hangup(session.step, "NORMAL_CLEARING"), timer)


# --- actions, in the order of the tables -----------------------------------------------------


def _begin(session: ReturnSession, event: ReturnAttached, now: float) -> Step:
    stage = stages.read(event.stage)
    if stage is None:
        if session.policy.password_hash is None:
            return _ask_destination(session, ("destination_enter",), now)
        return _ask_password(session, ("password_enter",), now)
    session = _set(
        session,
        step=max(stage.step, session.step),  # never back: a late answer must stay stale
        tries=stage.tries,
        dialled=stage.dialled,
        talked=stage.talked,
        deadline=min(stage.deadline, now + session.policy.dial_seconds),  # clocks differ
        destination=stage.destination,
        outcome=stage.outcome or None,
    )
    if stage.state is Return.BRIDGING:
        return _after_bridge(
            session,
            event.last_bridge_to,
            event.bridge_hangup_cause,
            event.originate_disposition,
            now,
        )
    if stage.state is Return.ENDING:
        return _hang_up(session, "hung_up", now)
    # Whoever had the leg may have left it in the middle of a password.
    if stage.state is Return.PASSWORD and session.policy.password_hash is not None:
        session, effects = _ask_password(session, ("password_enter",), now)
    else:
        session, effects = _ask_destination(session, ("destination_enter",), now)
    return session, (ForgetSecret(), *effects)


def _count_hasty(session: ReturnSession, event: StepDone, now: float) -> ReturnSession:
    unheard = event.digits is None and now - session.asked < HASTY_SECONDS
    return _set(session, hasty=session.hasty + 1 if unheard else 0)


def _unheard(session: ReturnSession, now: float) -> Step:
    """Give up: without this the switch would be asked as fast as it answers, unheard."""
    return _tell_and_end(session, ("sorry", "goodbye"), "prompts_unheard", now)


def _password_typed(session: ReturnSession, event: StepDone, now: float) -> Step:
    session = _count_hasty(session, event, now)
    if session.hasty >= MAX_HASTY:
        session, effects = _unheard(session, now)
        return session, (ForgetSecret(), *effects)
    password_hash = session.policy.password_hash
    if event.digits is None or password_hash is None:
        session, effects = _password_wrong(session, now)
        return session, (ForgetSecret(), *effects)
    session = _set(session, state=Return.CHECKING)
    session, timer = _timed(session, now + CHECK_SECONDS)
    check = CheckPassword(session.step, event.digits, password_hash)
    return session, (ForgetSecret(), check, timer)


def _password_wrong(session: ReturnSession, now: float) -> Step:
    session = _set(session, tries=session.tries + 1)
    if session.tries >= MAX_TRIES:
        return _tell_and_end(session, ("password_wrong", "goodbye"), "password_failed", now)
    return _ask_password(session, ("password_wrong", "password_enter"), now)


def _password_checked(session: ReturnSession, event: PasswordChecked, now: float) -> Step:
    if event.right is None:
        return _check_stuck(session, None, now)
    if not event.right:
        return _password_wrong(session, now)
    return _ask_destination(session, ("destination_enter",), now)


def _check_stuck(session: ReturnSession, event: object, now: float) -> Step:
    return _tell_and_end(session, ("sorry", "goodbye"), "check_failed", now)


def _number_typed(session: ReturnSession, event: StepDone, now: float) -> Step:
    session = _count_hasty(session, event, now)
    if session.hasty >= MAX_HASTY:
        return _unheard(session, now)
    # `*` clears and starts again (D2): what counts is what follows the last one.
    digits = "" if event.digits is None else event.digits.reveal().rpartition("*")[2]
    if not digits:
        return _ask_destination(session, ("destination_enter",), now)
    try:
        number = parse_dialled(digits, session.policy.country)
    except BadNumber:
        return _ask_destination(session, ("number_wrong", "destination_enter"), now)
    if refusal_of_destination(number, session.policy) is not None:
        return _ask_destination(session, ("number_not_allowed", "destination_enter"), now)
    policy = session.policy
    shown = for_destination(policy)
    session = _set(
        session,
        state=Return.BRIDGING,
        step=session.step + 1,
        dialled=session.dialled + 1,
        deadline=0.0,
        destination=number,
    )
    session, save = _save(session, Return.BRIDGING)
    wait = policy.destination_ring_seconds * len(session.gateways) + BRIDGE_SLACK_SECONDS
    session, timer = _timed(session, now + wait)
    bridge = Bridge(
        step=session.step,
        number=number,
        gateways=session.gateways,
        legs=session.destination_legs,
        ring_seconds=policy.destination_ring_seconds,
        longest_seconds=policy.longest_call_seconds,
        caller_id_number=shown.number,
        caller_id_name=shown.name,
    )
    return session, (save, HoldOn(resume=False), bridge, timer)


def _dial_time_over(session: ReturnSession, event: object, now: float) -> Step:
    return _tell_and_end(session, ("goodbye",), "dial_time_over", now)


def _let_go(session: ReturnSession, event: Bridged, now: float) -> Step:
    session = _set(
        session, state=Return.TALKING, talked=session.talked + 1, timer=session.timer + 1
    )
    return session, (LetGo(),)


def _not_connected(session: ReturnSession, event: StepDone, now: float) -> Step:
    return _after_bridge(
        session, event.last_bridge_to, event.bridge_hangup_cause, event.disposition, now
    )


def _after_bridge(
    session: ReturnSession,
    talked_to: str | None,
    hangup_cause: str | None,
    disposition: str | None,
    now: float,
) -> Step:
    """Go on after a destination: it was talked to, or it was not reached."""
    resume = HoldOn(resume=True)
    if talked_to is not None and talked_to in session.destination_legs:
        session = _set(session, talked=session.talked + 1)
        sound = session.policy.sound_before_disconnecting
        prompts: tuple[str, ...] = ("goodbye",)
        if hangup_cause == "ALLOTTED_TIMEOUT":
            prompts = ("time_over",) if sound is None else (f"sound:{sound}",)
        session, effects = _tell_and_end(session, prompts, "completed", now)
        return session, (resume, *effects)
    sentence = SENTENCES.get(disposition or "", "destination_unreachable")
    if session.dialled >= MAX_DIALLED:
        session, effects = _tell_and_end(session, (sentence, "goodbye"), "not_reached", now)
    else:
        session = _set(session, deadline=0.0)
        session, effects = _ask_destination(session, (sentence, "destination_enter"), now)
    return session, (resume, *effects)


def _told(session: ReturnSession, event: StepDone, now: float) -> Step:
    return _hang_up(session, "completed", now)


def _give_up_stuck(session: ReturnSession, event: object, now: float) -> Step:
    session, effects = _hang_up(session, "stuck", now)
    # Whoever comes next hangs up too, instead of asking once more.
    return session, (_save(session, Return.ENDING)[1], *effects)


def _kill(session: ReturnSession, event: object, now: float) -> Step:
    session, timer = _timed(session, now + GONE_SECONDS)
    return session, (Kill("NORMAL_CLEARING"), timer)


def _detach(session: ReturnSession, event: object, now: float) -> Step:
    return _set(session, state=Return.DETACHED, timer=session.timer + 1), ()


def _ended(session: ReturnSession, event: LegEnded, now: float) -> Step:
    after = _set(session, state=Return.ENDED, timer=session.timer + 1)
    last = stages.read(event.stage)
    if last is not None and last.step > session.step:
        # Somebody went on with the leg since, and records its end.
        return after, (Release(),)
    return after, (_record(session, event), Release())


def record_of_unseen_end(session: ReturnSession, event: LegEnded) -> Record:
    """Record the end of a return leg that no controller held, by what its variables say.

    `session` is a new one of that leg: only its request and uuid are known.
    """
    last = stages.read(event.stage)
    if last is None:
        return Record(session.request, "no_controller", event.cause)
    session = _set(
        session,
        dialled=last.dialled,
        talked=last.talked,
        outcome=last.outcome or None,
        destination=last.destination,
    )
    return _record(session, event)


def _record(session: ReturnSession, event: LegEnded) -> Record:
    talked = session.talked > 0 or event.talked_to in session.destination_legs
    outcome = "completed" if talked else session.outcome or "hung_up"
    return Record(session.request, outcome, event.cause, session.destination or None)


ACTIONS: Final[dict[str, machine.Action]] = {
    "begin": _begin,
    "password_typed": _password_typed,
    "password_checked": _password_checked,
    "check_stuck": _check_stuck,
    "number_typed": _number_typed,
    "dial_time_over": _dial_time_over,
    "let_go": _let_go,
    "not_connected": _not_connected,
    "told": _told,
    "give_up_stuck": _give_up_stuck,
    "kill": _kill,
    "detach": _detach,
    "ended": _ended,
}
