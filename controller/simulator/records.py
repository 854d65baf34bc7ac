"""The call records that mod_json_cdr writes: one JSON file for each leg that is over.

Written just before CHANNEL_HANGUP_COMPLETE, with the variables that this has. FreeSWITCH:
``switch_ivr_generate_json_cdr`` in ``src/switch_ivr.c``, ``process_cdr`` in ``mod_json_cdr.c``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.profile import CallerProfile


def write_record(directory: Path, leg: Leg) -> Path:
    """Write the record of a leg that is over. Raises `OSError` where it cannot be written."""
    path = directory / f"{leg.uuid}.cdr.json"
    text = json.dumps(record_of(leg), ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(text.encode("utf-8", "surrogateescape") + b"\n")
    return path


def record_of(leg: Leg) -> dict[str, Any]:
    """Give what a leg's record holds, with plain values (``encode-values=false``)."""
    direction = leg.profile.direction
    return {
        "core-uuid": leg.simulator.head.core_uuid,
        "switchname": leg.simulator.node,
        "channel_data": {
            "state": "CS_REPORTING",
            "direction": direction,
            "state_number": "11",
            "flags": "0=1;1=1;40=1",
            "caps": "1=1;2=1;3=1",
        },
        "callStats": {},
        "variables": {"direction": direction, "uuid": leg.uuid, **leg.variables},
        # The latest profile first.
        "callflow": [_flow(profile) for profile in leg.profiles],
    }


def _flow(profile: CallerProfile) -> dict[str, Any]:
    times = profile.times
    return {
        "dialplan": profile.dialplan,
        "profile_index": str(profile.index),
        "caller_profile": {
            "username": profile.username,
            "dialplan": profile.dialplan,
            "caller_id_name": profile.cid_name,
            "ani": profile.ani,
            "aniii": "",
            "caller_id_number": profile.cid_number,
            "network_addr": profile.network_addr,
            "rdnis": profile.rdnis,
            "destination_number": profile.destination,
            "uuid": profile.uuid,
            "source": profile.source,
            "context": profile.context,
            "chan_name": profile.channel_name,
        },
        "times": {
            "created_time": str(times.created),
            "profile_created_time": str(times.profile_created),
            "progress_time": str(times.progress),
            "progress_media_time": "0",
            "answered_time": str(times.answered),
            "bridged_time": str(times.bridged),
            "last_hold_time": "0",
            "hold_accum_time": "0",
            "hangup_time": str(times.hungup),
            "resurrect_time": "0",
            "transfer_time": "0",
        },
    }
