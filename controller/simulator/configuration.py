"""What the switch says of its own configuration: ``xml_locate``, ``fsctl``, ``acl``.

FreeSWITCH: ``xml_locate_function``, ``ctl_function`` and ``acl_function`` in ``mod_commands.c``,
``xml_gateway_status`` and the like in ``mod_sofia.c``. Seen on 1.11.1. It is set as ``fs-config``
sets a switch, but for what it has of its own: its address, its password, its gateways.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from controller.simulator.gateways import XML
from controller.simulator.sounds import SOUND_PREFIX

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator

_NOTHING = "can't find anything\n"
_CTL = (
    "[api_expansion [on|off]|recover|send_sighup|hupall|pause [inbound|outbound]|resume "
    "[inbound|outbound]|shutdown [cancel|elegant|asap|now|restart]|uuid_version [4|7]|sps|"
    "sps_peak_reset|sync_clock|sync_clock_when_idle|reclaim_mem|max_sessions|min_dtmf_duration "
    "[num]|max_dtmf_duration [num]|default_dtmf_duration [num]|min_idle_cpu|loglevel [level]|"
    "debug_level [level]|mdns_resolve [enable|disable]]\n"
)

#: The profile's settings that say what it lets others do, as ``callback_public.xml`` has them.
PROFILE = {
    "context": "callback_trigger",
    "apply-inbound-acl": "callback_trunks",
    "auth-calls": "false",
    "accept-blind-auth": "false",
    "inbound-use-callid-as-uuid": "false",
    "enable-3pcc": "false",
    "max-recv-requests-per-second": "500",
    "max-proceeding": "1000",
    "enable-chat": "false",
    "auth-messages": "true",
    "proxy-message": "false",
    "manage-presence": "false",
    "auth-subscriptions": "true",
    "disable-register": "true",
    "accept-blind-reg": "false",
    "disable-transfer": "true",
    "proxy-refer": "false",
    "extended-info-parsing": "false",
    "disable-rtp-auto-adjust": "true",
    "rtp-timeout-sec": "120",
    "rtp-hold-timeout-sec": "600",
    "enable-timer": "true",
    "session-timeout": "1800",
    "minimum-session-expires": "120",
}


class Configuration:
    """The settings of one switch.

    ``profile``, ``core``, ``event_socket``: by name, as in its XML; ``None`` in the place of the
    last one: its XML has none. ``lists``: the access lists, each with the networks that it allows.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.profile = dict(PROFILE)
        self.core = {
            "api-expansion": "false",
            "max-sessions": "1000",
            "sessions-per-second": "50",
        }
        #: Whether it makes no new legs (`fsctl pause`), and how much of its time is idle, percent.
        self.paused = False
        self.idle = 95.0
        self.event_socket: dict[str, str] | None = {"apply-inbound-acl": "callback_event_socket"}
        self.lists = {"callback_trunks": ["127.0.0.0/8"], "callback_event_socket": ["127.0.0.0/8"]}

    @property
    def refuses(self) -> bool:
        """Whether it makes no leg now: it is paused, or has as many as it may."""
        return self.paused or len(self._simulator.legs) >= int(self.core["max-sessions"])

    def locate(self, text: str) -> str:
        """Run ``xml_locate``; what it prints."""
        match text.split():
            case ["configuration", "configuration", "name", "event_socket.conf"]:
                if self.event_socket is None:
                    return _NOTHING
                host, port = self._simulator.address
                own = {"listen-ip": host, "listen-port": str(port)}
                said = {**own, "password": self._simulator.password, **self.event_socket}
                return _conf("event_socket.conf", "Event socket", _settings(said))
            case ["configuration", "configuration", "name", "switch.conf"]:
                return _conf("switch.conf", "Core", _settings(self.core))
            case ["configuration", "configuration", "name", "sofia.conf"]:
                return _conf("sofia.conf", "SIP", self._profiles())
            case ["configuration", "configuration", "name", _]:
                return _NOTHING
            case ["dialplan", "context", "name", name]:
                return self._context(name)
            case ["languages", "language", "name", name]:
                return self._language(name)
            case [_, _, _, _]:
                return _NOTHING
            case _:
                return "-ERR bad args\n"

    def control(self, text: str) -> str:
        """Run ``fsctl``, which here pauses and resumes, and tells; what it prints."""
        match text.split():
            case []:
                return f"-USAGE: {_CTL}"
            case ["pause" | "resume" as what]:
                self.paused = what == "pause"
                return "+OK\n"
            case ["pause_check"]:
                return str(self.paused).lower()
            case ["api_expansion"]:
                state = "on" if self.core.get("api-expansion", "true") == "true" else "off"
                return f"+OK api_expansion is {state} \n"
            case ["sps"]:
                return f"+OK sessions per second: {self.core.get('sessions-per-second', '30')}\n"
            case ["max_sessions"]:
                return f"+OK max sessions: {self.core.get('max-sessions', '1000')}\n"
            case _:
                return f"-ERR Invalid command\nUSAGE: fsctl {_CTL}"

    def allows(self, text: str) -> str:
        """Run ``acl <address> <list>``; what it prints."""
        match text.split():
            case [address, name, *_]:
                networks = [ipaddress.ip_network(one) for one in self.lists.get(name, ())]
                return str(any(ipaddress.ip_address(address) in one for one in networks)).lower()
            case _:
                return "false"

    def profiles_as_xml(self) -> str:
        """The answer to ``sofia xmlstatus``: profiles, and their gateways."""
        sofia = self._simulator.sofia
        blocks = [_row(sofia.profile, "profile", self._url(), "RUNNING (0)")]
        for name, gateway in reversed(sofia.gateways.items()):
            rows = _row(name, "gateway", f"sip:FreeSWITCH@{gateway.address}", gateway.state_name)
            blocks.append(rows + "\n")
        return f"{XML}<profiles>\n{''.join(blocks)}</profiles>\n"

    def profile_as_xml(self) -> str:
        """The answer to ``sofia xmlstatus profile <name>``, without the sound's side of it."""
        get = self.profile.get
        facts = {
            "name": self._simulator.sofia.profile,
            "domain-name": "N/A",
            "dialplan": "XML",
            "context": get("context", "default"),
            "sip-ip": "127.0.0.1",
            "url": self._url(),
            "session-to": get("session-timeout", "0"),
            "max-dialog": get("max-proceeding", "0"),
            "max-recv-rps": get("max-recv-requests-per-second", "1000"),
            "registrations": "0",
        }
        lines = "".join(f"    <{tag}>{escape(text)}</{tag}>\n" for tag, text in facts.items())
        return f"{XML}<profile>\n  <profile-info>\n{lines}  </profile-info>\n</profile>\n"

    def _url(self) -> str:
        return "sip:mod_sofia@127.0.0.1:5080"

    def _profiles(self) -> str:
        gateways = "".join(
            f"<gateway name={quoteattr(name)}>\n"
            + _params({"proxy": gateway.address, "context": gateway.context})
            + "</gateway>\n\n"
            for name, gateway in self._simulator.sofia.gateways.items()
        )
        name = quoteattr(self._simulator.sofia.profile)
        return (
            f"    <profiles>\n    <profile name={name}>\n<gateways>\n{gateways}</gateways>\n\n"
            f"{_settings(self.profile)}</profile>\n\n</profiles>\n\n"
        )

    def _language(self, name: str) -> str:
        if f"mod_say_{name}" not in self._simulator.applications.sounds.modules:
            return _NOTHING
        own = f"/{name}/{name}/default"
        prefix = SOUND_PREFIX if name == "en" else SOUND_PREFIX.replace("/en/us/callie", own)
        said = f"name={quoteattr(name)} say-module={quoteattr(name)}"
        return (
            f"<language {said} sound-prefix={quoteattr(prefix)}>\n    <phrases>\n"
            "      <macros></macros>\n\n    </phrases>\n\n  </language>\n"
        )

    def _context(self, name: str) -> str:
        extensions = self._simulator.dialplan.contexts.get(name)
        if extensions is None:
            return _NOTHING
        lines = [f"<context name={quoteattr(name)}>\n"]
        for extension in extensions:
            lines.append(f"<extension name={quoteattr(extension.name)}>\n")
            for one in extension.conditions:
                lines.append(
                    f"<condition field={quoteattr(one.field)} "
                    f"expression={quoteattr(one.expression)}>\n"
                )
                lines += _acts("action", one.actions)
                lines += _acts("anti-action", one.anti)
                lines.append("</condition>\n")
            lines.append("</extension>\n\n")
        return "".join([*lines, "</context>\n"])


def _acts(tag: str, actions: Iterable[tuple[str, str, bool]]) -> list[str]:
    return [
        f"<{tag} application={quoteattr(name)} data={quoteattr(data)}></{tag}>\n\n"
        for name, data, _ in actions
    ]


def _row(name: str, kind: str, data: str, state: str) -> str:
    said = {"name": name, "type": kind, "data": data, "state": state}
    rows = "".join(f"<{tag}>{escape(text)}</{tag}>\n" for tag, text in said.items())
    return f"<{kind}>\n{rows}</{kind}>\n"


def _params(said: Mapping[str, str]) -> str:
    return "".join(
        f"        <param name={quoteattr(name)} value={quoteattr(value)}></param>\n\n"
        for name, value in said.items()
    )


def _settings(said: Mapping[str, str]) -> str:
    return f"    <settings>\n{_params(said)}  </settings>\n\n"


def _conf(name: str, description: str, inside: str) -> str:
    head = f"<configuration name={quoteattr(name)} description={quoteattr(description)}>\n"
    return f"{head}{inside}</configuration>\n"
