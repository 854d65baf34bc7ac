"""What is unsafe about a switch, and what to do (G1, `callbackd check --switch`). Pure.

A switch that does callbacks alone is judged by what `fs-config` has. One that has other work too is
judged as strictly where it does ours; elsewhere only what lets strangers in, or lets them call at
our cost, is unsafe: phones that register are its business.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from controller.guard.releases import AS_OF, Door, Fault, faults_of, numbers_of
from controller.guard.switch_facts import Danger, Facts, Level, Password, unknown
from controller.guard.switch_profiles import dialplan, profiles

#: More than this is no limit: what a node can do is far below.
_MOST_SESSIONS_PER_SECOND: Final = 200
_MOST_SESSIONS: Final = 10_000

#: Modules by which others command the switch, or by which a name of a file becomes a command.
_OPEN_MODULES: Final = {
    "mod_xml_rpc": "runs any api command for who knows its password, over HTTP",
    "mod_shell_stream": "runs a command that stands where a sound's name does",
    "mod_erlang_event": "gives the whole switch to who knows its cookie",
}
#: Modules that listen for others, fetch from elsewhere, or run programs from the dialplan.
_MORE_MODULES: Final = {
    "mod_verto": "listens for browsers",
    "mod_rtmp": "listens for Flash phones",
    "mod_skinny": "listens for Cisco phones",
    "mod_h323": "listens for H.323",
    "mod_rayo": "takes commands over XMPP",
    "mod_snmp": "tells of calls over SNMP",
    "mod_smpp": "takes and sends short messages",
    "mod_sms": "routes MESSAGE through a dialplan of its own",
    "mod_xml_curl": "has its configuration from a web server, which this cannot see",
    "mod_httapi": "does what a web server says",
    "mod_curl": "fetches what a dialplan names",
    "mod_http_cache": "fetches sounds that are addresses",
    "mod_python3": "runs scripts",
    "mod_lua": "runs scripts",
    "mod_perl": "runs scripts",
    "mod_v8": "runs scripts",
    "mod_managed": "runs programs",
    "mod_java": "runs programs",
}
#: Modules that a switch for callbacks alone has no use for.
_IDLE_MODULES: Final = (
    "mod_conference",
    "mod_voicemail",
    "mod_fifo",
    "mod_callcenter",
    "mod_spandsp",
    "mod_directory",
    "mod_valet_parking",
    "mod_fsv",
    "mod_enum",
)
#: All that a switch is asked for.
MODULES: Final = tuple(dict.fromkeys((*_OPEN_MODULES, *_MORE_MODULES, *_IDLE_MODULES)))


def judge(facts: Facts) -> tuple[Danger, ...]:
    """Say all that is unsafe about a switch; nothing: nothing was found."""
    return (
        *_password(facts),
        *_release(facts),
        *_event_socket(facts),
        *_core(facts),
        *profiles(facts),
        *dialplan(facts),
        *_modules(facts),
    )


# --- the event socket, the release, the core -------------------------------------------------


def _password(facts: Facts) -> Iterator[Danger]:
    remedy = (
        "set one of 24 random characters as password in event_socket.conf.xml, and as [[nodes]] "
        "password here; FreeSWITCH takes it up when it is started again"
    )
    if facts.password is Password.KNOWN:
        text = "the event socket has a password that everybody knows"
        yield Danger("password", Level.UNSAFE, text, remedy)
    elif facts.password is Password.SHORT:
        text = "the password of the event socket can be guessed"
        yield Danger("password", Level.UNSAFE, text, remedy)


def _release(facts: Facts) -> Iterator[Danger]:
    if facts.release is None or numbers_of(facts.release) is None:
        remedy = "compare it with FreeSWITCH's security advisories: fs_cli -x version"
        yield unknown("release", "its version", remedy)
        return
    open_to = faults_of(facts.release)
    near = [fault for fault in open_to if _reached(facts, fault.door)]
    far = [fault for fault in open_to if fault not in near]
    for faults, level, but in (
        (near, Level.UNSAFE, ""),
        (far, Level.ADVICE, "; what it is reached through is shut, as far as can be seen"),
    ):
        if faults:
            newest = max(faults, key=lambda one: numbers_of(one.fixed) or (0, 0, 0)).fixed
            text = f"{facts.release} is open to {_named(faults)}, as known on {AS_OF}{but}"
            remedy = f"update FreeSWITCH to {newest} or later; until then let a firewall admit the"
            yield Danger("release", level, text, f"{remedy} trunks and the controllers alone")


def _named(faults: Iterable[Fault]) -> str:
    return ", ".join(f"{one.name} ({one.what})" for one in faults)


def _reached(facts: Facts, door: Door) -> bool:
    """Whether a fault can be reached; what is not known counts as open."""
    sip = facts.profiles
    match door:
        case Door.MESSAGE:
            return sip is None or any(
                one.settings is None
                or one.on("enable-chat", default=True)
                or one.on("proxy-message")
                for one in sip
            )
        case Door.SUBSCRIBE:
            return sip is None or any(
                one.settings is None or one.said("manage-presence", "false").lower() != "false"
                for one in sip
            )
        case Door.EVENT_SOCKET:
            return facts.event_socket is None or any(
                danger.level is Level.UNSAFE for danger in _event_socket(facts)
            )
        case Door.SIP:
            return True


def _event_socket(facts: Facts) -> Iterator[Danger]:
    if facts.event_socket is None:
        remedy = "see that event_socket.conf.xml has listen-ip and apply-inbound-acl"
        yield unknown("event socket", "where the event socket listens", remedy)
        return
    address = facts.event_socket.get("listen-ip", ("127.0.0.1",))[-1]
    lists = [one for one in facts.event_socket.get("apply-inbound-acl", ()) if one]
    if _is_loopback(address):
        return
    remedy = (
        "in event_socket.conf.xml set listen-ip to 127.0.0.1, or to a private address that the "
        "controllers alone can reach, with their addresses as apply-inbound-acl"
    )
    if not lists:
        text = (
            f"it listens on {address} and names no access list: FreeSWITCH's own "
            "(loopback.auto) is all that keeps others out"
        )
        yield Danger("event socket", Level.UNSAFE, text, remedy)
    elif all(facts.lets_anybody(name) for name in lists):
        # Whoever is on one that he is not on is refused: all of them have to let him in.
        text = f"it listens on {address}, and its access list lets anybody in"
        yield Danger("event socket", Level.UNSAFE, text, remedy)
    elif unasked := [name for name in lists if facts.open_lists.get(name) is None]:
        what = f"whom access list {' '.join(unasked)} lets in"
        yield unknown("event socket", what, remedy)
    elif _is_public(address):
        text = f"it listens on {address}, and what it says goes over the network in clear text"
        yield Danger("event socket", Level.ADVICE, text, remedy)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return True


def _core(facts: Facts) -> Iterator[Danger]:
    if facts.expands is None:
        remedy = "see that switch.conf.xml has api-expansion=false"
        yield unknown("core", "whether ${api(…)} is run", remedy)
    elif facts.expands and not facts.shared:
        text = "${api(…)} is run wherever it stands: in a name that a caller sends, too"
        remedy = "set api-expansion to false in switch.conf.xml; until the next start: fs_cli -x "
        yield Danger("core", Level.UNSAFE, text, f"{remedy}'fsctl api_expansion off'")
    elif facts.expands:
        text = "${api(…)} is run wherever it stands, which a stock dialplan needs"
        remedy = (
            "nothing, where other work of this switch needs it: what comes from outside is kept "
            "from it by our own lists of what is allowed; else api-expansion=false in "
            "switch.conf.xml"
        )
        yield Danger("core", Level.ADVICE, text, remedy)
    for limit, most, name, what in (
        (
            facts.sessions_per_second,
            _MOST_SESSIONS_PER_SECOND,
            "sessions-per-second",
            "new calls in a second",
        ),
        (facts.sessions, _MOST_SESSIONS, "max-sessions", "calls at a time"),
    ):
        remedy = f"set {name} in switch.conf.xml to what the node can do, and no more"
        if limit is None:
            yield unknown("core", f"how many {what} it takes", remedy)
        elif limit > most or limit == 0:
            yield Danger("core", Level.ADVICE, f"it takes {limit} {what}: no limit", remedy)


def _modules(facts: Facts) -> Iterator[Danger]:
    if facts.modules is None:
        remedy = "look at modules.conf.xml: fs-config has what is needed"
        yield unknown("modules", "which modules are loaded", remedy)
        return
    remedy = "leave it out of modules.conf.xml, unless other work of this switch needs it"
    for table, level in ((_OPEN_MODULES, Level.UNSAFE), (_MORE_MODULES, Level.ADVICE)):
        for name in (one for one in table if one in facts.modules):
            yield Danger("modules", level, f"{name} {table[name]}", remedy)
    idle = [one for one in _IDLE_MODULES if one in facts.modules]
    if idle:
        text = f"not needed for callbacks: {', '.join(idle)}"
        yield Danger("modules", Level.ADVICE, text, remedy.replace("it", "them", 1))
