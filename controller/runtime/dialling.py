"""What is sent to call somebody: the return call, and the destination."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from controller.callback.effects import Bridge
from controller.callback.limits import longest_without_talking
from controller.callerid.resolver import Shown
from controller.esl import commands
from controller.esl.commands import Route
from controller.policy.model import Policy

#: The cause by which the switch ends a leg whose time is over.
TIME_OVER: Final = "ALLOTTED_TIMEOUT"
#: A refusal by the person or the number, or our own end (O6): another gateway would only ring it.
FINAL_CAUSES: Final = (
    "USER_BUSY,NO_ANSWER,NO_USER_RESPONSE,ALLOTTED_TIMEOUT,PROGRESS_TIMEOUT,CALL_REJECTED,"
    "UNALLOCATED_NUMBER,INVALID_NUMBER_FORMAT,MANAGER_REQUEST"
)
#: No return leg lasts longer, whatever its policy adds up to; a single conversation may.
LONGEST_LEG_SECONDS: Final = 86_400


def digits(number: str) -> str:
    """Give an E.164 number as it is sent to a gateway: without its plus."""
    return number.removeprefix("+")


def _ringing(seconds: int) -> dict[str, str]:
    """Give the limits of ringing.

    `fail_on_single_reject` switches `originate_timeout` off in `bridge`, and in `originate` where
    the far end sends early media (seen on 1.11.1: it rang on for ever); `leg_timeout` holds then.
    """
    return {"originate_timeout": str(seconds), "leg_timeout": str(seconds)}


def longest_return_leg(policy: Policy, gateways: int) -> int:
    """Give the longest that a return leg can last by this policy, seconds.

    It is the switch's own limit for the leg (M5): every question, every destination ringing to
    the end on each gateway, and each conversation as long as it may be; a day at most.
    """
    talking = (policy.further_calls + 1) * policy.longest_call_seconds
    longest = int(longest_without_talking(policy, gateways)) + talking
    return min(longest, max(LONGEST_LEG_SECONDS, policy.longest_call_seconds))


def leg_uuids(attempt: str, gateways: Sequence[str]) -> tuple[str, ...]:
    """Give the uuid of an attempt's leg on each gateway; the first is the attempt's own.

    Each gateway's leg needs one of its own: with a common one the second is refused as a
    duplicate of the first.
    """
    seed = uuid.uuid5(uuid.NAMESPACE_OID, attempt)
    others = (str(uuid.uuid5(seed, str(position))) for position in range(1, len(gateways)))
    return (attempt, *others)


def originate_command(
    *,
    policy: Policy,
    number: str,
    request: str,
    attempt: str,
    shown: Shown,
    gateways: Sequence[str],
    extension: str,
    context: str,
) -> bytes:
    """Build the return call: into the dialplan, with a limit that the switch keeps by itself."""
    limit = longest_return_leg(policy, len(gateways))
    common = {
        "callback_leg": "return",
        "callback_request": request,
        "origination_caller_id_number": digits(shown.number),
        # Without a name the switch would show one of its own ("Outbound Call").
        "origination_caller_id_name": shown.name or digits(shown.number),
        **_ringing(policy.return_ring_seconds),
        "ignore_early_media": "true",
        "sip_cid_type": "none",
        "hangup_after_bridge": "false",
        # A4: what is typed ahead of a password may be the password; the switch keeps all keys that
        # it has heard in a variable of the leg (`digits_dialed`), which calls' records may hold.
        "digits_dialed_filter": "(.+)",
        # Any key cuts what is being said (D2).
        "playback_terminators": "any",
        "fail_on_single_reject": FINAL_CAUSES,
        "execute_on_answer": f"sched_hangup +{limit} {TIME_OVER}",
    }
    routes = [
        Route(gateway, digits(number), {"origination_uuid": leg})
        for gateway, leg in zip(gateways, leg_uuids(attempt, gateways), strict=True)
    ]
    return commands.originate(
        common, routes, extension=extension, context=context, job_uuid=attempt
    )


def bridge_command(bridge: Bridge, event_uuid: str) -> bytes:
    """Build the call to the destination; the switch itself ends it when its time is over (M5)."""
    common = {
        "callback_leg": "destination",
        "origination_caller_id_number": digits(bridge.caller_id_number),
        "origination_caller_id_name": bridge.caller_id_name or digits(bridge.caller_id_number),
        **_ringing(bridge.ring_seconds),
        "ignore_early_media": "true",
        "sip_cid_type": "none",
        "fail_on_single_reject": FINAL_CAUSES,
        "execute_on_answer": f"sched_hangup +{bridge.longest_seconds} {TIME_OVER}",
    }
    routes = [
        Route(gateway, digits(bridge.number), {"origination_uuid": leg})
        for gateway, leg in zip(bridge.gateways, bridge.legs, strict=True)
    ]
    return commands.bridge(common, routes, event_uuid)
