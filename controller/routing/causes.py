"""What a hang-up cause says of the channel that a call tried: that it fails, works, or nothing.

By FreeSWITCH's names. Which answer of SIP becomes which cause is in sofia_glue.c,
sofia_glue_sip_cause_to_freeswitch, and was seen on 1.11.1; a trunk may name another one itself
(`Reason: Q.850`), and then that is the cause.
"""

from __future__ import annotations

from typing import Final

#: What means the channel, each with the one word that failures are counted by:
#:
#: - `down`: the switch itself has no use for the gateway, or none of that name.
#: - `silent`: nothing was heard in time, neither by us (`leg_progress_timeout`) nor further on.
#: - `failed`: what is behind it says that it cannot now.
#: - `full`: it has no line left.
#: - `refused`: it does not take such calls, by whomever: its settings and ours do not fit.
CHANNEL_CAUSES: Final[dict[str, str]] = {
    "GATEWAY_DOWN": "down",
    "INVALID_GATEWAY": "down",
    "INVALID_PROFILE": "down",
    "SYSTEM_SHUTDOWN": "down",  # the switch's profile is paused, or the trunk says so of itself
    "PROGRESS_TIMEOUT": "silent",
    "RECOVERY_ON_TIMER_EXPIRE": "silent",  # 408, 504; also our own INVITE that nobody answered
    "NORMAL_TEMPORARY_FAILURE": "failed",  # 400, 481, 500, 503; nothing listens there
    "NETWORK_OUT_OF_ORDER": "failed",  # 502
    "NORMAL_CIRCUIT_CONGESTION": "full",
    "SWITCH_CONGESTION": "full",
    "REQUESTED_CHAN_UNAVAIL": "full",  # also 302, where `outbound_redirect_fatal` is set
    "CHANNEL_UNACCEPTABLE": "full",
    "BEARERCAPABILITY_NOTAVAIL": "full",
    "SERVICE_UNAVAILABLE": "refused",  # 405
    "SERVICE_NOT_IMPLEMENTED": "refused",  # 406, 415, 501
    "INTERWORKING": "refused",  # 413, 420, 421, 423, 513
    "INCOMPATIBLE_DESTINATION": "refused",  # 488, 606: no codec in common
    "EXCHANGE_ROUTING_ERROR": "refused",  # 482, 483: it sends the call in a circle
    "OUTGOING_CALL_BARRED": "refused",
    "BEARERCAPABILITY_NOTAUTH": "refused",
    # 401 and 407 where our password is wrong (904 to the switch); 422, 433, 491, 580.
    "NORMAL_UNSPECIFIED": "refused",
    "BAD_IDENTITY_INFO": "refused",  # 429
    "NO_IDENTITY": "refused",  # 428
    "INVALID_IDENTITY": "refused",  # 438
}

#: What somebody behind the channel says of the number or the person: calls get through it.
PERSON_CAUSES: Final = frozenset(
    {
        "NONE",  # the switch's word, among the causes of legs, for one that was answered
        "NORMAL_CLEARING",
        "USER_BUSY",  # 486, 600
        "BUSY_EVERYWHERE",
        "NO_USER_RESPONSE",  # 480
        "SUBSCRIBER_ABSENT",
        "UNALLOCATED_NUMBER",  # 404
        "NUMBER_CHANGED",  # 410
        "INVALID_NUMBER_FORMAT",  # 484
        "DOES_NOT_EXIST_ANYWHERE",
        "INCOMING_CALL_BARRED",
        "DECLINE",
        "UNWANTED",  # 607
        "REJECT_ALL",
    }
)

# Neither, so that it counts for nothing:
# - CALL_REJECTED: 603 and 608 are the person's, 402 and 403 the trunk's, and both are this cause.
# - NO_ANSWER, ALLOTTED_TIMEOUT: it may have rung to the end, or said nothing at all where a phone
#   rings shorter than a channel may be silent.
# - NO_ROUTE_DESTINATION (485, 604): of this number only, or of the whole trunk; nobody knows.
# - DESTINATION_OUT_OF_ORDER: the switch says it of a uuid that is alive already.
# - ORIGINATOR_CANCEL, LOSE_RACE, MANAGER_REQUEST and the like: our own end.


def group_of(cause: str) -> str | None:
    """Give the word by which a channel's failure is counted; None where a cause is none."""
    return CHANNEL_CAUSES.get(cause)


def means_channel(cause: str) -> bool:
    """Whether a cause says that the channel failed, whoever was called."""
    return cause in CHANNEL_CAUSES


def means_person(cause: str) -> bool:
    """Whether a cause says that the channel works: what failed is behind it."""
    return cause in PERSON_CAUSES
