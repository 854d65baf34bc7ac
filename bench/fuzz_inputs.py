"""Hostile calls: what a caller, a trunk and a telephone can say, made up with malice.

What is said in SIP is written down here as the switch gives it: url-encoded, but for a `%` that
came as it is. Nothing of it is read here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import msgspec

#: A number that may be called back, and another one.
GOOD: Final = "12125550199"
OTHER: Final = "+16465550124"
#: What means something to somebody on the way: to the event socket, to a dial string, to what the
#: switch expands, to SIP, to a shell, a page, a query, a spreadsheet, a terminal.
SHARP: Final = (
    "\n", "\r\n\r\n", "\n\n", "%0A", "%0d%0a%0d%0a", "%00", "\0", "\u2028", "\u202e", "\x1b[2J",
    "\x7f", " ", ",", "|", ":_:", "[", "]", "{", "}", "<", ">", "'", '"', "\\", "^^:", "^^~", "~",
    "%[", "%", "=", ";", ":", "@", "&", "`id`", "$", "${", "}${", "${system(touch /tmp/evil)}",
    "$${domain}", "${expand(${system(id)})}", "\\${x}", "origination_uuid=1",
    ",origination_uuid=1", "]sofia/gateway/x/1", "|sofia/gateway/x/19005550100",
    "}sofia/gateway/x/1900", "sofia/gateway/x/19005550100", "&system(id)", "&park()",
    "variable_evil: yes", "\nvariable_evil: yes", "Event-Name: CUSTOM",
    "execute_on_answer=system id", "ARRAY::", "ARRAY::a|:b", "|:", "undef", "_undef_", ";ext=1",
    ";phone-context=evil.example", ";privacy=off", ";party=called", "?Replaces=x", "sip:", "tel:",
    "@evil.example", "anonymous", "nobody", "unavailable", "'; DROP TABLE extension; --",
    "<script>alert(1)</script>", '=HYPERLINK("http://evil.example")', "file_string://", "!",
    "../../etc", "shell_stream://id", "exit\n\n", "api system id\n\n", "hangup",
    "NORMAL_CLEARING", "\uff11\uff12", "\u0661\u0662", "\ufffd", "\u00e9", "+", "-", "00", "0",
    "1", "A", "*", "#",
)  # fmt: skip
#: Whole values, good ones among them: a bad one beside a good one must change nothing of it.
WHOLE: Final = (
    GOOD, f"+{GOOD}", OTHER, "2125550199", "+19005550100", "+8811234567", "+442079460000", "911",
    "", "anonymous", "nobody", "Ann", "Smith & Sons (Sales)", "Acme c/o B", "Müller",
    "1-800-FLOWERS", "9" * 5000, "x" * 5000, "+" + "1" * 30, "Bob%0Avariable_pin_ok: true",
    "12125550101", "+12025550100",
)  # fmt: skip
#: What telephones press; others than these twelve are pressed too.
KEYS: Final = "0123456789*#ABCD"
TYPED: Final = (
    "2125550123#", "0900123456#", "19005550100#", "*0#*0#*0#", "**", "#", "A", "1234D#", "00#",
    "911#", "112#", "0" * 42, "12025550100#", "011442079460000#", "6465550124#", "1#", "12#",
    "1001#", "*", "",
)  # fmt: skip
#: Variables of the leg that a caller has a hand in, besides who he says he is.
FREE: Final = (
    "variable_sip_user_agent", "variable_sip_h_X-Evil", "variable_sip_call_id",
    "variable_sip_to_user", "variable_sip_req_uri", "variable_sip_contact_user",
    "variable_sip_h_Diversion", "variable_sip_subject", "variable_sip_to_display",
    "variable_switch_r_sdp", "Caller-Caller-ID-Number", "Caller-Caller-ID-Name", "Caller-ANI",
    "Caller-RDNIS", "Caller-Username", "Channel-Name", "variable_sip_gateway",
)  # fmt: skip


class Hostile(msgspec.Struct, frozen=True, kw_only=True):
    """One call and what is said in it. Values are bytes as they were sent; None: not sent.

    Attributes:
        user, display, host: of From.
        asserted, remote, preferred: the three identity headers, whole.
        privacy: of Privacy.
        destination: what was rung.
        address: where the INVITE came from.
        free: other variables of the leg.
        keys: what is pressed, in the return call.
        answers: what the switch says of destinations: a disposition, a cause, a name of a leg.
        trunk: how the trunk is set, one of several ways.
        policy: likewise the extension.

    """

    user: bytes | None = GOOD.encode()
    display: bytes | None = None
    host: bytes | None = b"h"
    asserted: bytes | None = None
    remote: bytes | None = None
    preferred: bytes | None = None
    privacy: bytes | None = None
    destination: bytes = b"12025550100"
    address: bytes = b"192.0.2.1"
    free: Mapping[str, bytes] = {}
    keys: str = "2125550123#"
    answers: tuple[str, str, str] = ("SUCCESS", "NORMAL_CLEARING", "")
    trunk: int = 0
    policy: int = 0


def text(chance: random.Random) -> str:
    """Make up a value: a whole one, or one of several pieces."""
    if chance.random() < 0.3:
        return chance.choice(WHOLE)
    pieces = [
        chance.choice(WHOLE) if chance.random() < 0.2 else chance.choice(SHARP)
        for _ in range(chance.choice((1, 1, 2, 3, 6)))
    ]
    if chance.random() < 0.5:
        pieces.insert(chance.randrange(len(pieces) + 1), chance.choice(WHOLE[:8]))
    return "".join(pieces)


def value(chance: random.Random) -> bytes:
    """Make up a value as it is sent: now and then no UTF-8."""
    made = text(chance).encode()
    if chance.random() < 0.05:
        at = chance.randrange(len(made) + 1)
        made = made[:at] + chance.randbytes(chance.choice((1, 2, 5))) + made[at:]
    return made


def header(chance: random.Random) -> bytes:
    """Make up an identity header: mostly a name and an address, of whatever they are."""
    display, user = value(chance), value(chance)
    if chance.random() < 0.5:
        user = chance.choice((f"+{GOOD}", OTHER, GOOD)).encode()
    written = chance.choice((
        b'"%b" <sip:%b@h>', b"%b <sip:%b@h>", b"%.0b%b", b"%.0bsip:%b@h", b"%.0b<tel:%b>", b"%b%b",
        b'"%b" <sip:%b@h;user=phone>;party=calling;privacy=off',
        b'"%b" <sips:%b@[::1]:5061>',
    ))  # fmt: skip
    return written % (display, user)


def make(chance: random.Random) -> Hostile:
    """Make up a call: often most of it is good, so that the rest is not refused for it."""

    def maybe(share: float, good: bytes | None) -> bytes | None:
        return value(chance) if chance.random() < share else good

    def headed(share: float) -> bytes | None:
        return header(chance) if chance.random() < share else None

    bad = chance.choice((0.1, 0.5))
    keys = "".join(
        chance.choice(TYPED) if chance.random() < 0.6 else text(chance)[:40]
        for _ in range(chance.choice((1, 1, 2, 3)))
    )
    answers = [
        text(chance) if chance.random() < bad / 2 else chance.choice(good)
        for good in (
            ("SUCCESS", "USER_BUSY", "NO_ANSWER", "INVALID_GATEWAY"),
            ("NORMAL_CLEARING", "ALLOTTED_TIMEOUT", ""),
            ("", "", "first"),
        )
    ]
    return Hostile(
        user=maybe(bad, chance.choice((GOOD, f"+{GOOD}", OTHER)).encode()),
        display=maybe(0.7, b"Ann"),
        host=maybe(bad / 2, b"h"),
        asserted=headed(bad),
        remote=headed(bad / 2),
        preferred=headed(bad / 2),
        privacy=maybe(bad / 2, None),
        destination=maybe(bad / 2, b"12025550100") or b"",
        address=maybe(bad / 4, chance.choice((b"192.0.2.1", b"203.0.113.1"))) or b"",
        free={name: value(chance) for name in chance.sample(FREE, chance.choice((0, 2, 6)))},
        keys=keys[:300],
        answers=(answers[0], answers[1], answers[2]),
        trunk=chance.randrange(4),
        policy=chance.randrange(4),
    )


# --- as the switch gives it ------------------------------------------------------------------

_UNSAFE: Final = frozenset(b'\r\n "#&+:;<=>?@[\\]^`{|}')


def encoded(said: bytes) -> str:
    """Write a value as the switch does in plain text (switch_url_encode): a `%` stays as it is."""
    return "".join(
        f"%{byte:02X}" if byte > 126 or byte < 32 or byte in _UNSAFE else chr(byte) for byte in said
    )


def variables(call: Hostile) -> dict[str, bytes]:
    """Give the variables of the leg that say who rings, as sofia.c makes them."""
    said: dict[str, bytes | None] = {
        "variable_sip_from_user": b"nobody" if call.user == b"" else call.user,
        "variable_sip_from_display": call.display,
        "variable_sip_from_host": call.host,
        "variable_sip_P-Asserted-Identity": call.asserted,
        "variable_sip_Remote-Party-ID": call.remote,
        "variable_sip_P-Preferred-Identity": call.preferred,
        "variable_sip_Privacy": call.privacy,
        "variable_sip_network_ip": call.address,
        "Caller-Destination-Number": call.destination,
        "Caller-Caller-ID-Number": call.user,
    }
    whole = b'"%b" <sip:%b@%b>;tag=1' % (call.display or b"", call.user or b"", call.host or b"")
    said["variable_sip_full_from"] = whole
    made = {**{name: told for name, told in said.items() if told is not None}, **call.free}
    # 1.11.1 makes no variable of what it would expand; another one may.
    if len(call.keys) % 2:
        made = {
            name: told
            for name, told in made.items()
            if b"${" not in told or not name.startswith("variable_")
        }
    return made


def connect_reply(call: Hostile, leg: str, own: Mapping[str, str]) -> bytes:
    """Give the reply to `connect`: first what is ours, or last, as it happens."""
    lines = [f"{name}: {encoded(told)}" for name, told in variables(call).items()]
    ours = [f"{name}: {told}" for name, told in {"Unique-ID": leg, **own}.items()]
    lines = ours + lines if len(lines) % 2 else lines + ours
    head = ["Content-Type: command/reply", "Reply-Text: +OK", "Socket-Mode: async"]
    return ("\n".join([*head, *lines]) + "\n\n").encode()
