"""What a switch is to know of a trunk: the gateway that a channel wants, without its password.

A channel that has `proxy` wants a gateway, also one that is off: calls in progress go on over it,
and trigger calls come from its addresses. The gateway of a channel without `proxy` is written by
hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from controller.policy.channels import Channel, Transport

#: `sofia profile X killgw _all_` takes down every gateway, in whatever case it is written
#: (mod_sofia.c, cmd_profile).
_ALL: Final = "_all_"
#: Whom the switch says it is where nothing else is said (sofia.c, parse_gateways).
NOBODY: Final = "FreeSWITCH"


class GatewayError(ValueError):
    """A channel that cannot be made a gateway; the message names it and the remedy."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway as it is wanted.

    Attributes:
        name: the channel's.
        proxy: where calls are sent: a host, with its port where it is another than usual.
        transport: how.
        username: whom the trunk knows us by; None: by our address.
        register: whether the switch registers there.
        domain: what stands behind the @ of From; None: the proxy.
        ping_seconds: how often the switch asks whether it is there; None: never.
    """

    name: str
    proxy: str
    transport: Transport = Transport.UDP
    username: str | None = None
    register: bool = False
    domain: str | None = None
    ping_seconds: int | None = None

    @property
    def user(self) -> str:
        """Who we are in From and To: of a username with a domain, what stands before the @."""
        return (self.username or NOBODY).partition("@")[0] or NOBODY


def gateway(channel: Channel) -> Gateway:
    """Give the gateway that a channel with `proxy` wants.

    Raises `GatewayError` where no gateway can have the channel's name, or it has no `proxy`.
    """
    if channel.proxy is None:
        raise GatewayError(f"channel {channel.name} has no proxy: its gateway is written by hand")
    if channel.name.lower() == _ALL:
        raise GatewayError(
            f"channel {channel.name}: the switch takes this name for all gateways; add the channel "
            "by another name and remove this one"
        )
    if channel.name.startswith("."):
        raise GatewayError(
            f"channel {channel.name}: the switch does not read files whose names begin with a dot; "
            "add the channel by another name and remove this one"
        )
    return Gateway(
        name=channel.name,
        proxy=channel.proxy,
        transport=channel.transport,
        username=channel.username,
        register=channel.register,
        domain=channel.domain,
        ping_seconds=channel.ping_seconds,
    )


class Wanted(msgspec.Struct, frozen=True):
    """What switches should have: `gateways` that we write, and `by_hand` those of others, by name.

    `why` says of each one by hand who needs it.
    """

    gateways: tuple[Gateway, ...] = ()
    by_hand: Mapping[str, str] = {}


def wanted(channels: Iterable[Channel], internal_gateway: str = "") -> Wanted:
    """Give what switches should have, in the order of names.

    `internal_gateway` is that of the settings, to the platform's own extensions. A channel that is
    off, and whose gateway is written by hand, needs none. Raises `GatewayError` as `gateway` does.
    """
    ordered = sorted(channels, key=lambda channel: channel.name)
    by_hand = {channel.name: f"channel {channel.name}" for channel in ordered if _by_hand(channel)}
    if internal_gateway:
        by_hand.setdefault(internal_gateway, "route.internal_gateway")
    ours = tuple(gateway(channel) for channel in ordered if channel.proxy is not None)
    names = {one.name for one in ours}
    return Wanted(ours, {name: why for name, why in by_hand.items() if name not in names})


def _by_hand(channel: Channel) -> bool:
    return channel.proxy is None and channel.enabled


def check_passwords(wanted: Wanted, passwords: Mapping[str, str]) -> None:
    """Check that each gateway with a username has a password. Raises `GatewayError`."""
    for one in wanted.gateways:
        if one.username is not None and one.name not in passwords:
            raise GatewayError(
                f"channel_passwords.{one.name}: channel {one.name} has a username and no password; "
                "set it in the settings, or in the environment: "
                f"CALLBACKD_CHANNEL_PASSWORDS='{{ {_key(one.name)} = \"...\" }}'"
            )


def unused_passwords(wanted: Wanted, passwords: Mapping[str, str]) -> list[str]:
    """Give the names of passwords that no gateway of ours uses, in order."""
    used = {one.name for one in wanted.gateways if one.username is not None}
    return sorted(set(passwords) - used)


def _key(name: str) -> str:
    """Write a name as a key of TOML."""
    return f'"{name}"' if "." in name else name
