"""``bridge``: call somebody and join the two legs until one ends.

FreeSWITCH: ``audio_bridge_function`` in ``mod_dptools.c``, ``switch_ivr_multi_threaded_bridge`` in
``src/switch_ivr_bridge.c``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from controller.simulator.dialstring import DialStringError, parse
from controller.simulator.events import Event, micros
from controller.simulator.originate import DIALSTATUS, Result, dial

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.switch import Simulator


def bridge(simulator: Simulator, leg: Leg, data: str) -> None:
    """The application. Ends when the conversation ends, or nobody could be reached.

    What an earlier one left on the leg stays, and its causes have those of this one added.
    """
    if (leg.get("preserve_originated_vars") or "true").lower() in {"false", "no", "off", "0"}:
        leg.set("originated_legs", None)
        leg.set("originate_causes", None)
    try:
        dialled = parse(data)
    except DialStringError:
        leg.set("originate_disposition", "DESTINATION_OUT_OF_ORDER")
        leg.set("DIALSTATUS", "INVALIDARGS")
        return
    result = dial(simulator, dialled, leg)
    if result.leg is None:
        _failed(leg, result)
        return
    _joined(simulator, leg, result.leg)


def _failed(leg: Leg, result: Result) -> None:
    if leg.cause is not None:
        return
    leg.tick()
    cause = result.cause
    leg.set("originate_disposition", cause)
    leg.set("DIALSTATUS", DIALSTATUS.get(cause, cause))
    for uuid, why in result.causes:
        leg.push("originate_causes", f"{uuid};{why}")
    leg.set("originate_failed_cause", result.end)
    wanted = leg.get("continue_on_fail") or ""
    if not leg.true("continue_on_fail") and result.end not in wanted.upper().split(","):
        leg.hangup(result.end)


def _joined(simulator: Simulator, a: Leg, b: Leg) -> None:
    """Both legs talk."""
    if not a.answered:
        a.mark_answered()
    now = micros()
    a.profile.times.bridged = b.profile.times.bridged = now
    a.partner, b.partner = b, a
    # Seen from the other end of a bridge the called leg counts as incoming.
    a.other = ("originatee", msgspec.structs.replace(b.profile, logical_direction="inbound"))
    a.set("originate_signal_bond", None)
    a.set("switch_m_sdp", b.get("switch_r_sdp"))
    a.set("video_media_flow", "inactive")
    a.set("text_media_flow", "inactive")
    a.set("originate_disposition", "SUCCESS")
    a.set("DIALSTATUS", "SUCCESS")
    a.set("signal_bond", b.uuid)
    _know(b, a)
    b.set("last_bridge_role", "originatee")
    ends: Event = {"Bridge-A-Unique-ID": a.uuid, "Bridge-B-Unique-ID": b.uuid}
    a.emit("CHANNEL_BRIDGE", before=ends)
    for leg in (a, b):
        leg.note("bridged", **{"with": leg.partner.number if leg.partner else ""})
        leg.line.on("bridge")

    def over() -> bool:
        a.pass_keys()
        return b.cause is not None

    b.pass_keys()
    a.wait(None, over)
    b_ended_first = b.cause is not None
    if b.ended_by == "phone" and b_ended_first and a.ready():
        a.tick()
    a.partner = None
    _know(a, b)
    if b.ended_by == "phone" and b_ended_first:
        a.set("sip_hangup_phrase", "OK")
        a.set("last_bridge_proto_specific_hangup_cause", "sip:200")
    cause = b.cause if b_ended_first and b.cause else "NORMAL_CLEARING"
    if b_ended_first:
        a.set("last_bridge_hangup_cause", cause)
    else:
        # Whatever ended the first leg, for the second it is the plain end of a conversation.
        b.set("last_bridge_hangup_cause", a.cause)
        b.hangup(cause)
    a.set("bridge_hangup_cause", cause)
    if not b.finished:
        b.call_uuid = b.uuid
        b.set("call_uuid", b.uuid)
    a.emit("CHANNEL_UNBRIDGE", before=ends)
    for leg in (a, b):
        leg.note("unbridged", cause=cause)
    if a.ready() and a.true("hangup_after_bridge"):
        a.hangup(cause)


def _know(leg: Leg, other: Leg) -> None:
    """What a leg keeps about the one it was joined to."""
    leg.set("last_bridge_to", other.uuid)
    leg.set("bridge_channel", other.profile.channel_name)
    leg.set("bridge_uuid", other.uuid)
    shown = leg.profile if leg.role == "destination" else other.profile
    name, number = shown.cid_name, shown.cid_number
    if leg.role != "destination":
        name, number = shown.callee_name, shown.callee_number
    leg.set("last_sent_callee_id_name", name)
    leg.set("last_sent_callee_id_number", number)
