"""What the words mean that say how a call ended, why there was none, and which way it took."""

from __future__ import annotations

from typing import Final

#: How a callback ended that was made, or was to be.
ENDED: Final[dict[str, str]] = {
    "completed": "A conversation took place.",
    "hung_up": "It was answered, and the caller left before a conversation.",
    "password_failed": "Three passwords were wrong.",
    "locked_out": "Too many passwords were wrong: none is heard for a while (callbackd lockout).",
    "no_human": "Nobody pressed 1: it may have been an answering machine (T9: --human-check).",
    "dial_time_over": "No destination was dialled within the time.",
    "not_reached": "Three destinations were called, and none was reached.",
    "busy": "The line was busy.",
    "no_answer": "Nobody answered.",
    "rejected": "The call was rejected.",
    "unallocated": "The network has no such number.",
    "failed": "The network, or the trunk, could not connect it; `cause` says more.",
    "no_controller": "It was answered, and no controller was there.",
    "prompts_unheard": "A prompt is missing on the switch, so that no question was heard.",
    "check_failed": "A password could not be checked: a fault of ours; see the logs.",
    "stuck": "It did not go on: a fault of ours; see the logs.",
    "unknown": "Nobody knows what became of it: a switch died. It is not called again by itself.",
    "expired": "It could not be made in time.",
    "no_channel": "No channel took the number, or none could be used, until it expired.",
    "no_credit": "The account had too little for the callback, or for its destination (M3, M4).",
    "no_rate": "The account's price list has no rate for the number (callbackd rate).",
    "spend_limit": "The extension's calls had cost as much as they may (--most-spent-per-…).",
    "credit_over": "The caller was cut before a conversation: the credit was used (M5).",
    "too_often_number": "The number had as many callbacks as it may have (G3).",
    "too_often_block": "The numbers that differ from it in their last two digits had as many (G3).",
    "too_often_did": "The number that was rung had as many callbacks as it may have (G3).",
    "too_often_extension": "The extension had as many callbacks as it may have (G3).",
    "too_often_client": "The client's extensions had as many callbacks as they may have (G3).",
    "too_often_node": "Each node made as many as it may, for too long (G3: the settings' `guard`).",
    "too_often_all": "As many were made as there may be, for too long (G3: the settings' `guard`).",
    "unanswered_too_often_block": (
        "Too many return calls to the numbers that differ from it in their last two digits came to "
        "nothing (G3)."
    ),
    "unanswered_too_often_extension": "Too many of its extension's calls came to nothing (G3).",
    "too_many_calls_extension": "The extension had as many calls at a time as it may have (G3).",
    "too_many_calls_client": "The client's extensions had as many calls at a time together (G3).",
    "too_many_calls_all": "There were as many calls at a time as there may be in all (G3).",
    "suspicion_sequential_numbers": "Too many numbers like it rang (G3: callbackd suspicion).",
    "suspicion_many_extensions": "It rang through too many extensions (G3: callbackd suspicion).",
    "suspicion_short_answers": (
        "Return calls to it were over at once, again and again (G3: callbackd suspicion)."
    ),
    "suspicion_sudden_spend": (
        "Much more was spent than is usual there, and suddenly (G3: callbackd suspicion)."
    ),
    "extension_gone": "The extension was removed meanwhile.",
    "cancelled": "It was cancelled before it was made.",
}

#: Why a callback was refused; most of it counts also for one that is pending when it comes to that.
REFUSED: Final[dict[str, str]] = {
    "hung_up_early": "The caller hung up before he was refused (T2: --early-hang-up).",
    "unknown_did": "The number that was rung reaches no extension.",
    "stopped": "Callbacks are stopped, or were when it was to be made (O6: callbackd stops).",
    "disabled": "The extension, or its client, is off.",
    "hidden": "The caller hid his number (T4).",
    "not_digits": "What came as the caller's number has more than digits.",
    "not_a_number": "What came as the caller's number is in no country's plan.",
    "not_authorised": "The number is not on the extension's list, or is switched off there (T3).",
    "own_number": "The number is one of our own access numbers: it would call itself (T7).",
    "costly_number": "The number is of a kind that costs more than a call (G2).",
    "blocked": "The number, its country or its kind is blocked (G2), here or for the client.",
    "country_not_allowed": "The extension calls back in other countries only (--return-country).",
    "type_not_allowed": "The extension calls back numbers of other kinds only (--return-type).",
    "risky_range": "The number is in a range that is known for fraud (G2; see --return-prefix).",
    "called_elsewhere": "The number is being called back for another extension (T7).",
    "unanswered_too_often": "The last callbacks to the number came to nothing, too often (G4).",
    "quiet_hours": "It would have expired before the quiet hours end (--quiet-until).",
}

#: Why a call was not placed at all (I9), as its plan has it.
UNPLACED: Final[dict[str, str]] = {
    "no_channel": "No channel takes the number, or none could be used.",
    "no_caller_id": "No number is left to show, and hiding it was not asked for (I2).",
    "own_number": "The number is one of our own access numbers.",
    "emergency": "It is an emergency number, and those are not connected here.",
    "no_credit": "The account had too little for it (M4).",
    "no_rate": "The account's price list has no rate for the number (M2).",
    "spend_limit": "The extension's calls had cost as much as they may, or nearly (G3).",
    "suspicion_sudden_spend": "Much more was spent on calls than is usual there (G3).",
    "special_number": "It is a short number that is nobody's telephone.",
}

#: Where one is that has no outcome yet.
_STATES: Final[dict[str, str]] = {
    "pending": "It is still to be made.",
    "calling": "It is being called.",
    "answered": "It was answered, and goes on.",
}


def why(state: str, outcome: str | None) -> str:
    """Say in a sentence what became of a callback, or where it is."""
    now = _STATES.get(state)
    if outcome is None:
        return now or "-"
    said = ENDED.get(outcome) or REFUSED.get(outcome) or UNPLACED.get(outcome) or outcome
    return said if now is None else f"{now} The last try: {said}"
