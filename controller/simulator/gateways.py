"""Gateways: the trunks of the switch, their state, and what the switch says of them.

FreeSWITCH: ``parse_gateways`` in ``sofia.c``, ``xml_gateway_status`` and ``cmd_status`` in
``mod_sofia.c``, ``sofia_reg_check_gateway`` in ``sofia_reg.c``.
"""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import msgspec

#: ``up``: calls get to the phones. ``down``: the switch knows that nobody is there, and sends none.
#: ``fail``: the switch does not know yet, and nothing listens there. ``silent``: what is sent there
#: is never answered with anything.
State = Literal["up", "down", "fail", "silent"]

#: Where the profile itself is, as the recordings have it.
CONTACT_HOST = "127.0.0.1:5080"
LINE = "=" * 97
XML = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
_NAME = re.compile(r"[\w.\-]+\Z")
_GLOBAL = re.compile(r"\$\$\{([^}]*)\}")


class Gateway(msgspec.Struct, kw_only=True):
    """An outgoing trunk. ``port`` shows in events; ``proxy`` follows from it, if not given.

    ``registration``: what became of it, for one that registers; ``from_domain``: the host of From.
    """

    name: str
    state: State = "up"
    port: str = "5090"
    proxy: str = ""
    realm: str = ""
    username: str = ""
    password: str = ""
    register: bool = False
    registration: str = "REGED"
    transport: str = "udp"
    context: str = "public"
    ping: int = 0
    expires: str = "3600"
    from_user: str = ""
    from_domain: str = ""
    caller_id_in_from: bool = True
    #: For calls that come over it (``ib_vars``).
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    calls: int = 0
    failed: int = 0
    since: float = msgspec.field(default_factory=time.time)

    @property
    def address(self) -> str:
        """Where its calls go, without ``sip:``."""
        return (self.proxy or f"127.0.0.1:{self.port}").removeprefix("sip:")

    @property
    def status(self) -> str:
        """What decides on calls: ``UP`` or ``DOWN``."""
        unregistered = self.register and self.registration != "REGED"
        return "DOWN" if self.state == "down" or unregistered else "UP"

    @property
    def state_name(self) -> str:
        """The state of its registration: ``NOREG`` where it has none."""
        if not self.register:
            return "NOREG"
        return "FAIL_WAIT" if self.state == "down" else self.registration

    @property
    def sender(self) -> str:
        """From of its REGISTER, and of its calls without ``caller-id-in-from``."""
        user = self.from_user or self.username or "FreeSWITCH"
        return f"<sip:{user}@{self.from_domain or self.address}>"

    def facts(self, profile: str) -> Iterator[tuple[str, str, str]]:
        """What is shown of it: the name in text, the name in XML, the value."""
        username = self.username or "FreeSWITCH"
        up = self.status == "UP"
        pings, answered = bool(self.ping), int(bool(self.ping) and up)
        yield from (
            ("Name", "name", self.name),
            ("Profile", "profile", profile),
            ("Scheme", "scheme", "Digest"),
            ("Realm", "realm", self.realm or self.address),
            ("Username", "username", username),
            ("Password", "password", "yes" if self.password else "no"),
            ("From", "from", self.sender),
            (
                "Contact",
                "contact",
                f"<sip:gw+{self.name}@{CONTACT_HOST};transport={self.transport};gw={self.name}>",
            ),
            ("Exten", "exten", username),
            ("To", "to", f"sip:{username}@{self.address}"),
            ("Proxy", "proxy", f"sip:{self.address}"),
            ("Context", "context", self.context),
            ("Expires", "expires", self.expires),
            ("Freq", "freq", self.expires),
            ("Ping", "ping", str(int(time.time()) + self.ping if pings else 0)),
            ("PingFreq", "pingfreq", str(self.ping)),
            ("", "pingmin", str(int(pings))),
            ("", "pingcount", str(answered)),
            ("", "pingmax", str(int(pings))),
            ("PingTime", "pingtime", "1.50" if answered else "0.00"),
            ("", "pinging", "0"),
            ("PingState", "", f"{int(pings)}/{answered}/{int(pings)}"),
            ("State", "state", self.state_name),
            ("Status", "status", self.status),
            ("", "uptime-usec", str(int((time.time() - self.since) * 1_000_000) if up else 0)),
            ("Uptime", "", f"{int(time.time() - self.since) if up else 0}s"),
            ("CallsIN", "calls-in", "0"),
            ("CallsOUT", "calls-out", str(self.calls)),
            ("FailedCallsIN", "failed-calls-in", "0"),
            ("FailedCallsOUT", "failed-calls-out", str(self.failed)),
        )
        if self.state_name == "FAIL_WAIT":
            yield "", "retry", "5s"

    def as_xml(self, profile: str) -> str:
        """Its part of ``sofia xmlstatus gateway``; two values are escaped, as the switch does."""
        lines = [
            f"    <{tag}>{escape(value) if tag in {'from', 'contact', 'exten'} else value}</{tag}>"
            for _, tag, value in self.facts(profile)
            if tag
        ]
        return "\n".join(["  <gateway>", *lines, "  </gateway>", ""])

    def as_text(self, profile: str) -> str:
        """The answer to ``sofia status gateway <name>``."""
        lines = [f"{name:8}\t{value}" for name, _, value in self.facts(profile) if name]
        return "\n".join([LINE, *lines, LINE, ""])


