"""Channels: the trunks to the public network, each a FreeSWITCH gateway (I2-I7, T4).

A channel says how calls that come over it are read, when and for which numbers it is used for calls
that go out, how it wants numbers and identities written, and how the switch reaches it.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.numbers.e164 import is_country
from controller.numbers.sending import has_prefix_for_abroad
from controller.policy.fields import (
    Beginning,
    Beginnings,
    ChannelName,
    ConcurrentCalls,
    Country,
    DialPrefix,
    Domain,
    IdentityHeader,
    Line,
    Network,
    PositiveMicros,
    PriceListName,
    SipHost,
    SipUser,
    TimeZone,
    WorkingHours,
)
from controller.policy.model import PolicyError
from controller.policy.quiet import is_time_zone
from controller.policy.records import Record
from controller.policy.rules import once


class RefusalCause(StrEnum):
    """T1: 486 may make a carrier try another way, 603 does not."""

    USER_BUSY = "USER_BUSY"
    CALL_REJECTED = "CALL_REJECTED"


class HiddenIdentity(StrEnum):
    """I7: P-Asserted-Identity of a call that hides its number is left out, or sent as private."""

    OMIT = "omit"
    PRIVATE = "private"


class NumberFormat(StrEnum):
    """How a trunk wants numbers: `+4930123456`, `4930123456`, or as its country dials them."""

    PLUS = "plus"
    DIGITS = "digits"
    NATIONAL = "national"


class Transport(StrEnum):
    """How SIP travels to a trunk."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


#: The usual order of a channel among others; a lower one is tried sooner.
USUAL_PRIORITY: Final = 10


