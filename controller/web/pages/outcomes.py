"""What became of a callback, in sentences for whoever runs a telephone system.

Every word that a callback, a try or a destination can end with has one (T10, I9); a test looks for
all of them where they are made. Nothing here speaks of commands: those have words of their own.
"""

from __future__ import annotations

from typing import Final

from controller.web.pages import shown
from controller.web.pages.words import N_, _

#: How a callback ended that was made, or was to be.
ENDED: Final[dict[str, str]] = {
    "completed": N_("People talked: the caller was connected with whom he dialled."),
    "hung_up": N_("The caller answered, and hung up before he was connected with anybody."),
    "password_failed": N_("The caller typed a wrong password, or none, three times."),
    "locked_out": N_(
        "Too many passwords were wrong before: none is heard for a while. A lock-out can be "
        "released."
    ),
    "no_human": N_("The call was answered and nobody pressed 1: perhaps an answering machine."),
    "dial_time_over": N_("The caller dialled no number within the time that he has for it."),
    "not_reached": N_("Nobody was reached at any of the numbers that the caller dialled."),
    "busy": N_("The caller's line was busy."),
    "no_answer": N_("The caller did not answer."),
    "rejected": N_("The caller's telephone, or his network, refused the call."),
    "unallocated": N_("The network says that there is no such number."),
    "failed": N_("The trunk, or the network behind it, could not connect the call."),
    "no_controller": N_("The call was answered when no controller was there to speak to it."),
    "prompts_unheard": N_(
        "The questions could not be played: a sound is missing on the switch, or no audio came "
        "through."
    ),
    "check_failed": N_("The password could not be checked: a fault of this service, see its log."),
    "stuck": N_("The call did not go on: a fault of this service, see its log."),
    "unknown": N_(
        "Nobody knows what became of the call: the switch that had it died. It is not made again "
        "by itself, since the caller may have been called."
    ),
    "expired": N_("It could not be made before it expired."),
    "no_channel": N_("No channel takes the number, or none could be used until it expired."),
    "no_credit": N_("There was too little credit for the callback, or for the number dialled."),
    "no_rate": N_("The price list of whoever pays has no price for the number."),
    "spend_limit": N_("The extension's calls had cost as much as they may."),
    "credit_over": N_("The credit was used up before the caller was connected with anybody."),
    "too_often_number": N_("The number had as many callbacks as it may have in this time."),
    "too_often_block": N_(
        "The numbers that differ from it in the last two digits had as many callbacks as they may "
        "have in this time."
    ),
    "too_often_did": N_("The number that was rung had as many callbacks as it may have."),
    "too_often_extension": N_("The extension had as many callbacks as it may have in this time."),
    "too_often_client": N_("The client's extensions had as many callbacks as they may have."),
    "too_often_node": N_("Every switch made as many callbacks as it may, for too long."),
    "too_often_all": N_("As many callbacks were made as may be in all, for too long."),
    "unanswered_too_often_block": N_(
        "Too many return calls to the numbers that differ from it in the last two digits came to "
        "nothing."
    ),
    "unanswered_too_often_extension": N_("Too many of the extension's calls came to nothing."),
    "too_many_calls_extension": N_("The extension had as many calls at a time as it may have."),
    "too_many_calls_client": N_("The client had as many calls at a time as it may have."),
    "too_many_calls_all": N_("There were as many calls at a time as there may be in all."),
    "suspicion_sequential_numbers": N_(
        "It looks like fraud: too many numbers like it rang within an hour."
    ),
    "suspicion_many_extensions": N_(
        "It looks like fraud: the number rang through too many extensions within an hour."
    ),
    "suspicion_short_answers": N_(
        "It looks like fraud: calls to the number were over at once, again and again."
    ),
    "suspicion_sudden_spend": N_(
        "It looks like fraud: suddenly much more was spent there than is usual."
    ),
    "extension_gone": N_("The extension was removed meanwhile."),
    "cancelled": N_("It was cancelled before it was made."),
}

