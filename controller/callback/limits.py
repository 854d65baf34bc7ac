"""The numbers that bound a return call, and what a caller is told of a destination."""

from __future__ import annotations

from typing import Final

#: Wrong passwords in one call (A3).
MAX_TRIES: Final = 3
#: Destinations called in one return call.
MAX_DIALLED: Final = 3
MAX_PASSWORD_DIGITS: Final = 20
MAX_NUMBER_DIGITS: Final = 24
#: Until the first digit of a password, and between any two digits, seconds.
FIRST_DIGIT_SECONDS: Final = 10.0
DIGIT_SECONDS: Final = 4.0
#: The longest that prompts and digits of one question may take before the leg counts as stuck.
QUESTION_SECONDS: Final = 90.0
#: The longest a password check may take, and a leg that was hung up.
CHECK_SECONDS: Final = 10.0
GONE_SECONDS: Final = 5.0
#: What a bridge may take beyond its ringing.
BRIDGE_SLACK_SECONDS: Final = 10.0

#: A question that ends without digits sooner than this was not heard: its sound is missing, or
#: the leg has no media. So many in a row are no conversation.
HASTY_SECONDS: Final = 0.5
MAX_HASTY: Final = 3

#: What the switch says of a destination that was not reached, and what the caller is told.
SENTENCES: Final = {
    "USER_BUSY": "destination_busy",
    "NO_ANSWER": "destination_no_answer",
    "NO_USER_RESPONSE": "destination_no_answer",
    "ORIGINATOR_CANCEL": "destination_no_answer",
    # What the switch says of its own time-outs where a dial string names several gateways:
    # `originate_timeout`, and `leg_timeout` before an answer.
    "PROGRESS_TIMEOUT": "destination_no_answer",
    "ALLOTTED_TIMEOUT": "destination_no_answer",
    "UNALLOCATED_NUMBER": "number_wrong",
    "INVALID_NUMBER_FORMAT": "number_wrong",
}
