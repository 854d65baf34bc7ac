"""Who a call says it is: the headers of an INVITE, read and written.

FreeSWITCH: ``sofia_handle_sip_i_invite`` in ``sofia.c`` (incoming), ``sofia_glue_do_invite`` in
``sofia_glue.c`` (outgoing, on a profile; a gateway with ``caller-id-in-from`` leaves the same).
"""

import re
from collections.abc import Mapping

import msgspec

from controller.simulator.events import Value
from controller.simulator.gateways import Gateway

#: A user with a host, or `tel:`, whose parameters are no part of the user.
_ADDRESS = re.compile(
    r'^\s*(?:"(?P<name>(?:[^"\\]|\\.)*)"|(?P<word>[^<"]*?))\s*<?'
    r"(?:sips?:(?:(?P<user>[^@>]*)@)?|tel:(?P<tel>[^>;]*))",
    re.IGNORECASE,
)
#: What each privacy of Remote-Party-ID hides: the name, the number.
_HIDES = {
    "yes": (True, True),
    "full": (True, True),
    "name": (True, False),
    "number": (False, True),
}


class Incoming(msgspec.Struct):
    """The caller as the switch sees it, and the variables that say why."""

    number: str
    name: str
    variables: dict[str, str]
    hide_name: bool = False
    hide_number: bool = False


def incoming(caller: str, name: str, headers: Mapping[str, str], host: str = "") -> Incoming:
    """Read the identity headers: Remote-Party-ID, P-Asserted-, P-Preferred-; the last one wins.

    ``host``: that of From, where it is not the phone's own. P-Asserted-Identity is kept as a whole,
    as ``p-asserted-id-parse=verbatim`` of ``fs-config`` has it.
    """
    seen = Incoming(caller, name or caller or "unknown", {})
    if name:
        seen.variables["sip_from_display"] = name
    if host or not caller:
        # ``_url_set_chanvars``: a user that is empty has a name all the same.
        seen.variables["sip_from_user"] = caller or "nobody"
    if host:
        seen.variables["sip_from_host"] = host
        seen.variables["sip_from_uri"] = f"{caller or 'nobody'}@{host}"
    given = {header.lower(): (header, value) for header, value in headers.items()}
    for header, kind in (
        ("Remote-Party-ID", "rpid"),
        ("P-Asserted-Identity", "pid"),
        ("P-Preferred-Identity", "pid"),
    ):
        _, value = given.pop(header.lower(), ("", ""))
        if not value:
            continue
        seen.variables["sip_cid_type"] = kind
        match = _ADDRESS.match(value)
        if not match:
            continue
        user = match["user"] or match["tel"]
        if user:
            seen.number = user.partition(";")[0]
            seen.variables[f"sip_{header}"] = value
        display = (match["name"] or match["word"] or "").strip()
        if display:
            seen.name = display
        privacy = re.search(r";privacy=(\w+)", value, re.IGNORECASE)
        if kind == "rpid" and privacy:
            hidden = _HIDES.get(privacy[1].lower(), (False, False))
            seen.hide_name, seen.hide_number = hidden
    _, privacy_header = given.pop("privacy", ("", ""))
    if privacy_header:
        seen.variables["sip_Privacy"] = privacy_header
        if "id" in {part.strip().lower() for part in privacy_header.split(";")}:
            seen.hide_name = seen.hide_number = True
    for header, value in given.values():
        if header.lower().startswith("x-"):
            seen.variables[f"sip_h_{header}"] = value
    return seen


def outgoing(
    variables: Mapping[str, Value],
    name: str,
    number: str,
    host: str,
    gateway: Gateway | None = None,
) -> str:
    """The identity headers of an outgoing INVITE, one per line, From first.

    A gateway may have From of its own: its account without ``caller-id-in-from``, and else its
    ``from-domain``. ``sip_from_uri`` goes before both.
    """

    def get(key: str) -> str:
        value = variables.get(key, "")
        return value if isinstance(value, str) else value[0]

    shown = f'"{name}" ' if name else ""
    address = f"<sip:{number}@{host}>"
    sender = address
    if get("sip_from_uri"):
        sender = f"<{get('sip_from_uri')}>"
    elif gateway is not None and not gateway.caller_id_in_from:
        sender = gateway.sender
    elif gateway is not None and gateway.from_domain:
        sender = f"<sip:{number}@{gateway.from_domain}>"
    lines = [f"From: {shown}{sender}"]
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
