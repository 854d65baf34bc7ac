"""Who is there: a human being, a member of the list, somebody with the password (T9, A1-A5)."""

from __future__ import annotations

from controller.callback.effects import (
    Ask,
    CheckPassword,
    Effect,
    ForgetSecret,
    Identified,
    Note,
)
from controller.callback.events import Key, PasswordChecked, Secret, StepDone, TimerFired
from controller.callback.keys import END, Entry, digits_of, joined
from controller.callback.limits import (
    CHECK_SECONDS,
    DIGIT_SECONDS,
    FIRST_DIGIT_SECONDS,
    HASTY_SECONDS,
    HUMAN_SECONDS,
    MAX_HASTY,
    MAX_HUMAN,
    MAX_PASSWORD_DIGITS,
    MAX_TRIES,
    QUESTION_SECONDS,
)
from controller.callback.menu import after_authentication
from controller.callback.return_session import NOTHING_TYPED, ReturnSession
from controller.callback.said import Prompt
from controller.callback.states import Return
from controller.callback.steps import (
    Step,
    ask,
    change,
    hang_up,
    is_time_over,
    save,
    take_key,
    tell_and_end,
    timed,
)
from controller.numbers.e164 import BadNumber, parse_dialled

#: T9: what a human being presses.
HUMAN_KEY = "1"


def begin(session: ReturnSession, now: float) -> Step:
    """Ask what has to be known before anything else is said."""
    if session.policy.human_check:
        return ask_human(session, now)
    return authenticate(session, now)


def authenticate(session: ReturnSession, now: float) -> Step:
    """Ask for the password, and before it for whom it is, where the policy says so."""
    session = change(session, deadline=0.0)
    if not session.names_member and session.password_hash is None:
        return after_authentication(session, now)
    if session.locked:
        return tell_and_end(session, ("locked_out", "goodbye"), "locked_out", now)
    if session.names_member:
        return _ask_member(session, (), now)
    return _ask_password(session, (), now)


# --- T9 --------------------------------------------------------------------------------------


def ask_human(session: ReturnSession, now: float) -> Step:
    """Ask to press 1, so that an answering machine is asked for nothing else (T9)."""
    if not session.said:
        session = change(session, deadline=now + HUMAN_SECONDS)
    session = change(session, said=session.said + 1)
    return ask(session, Return.HUMAN, ("human_check",))


def human_key(session: ReturnSession, event: Key, now: float) -> Step:
    """Take a key: with 1 the call begins, any other says nothing of who pressed it.

    Which other it was is not kept: it may be of a password that is typed too soon (A4).
    """
    if event.digit != HUMAN_KEY:
        return session, (Note("typed", "(another key)"),)
    session = change(session, keys=NOTHING_TYPED, said=0)
    session, effects = authenticate(session, now)
    return session, (Note("typed", event.digit), *effects)


