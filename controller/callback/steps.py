"""What several actions of the return leg do: asking, telling, waiting, hanging up."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from controller.callback import stage as stages
from controller.callback.effects import (
    Effect,
    Hangup,
    LookUpCredit,
    Note,
    SaveStage,
    SetTimer,
    Tell,
)
from controller.callback.events import Key, Secret
from controller.callback.keys import Entry, digits_of, entry_of
from controller.callback.limits import (
    CHOICE_SECONDS,
    DIGIT_SECONDS,
    FIRST_DIGIT_SECONDS,
    GONE_SECONDS,
    HUMAN_KEY_SECONDS,
    LOOK_UP_SECONDS,
    MAX_AHEAD,
    OWN_SOUND_SECONDS,
    QUESTION_SECONDS,
)
from controller.callback.return_session import NOTHING_TYPED, ReturnSession
from controller.callback.said import SOUND, Prompt
from controller.callback.states import Return

Step = tuple[ReturnSession, tuple[Effect, ...]]
#: What is done with a complete answer, and what asks a question once more.
Answered = Callable[[ReturnSession, Entry, float], Step]
AskAgain = Callable[[ReturnSession, tuple[Prompt, ...], float], Step]

#: The choices of the menu (C1).
HEAR_CREDIT = "1"
MAKE_A_CALL = "2"


def change(session: ReturnSession, **changes: object) -> ReturnSession:
    """Give the session with some of it changed."""
    return msgspec.structs.replace(session, **changes)


def timed(session: ReturnSession, at: float) -> tuple[ReturnSession, SetTimer]:
    """Have a timer come due at `at`, in place of any before."""
    session = change(session, timer=session.timer + 1)
    return session, SetTimer(session.timer, at)


def wait(session: ReturnSession) -> tuple[ReturnSession, SetTimer]:
    """Wait for a key until it is late, and never beyond the question's own end."""
    at = min(session.pause, session.deadline) if session.pause else session.deadline
    return timed(session, at)


def is_time_over(session: ReturnSession) -> bool:
    """Whether it is the question's own end that has come, and not only a key that is late."""
    return not session.pause or session.deadline <= session.pause


def save(session: ReturnSession, state: Return) -> SaveStage:
    """Leave in the leg where it is, as one that is in `state`."""
    member = "" if session.caller is None else session.caller.number
    return SaveStage(
        stages.write(
            stages.Stage(
                state=state,
                step=session.step,
                tries=session.tries,
                dialled=session.dialled,
                talked=session.talked,
                unreached=session.unreached,
                deadline=session.deadline,
                destination=session.destination,
                member="" if member == session.number else member,
                outcome=session.outcome or "",
            )
        )
    )


def ask(session: ReturnSession, state: Return, prompts: tuple[Prompt, ...]) -> Step:
    """Ask a question that keys answer, until the session's deadline."""
    session = change(
        session,
        state=state,
        step=session.step + 1,
        keys=NOTHING_TYPED,
        playing=True,
        pause=0.0,
    )
    session, timer = wait(session)
    return session, (save(session, state), Tell(session.step, prompts), timer)


def ask_unheard(session: ReturnSession, state: Return, now: float) -> Step:
    """Take what was typed ahead of a question as the beginning of its answer; nothing is played."""
    session = change(session, state=state, step=session.step + 1, playing=False)
    session, timer = wait(change(session, pause=now + pause_after(session)))
    return session, (save(session, state), timer)


def played(session: ReturnSession, event: object, now: float) -> Step:
    """A question's prompts are over: from now on keys are waited for."""
    session = change(session, playing=False)
    if session.keys.reveal():
        return session, ()
    first = HUMAN_KEY_SECONDS if session.state is Return.HUMAN else FIRST_DIGIT_SECONDS
    session, timer = wait(change(session, pause=now + first))
    return session, (timer,)


def pause_after(session: ReturnSession) -> float:
    """Give how long the next key may take, seconds."""
    choice = session.state is Return.MENU and digits_of(session.keys.reveal()) in (
        HEAR_CREDIT,
        MAKE_A_CALL,
    )
    return CHOICE_SECONDS if choice else DIGIT_SECONDS


def with_key(session: ReturnSession, digit: str) -> ReturnSession:
    """Add a key to what was typed."""
    return change(session, keys=Secret(session.keys.reveal() + digit))