def list_as_xml(
    gateways: Mapping[str, Gateway], profile: str, leaving: Iterable[Gateway] = ()
) -> str:
    """The answer to ``sofia xmlstatus gateway``: the newest first, then those that are leaving."""
    there = [*reversed(list(gateways.values())), *leaving]
    blocks = [gateway.as_xml(profile) for gateway in there]
    return XML + "<gateways>\n" + "".join(blocks) + "</gateways>\n"


def one_as_xml(gateway: Gateway, profile: str) -> str:
    """The answer to ``sofia xmlstatus gateway <name>``."""
    return XML + gateway.as_xml(profile)


def read_gateways(directory: Path, variables: Mapping[str, str]) -> Iterator[Gateway]:
    """Read all ``*.xml`` of a directory, each an ``<include>`` with gateways.

    What the switch would leave out is left out: a name that is none, and a gateway that registers
    without a name and a password. Raises `xml.etree.ElementTree.ParseError` for what is no XML.
    """
    for file in sorted(directory.glob("*.xml")):
        text = _GLOBAL.sub(
            lambda match: variables.get(match[1], ""), file.read_text(encoding="utf-8")
        )
        for item in ET.fromstring(text).iter("gateway"):  # noqa: S314 - the operator's own file
            gateway = _gateway(item)
            if gateway is not None:
                yield gateway


def _gateway(item: ET.Element) -> Gateway | None:
    name = item.get("name", "")
    said = {one.get("name", ""): one.get("value", "") for one in item.iter("param")}
    registers = _true(said.get("register", "true"))
    if not _NAME.match(name) or (registers and not (said.get("username") and said.get("password"))):
        return None
    proxy = said.get("proxy") or said.get("realm") or name
    ping = said.get("ping", "0")
    port = proxy.removeprefix("sip:").partition(";")[0].rpartition(":")[2]
    return Gateway(
        name=name,
        port=port if port.isdigit() else "5060",
        proxy=proxy,
        realm=said.get("realm", ""),
        username=said.get("username", ""),
        password=said.get("password", ""),
        register=registers,
        registration="UNREGED",
        transport=said.get("register-transport", "udp"),
        context=said.get("context", "default"),
        ping=int(ping) if ping.isdigit() and int(ping) >= 5 else 0,
        expires=said.get("expire-seconds", "3600"),
        from_user=said.get("from-user", ""),
        from_domain=said.get("from-domain", ""),
        caller_id_in_from=_true(said.get("caller-id-in-from", "false")),
        variables={
            one.get("name", ""): one.get("value", "")
            for one in item.iter("variable")
            if one.get("direction", "inbound") == "inbound"
        },
    )


def _true(text: str) -> bool:
    return text.lower() in {"true", "yes", "on", "1", "t", "enabled"}
