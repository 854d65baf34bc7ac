"""Hangup causes: their Q.850 numbers and the SIP answers they stand for.

FreeSWITCH: ``src/switch_channel.c`` (names and numbers), ``mod_sofia.c``
(``hangup_cause_to_sip``).
"""

from typing import Final

Q850: Final[dict[str, int]] = {
    "NONE": 0,
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_TRANSIT_NET": 2,
    "NO_ROUTE_DESTINATION": 3,
    "CHANNEL_UNACCEPTABLE": 6,
    "NORMAL_CLEARING": 16,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    "EXCHANGE_ROUTING_ERROR": 25,
    "DESTINATION_OUT_OF_ORDER": 27,
    "INVALID_NUMBER_FORMAT": 28,
    "FACILITY_REJECTED": 29,
    "NORMAL_UNSPECIFIED": 31,
    "NORMAL_CIRCUIT_CONGESTION": 34,
    "NETWORK_OUT_OF_ORDER": 38,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "SWITCH_CONGESTION": 42,
    "REQUESTED_CHAN_UNAVAIL": 44,
    "OUTGOING_CALL_BARRED": 52,
    "INCOMING_CALL_BARRED": 54,
    "BEARERCAPABILITY_NOTAUTH": 57,
    "BEARERCAPABILITY_NOTAVAIL": 58,
    "SERVICE_UNAVAILABLE": 63,
    "SERVICE_NOT_IMPLEMENTED": 79,
    "INCOMPATIBLE_DESTINATION": 88,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    "MANDATORY_IE_LENGTH_ERROR": 103,
    "PROTOCOL_ERROR": 111,
    "INTERWORKING": 127,
    "ORIGINATOR_CANCEL": 16,
    "LOSE_RACE": 16,
    "MANAGER_REQUEST": 16,
    "ALLOTTED_TIMEOUT": 16,
    "MEDIA_TIMEOUT": 16,
    "PICKED_OFF": 16,
    "USER_NOT_REGISTERED": 20,
    "INVALID_GATEWAY": 16,
    "GATEWAY_DOWN": 16,
    "INVALID_PROFILE": 16,
    "CHAN_NOT_IMPLEMENTED": 66,
    "SYSTEM_SHUTDOWN": 16,
}

# What reaches the far end when a call that was never answered is ended with a cause.
SIP: Final[dict[str, tuple[int, str]]] = {
    "UNALLOCATED_NUMBER": (404, "Not Found"),
    "NO_ROUTE_DESTINATION": (404, "Not Found"),
    "USER_BUSY": (486, "Busy Here"),
    "NO_USER_RESPONSE": (408, "Request Timeout"),
    "NO_ANSWER": (480, "Temporarily Unavailable"),
    "SUBSCRIBER_ABSENT": (480, "Temporarily Unavailable"),
    "NORMAL_UNSPECIFIED": (480, "Temporarily Unavailable"),
    "CALL_REJECTED": (603, "Decline"),
    "NUMBER_CHANGED": (410, "Gone"),
    "DESTINATION_OUT_OF_ORDER": (502, "Bad Gateway"),
    "INVALID_NUMBER_FORMAT": (484, "Address Incomplete"),
    "NORMAL_TEMPORARY_FAILURE": (503, "Service Unavailable"),
    "NORMAL_CIRCUIT_CONGESTION": (503, "Service Unavailable"),
    "SWITCH_CONGESTION": (503, "Service Unavailable"),
    "NETWORK_OUT_OF_ORDER": (503, "Service Unavailable"),
    "ORIGINATOR_CANCEL": (487, "CANCEL"),
    "INCOMING_CALL_BARRED": (403, "Forbidden"),
    "OUTGOING_CALL_BARRED": (403, "Forbidden"),
    "SERVICE_NOT_IMPLEMENTED": (501, "Not Implemented"),
    "INCOMPATIBLE_DESTINATION": (488, "Not Acceptable Here"),
}


def cause_name(text: str) -> str:
    """The cause a text names, by name or number; NORMAL_CLEARING for what is no cause."""
    name = text.strip().upper()
    if name in Q850:
        return name
    if name.isdigit():
        return next((known for known, number in Q850.items() if number == int(name)), "NONE")
    return "NORMAL_CLEARING"


def sip_status(cause: str) -> tuple[int, str]:
    """The SIP status and phrase a refusal with this cause has; 480 for the rest."""
    return SIP.get(cause, (480, "Temporarily Unavailable"))
