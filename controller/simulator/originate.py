"""Calling out: gateways, attempts one after the other, and what became of each.

FreeSWITCH: ``switch_ivr_originate`` in ``src/switch_ivr_originate.c``.
"""

from __future__ import annotations

import time
import uuid as uuids
from typing import TYPE_CHECKING, Literal

import gevent
import msgspec
from gevent.event import Event as Signal

from controller.simulator.dialstring import DialString, Endpoint
from controller.simulator.events import Value, micros, templates, whole_seconds
from controller.simulator.identity import outgoing
from controller.simulator.legs import Leg
from controller.simulator.line import Line
from controller.simulator.phones import REFUSALS
from controller.simulator.profile import CallerProfile, Times

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator

DIALSTATUS = {
    "ORIGINATOR_CANCEL": "CANCEL",
    "USER_BUSY": "BUSY",
    "NO_ANSWER": "NOANSWER",
    "DESTINATION_OUT_OF_ORDER": "INVALIDARGS",
    "CALL_REJECTED": "DONTCALL",
}
_DEFAULT_TIMEOUT = 60


class Gateway(msgspec.Struct):
    """An outgoing trunk; ``down``: nothing listens there. ``port`` only shows in events."""

    name: str
    state: Literal["up", "down"] = "up"
    port: str = "5090"


class Result(msgspec.Struct):
    """The leg that was answered, or why there is none; one (uuid, cause) for each leg."""

    leg: Leg | None
    cause: str
    causes: list[tuple[str, str]]


def dial(simulator: Simulator, dialled: DialString, caller: Leg | None) -> Result:
    """Try group after group; within a group all ring, and the first answer wins."""
    result = Result(None, "NORMAL_CLEARING", [])
    limit = dialled.variables.get("originate_timeout") or (
        (caller.get("call_timeout") or caller.get("originate_timeout")) if caller else None
    )
    seconds = int(limit) if limit and limit.isdigit() else _DEFAULT_TIMEOUT
    deadline = time.monotonic() + whole_seconds(seconds)
    stop = dialled.variables.get("fail_on_single_reject", "")
    if stop and caller is not None:
        # Seen on 1.11.1: with it, `bridge` does not keep `originate_timeout`; `leg_timeout` holds.
        deadline = float("inf")
    for group in dialled.groups:
        _ring(simulator, dialled, group, caller, deadline, result)
        if result.leg or (caller is not None and not caller.ready()):
            break
        if stop == "true" or result.cause in stop.split(","):
            break
        if time.monotonic() >= deadline:
            break
    if caller is not None:
        caller.calling = None
    if caller is not None and not caller.ready() and result.leg is not None:
        result.leg.hangup("ORIGINATOR_CANCEL")
        result.leg = None
    if caller is not None and result.causes and result.leg is None:
        caller.profile.callee_name = "Outbound Call"
        caller.profile.callee_number = group[-1].number
    if result.leg is not None:
        result.leg.watch = None
        if caller is not None:
            for uuid, why in result.causes:
                caller.push("originate_causes", f"{uuid};{why}")
            caller.push("originate_causes", f"{result.leg.uuid};NONE")
            caller.profile.callee_name = "Outbound Call"
            caller.profile.callee_number = result.leg.number
    return result