class Channel(Record, frozen=True, kw_only=True):
    """A trunk to the public network: a FreeSWITCH gateway.

    Attributes:
        name: the gateway's.
        description: for the operator.

        addresses: from where its calls come: networks. A call from anywhere else is of no channel,
            and is read as one of a channel that has defaults only.
        identity: T4, which headers say who rings, the first that is there; only a trunk that
            checks them deserves to be believed more than From.
        country: by whose dial plan it writes numbers, where not internationally; None: as the
            extension's.
        rewrite: how numbers that it sends begin, and what is put in place of that before they are
            read; the longest beginning that fits counts.
        refusal_cause: T1, with which trigger calls that come over it are refused.
        trust_callers: I2, the numbers and names that it says are true, and may be shown to others
            where an extension says `equipment`.

        enabled: whether calls go out over it.
        destinations: which numbers it takes: how they begin, and what a minute costs there, in
            millionths of any one currency. None: all, at no cost. Of several channels that take a
            number, those whose beginning is longest come first, then those of lower `priority`,
            then the cheaper ones, then by name.
        priority: 1 comes first.
        hours: when it is used; none: always. `time_zone`: of the hours, IANA.
        concurrent_calls: G3, calls out over it at a time, all nodes together; None: any number.
        progress_seconds: a call that nobody says anything of for so long goes on to the next
            channel.

        number_format: how it wants the number that is called; `national` by the dial plan of
            `country`. `dial_prefix`: digits that it wants before it.
        caller_id_format: how it wants the number that is shown.
        domain: I7, the domain of P-Asserted-Identity; None: the service's own (`route.domain`).
        hidden_identity: I7, what becomes of P-Asserted-Identity where the number is hidden (I6).

        proxy: where the switch sends its calls. None: its gateway is not written by
            `callbackd switch config`, but by hand.
        transport: how.
        username: what it knows us by; None: by our address. The password is a setting
            (`channel_passwords`).
        register: whether the switch registers there.
        ping_seconds: how often the switch asks whether it is there (OPTIONS); None: never.

        cost_list: M2, the price list that says what its calls cost the operator; None: nobody
            knows.

    """

    name: ChannelName
    description: Line = ""

    addresses: Annotated[tuple[Network, ...], Meta(max_length=1000)] = ()
    identity: Annotated[tuple[IdentityHeader, ...], Meta(min_length=1, max_length=4)] = (
        IdentityHeader.FROM,
    )
    country: Country | None = None
    rewrite: Annotated[dict[Beginning, Beginning], Meta(max_length=100)] = msgspec.field(
        default_factory=dict
    )
    refusal_cause: RefusalCause = RefusalCause.USER_BUSY
    trust_callers: bool = False

    enabled: bool = True
    destinations: Annotated[dict[Beginnings, PositiveMicros], Meta(max_length=10_000)] = (
        msgspec.field(default_factory=dict)
    )
    priority: Annotated[int, Meta(ge=1, le=1000)] = USUAL_PRIORITY
    hours: Annotated[tuple[WorkingHours, ...], Meta(max_length=50)] = ()
    time_zone: TimeZone = "UTC"
    concurrent_calls: ConcurrentCalls | None = None
    progress_seconds: Annotated[int, Meta(ge=1, le=60)] = 15

    number_format: NumberFormat = NumberFormat.DIGITS
    dial_prefix: DialPrefix = ""
    caller_id_format: NumberFormat = NumberFormat.DIGITS
    domain: Domain | None = None
    hidden_identity: HiddenIdentity = HiddenIdentity.OMIT

    proxy: SipHost | None = None
    transport: Transport = Transport.UDP
    username: SipUser | None = None
    register: bool = False
    ping_seconds: Annotated[int, Meta(ge=5, le=3600)] | None = None

    cost_list: PriceListName | None = None

    def check(self) -> None:
        """Check what types cannot say. Raises `PolicyError`."""
        once("addresses", self.addresses)
        once("identity", self.identity)
        once("hours", self.hours)
        for address in self.addresses:
            try:
                ipaddress.ip_network(address)
            except ValueError as error:
                raise PolicyError(
                    f"addresses: {address!r} is no network; write 192.0.2.10 or 192.0.2.0/24"
                ) from error
        if self.country is not None and not is_country(self.country):
            raise PolicyError(
                f"country: {self.country!r} is no country; write two capitals of ISO 3166: US"
            )
        if not is_time_zone(self.time_zone):
            raise PolicyError(
                f"time_zone: {self.time_zone!r} is no time zone; write one of the IANA's list: "
                "Europe/Berlin"
            )
        self._check_hours()
        self._check_formats()
        self._check_gateway()

    def _check_hours(self) -> None:
        for hours in self.hours:
            begins, ends = hours.partition(" ")[2].split("-")
            if begins == ends:
                raise PolicyError(
                    f"hours: {hours!r} would end as they begin; write 00:00-24:00 for a whole day"
                )

    def _check_formats(self) -> None:
        for field in ("number_format", "caller_id_format"):
            if getattr(self, field) is NumberFormat.NATIONAL and self.country is None:
                raise PolicyError(
                    f"{field}: `national` numbers are written by a country's dial plan; set country"
                )
        if self.dial_prefix and self.number_format is NumberFormat.PLUS:
            raise PolicyError(
                "dial_prefix: nothing can stand before a plus; write number_format `digits`"
            )
        national = self.country if self.number_format is NumberFormat.NATIONAL else None
        if self.dial_prefix and national and not has_prefix_for_abroad(national):
            raise PolicyError(
                f"dial_prefix: who calls abroad from {national} chooses among prefixes, so that "
                "such numbers are sent with a plus, and nothing can stand before one; write "
                "number_format `digits`"
            )

    def _check_gateway(self) -> None:
        if self.proxy is not None:
            _check_proxy(self.proxy)
        else:
            for field in ("transport", "username", "ping_seconds"):
                if getattr(self, field) not in (None, Transport.UDP):
                    raise PolicyError(
                        f"{field}: is of a gateway that we write, and that needs to know where its "
                        "trunk is; set proxy"
                    )
        if self.register and (self.proxy is None or self.username is None):
            missing = "proxy" if self.proxy is None else "username"
            raise PolicyError(f"{missing}: a gateway that registers needs it; set it")


def _check_proxy(proxy: str) -> None:
    address, bracket, port = proxy.removeprefix("[").partition("]")
    if bracket:
        try:
            ipaddress.IPv6Address(address)
        except ValueError as error:
            raise PolicyError(
                f"proxy: {address!r} is no address of IPv6; write [2001:db8::1]"
            ) from error
    else:
        port = proxy
    port = port.partition(":")[2]
    if port and not 1 <= int(port) <= 65_535:
        raise PolicyError(f"proxy: {port} is no port; write 1 to 65535")
