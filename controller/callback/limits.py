"""The numbers that bound a return call, and what a caller is told of a destination."""

from __future__ import annotations

from typing import Final

from controller.policy.model import Policy
from controller.routing.model import MOST_WAYS

#: T9: how often "press 1" is said, how long after it is waited for, and how long in all, seconds.
MAX_HUMAN: Final = 3
HUMAN_KEY_SECONDS: Final = 5.0
HUMAN_SECONDS: Final = 30.0
#: Wrong passwords in one call (A3).
MAX_TRIES: Final = 3
#: Destinations in a row that were called and not reached.
MAX_UNREACHED: Final = 3
#: How often the credit is said from one menu (C1); more is no conversation.
MAX_CREDIT: Final = 5
MAX_PASSWORD_DIGITS: Final = 20
MAX_NUMBER_DIGITS: Final = 24
#: Keys that are kept ahead of a question; nobody types more in that time.
MAX_AHEAD: Final = 100
#: Until the first key after a question, and between any two keys, seconds.
FIRST_DIGIT_SECONDS: Final = 10.0
DIGIT_SECONDS: Final = 4.0
#: As long a 1 or a 2 in the menu may still become a number (C1).
CHOICE_SECONDS: Final = 2.0
#: The longest that prompts and digits of one question may take before the leg counts as stuck.
QUESTION_SECONDS: Final = 90.0
#: The longest that a last sentence may take which is the operator's: uploads are five minutes long.
OWN_SOUND_SECONDS: Final = 330.0
#: The longest a password check may take, what is looked up, and a leg that was hung up.
CHECK_SECONDS: Final = 10.0
LOOK_UP_SECONDS: Final = 3.0
#: The longest that finding a way may take. Where somebody pays it is held for, and a write waits
#: for others: longer than `store.database.BUSY_SECONDS`.
WAY_SECONDS: Final = 10.0
GONE_SECONDS: Final = 5.0
#: What was typed while a destination rang comes when it is over, at once: it is no next number.
DEAF_SECONDS: Final = 0.15
#: What a bridge may take beyond its ringing.
BRIDGE_SLACK_SECONDS: Final = 10.0

#: The cause by which the switch ends a leg whose time is over.
TIME_OVER: Final = "ALLOTTED_TIMEOUT"

#: A password question that ends without digits sooner than this was not heard: its sound is
#: missing, or the leg has no media. So many in a row are no conversation.
HASTY_SECONDS: Final = 0.5
MAX_HASTY: Final = 3

#: What the switch says of a destination that was not reached, and what the caller is told.
SENTENCES: Final = {
    "USER_BUSY": "destination_busy",
    "NO_ANSWER": "destination_no_answer",
    "NO_USER_RESPONSE": "destination_no_answer",
    "ORIGINATOR_CANCEL": "destination_no_answer",
    # `leg_timeout` before an answer. PROGRESS_TIMEOUT is no ringing: nothing was heard.
    "ALLOTTED_TIMEOUT": "destination_no_answer",
    "UNALLOCATED_NUMBER": "number_wrong",
    "INVALID_NUMBER_FORMAT": "number_wrong",
    # Why there is no way to it at all (`routing.model.Plan`).
    "own_number": "number_not_allowed",
    "emergency": "emergency_not_connected",
    "no_credit": "credit_too_low",
    "no_rate": "number_not_allowed",
    "spend_limit": "credit_too_low",
    "suspicion_sudden_spend": "number_not_allowed",
}
#: Why a destination is not called, over money; a call that ends by it has this for its outcome.
UNPAID: Final = frozenset({"no_credit", "no_rate", "spend_limit", "suspicion_sudden_spend"})


def longest_without_talking(policy: Policy) -> float:
    """Give the longest that a call may last but for its conversations, seconds.

    Every question asked, every destination ringing to the end on as many channels as one call
    tries, the credit told as often as it can be.
    """
    identifying = MAX_TRIES * (2 * QUESTION_SECONDS + CHECK_SECONDS)
    credit = LOOK_UP_SECONDS + QUESTION_SECONDS
    ringing = policy.destination_ring_seconds * MOST_WAYS + BRIDGE_SLACK_SECONDS
    # Choosing, dialling, finding a way, being told how long the call may last, ringing.
    dialling = 2 * policy.dial_seconds + WAY_SECONDS + credit + ringing
    # Whoever asks for his credit has the time for dialling anew each time.
    menus = (policy.dial_seconds + credit) * (MAX_CREDIT + 1) if policy.credit_query else 0.0
    again = credit if policy.credit_query_again else 0.0
    rounds = MAX_UNREACHED * (policy.further_calls + 1)
    goodbye = OWN_SOUND_SECONDS + GONE_SECONDS
    return (
        HUMAN_SECONDS
        + identifying
        + menus
        + rounds * dialling
        + (policy.further_calls + 1) * again
        + goodbye
    )
