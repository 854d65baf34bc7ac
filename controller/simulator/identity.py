"""Who a call says it is: the headers of an INVITE, read and written.

FreeSWITCH: ``sofia_handle_sip_i_invite`` in ``sofia.c`` (incoming), ``sofia_glue_do_invite`` in
``sofia_glue.c`` (outgoing, on a profile; a gateway with ``caller-id-in-from`` leaves the same).
"""

import re
from collections.abc import Mapping

import msgspec

from controller.simulator.events import Value

_ADDRESS = re.compile(
    r'^\s*(?:"(?P<name>(?:[^"\\]|\\.)*)"|(?P<word>[^<"]*))\s*<?sips?:(?P<user>[^@>;]*)'
)


class Incoming(msgspec.Struct):
    """The caller as the switch sees it, and the variables that say why."""

    number: str
    name: str
    variables: dict[str, str]
    hidden: bool = False


def incoming(caller: str, name: str, headers: Mapping[str, str]) -> Incoming:
    """Read the identity headers: Remote-Party-ID, P-Asserted-, P-Preferred-; the last one wins."""
    seen = Incoming(caller, name or caller, {})
    if name:
        seen.variables["sip_from_display"] = name
    given = {header.lower(): (header, value) for header, value in headers.items()}
    for header, kind in (
        ("Remote-Party-ID", "rpid"),
        ("P-Asserted-Identity", "pid"),
        ("P-Preferred-Identity", "pid"),
    ):
        _, value = given.pop(header.lower(), ("", ""))
        match = _ADDRESS.match(value)
        if not match:
            continue
        user = match["user"]
        if user:
            seen.number = user
            # The profile's default keeps only the user of an asserted identity.
            kept = user if header == "P-Asserted-Identity" else value
            seen.variables[f"sip_{header}"] = kept
        display = (match["name"] or match["word"] or "").strip()
        if display:
            seen.name = display
        seen.variables["sip_cid_type"] = kind
    _, privacy = given.pop("privacy", ("", ""))
    if privacy:
        seen.variables["sip_Privacy"] = privacy
        seen.hidden = "id" in {part.strip().lower() for part in privacy.split(";")}
    for header, value in given.values():
        if header.lower().startswith("x-"):
            seen.variables[f"sip_h_{header}"] = value
    return seen


def outgoing(variables: Mapping[str, Value], name: str, number: str, host: str) -> str:
    """The identity headers of an outgoing INVITE, one per line, From first."""

    def get(key: str) -> str:
        value = variables.get(key, "")
        return value if isinstance(value, str) else value[0]

    shown = f'"{name}" ' if name else ""
    address = f"<sip:{number}@{host}>"
    from_uri = get("sip_from_uri")
    lines = [f"From: {shown}<{from_uri}>" if from_uri else f"From: {shown}{address}"]
    hide = "hide_number" in get("origination_privacy")
    kind = get("sip_cid_type") or "rpid"
    if kind == "pid":
        lines.append(f"{'P-Preferred' if hide else 'P-Asserted'}-Identity: {shown}{address}")
        lines.append(f"Privacy: {'id' if hide else 'none'}")
    elif kind == "rpid":
        privacy = "full" if hide else "off"
        lines.append(
            f"Remote-Party-ID: {shown}{address};party=calling;screen=yes;privacy={privacy}"
        )
    lines += [f"{key[6:]}: {get(key)}" for key in variables if key.startswith("sip_h_")]
    return "\n".join(lines)