def _ring(
    simulator: Simulator,
    dialled: DialString,
    group: list[Endpoint],
    caller: Leg | None,
    deadline: float,
    result: Result,
) -> None:
    signal = Signal()

    def changed() -> None:
        signal.set()
        if caller is not None:
            caller.wake()

    legs: list[Leg] = []
    late = "NO_ANSWER"
    for endpoint in group:
        leg = _start(simulator, dialled, endpoint, caller, result)
        if leg is None:
            continue
        legs.append(leg)
        leg.watch = changed
        simulator.spawn(_phone, simulator, leg, endpoint)
        limit = endpoint.variables.get("leg_timeout") or dialled.variables.get("leg_timeout", "")
        if limit.isdigit():
            own = time.monotonic() + whole_seconds(int(limit))
            if own < deadline:
                # Its cause is another one: switch_ivr_originate.c, check_per_channel_timeouts.
                deadline, late = own, "ALLOTTED_TIMEOUT"

    def settled() -> bool:
        return any(leg.answered for leg in legs) or all(leg.cause for leg in legs)

    while not settled() and (left := min(deadline - time.monotonic(), 3600.0)) > 0:
        if caller is not None:
            if not caller.ready():
                break
            caller.wait(left, settled)
        else:
            signal.clear()
            signal.wait(left)
    winner = next((leg for leg in legs if leg.answered and leg.cause is None), None)
    gone = caller is not None and not caller.ready()
    for leg in legs:
        if leg is winner:
            continue
        if leg.cause is None:
            leg.hangup("ORIGINATOR_CANCEL" if gone else "LOSE_RACE" if winner else late)
        cause = leg.cause or "NORMAL_CLEARING"
        result.causes.append((leg.uuid, cause))
        result.cause = cause
        if caller is not None and winner is None:
            _tell_caller(caller, leg, cause)
    if winner is not None:
        result.leg, result.cause = winner, "SUCCESS"


def _tell_caller(caller: Leg, leg: Leg, cause: str) -> None:
    """What stays on the calling leg after a leg that was not answered."""
    if leg.refusal is not None and leg.ended_by == "phone":
        status, phrase = leg.refusal
        if leg.profile.times.progress:
            caller.set("sip_invite_failure_status", str(status))
            caller.set("sip_invite_failure_phrase", phrase)
        caller.set("sip_hangup_phrase", phrase)
        caller.set("last_bridge_proto_specific_hangup_cause", f"sip:{status}")
    caller.set("last_bridge_hangup_cause", cause)
    if leg.profile.times.progress:
        caller.set("originate_signal_bond", leg.uuid)


def _start(
    simulator: Simulator,
    dialled: DialString,
    endpoint: Endpoint,
    caller: Leg | None,
    result: Result,
) -> Leg | None:
    """Make the leg; None, with the cause in the result, if there can be none."""
    given = {**dialled.variables, **endpoint.variables}
    uuid = given.get("origination_uuid") or str(uuids.uuid4())
    gateway = simulator.gateways.get(endpoint.gateway)
    if endpoint.gateway and gateway is None:
        result.cause = "INVALID_GATEWAY"
        return None
    if simulator.taken(uuid):
        result.cause = "DESTINATION_OUT_OF_ORDER"
        return None
    leg = make_leg(simulator, endpoint, uuid, given, caller)
    if caller is not None:
        caller.calling = leg
        caller.push("originated_legs", f"{uuid};Outbound Call;{endpoint.number}")
    return leg


def make_leg(
    simulator: Simulator,
    endpoint: Endpoint,
    uuid: str,
    given: dict[str, str],
    caller: Leg | None,
) -> Leg:
    """An outgoing leg with its profile and variables, and its CHANNEL_CREATE."""
    gateway = simulator.gateways.get(endpoint.gateway)
    port = gateway.port if gateway else endpoint.port
    facts = simulator.facts(uuid=uuid, number=endpoint.number, gateway=endpoint.gateway, port=port)
    above = caller.profile if caller else None
    own_number = given.get("origination_caller_id_number")
    number = own_number or (above.cid_number if above else "0000000000")
    name = given.get("origination_caller_id_name") or (above.cid_name if above else "")
    profile = CallerProfile(
        uuid=uuid,
        direction="outbound",
        dialplan=above.dialplan if above else "",
        channel_name=f"sofia/external/{endpoint.number}",
        destination=endpoint.number,
        context=above.context if above else "default",
        source="src/switch_ivr_originate.c",
        cid_name=name,
        cid_number=number,
        orig_cid_name=above.orig_cid_name if above else name,
        orig_cid_number=above.orig_cid_number if above else number,
        callee_name="Outbound Call",
        callee_number=endpoint.number,
        network_addr=above.network_addr if above else "",
        ani=above.ani if above else number,
        rdnis=above.rdnis if above else "",
    )
    if not endpoint.gateway:
        profile.channel_name = endpoint.text.replace("sofia/external/", "sofia/external/", 1)
    now = micros()
    profile.times = Times(profile_created=now, created=now)
    facts.update(cid_name=name, cid_number=number)
    variables = _variables(simulator, endpoint, facts, given, caller)
    role = given.get("callback_leg") or ("destination" if caller else "return")
    leg = Leg(simulator, profile, variables, role)
    leg.call = given.get("callback_request") or (caller.call if caller else None)
    if caller is not None:
        leg.call_uuid = caller.uuid
        leg.other = (
            "originator",
            msgspec.structs.replace(caller.profile, times=Times(), logical_direction="inbound"),
        )
    leg.behaviour = simulator.behaviour(endpoint.number)
    leg.line = Line(leg, leg.behaviour, facts)
    simulator.add(leg)
    leg.note(
        "called",
        caller_id_number=number,
        caller_id_name=name,
        gateway=endpoint.gateway,
        invite=outgoing(leg.variables, name, number, "127.0.0.1"),
    )
    leg.emit("CHANNEL_CREATE")
    return leg


