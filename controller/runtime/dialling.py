"""What is sent to call somebody: the return call, and the destination."""

from __future__ import annotations

from typing import Final

from controller.callback.effects import Bridge
from controller.callback.limits import TIME_OVER, longest_without_talking
from controller.callback.uuids import leg_uuids
from controller.credit.model import Granted
from controller.esl import commands
from controller.esl.commands import Route
from controller.policy.model import Policy
from controller.routing.causes import PERSON_CAUSES
from controller.routing.model import MOST_WAYS, Plan, Way
from controller.runtime.about import REQUEST_VARIABLE

#: What the person or the number says, or our own end (O6): another channel would only ring it.
#: Not PROGRESS_TIMEOUT: that is a channel of which nothing was heard (`leg_progress_timeout`).
FINAL_CAUSES: Final = tuple(
    sorted(
        (PERSON_CAUSES - {"NONE"})
        | {"ALLOTTED_TIMEOUT", "CALL_REJECTED", "MANAGER_REQUEST", "NO_ANSWER"}
    )
)
#: So long an emergency call may last at least, whatever the extension allows, seconds.
EMERGENCY_SECONDS: Final = 3600
#: No return leg lasts longer, whatever its policy adds up to; a single conversation may.
LONGEST_LEG_SECONDS: Final = 86_400
#: I6, as RFC 3323 has it (section 4.1.1.3).
ANONYMOUS: Final = {
    "origination_caller_id_number": "anonymous",
    "origination_caller_id_name": "Anonymous",
    "sip_from_uri": "sip:anonymous@anonymous.invalid",
    "sip_h_Privacy": "id",
}


def longest_return_leg(policy: Policy) -> int:
    """Give the longest that a return leg can last by this policy, seconds.

    It is the switch's own limit for the leg (M5): every question, every destination ringing to
    the end on each channel, and each conversation as long as it may be; a day at most.
    """
    talking = (policy.further_calls + 1) * policy.longest_call_seconds
    longest = int(longest_without_talking(policy)) + talking
    return min(longest, max(LONGEST_LEG_SECONDS, policy.longest_call_seconds))


def _common(leg: str, call: str, request: str, ring_seconds: int, limit: int) -> dict[str, str]:
    """Give what all ways of a call have in common; `call` is the attempt that its legs are of.

    `leg_timeout` is how long each channel may ring. `originate_timeout` is above all of them: where
    the two are the same, a phone that rang to the end and a channel on which nothing was heard have
    one cause; and `fail_on_single_reject` switches it off in `bridge` (seen on 1.11.1).
    """
    return {
        "callback_leg": leg,
        "callback_call": call,
        REQUEST_VARIABLE: request,
        "originate_timeout": str((ring_seconds + 1) * MOST_WAYS),
        "leg_timeout": str(ring_seconds),
        # Whoever is called may say where to call instead (302): anywhere, at our cost, and again.
        "outbound_redirect_fatal": "true",
        "ignore_early_media": "true",
        # G1: `${…}` and `%[…]` in an application's argument are text on this leg.
        "app_disable_expand_variables": "true",
        # No identity header but ours.
        "sip_cid_type": "none",
        "fail_on_single_reject": ",".join(FINAL_CAUSES),
        "execute_on_answer": f"sched_hangup +{limit} {TIME_OVER}",
    }


def _routes(plan: Plan, legs: tuple[str, ...], ring_seconds: int) -> list[Route]:
    return [
        Route(way.channel, way.number, _own(way, leg, ring_seconds))
        for way, leg in zip(plan.ways, legs, strict=True)
    ]


def _own(way: Way, leg: str, ring_seconds: int) -> dict[str, str]:
    """Give what is of one way: who it shows (I4, I6, I7), and how long it may say nothing.

    That is less than it may ring: else a channel that is dead looks like somebody who does not
    answer. By two seconds, since the switch keeps each to a second.
    """
    shown = way.shown
    silence = min(way.progress_seconds, max(ring_seconds - 2, 1))
    own = {
        "origination_uuid": leg,
        "callback_channel": way.channel,
        "leg_progress_timeout": str(silence),
    }
    if shown.hidden:
        own |= ANONYMOUS
    else:
        own["origination_caller_id_number"] = way.caller_id
        # Without a name the switch would show one of its own ("Outbound Call").
        name = own["origination_caller_id_name"] = shown.name or way.caller_id
        if "/" in name:
            # Of that one it shows what stands behind the last slash (mod_sofia.c,
            # sofia_outgoing_channel), of this one all (seen on 1.11.1).
            own["sip_from_display"] = name
    for header, address in (
        ("P-Asserted-Identity", way.p_asserted),
        ("P-Preferred-Identity", way.p_preferred),
    ):
        if address:
            own[f"sip_h_{header}"] = f"<{address}>"
    return own


def originate_command(
    *,
    policy: Policy,
    request: str,
    attempt: str,
    plan: Plan,
    granted: Granted,
    extension: str,
    context: str,
) -> bytes:
    """Build the return call: into the dialplan, with a limit that the switch keeps by itself.

    The limit is what is granted for it, or else the longest that the policy lets it last.
    """
    limit = granted.return_seconds or longest_return_leg(policy)
    common = {
        **_common("return", attempt, request, policy.return_ring_seconds, limit),
        # Without anybody who pays there is none.
        "callback_charged": str(granted.return_seconds) if granted.charged else "",
        "hangup_after_bridge": "false",
        # Else its identity headers go along to every destination (mod_sofia.c, seen on 1.11.1).
        "sip_copy_custom_headers": "false",
        # A4: what is typed ahead of a password may be the password; the switch keeps all keys that
        # it has heard in a variable of the leg (`digits_dialed`), which calls' records may hold.
        "digits_dialed_filter": "(.+)",
        # Any key cuts what is being said (D2).
        "playback_terminators": "any",
    }
    routes = _routes(plan, leg_uuids(attempt, len(plan.ways)), policy.return_ring_seconds)
    return commands.originate(
        common, routes, extension=extension, context=context, job_uuid=attempt
    )


def bridge_command(bridge: Bridge, event_uuid: str, *, call: str, request: str) -> bytes:
    """Build the call to the destination; the switch itself ends it when its time is over (M5)."""
    longest = bridge.longest_seconds
    if bridge.plan.kind == "emergency":
        longest = max(longest, EMERGENCY_SECONDS)
    common = {
        **_common("destination", call, request, bridge.ring_seconds, longest),
        "callback_position": str(bridge.position),
    }
    routes = _routes(bridge.plan, bridge.legs, bridge.ring_seconds)
    return commands.bridge(common, routes, event_uuid)