def await_key(session: ReturnSession, now: float) -> Step:
    """Wait for the key after this one."""
    session, timer = wait(change(session, pause=now + pause_after(session)))
    return session, (timer,)


def take_key(session: ReturnSession, digit: str, now: float, answered: Answered) -> Step:
    """Add a key to an answer, and take the answer where that completes it."""
    session = with_key(session, digit)
    entry = entry_of(session.keys.reveal())
    return await_key(session, now) if entry is None else answered(session, entry, now)


def ask_in_time(
    session: ReturnSession,
    state: Return,
    prompts: tuple[Prompt, ...],
    now: float,
    answered: Answered,
    *,
    ahead: bool,
) -> Step:
    """Ask what is wanted or dialled, in the time for dialling (D1), which runs from the first time.

    `ahead`: what was typed already counts. Not so after a sentence that nobody expected: who typed
    on did not know of it.
    """
    if not session.deadline:
        session = change(session, deadline=now + session.policy.dial_seconds)
    if session.deadline <= now:
        return dial_time_over(session, now)
    keys = session.keys.reveal()
    if not (ahead and keys):
        return ask(session, state, prompts)
    session, effects = ask_unheard(session, state, now)
    entry = entry_of(keys)
    if entry is None:
        return session, effects
    session, more = answered(session, entry, now)
    return session, (*effects, *more)


def wait_in_time_over(
    session: ReturnSession, now: float, ask_again: AskAgain, answered: Answered
) -> Step:
    """D1 is over, or the pause after the last key, or nobody has typed anything for a while."""
    if is_time_over(session):
        return dial_time_over(session, now)
    keys = session.keys.reveal()
    return answered(session, Entry(keys, ended=False), now) if keys else ask_again(session, (), now)


def keep_key(session: ReturnSession, event: Key, now: float) -> Step:
    """Keep a key for the question that comes next."""
    if len(session.keys.reveal()) >= MAX_AHEAD:
        return session, ()
    return with_key(session, event.digit), ()


def tell_and_end(
    session: ReturnSession, prompts: tuple[Prompt, ...], outcome: str, now: float
) -> Step:
    """Say the last sentence; how the call ended is decided."""
    session = change(
        session,
        state=Return.TELLING,
        step=session.step + 1,
        outcome=outcome,
        keys=NOTHING_TYPED,
        pause=0.0,
    )
    own = any(isinstance(prompt, str) and prompt.startswith(SOUND) for prompt in prompts)
    session, timer = timed(session, now + (OWN_SOUND_SECONDS if own else QUESTION_SECONDS))
    return session, (
        Note("decided", outcome),
        save(session, Return.ENDING),
        Tell(session.step, prompts, final=True),
        timer,
    )


def hang_up(session: ReturnSession, outcome: str, now: float) -> Step:
    """Hang up; how the call ended is `outcome`, unless that was decided before."""
    session = change(
        session,
        state=Return.ENDING,
        step=session.step + 1,
        outcome=session.outcome or outcome,
        keys=NOTHING_TYPED,
    )
    session, timer = timed(session, now + GONE_SECONDS)
    # Whoever comes next hangs up too, and records the end instead of whoever had the leg before.
    return session, (
        save(session, Return.ENDING),
        Hangup(session.step, "NORMAL_CLEARING"),
        timer,
    )


def give_up_stuck(session: ReturnSession, event: object, now: float) -> Step:
    """Hang up a leg on which nothing moves any more."""
    session, effects = hang_up(session, "stuck", now)
    return session, (Note("decided", "stuck"), *effects)


def dial_time_over(session: ReturnSession, now: float) -> Step:
    """D1: the time to dial is over."""
    return tell_and_end(session, ("goodbye",), "dial_time_over", now)


def look_up_credit(session: ReturnSession, then: Return, now: float) -> Step:
    """C2: have the credit found, to be said; `then` is where the call goes on."""
    session = change(
        session,
        state=Return.CREDIT,
        step=session.step + 1,
        after_credit=then,
        playing=False,
        pause=0.0,
        deadline=0.0,
    )
    session, timer = timed(session, now + LOOK_UP_SECONDS)
    # Whoever takes over asks what was to come after it.
    saved = save(session, Return.ENDING if then is Return.TELLING else then)
    return session, (saved, LookUpCredit(session.step), timer)
