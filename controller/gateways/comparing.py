"""What runs on a node against what is wanted there.

A node tells of its gateways what mod_sofia.c (xml_gateway_status) prints: all that we write but
for `caller-id-in-from` and the password itself. One that was taken down is still told for a
second, beside the one that was made in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from controller.gateways.model import Gateway, Wanted

#: What the switch says of a gateway that does not register.
NO_REGISTRATION: Final = "NOREG"
_UP: Final = "UP"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that runs, in the switch's own words.

    Attributes:
        name: the gateway's; profile: on which SIP profile.
        proxy: `sip:` and where calls are sent.
        transport: how.
        username: whom the trunk knows us by.
        password: whether it has one.
        domain: what stands behind the @ of From: the proxy where nothing else was said.
        ping_seconds: how often it asks whether the trunk is there; 0: never.
        status: UP or DOWN; state: of its registration, NOREG where there is none.

    """

    name: str
    profile: str
    proxy: str
    transport: str
    username: str
    password: bool
    domain: str
    ping_seconds: int
    status: str
    state: str


class Found(StrEnum):
    """What was found of a gateway."""

    AS_WANTED = "as wanted"
    MISSING = "missing"
    DIFFERENT = "different"
    #: It is somebody else's to write, and it is there.
    BY_HAND = "by hand"
    #: No channel and no setting has its name.
    NOT_WANTED = "not wanted"


class Difference(msgspec.Struct, frozen=True):
    """A field of a gateway that runs otherwise than it is wanted."""

    field: str
    wanted: str
    running: str


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway of a node, compared.

    `status` and `state` (of its registration) are the switch's own words, empty where it does not
    run.
    """

    name: str
    found: Found
    differences: tuple[Difference, ...] = ()
    status: str = ""
    state: str = ""

    @property
    def well(self) -> bool:
        """Whether what is wanted runs as it is wanted, if it is."""
        return self.found not in (Found.MISSING, Found.DIFFERENT)

    @property
    def up(self) -> bool:
        """Whether the switch sends calls over it."""
        return self.status == _UP

    @property
    def registers(self) -> bool:
        """Whether it runs, and is told to register."""
        return self.state not in ("", NO_REGISTRATION)


def compare(wanted: Wanted, running: Iterable[Running], profile: str) -> list[Compared]:
    """Compare what runs on a node with what is wanted there, in the order of names."""
    there: dict[str, list[Running]] = {}
    for one in running:
        there.setdefault(one.name, []).append(one)
    ours = {one.name: one for one in wanted.gateways}
    return [
        _compare(name, ours.get(name), wanted.by_hand, there.get(name, ()), profile)
        for name in sorted({*ours, *wanted.by_hand, *there})
    ]


def _compare(
    name: str,
    gateway: Gateway | None,
    by_hand: Iterable[str],
    running: Sequence[Running],
    profile: str,
) -> Compared:
    if not running:
        return Compared(name=name, found=Found.MISSING)
    differences: tuple[Difference, ...] = ()
    if gateway is not None:
        differences = tuple(_differences(gateway, running, profile))
        found = Found.DIFFERENT if differences else Found.AS_WANTED
    else:
        found = Found.BY_HAND if name in by_hand else Found.NOT_WANTED
    # The one that was made last is told first.
    status, state = running[0].status, running[0].state
    return Compared(name=name, found=found, differences=differences, status=status, state=state)


def _differences(
    gateway: Gateway, running: Sequence[Running], profile: str
) -> Iterable[Difference]:
    if len(running) > 1:
        where = " and ".join(f"on {one.profile}" for one in running)
        yield Difference("name", "once", where)
    one = running[0]
    for field, wants, has in (
        ("profile", profile, one.profile),
        ("proxy", f"sip:{gateway.proxy}", one.proxy),
        ("transport", gateway.transport.value, one.transport),
        ("username", gateway.user, one.username),
        ("password", _set(there=gateway.username is not None), _set(there=one.password)),
        ("register", _yes(on=gateway.register), _yes(on=one.state != NO_REGISTRATION)),
        (
            "domain",
            _domain(gateway.domain, f"sip:{gateway.proxy}"),
            _domain(one.domain, one.proxy),
        ),
        ("ping_seconds", str(gateway.ping_seconds or 0), str(one.ping_seconds)),
    ):
        if wants != has:
            yield Difference(field, wants, has)


def _domain(domain: str | None, proxy: str) -> str:
    """Give what stands behind the @ of From; where it is the proxy, another proxy is told once."""
    return "the proxy" if domain is None or f"sip:{domain}" == proxy else domain


def _set(*, there: bool) -> str:
    return "set" if there else "none"


def _yes(*, on: bool) -> str:
    return "yes" if on else "no"
