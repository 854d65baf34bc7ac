"""The life of a leg that runs a dialplan: incoming calls, return calls, transfers.

FreeSWITCH: ``src/switch_core_state_machine.c``, ``switch_ivr_session_transfer`` in
``src/switch_ivr.c``.
"""

from __future__ import annotations

import time
import uuid as uuids
from typing import TYPE_CHECKING

import msgspec

from controller.simulator.dialplan import Action
from controller.simulator.events import Value, micros, templates
from controller.simulator.identity import incoming
from controller.simulator.legs import Leg
from controller.simulator.line import Line
from controller.simulator.phones import Behaviour, TriggerCall
from controller.simulator.profile import CallerProfile, Times

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator


def place(simulator: Simulator, call: TriggerCall, context: str) -> Leg:
    """A call from outside comes in; its dialplan runs from now on."""
    uuid = str(uuids.uuid4())
    now = micros()
    seen = incoming(call.caller, call.name, call.headers, call.host)
    display = f'"{call.name}" ' if call.name else ""
    facts = simulator.facts(uuid=uuid, caller=call.caller, did=call.did, now=str(now))
    facts["caller_stripped"] = call.caller.removeprefix("+")
    host = call.host or "127.0.0.1:5070"
    facts["full_from"] = f"{display}<sip:{call.caller}@{host}>;tag={facts['from_tag']}"
    profile = CallerProfile(
        uuid=uuid,
        direction="inbound",
        username=call.caller,
        dialplan="XML",
        channel_name=f"sofia/external/{call.caller}@{host}",
        destination=call.did,
        context=context,
        source="mod_sofia",
        cid_name=seen.name,
        cid_number=seen.number,
        orig_cid_name=seen.name,
        orig_cid_number=seen.number,
        network_addr=call.address,
        ani=seen.number,
        hide_name=seen.hide_name,
        hide_number=seen.hide_number,
        times=Times(profile_created=now, created=now),
    )
    variables = {name: text.format_map(facts) for name, text in templates().trigger.items()}
    variables["channel_name"] = profile.channel_name
    variables["sip_network_ip"] = variables["sip_received_ip"] = call.address
    # Of what it would expand it makes no variable (switch_channel.c, seen on 1.11.1).
    made = {**variables, **seen.variables}
    said: dict[str, Value] = {name: text for name, text in made.items() if "${" not in text}
    leg = Leg(simulator, profile, said, "trigger")
    leg.call, leg.number = call.id, call.caller
    leg.line = Line(leg, Behaviour(), facts)
    simulator.add(leg)
    leg.note("called", did=call.did)
    leg.emit("CHANNEL_CREATE")
    leg.state, leg.call_state = "CS_EXECUTE", "RINGING"
    leg.session = simulator.spawn(run, simulator, leg, None)
    if call.hang_up_after is not None:
        simulator.spawn_later(call.hang_up_after, leg.line.hang_up)
    return leg


def start(simulator: Simulator, leg: Leg, target: str) -> None:
    """An answered outgoing leg goes on as ``originate`` said: ``&app(data)`` or an extension."""
    leg.state, leg.call_state = "CS_EXECUTE", "ACTIVE"
    leg.hit_dialplan = True
    profile = leg.profile
    if profile.cid_name:
        leg.set("pre_transfer_caller_id_name", profile.cid_name)
    leg.set("pre_transfer_caller_id_number", profile.cid_number)
    profile.cid_name, profile.callee_name = profile.callee_name, profile.cid_name
    profile.cid_number, profile.callee_number = profile.callee_number, profile.cid_number
    leg.set("channel_cid_flipped", "yes")
    if target.startswith("&"):
        name, _, data = target[1:].partition("(")
        actions: list[Action] | None = [(name, data.removesuffix(")"))]
    else:
        words = target.split()
        leg.transfer = (words[0], words[2] if len(words) > 2 else "default")
        actions = []
    leg.session = simulator.spawn(run, simulator, leg, actions)


def run(simulator: Simulator, leg: Leg, actions: list[Action] | None) -> None:
    """Run the dialplan until the leg ends; None means "look it up"."""
    execute = simulator.applications.execute
    while leg.cause is None:
        if actions is None:
            actions = simulator.dialplan.actions(leg, execute)
            if actions is None:
                leg.hangup("NO_ROUTE_DESTINATION")
                break
        for name, data in actions:
            if leg.cause is None and leg.transfer is None:
                execute(leg, name, data)
        if leg.transfer is not None and leg.cause is None:
            transfer(leg)
            actions = None
        elif leg.cause is None:
            leg.hangup("NORMAL_CLEARING")  # the end of the extension
    if leg.inbound and not leg.answered and leg.ended_by == "switch":
        leg.note("refused", cause=leg.cause or "", sip=simulator.sip(leg.cause or ""))
    leg.finish()


def transfer(leg: Leg) -> None:
    """Send the leg to another extension, with a new caller profile."""
    assert leg.transfer is not None
    extension, context = leg.transfer
    leg.transfer = None
    before = leg.profile
    source = f"{int(time.time())}:{uuids.uuid4()}:bl_xfer:{extension}/{context}/XML"
    forwards = leg.get("max_forwards")
    leg.set("max_forwards", str(int(forwards) - 1) if forwards else "70")
    leg.push("transfer_history", source)
    leg.set("transfer_source", source)
    leg.set("signal_bond", None)
    leg.other = None
    now = micros()
    profile = msgspec.structs.replace(
        before,
        destination=extension,
        context=context,
        dialplan="XML",
        rdnis=before.destination,
        transfer_source=source,
        index=before.index + 1,
        times=msgspec.structs.replace(before.times, profile_created=now, bridged=0),
    )
    if not leg.inbound and profile.index > 2:
        profile.logical_direction = "inbound"  # as recorded
    leg.profiles.insert(0, profile)
    del leg.profiles[1:-1]  # only the first is asked for again
