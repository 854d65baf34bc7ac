"""Why a leg ended, in words: hang-up causes as the switch names them."""

from __future__ import annotations

from typing import Final

from controller.web.pages import shown
from controller.web.pages.words import N_, _

#: Those that come of ordinary calls; of any other its name is shown.
CAUSES: Final[dict[str, str]] = {
    "NORMAL_CLEARING": N_("somebody hung up"),
    "NORMAL_UNSPECIFIED": N_("it ended, and the network does not say why"),
    "NONE": N_("it ended, and the switch does not say why"),
    "USER_BUSY": N_("the line was busy"),
    "BUSY_EVERYWHERE": N_("the line was busy everywhere"),
    "NO_ANSWER": N_("nobody answered"),
    "NO_USER_RESPONSE": N_("the telephone did not respond"),
    "ORIGINATOR_CANCEL": N_("it rang, and was given up"),
    "ALLOTTED_TIMEOUT": N_("its time was over"),
    "PROGRESS_TIMEOUT": N_("nothing was heard of it in time"),
    "RECOVERY_ON_TIMER_EXPIRE": N_("the network did not answer in time"),
    "SUBSCRIBER_ABSENT": N_("the telephone is switched off, or out of reach"),
    "USER_NOT_REGISTERED": N_("the telephone is not there"),
    "CALL_REJECTED": N_("the call was rejected"),
    "DECLINE": N_("the call was declined"),
    "INCOMING_CALL_BARRED": N_("the line takes no calls"),
    "OUTGOING_CALL_BARRED": N_("the trunk lets no such call out"),
    "REJECT_ALL": N_("the line rejects such calls"),
    "UNWANTED": N_("the call was marked as unwanted"),
    "DOES_NOT_EXIST_ANYWHERE": N_("there is no such number"),
    "UNALLOCATED_NUMBER": N_("there is no such number"),
    "NUMBER_CHANGED": N_("the number has changed"),
    "INVALID_NUMBER_FORMAT": N_("the network cannot read the number"),
    "MANAGER_REQUEST": N_("an operator ended it"),
    "NORMAL_TEMPORARY_FAILURE": N_("the network failed for the moment"),
    "NETWORK_OUT_OF_ORDER": N_("the network is out of order"),
    "NORMAL_CIRCUIT_CONGESTION": N_("all lines of the network were taken"),
    "SWITCH_CONGESTION": N_("the network had too many calls"),
    "REQUESTED_CHAN_UNAVAIL": N_("the trunk had no free line"),
    "GATEWAY_DOWN": N_("the trunk is down"),
    "INVALID_GATEWAY": N_("the switch does not know the trunk"),
    "DESTINATION_OUT_OF_ORDER": N_("the other side is out of order"),
    "NO_ROUTE_DESTINATION": N_("the network has no way to the number"),
    "SERVICE_UNAVAILABLE": N_("the trunk is not available"),
    "MEDIA_TIMEOUT": N_("no audio came any more"),
    "INTERWORKING": N_("two networks did not understand each other"),
    "INCOMPATIBLE_DESTINATION": N_("the two sides have no codec in common"),
    "BEARERCAPABILITY_NOTAVAIL": N_("the network has no such service now"),
    "LOSE_RACE": N_("another channel answered first"),
    "PICKED_OFF": N_("somebody else took the call"),
    "SYSTEM_SHUTDOWN": N_("the switch was shut down"),
    "CRASH": N_("the switch failed"),
    "PROTOCOL_ERROR": N_("the network did not understand the call"),
    "UNSAFE_TEXT": N_("what was to be sent to the switch was not safe; see the log"),
}


def cause(name: str | None) -> str:
    """Give a cause in words, as part of a sentence; one without words by its name."""
    if not name:
        return shown.NOTHING
    found = CAUSES.get(name)
    return name if found is None else _(found)