#: Why nobody is called back; most of it counts also for one that is pending when it comes to that.
REFUSED: Final[dict[str, str]] = {
    "hung_up_early": N_("The caller hung up before his call was refused."),
    "unknown_did": N_("The number that was rung belongs to no extension."),
    "stopped": N_("Callbacks are stopped, or were when it was to be made."),
    "disabled": N_("The extension, or its client, is switched off."),
    "hidden": N_("The caller hides his number, so that nobody knows whom to call back."),
    "not_digits": N_("What came as the caller's number is no number."),
    "not_a_number": N_("What came as the caller's number is in no country's numbering plan."),
    "not_authorised": N_(
        "The number is not among the extension's authorised CallerIDs, or is switched off there."
    ),
    "own_number": N_("The number is one of our own access numbers: it would call itself."),
    "costly_number": N_("The number is of a kind that costs more than a call."),
    "blocked": N_("The number, its country or its kind is blocked for the extension or client."),
    "country_not_allowed": N_("The extension calls nobody back in that country."),
    "type_not_allowed": N_("The extension calls back no numbers of that kind."),
    "risky_range": N_("The number is in a range that is known for fraud."),
    "called_elsewhere": N_("The number is being called back for another extension just now."),
    "unanswered_too_often": N_("The last callbacks to the number came to nothing, too often."),
    "quiet_hours": N_("It would have expired before the quiet hours end."),
}

#: Why a call was not placed at all (I9), as its plan or its transcript has it.
UNPLACED: Final[dict[str, str]] = {
    "no_channel": N_("No channel takes the number, or none can be used."),
    "no_caller_id": N_("There is no number to show, and hiding it was not asked for."),
    "own_number": N_("The number is one of our own access numbers."),
    "emergency": N_("It is an emergency number, and those are not connected here."),
    "no_credit": N_("There was too little credit for it."),
    "no_rate": N_("The price list of whoever pays has no price for the number."),
    "spend_limit": N_("The extension's calls had cost as much as they may, or nearly."),
    "suspicion_sudden_spend": N_(
        "It looks like fraud: suddenly much more was spent there than is usual."
    ),
    # Of return calls these say something else.
    "country_not_allowed": N_("The extension calls no numbers in that country."),
    "type_not_allowed": N_("The extension calls no numbers of that kind."),
    "special_number": N_("It is a short number that is nobody's telephone."),
    "late": N_("Finding a way to it took too long."),
}

#: Where one is that is not over.
STATES: Final[dict[str, str]] = {
    "pending": N_("It is still to be made."),
    "calling": N_("The caller is being called."),
    "answered": N_("The caller answered, and the call goes on."),
}

#: Why a channel was not used for a call.
PASSED: Final[dict[str, str]] = {
    "off": N_("It is switched off."),
    "not_its_number": N_("It does not take this number."),
    "closed": N_("It is outside its hours."),
    "down": N_("The switch says that it is down."),
    "full": N_("It had as many calls as it may."),
    "no_caller_id": N_("There is no number to show on it."),
    "beyond": N_("As many channels as one call tries came before it."),
}

#: What is good news, as outcomes go; and what only says that the caller was not there.
GOOD: Final = frozenset({"completed"})
NEUTRAL: Final = frozenset({"busy", "no_answer", "hung_up", "cancelled", "hung_up_early"})


def said(outcome: str) -> str:
    """Give the sentence of an outcome or a reason; one of a later release is given as it is."""
    found = ENDED.get(outcome) or REFUSED.get(outcome) or UNPLACED.get(outcome)
    return shown.word(outcome) if found is None else _(found)


def why(state: str, outcome: str | None) -> str:
    """Say what became of a callback, or where it is."""
    now = STATES.get(state)
    if now is None:
        return shown.NOTHING if outcome is None else said(outcome)
    if outcome is None:
        return _(now)
    return _("%(now)s The last try: %(tried)s") % {"now": _(now), "tried": said(outcome)}


def unplaced(reason: str) -> str:
    """Say why a call was not placed."""
    found = UNPLACED.get(reason) or REFUSED.get(reason)
    return shown.word(reason) if found is None else _(found)


def tone(state: str, outcome: str | None) -> str:
    """Give the class of a tag: `good`, `bad`, `warn` or none."""
    if state in STATES:
        return "warn"
    if outcome in GOOD:
        return "good"
    return "" if outcome is None or outcome in NEUTRAL else "bad"
