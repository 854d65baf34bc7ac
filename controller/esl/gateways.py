"""What a switch says of its gateways (`sofia xmlstatus gateway`), typed.

Its answer is XML that the switch puts together by hand: two of its values are escaped and the rest
is not (mod_sofia.c, xml_gateway_status), so an ampersand that stands alone is one. Nothing of XML
is needed but elements and text: what declares anything (`<!`) is refused before it is read.

Whether a call is placed over a gateway the switch decides by its status alone (mod_sofia.c,
sofia_outgoing_channel: anything but UP ends it with GATEWAY_DOWN). The status of one that is asked
whether it is there (OPTIONS) follows the answers; that of one that registers is UP while it is
registered, also while it registers anew, and DOWN from a failure on until it is again. Seen on
1.11.1: one whose trunk says nothing any more is DOWN 32 to 37 seconds after that.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Final

import msgspec

from controller.esl.errors import EslError

#: More is no answer to any question: a gateway takes some 1,200 characters.
MOST_CHARACTERS: Final = 4_000_000
#: Registration failed: the status follows within a second (sofia_reg.c, sofia_reg_check_gateway).
FAILED_STATES: Final = frozenset({"FAILED", "FAIL_WAIT", "TIMEOUT"})
#: The state of a gateway that does not register.
NO_REGISTRATION: Final = "NOREG"
#: The events by which the switch tells that a gateway's state is another one, that there is one
#: more, and that one has gone (up to a second after it was taken away).
GATEWAY_EVENTS: Final = ("sofia::gateway_state", "sofia::gateway_add", "sofia::gateway_delete")

#: An ampersand that the switch has not escaped.
_LONE_AMPERSAND: Final = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)", re.ASCII
)
_COUNT: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_TRANSPORT: Final = re.compile(r";transport=([A-Za-z]{2,8})\b", re.ASCII)


class CannotTell(EslError):
    """The answer says nothing of gateways: another command's, a switch without mod_sofia, odd."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway of a switch, as it runs.

    Attributes:
        name: which calls go by.
        profile: whose it is.
        status: `UP` or `DOWN`.
        state: of its registration (mod_sofia.c, sofia_state_names); `NOREG`: it does not register.
        proxy: where its calls are sent: `sip:host:port`.
        realm, username: what it registers or answers a challenge with; the switch has made up those
            that its XML leaves out.
        has_password: whether it has one. Nobody says which.
        sender: From of its REGISTER and, without `caller-id-in-from`, of its calls.
        contact: with its transport.
        context: where calls go that name it.
        expires_seconds: for how long it registers at a time.
        ping_seconds: how often it is asked whether it is there; 0: never.
        calls_out, failed_out, calls_in, failed_in: since it was made.

    """

    name: str
    profile: str
    status: str
    state: str
    proxy: str = ""
    realm: str = ""
    username: str = ""
    has_password: bool = False
    sender: str = ""
    contact: str = ""
    context: str = ""
    expires_seconds: int = 0
    ping_seconds: int = 0
    calls_out: int = 0
    failed_out: int = 0
    calls_in: int = 0
    failed_in: int = 0

    @property
    def usable(self) -> bool:
        """Whether a call over it is sent."""
        return is_usable(self.status, self.state)

    @property
    def registers(self) -> bool:
        """Whether it is told to register."""
        return self.state != NO_REGISTRATION

    @property
    def transport(self) -> str:
        """How SIP travels to it: `udp`, `tcp`, `tls`; empty where it does not say."""
        found = _TRANSPORT.search(self.contact)
        return found[1].lower() if found else ""


def is_usable(status: str, state: str) -> bool:
    """Whether the switch sends a call over a gateway with this status and state."""
    return status == "UP" and state not in FAILED_STATES


def ask_gateways(api: Callable[..., str]) -> tuple[Gateway, ...]:
    """Ask a switch for all its gateways; `api` is `SwitchLink.api`. Raises `EslError` kinds."""
    return read_gateways(api("sofia", "xmlstatus", "gateway"))


def read_xml(text: str, what: str) -> ET.Element:
    """Read an answer that is XML: elements and text, and nothing that declares anything.

    `what` it should be, for whoever reads that it is not. Raises `CannotTell`.
    """
    text = text.strip()
    if not text.startswith("<"):
        raise CannotTell(f"no {what}: {text!r:.80}")
    if len(text) > MOST_CHARACTERS:
        raise CannotTell(f"{what} that is too long")
    if "<!" in text:
        raise CannotTell(f"{what} that declares something")
    try:
        return ET.fromstring(_LONE_AMPERSAND.sub("&amp;", text))  # noqa: S314  (declares nothing)
    except (ET.ParseError, ValueError) as error:
        raise CannotTell(f"{what} that cannot be read: {error}") from error


def read_gateways(text: str) -> tuple[Gateway, ...]:
    """Read the answer to `sofia xmlstatus gateway`, of all gateways or of one.

    A profile that is stopped is left out by the switch, with its gateways. Two profiles may each
    have one of the same name. Raises `CannotTell`.
    """
    root = read_xml(text, "list of gateways")
    match root.tag:
        case "gateways":
            return tuple(_gateway(one) for one in root if one.tag == "gateway")
        case "gateway":
            return (_gateway(root),)
        case _:
            raise CannotTell(f"no list of gateways, but of {root.tag!r:.40}")


def _gateway(element: ET.Element) -> Gateway:
    said = {part.tag: (part.text or "").strip() for part in reversed(element)}
    for needed in ("name", "status", "state"):
        if not said.get(needed):
            raise CannotTell(f"a gateway without its {needed}")
    return Gateway(
        name=said["name"],
        profile=said.get("profile", ""),
        status=said["status"],
        state=said["state"],
        proxy=said.get("proxy", ""),
        realm=said.get("realm", ""),
        username=said.get("username", ""),
        has_password=said.get("password") == "yes",
        sender=said.get("from", ""),
        contact=said.get("contact", ""),
        context=said.get("context", ""),
        expires_seconds=_count(said.get("expires", "")),
        ping_seconds=_count(said.get("pingfreq", "")),
        calls_out=_count(said.get("calls-out", "")),
        failed_out=_count(said.get("failed-calls-out", "")),
        calls_in=_count(said.get("calls-in", "")),
        failed_in=_count(said.get("failed-calls-in", "")),
    )


def _count(text: str) -> int:
    """Read a count; what is none counts nothing."""
    return int(text) if _COUNT.match(text) else 0
