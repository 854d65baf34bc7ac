"""The return leg: its beginning, its end, and what each row of its table does.

Who is there is the business of `authentication`, what he chooses of `menu`, whom he calls of
`destination`.
"""

from __future__ import annotations

from typing import Final

from controller.callback import authentication, destination, machine, menu, steps
from controller.callback import stage as stages
from controller.callback.effects import (
    CallOver,
    Effect,
    ForgetSecret,
    Kill,
    NotCalled,
    Note,
    Record,
    Release,
)
from controller.callback.events import LegEnded, ReturnAttached, ReturnEvent, StepDone
from controller.callback.limits import GONE_SECONDS, TIME_OVER
from controller.callback.return_session import ReturnSession
from controller.callback.return_table import RETURN
from controller.callback.states import Return
from controller.callback.steps import Step, change, timed

#: Where a destination may be under way, as far as this session knows.
MAY_BE_CALLING: Final = frozenset(
    {Return.NEW, Return.CONNECTING, Return.BRIDGING, Return.TALKING, Return.DETACHED}
)

#: What the dialplan has said by itself, as it calls that (`LegEnded.said`).
GOODBYE: Final = "goodbye"
CUT: Final = "time_over"


def step(session: ReturnSession, event: ReturnEvent, now: float) -> Step:
    """Take one event; `now` is seconds since 1970."""
    return machine.step(RETURN, ACTIONS, session, event, now)


def _begin(session: ReturnSession, event: ReturnAttached, now: float) -> Step:
    stage = stages.read(event.stage)
    if stage is None:
        return authentication.begin(session, now)
    session = change(
        session,
        step=max(stage.step, session.step),  # never back: a late answer must stay stale
        tries=stage.tries,
        dialled=stage.dialled,
        talked=stage.talked,
        unreached=stage.unreached,
        deadline=min(stage.deadline, now + session.policy.dial_seconds),  # clocks differ
        destination=stage.destination,
        outcome=stage.outcome or None,
    )
    if stage.state is Return.BRIDGING:
        return destination.after_bridge(
            session,
            destination.BridgeOutcome(
                talked_to=event.last_bridge_to,
                hangup_cause=event.bridge_hangup_cause,
                disposition=event.originate_disposition,
                failed=event.failed,
            ),
            now,
        )
    if stage.state is Return.ENDING:
        return steps.hang_up(session, "hung_up", now)
    # Whoever had the leg may have left it in the middle of a password, or of finding a way to a
    # destination: of one that is over already nothing more is kept, and nothing is held.
    over: tuple[Effect, ...] = ()
    if stage.dialled:
        over = (CallOver(stage.dialled, None),)
        if event.last_bridge_to not in session.destination_legs:
            over = (*over, NotCalled(stage.dialled))
    session, effects = _ask_again(session, stage.state, now)
    return session, (Note("decided", "taken_over"), ForgetSecret(), *over, *effects)


def _ask_again(session: ReturnSession, state: Return, now: float) -> Step:
    """Ask what was being asked when the leg was left."""
    if state is Return.HUMAN:
        return authentication.begin(session, now)
    if state in (Return.MEMBER, Return.PASSWORD):
        return authentication.authenticate(session, now)
    if state is Return.MENU:
        return menu.ask_choice(session, (), now)
    if session.preset:
        return destination.begin_dialling(session, now)
    return destination.ask_destination(session, (), now)


def _told(session: ReturnSession, event: StepDone, now: float) -> Step:
    return steps.hang_up(session, "completed", now)


def _kill(session: ReturnSession, event: object, now: float) -> Step:
    session, timer = timed(session, now + GONE_SECONDS)
    return session, (Kill("NORMAL_CLEARING"), timer)


def _detach(session: ReturnSession, event: object, now: float) -> Step:
    return change(session, state=Return.DETACHED, timer=session.timer + 1), ()


def _ended(session: ReturnSession, event: LegEnded, now: float) -> Step:
    after = change(session, state=Return.ENDED, timer=session.timer + 1)
    last = stages.read(event.stage)
    if last is not None and last.step > session.step:
        # Somebody went on with the leg since, and records its end.
        return after, (Release(),)
    return after, (*_record(session, event), Release())


def record_of_unseen_end(session: ReturnSession, event: LegEnded) -> tuple[Effect, ...]:
    """Record the end of a return leg that no controller held, by what its variables say.

    `session` is a new one of that leg: only its request and uuid are known.
    """
    last = stages.read(event.stage)
    if last is None:
        return (Record(session.request, "no_controller", event.cause),)
    session = change(
        session,
        dialled=last.dialled,
        talked=last.talked,
        outcome=last.outcome or None,
        destination=last.destination,
    )
    return _record(session, event)


def _record(session: ReturnSession, event: LegEnded) -> tuple[Effect, ...]:
    leg = event.talked_to if event.talked_to in session.destination_legs else None
    talked = session.talked > 0 or leg is not None
    left = "hung_up"
    if event.charged and event.cause == TIME_OVER:
        left = "spend_limit" if event.spend_limit else "credit_over"
    outcome = "completed" if talked else session.outcome or left
    record = Record(session.request, outcome, event.cause, session.destination or None)
    # Whoever does not drive the leg does not know whether the last destination is over: of one that
    # is nothing more is kept.
    if session.state not in MAY_BE_CALLING or not session.dialled:
        return (record,)
    if event.said in (GOODBYE, CUT) and leg is not None:
        return (*_parted(session, event, leg), record)
    over = CallOver(session.dialled, event.cause, leg, event.failed)
    # Whether anybody talked is the switch's to say: nobody knows where it was not heard.
    if leg is not None or session.state is Return.TALKING or event.stage is None:
        return over, record
    return over, NotCalled(session.dialled), record


def _parted(session: ReturnSession, event: LegEnded, leg: str) -> tuple[Effect, ...]:
    """The switch has said the last sentence by itself, after the conversation with `leg`."""
    last = ("goodbye",) if event.said == GOODBYE else destination.last_words(session, TIME_OVER)
    return (
        CallOver(session.dialled, event.talk_ended, leg, event.failed),
        Note("decided", f"talked {event.talk_ended or ''}".strip()),
        Note("decided", "completed"),
        Note("said", " ".join(str(prompt) for prompt in last)),
    )


ACTIONS: Final[dict[str, machine.Action]] = {
    "begin": _begin,
    "played": steps.played,
    "keep_key": steps.keep_key,
    "human_key": authentication.human_key,
    "nobody_pressed": authentication.nobody_pressed,
    "member_key": authentication.member_key,
    "member_wait_over": authentication.member_wait_over,
    "password_typed": authentication.password_typed,
    "password_checked": authentication.password_checked,
    "check_stuck": authentication.check_stuck,
    "menu_key": menu.menu_key,
    "menu_wait_over": menu.menu_wait_over,
    "credit_known": menu.credit_known,
    "credit_late": menu.credit_late,
    "credit_told": menu.credit_told,
    "destination_key": destination.destination_key,
    "destination_wait_over": destination.destination_wait_over,
    "time_known": destination.time_known,
    "time_told": destination.time_told,
    "route_found": destination.route_found,
    "connecting_late": destination.connecting_late,
    "let_go": destination.let_go,
    "not_connected": destination.not_connected,
    "told": _told,
    "give_up_stuck": steps.give_up_stuck,
    "kill": _kill,
    "detach": _detach,
    "ended": _ended,
}
