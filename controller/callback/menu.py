"""The menu, and the credit that is told (SPEC C1, C2)."""

from __future__ import annotations

from controller.callback import destination
from controller.callback.effects import Note, Tell
from controller.callback.events import Credit, CreditKnown, Key, Secret, StepDone, TimerFired
from controller.callback.keys import Entry, digits_of, is_redial
from controller.callback.limits import MAX_CREDIT, QUESTION_SECONDS
from controller.callback.return_session import NOTHING_TYPED, ReturnSession
from controller.callback.said import Money, Prompt
from controller.callback.states import Return
from controller.callback.steps import (
    HEAR_CREDIT,
    MAKE_A_CALL,
    Step,
    ask_in_time,
    change,
    give_up_stuck,
    look_up_credit,
    take_key,
    timed,
    wait_in_time_over,
)


def after_authentication(session: ReturnSession, now: float) -> Step:
    """Go on with somebody who may: to the menu where he may hear his credit, else to dialling."""
    if session.policy.credit_query and session.caller is not None:
        return ask_choice(session, (), now, ahead=True)
    return destination.begin_dialling(session, now)


def ask_choice(
    session: ReturnSession, sentences: tuple[Prompt, ...], now: float, *, ahead: bool = False
) -> Step:
    """Ask what is wanted (C1), in the time for dialling."""
    prompts = (*sentences, "credit_menu")
    return ask_in_time(session, Return.MENU, prompts, now, _chosen, ahead=ahead)


def menu_key(session: ReturnSession, event: Key, now: float) -> Step:
    """Take a key: 1 and 2 are a choice once nothing more follows them soon."""
    return take_key(session, event.digit, now, _chosen)


def menu_wait_over(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """Take the choice that the pause ends, ask again, or end the time to dial (D1)."""
    return wait_in_time_over(session, now, ask_choice, _chosen)


def _chosen(session: ReturnSession, entry: Entry, now: float) -> Step:
    digits = digits_of(entry.keys)
    choice = "" if is_redial(entry) else digits
    if choice not in (HEAR_CREDIT, MAKE_A_CALL):
        if digits and not session.preset:
            return destination.answered(session, entry, now)
        # D5: there is nothing to dial, but for his own number in the list. Or only `*` or `#` was
        # typed: the menu begins anew (D2).
        session = change(session, keys=Secret(entry.rest))
        wrong = ("number_not_allowed",) if digits else ()
        session, effects = ask_choice(session, wrong, now, ahead=not wrong)
        return session, (Note("typed", "(no choice)"), *effects)
    typed = Note("typed", choice)
    session = change(session, keys=Secret(entry.rest))
    if choice == MAKE_A_CALL:
        session, effects = destination.begin_dialling(session, now)
    elif session.credits >= MAX_CREDIT:
        session, effects = ask_choice(session, ("credit_unknown",), now)
    else:
        session = change(session, credits=session.credits + 1)
        session, effects = look_up_credit(session, Return.MENU, now)
    return session, (typed, *effects)


def credit_known(session: ReturnSession, event: CreditKnown, now: float) -> Step:
    """Say the credit (C2)."""
    if session.playing:
        return session, ()  # it was late, and something else is being said
    return _tell(session, sentence_of(event.credit), now)


def credit_late(session: ReturnSession, event: TimerFired, now: float) -> Step:
    """Nobody has said how much it is; or the sentence does not end."""
    if session.playing:
        return give_up_stuck(session, event, now)
    return _tell(session, ("credit_unknown",), now)


def _tell(session: ReturnSession, sentence: tuple[Prompt, ...], now: float) -> Step:
    session, timer = timed(change(session, playing=True), now + QUESTION_SECONDS)
    return session, (Tell(session.step, sentence), timer)


def credit_told(session: ReturnSession, event: StepDone, now: float) -> Step:
    """Go on where the call was to go on."""
    session = change(session, playing=False)
    if session.after_credit is Return.MENU:
        return ask_choice(session, (), now, ahead=True)
    if session.after_credit is Return.TELLING:
        session = change(session, keys=NOTHING_TYPED)
    return destination.go_on(session, session.after_credit, now)


def sentence_of(credit: Credit | None) -> tuple[Prompt, ...]:
    """Give what is said of a credit."""
    if credit is None:
        return ("credit_unknown",)
    if credit.unlimited:
        return ("credit_unlimited",)
    if credit.micros <= 0:
        return ("credit_none",)
    return ("credit_is", Money(credit.micros, credit.currency))
