"""Channels, what of them runs, and how FreeSWITCH reads a file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import msgspec
from hypothesis import strategies as st

from controller.gateways.comparing import Running
from controller.gateways.model import Gateway, gateway
from controller.policy.channels import Channel, Transport

PROFILE = "callback_public"


def channel(**values: Any) -> Channel:
    """A channel, checked as those that are kept are."""
    made = msgspec.convert({"name": "pstn", "proxy": "192.0.2.10", **values}, Channel)
    made.check()
    return made


def wants(**values: Any) -> Gateway:
    """The gateway of a channel."""
    return gateway(channel(**values))


def runs(wanted: Gateway, **otherwise: Any) -> Running:
    """A gateway as a switch tells of it that has read its file (xml_gateway_status)."""
    values: dict[str, Any] = {
        "name": wanted.name,
        "profile": PROFILE,
        "proxy": f"sip:{wanted.proxy}",
        "transport": wanted.transport.value,
        "username": wanted.user,
        "password": wanted.username is not None,
        "domain": wanted.domain or wanted.proxy,
        "ping_seconds": wanted.ping_seconds or 0,
        "status": "UP",
        "state": "REGED" if wanted.register else "NOREG",
    }
    return Running(**{**values, **otherwise})


def as_freeswitch_reads(text: str, globals_: dict[str, str]) -> ET.Element:
    """Put a file together as switch_xml.c's preprocess does, and parse it."""
    kept = []
    for line in text.splitlines():
        # The line that it looks at for these is the one before the variables are replaced.
        if "<include>" in line or "</include>" in line or "<?" in line:
            continue
        expanded = re.sub(r"\$\$\{([^}]*)\}", lambda m: globals_.get(m[1], ""), line)
        if "x-pre-process" in expanded.lower() or "<!--#" in expanded:
            continue
        kept.append(expanded)
    return ET.fromstring("<gateways>" + "\n".join(kept) + "</gateways>")


def param_values(root: ET.Element) -> dict[str, str]:
    """Give the parameters of the one gateway of a file."""
    (element,) = root.iter("gateway")
    return {one.attrib["name"]: one.attrib["value"] for one in element.iterfind("param")}


#: What the preprocessor looks for is likelier here than among all letters.
_ODD = st.sampled_from(["$${domain}", "x-pre-process", "X-PRE-PROCESS", "<include>", "<?", "<!--#"])
passwords = (
    st.lists(st.characters(exclude_categories=["C", "Zl", "Zp"]) | _ODD, min_size=1, max_size=20)
    .map("".join)
    .map(lambda text: text.replace(":", ";")[:128])
)
_hosts = st.sampled_from(
    ["192.0.2.10", "sip.example.com:5070", "[2001:db8::1]", "[2001:db8::1]:5061", "x-pre-process"]
) | st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,30}[A-Za-z0-9])?(:506[0-9])?", fullmatch=True)
_names = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,20}", fullmatch=True) | st.sampled_from(
    ["pstn", "X-pre-process", "-", "trunk.one"]
)
_users = st.from_regex(r"[A-Za-z0-9_.+~@-]{1,30}", fullmatch=True) | st.just("1234@example.com")
_domains = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,30}[A-Za-z0-9])?", fullmatch=True)


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    """Any channel that wants a gateway."""
    username = draw(st.none() | _users)
    return channel(
        name=draw(_names.filter(lambda name: name.lower() != "_all_")),
        proxy=draw(_hosts),
        transport=draw(st.sampled_from([one.value for one in Transport])),
        username=username,
        register=username is not None and draw(st.booleans()),
        domain=draw(st.none() | _domains),
        ping_seconds=draw(st.none() | st.integers(5, 3600)),
        enabled=draw(st.booleans()),
    )