def nobody_pressed(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """Ask again, or hang up without a word: a machine may be recording."""
    if is_time_over(session) or session.said >= MAX_HUMAN:
        session, effects = hang_up(session, "no_human", now)
        return session, (Note("decided", "no_human"), *effects)
    return ask_human(session, now)


# --- A5 --------------------------------------------------------------------------------------


def _ask_member(session: ReturnSession, sentences: tuple[Prompt, ...], now: float) -> Step:
    session = change(session, deadline=now + QUESTION_SECONDS, member="")
    return ask(session, Return.MEMBER, (*sentences, "number_enter"))


def member_key(session: ReturnSession, event: Key, now: float) -> Step:
    """Take a key of the number for whom somebody calls."""
    return take_key(session, event.digit, now, _member_named)


def member_wait_over(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """The number is complete, or there is none: then that was one try (A3)."""
    keys = session.keys.reveal()
    if not keys:
        return _wrong(session, now)
    return _member_named(session, Entry(keys, ended=False), now)


def _member_named(session: ReturnSession, entry: Entry, now: float) -> Step:
    """Ask for the password, whatever was typed: nobody is told which numbers are on the list.

    What is no number is not kept: it may be the password (A4).
    """
    try:
        number = parse_dialled(digits_of(entry.keys), session.policy.country)
    except BadNumber:
        number = ""
    session = change(session, member=number, keys=Secret(entry.rest))
    session, effects = _ask_password(session, (), now)
    return session, (Note("typed", number or "(no number)"), *effects)


# --- A1-A3 -----------------------------------------------------------------------------------


def _ask_password(session: ReturnSession, sentences: tuple[Prompt, ...], now: float) -> Step:
    keys = session.keys.reveal()
    if END in keys:
        return _check(session, keys, now)
    # Whoever types ahead is not asked any more; what he has typed goes before what is to come.
    prompts = () if keys else (*sentences, "password_enter")
    session = change(session, state=Return.PASSWORD, step=session.step + 1, asked=now)
    session = change(session, pause=0.0, deadline=0.0, ahead=len(keys))
    session, timer = timed(session, now + QUESTION_SECONDS)
    first = DIGIT_SECONDS if keys else FIRST_DIGIT_SECONDS
    question = Ask(session.step, prompts, MAX_PASSWORD_DIGITS, first, DIGIT_SECONDS)
    saved = save(session, Return.MEMBER if session.names_member else Return.PASSWORD)
    return session, (saved, question, timer)


def password_typed(session: ReturnSession, event: StepDone, now: float) -> Step:
    """Take what the switch has read; it is forgotten there before anything else is done (A4)."""
    keys = session.keys.reveal()
    keys, seen = keys[: session.ahead], keys[session.ahead :]
    read = joined(seen, "" if event.digits is None else event.digits.reveal())
    forget: tuple[Effect, ...] = (ForgetSecret(),)
    unheard = not keys and not read and now - session.asked < HASTY_SECONDS
    session = change(session, hasty=session.hasty + 1 if unheard else 0)
    if session.hasty >= MAX_HASTY:
        # Without this the switch would be asked as fast as it answers, unheard.
        session, effects = tell_and_end(session, ("sorry", "goodbye"), "prompts_unheard", now)
    elif not keys and not read:
        session, effects = _wrong(session, now)
    else:
        # An end among the keys of before: what was read after it comes next.
        session, effects = _check(session, keys + read, now)
    return session, (*forget, *effects)


def _check(session: ReturnSession, keys: str, now: float) -> Step:
    typed, _, rest = keys.partition(END)
    session = change(
        session,
        state=Return.CHECKING,
        step=session.step + 1,
        keys=Secret(rest),
        pause=0.0,
        deadline=0.0,
    )
    session, timer = timed(session, now + CHECK_SECONDS)
    member = session.member if session.names_member else None
    check = CheckPassword(session.step, Secret(digits_of(typed)), session.password_hash, member)
    return session, (Note("typed", "(password)"), check, timer)


def password_checked(session: ReturnSession, event: PasswordChecked, now: float) -> Step:
    """Go on with who was right; ask again who was wrong, three times in all (A3)."""
    if event.right is None:
        return check_stuck(session, None, now)
    if not event.right:
        session = change(session, locked=session.locked or event.locked)
        return _wrong(session, now)
    caller = session.caller if event.member is None else event.member
    session = change(session, caller=caller, member="", tries=0)
    session, effects = after_authentication(session, now)
    identified = Identified("" if caller is None else caller.number)
    return session, (Note("decided", "password_right"), identified, *effects)


def _wrong(session: ReturnSession, now: float) -> Step:
    """A number that is not on the list, a wrong password, and none: all sound alike (A3)."""
    session = change(session, tries=session.tries + 1, keys=NOTHING_TYPED)
    note = Note("decided", "password_wrong")
    if session.locked or session.tries >= MAX_TRIES:
        outcome = "password_failed" if session.tries >= MAX_TRIES else "locked_out"
        locked: tuple[Prompt, ...] = ("locked_out",) if session.locked else ()
        session, effects = tell_and_end(
            session, ("password_wrong", *locked, "goodbye"), outcome, now
        )
    elif session.names_member:
        session, effects = _ask_member(session, ("password_wrong",), now)
    else:
        session, effects = _ask_password(session, ("password_wrong",), now)
    return session, (note, *effects)


def check_stuck(session: ReturnSession, event: object, now: float) -> Step:
    """Nobody knows whether it was right."""
    return tell_and_end(session, ("sorry", "goodbye"), "check_failed", now)
