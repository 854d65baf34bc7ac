"""An outgoing leg: its profile and variables, and the phone at its far end.

FreeSWITCH: ``switch_ivr_originate`` in ``src/switch_ivr_originate.c``, ``sofia_outgoing_channel``
in ``mod_sofia.c``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
import msgspec

from controller.simulator.dialstring import Endpoint
from controller.simulator.events import Value, micros, templates
from controller.simulator.identity import outgoing
from controller.simulator.legs import Leg
from controller.simulator.line import Line
from controller.simulator.phones import REFUSALS
from controller.simulator.profile import CallerProfile, Times

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator


def make_leg(
    simulator: Simulator,
    endpoint: Endpoint,
    uuid: str,
    common: dict[str, str],
    caller: Leg | None,
) -> Leg:
    """An outgoing leg with its profile and variables, and its CHANNEL_CREATE.

    ``common``: the variables of all legs of the dial string; see `variables_of`.
    """
    given = {**common, **endpoint.variables}
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
    variables = _variables(endpoint, facts, variables_of(common, endpoint), caller)
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
        invite=outgoing(leg.variables, name, number, "127.0.0.1", gateway),
    )
    leg.emit("CHANNEL_CREATE")
    return leg


def variables_of(common: dict[str, str], endpoint: Endpoint) -> dict[str, str]:
    """The variables that a leg gets of the dial string.

    Who it shows and its uuid are its own before those of all legs; of all else those of all legs
    win (seen on 1.11.1 with ``leg_progress_timeout``), unless they say ``local_var_clobber``.
    """
    own = endpoint.variables
    if common.get("local_var_clobber", "").lower() in {"true", "yes", "on", "1"}:
        return {**common, **own}
    first = {name: value for name, value in own.items() if name.startswith("origination_")}
    return {**own, **common, **first}


def _variables(
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
    if (caller.get("sip_copy_custom_headers") or "true").lower() in {"true", "yes", "on", "1", "t"}:
        # Its own headers go on to whom it is joined to: mod_sofia.c, sofia_outgoing_channel.
        found |= {name: value for name, value in caller.variables.items() if name[:6] == "sip_h_"}
    for item in (caller.get("export_vars") or "").split(","):
        name = item.removeprefix("nolocal:")
        value = caller.get(item) or caller.get(name)
        if name and value:
            found[name] = value
    return found


def answer(simulator: Simulator, leg: Leg, endpoint: Endpoint) -> None:
    """The far end of one leg: ring, then do what the phone's behaviour says."""
    gateway = simulator.gateways.get(endpoint.gateway)
    outcome = leg.behaviour.on_call
    if gateway is not None and gateway.state == "fail":
        outcome = "unreachable"
    if outcome == "silent" or (gateway is not None and gateway.state == "silent"):
        return
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