def _variables(
    simulator: Simulator,
    endpoint: Endpoint,
    facts: dict[str, str],
    given: dict[str, str],
    caller: Leg | None,
) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for name, text in templates().outbound.create.items():
        if name == "originate_early_media":
            made.update(_inherited(caller))
            made.update(given)
            if caller is not None:
                made.setdefault("ignore_early_media", "true")
        made[name] = text.format_map(facts)
    if caller is not None:
        made.update(
            originating_leg_uuid=caller.uuid,
            call_uuid=caller.uuid,
            video_media_flow="inactive",
            rtp_use_codec_string="PCMU@8000h@20i",
        )
    if not endpoint.gateway:
        host = endpoint.text.rpartition("@")[2]
        del made["sip_gateway_name"]
        made.update(
            sip_profile_name="external",
            channel_name=endpoint.text,
            sip_destination_url=f"sip:{endpoint.number}@{host}",
            sip_outgoing_contact_uri="<sip:mod_sofia@127.0.0.1:5080>",
        )
    return made


def _inherited(caller: Leg | None) -> dict[str, Value]:
    """What a leg takes over from the one that calls it."""
    if caller is None:
        return {}
    forwards = caller.get("max_forwards")
    found: dict[str, Value] = {
        "max_forwards": str(int(forwards) - 1) if forwards else "70",
        "originator_codec": "PCMU@8000h@20i",
        "originator": caller.uuid,
        "signal_bond": caller.uuid,
        "switch_m_sdp": caller.get("switch_r_sdp") or "",
    }
    for item in (caller.get("export_vars") or "").split(","):
        name = item.removeprefix("nolocal:")
        value = caller.get(item) or caller.get(name)
        if name and value:
            found[name] = value
    return found


def _phone(simulator: Simulator, leg: Leg, endpoint: Endpoint) -> None:
    """The far end of one leg: ring, then do what the phone's behaviour says."""
    gateway = simulator.gateways.get(endpoint.gateway)
    outcome = leg.behaviour.on_call
    if gateway is not None and gateway.state == "down":
        outcome = "unreachable"
    if outcome != "unreachable":
        ringing = {
            name: text.format_map(leg.line.facts)
            for name, text in templates().outbound.ringing.items()
        }
        if not leg.profile.cid_name:
            del ringing["sip_from_display"]
            ringing["sip_full_from"] = ringing["sip_full_from"].removeprefix('"" ')
        leg.variables.update(ringing)
        leg.profile.network_addr = "127.0.0.1"
        leg.mark_ringing()
        if outcome == "no_answer":
            return
        gevent.sleep(leg.behaviour.after)
    else:
        leg.tick()
    if leg.cause is not None:
        return
    if outcome == "answer":
        for name, text in templates().outbound.answer.items():
            leg.variables[name] = text.format_map(leg.line.facts)
        leg.mark_answered()
        return
    cause, status, phrase = REFUSALS[outcome]
    leg.refusal = (status, phrase)
    leg.note("refused", cause=cause, sip=f"{status} {phrase}")
    leg.hangup(cause, by="phone")
