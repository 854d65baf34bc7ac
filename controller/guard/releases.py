"""Which releases of FreeSWITCH are known to be open to what, as of a day. Pure.

From the projects' own advisories as NVD has them; what is fixed in a release is open in all before
it. It is no substitute for reading them: whoever runs a switch follows its announcements.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

#: The day on which the table was looked over last.
AS_OF: Final = "2026-11-29"

_NUMBERS: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)


class Door(StrEnum):
    """Through what a fault is reached; where that is shut, the fault is less near."""

    SIP = "sip"
    MESSAGE = "message"
    SUBSCRIBE = "subscribe"
    EVENT_SOCKET = "event_socket"


class Fault(msgspec.Struct, frozen=True):
    """One fault that is known.

    Attributes:
        name: by which it is looked up.
        fixed: the first release without it.
        what: what it lets others do.
        door: through what.
    """

    name: str
    fixed: str
    what: str
    door: Door = Door.SIP


FAULTS: Final = (
    Fault("CVE-2021-36513", "1.10.6", "NOTIFY tells what is in its memory"),
    Fault("CVE-2021-37624", "1.10.7", "MESSAGE needs no password", Door.MESSAGE),
    Fault("CVE-2021-41105", "1.10.7", "anybody can end calls that use SRTP"),
    Fault("CVE-2021-41145", "1.10.7", "a flood of SIP exhausts its memory"),
    Fault("CVE-2021-41157", "1.10.7", "SUBSCRIBE needs no password", Door.SUBSCRIBE),
    Fault("CVE-2021-41158", "1.10.7", "a far end learns the digest of a gateway's password"),
    Fault("CVE-2023-51443", "1.10.11", "anybody can end calls that use DTLS"),
    Fault(
        "CVE-2026-49840",
        "1.11.1",
        "its memory is overwritten before a password is asked",
        Door.EVENT_SOCKET,
    ),
    Fault("CVE-2026-116779", "1.11.3", "a fault in how MESSAGE is read", Door.MESSAGE),
)


def numbers_of(release: str) -> tuple[int, int, int] | None:
    """Give the numbers of a release (`1.11.1-release`); None: it has none."""
    found = _NUMBERS.match(release)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def faults_of(release: str) -> tuple[Fault, ...]:
    """Give what a release is open to; one without numbers: all."""
    has = numbers_of(release) or (0, 0, 0)
    return tuple(fault for fault in FAULTS if has < (numbers_of(fault.fixed) or (0, 0, 0)))
