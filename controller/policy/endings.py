"""How a return call ended that was not answered, and what follows from it (T5, G4).

One table from the switch's hang-up cause to the outcome that is kept, the kind of failure that it
counts as for retries, and whether it counts against the number. An extension may have causes count
as another kind (`retry_causes`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from controller.policy.fields import Again
from controller.policy.model import Policy
from controller.policy.quiet import quiet_until

_MICROS: Final = 1_000_000
#: A conversation that was over so soon was none (G4), seconds.
SHORT_SECONDS: Final = 5


class Ending(msgspec.Struct, frozen=True):
    """What a hang-up cause means.

    Attributes:
        outcome: the word that is kept.
        again: as which kind of failure it is tried again, or `never`.
        counts: whether it says something about the person's phone, and not about a trunk.

    """

    outcome: str
    again: Again
    counts: bool


_BUSY: Final = Ending("busy", Again.BUSY, counts=True)
_NO_ANSWER: Final = Ending("no_answer", Again.NO_ANSWER, counts=True)
_REJECTED: Final = Ending("rejected", Again.NEVER, counts=True)
_UNALLOCATED: Final = Ending("unallocated", Again.NEVER, counts=True)
#: The trunk's trouble or the network's: it goes by, and is nobody's fault who was called.
_FAILED: Final = Ending("failed", Again.FAILED, counts=False)
#: What a second try cannot mend.
_HOPELESS: Final = Ending("failed", Again.NEVER, counts=False)

#: By FreeSWITCH's names (switch_types.h, switch_call_cause_t). What is not here is `_HOPELESS`:
#: of what nobody has thought of, once is enough.
ENDINGS: Final[dict[str, Ending]] = {
    "USER_BUSY": _BUSY,
    "BUSY_EVERYWHERE": _BUSY,
    "NO_ANSWER": _NO_ANSWER,
    "NO_USER_RESPONSE": _NO_ANSWER,
    "ORIGINATOR_CANCEL": _NO_ANSWER,
    "RECOVERY_ON_TIMER_EXPIRE": _FAILED,
    # The switch's own time-outs: nothing was heard on a channel, or it rang to the end.
    "PROGRESS_TIMEOUT": _FAILED,
    "ALLOTTED_TIMEOUT": _NO_ANSWER,
    # Switched off, or out of reach: as good as no answer.
    "SUBSCRIBER_ABSENT": _NO_ANSWER,
    "USER_NOT_REGISTERED": _NO_ANSWER,
    "CALL_REJECTED": _REJECTED,
    "DECLINE": _REJECTED,
    "INCOMING_CALL_BARRED": _REJECTED,
    "REJECT_ALL": _REJECTED,
    "UNWANTED": _REJECTED,
    "DOES_NOT_EXIST_ANYWHERE": _UNALLOCATED,
    # The operator's own, by the stop switch (O6) or by hand.
    "MANAGER_REQUEST": Ending("stopped", Again.NEVER, counts=False),
    "UNALLOCATED_NUMBER": _UNALLOCATED,
    "NUMBER_CHANGED": _UNALLOCATED,
    "INVALID_NUMBER_FORMAT": _UNALLOCATED,
    "NORMAL_TEMPORARY_FAILURE": _FAILED,
    "NETWORK_OUT_OF_ORDER": _FAILED,
    "NORMAL_CIRCUIT_CONGESTION": _FAILED,
    "SWITCH_CONGESTION": _FAILED,
    "REQUESTED_CHAN_UNAVAIL": _FAILED,
    "GATEWAY_DOWN": _FAILED,
    "INVALID_GATEWAY": _FAILED,
    "DESTINATION_OUT_OF_ORDER": _FAILED,
    "NO_ROUTE_DESTINATION": _FAILED,
    "SERVICE_UNAVAILABLE": _FAILED,
    "MEDIA_TIMEOUT": _FAILED,
    "INTERWORKING": _FAILED,
}


#: What FreeSWITCH has besides (switch_channel.c, CAUSE_CHART): no extension's setting is a cause
#: that there is not.
CAUSES: Final = frozenset(ENDINGS) | {
    "NONE", "NO_ROUTE_TRANSIT_NET", "CHANNEL_UNACCEPTABLE", "CALL_AWARDED_DELIVERED",
    "NORMAL_CLEARING", "REDIRECTION_TO_NEW_DESTINATION", "EXCHANGE_ROUTING_ERROR",
    "FACILITY_REJECTED", "RESPONSE_TO_STATUS_ENQUIRY", "NORMAL_UNSPECIFIED",
    "ACCESS_INFO_DISCARDED", "PRE_EMPTED", "FACILITY_NOT_SUBSCRIBED",
    "OUTGOING_CALL_BARRED", "BEARERCAPABILITY_NOTAUTH", "BEARERCAPABILITY_NOTAVAIL",
    "BEARERCAPABILITY_NOTIMPL", "CHAN_NOT_IMPLEMENTED", "FACILITY_NOT_IMPLEMENTED",
    "SERVICE_NOT_IMPLEMENTED", "INVALID_CALL_REFERENCE", "INCOMPATIBLE_DESTINATION",
    "INVALID_MSG_UNSPECIFIED", "MANDATORY_IE_MISSING", "MESSAGE_TYPE_NONEXIST",
    "WRONG_MESSAGE", "IE_NONEXIST", "INVALID_IE_CONTENTS", "WRONG_CALL_STATE",
    "MANDATORY_IE_LENGTH_ERROR", "PROTOCOL_ERROR", "CRASH", "SYSTEM_SHUTDOWN", "LOSE_RACE",
    "BLIND_TRANSFER", "ATTENDED_TRANSFER", "USER_CHALLENGE", "PICKED_OFF", "INVALID_URL",
    "INVALID_PROFILE", "NO_PICKUP", "SRTP_READ_ERROR", "BOWOUT", "BUSY_EVERYWHERE",
    "DOES_NOT_EXIST_ANYWHERE", "NOT_ACCEPTABLE", "UNWANTED", "NO_IDENTITY",
    "BAD_IDENTITY_INFO", "UNSUPPORTED_CERTIFICATE", "INVALID_IDENTITY", "STALE_DATE",
    "REJECT_ALL",
}  # fmt: skip


def is_final(cause: str) -> bool:
    """Whether a cause is the person's or the network's last word: never again, by no setting."""
    ending = ENDINGS.get(cause)
    return ending is not None and ending.outcome in ("rejected", "unallocated", "stopped")


def ending_of(cause: str, policy: Policy | None) -> Ending:
    """Give what a hang-up cause means for an extension."""
    usual = ENDINGS.get(cause, _HOPELESS)
    again = policy.retry_causes.get(cause) if policy is not None else None
    return usual if again is None else msgspec.structs.replace(usual, again=again)


def next_try(ending: Ending, policy: Policy, *, tried: int, now: int, expires: int) -> int | None:
    """Give when a number is called again, or None where it is not.

    `tried` is how many tries of this callback have failed in the same way, this one included.
    Times are microseconds since 1970.
    """
    allowed = {
        Again.BUSY: policy.retries_busy,
        Again.NO_ANSWER: policy.retries_no_answer,
        Again.FAILED: policy.retries_failed,
        Again.NEVER: 0,
    }[ending.again]
    if tried > allowed:
        return None
    due = now + policy.retry_seconds * _MICROS
    due = quiet_until(policy, due) or due
    return due if due <= expires else None
