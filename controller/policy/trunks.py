"""The trunks as calls see them: which there are, and which one a call came over."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from controller.policy.channels import Channel


class Trunks:
    """All channels at one moment, ready to be asked."""

    def __init__(self, channels: Iterable[Channel] = ()) -> None:
        #: All of them, in the order they came in.
        self.channels = tuple(channels)
        #: Those that calls go out over, by name, and whether any of them takes only so many.
        self.names = tuple(channel.name for channel in self.channels if channel.enabled)
        self.has_limits = any(channel.concurrent_calls is not None for channel in self.channels)
        self._by_name = {channel.name: channel for channel in self.channels}
        networks = [
            (ipaddress.ip_network(address), channel)
            for channel in self.channels
            for address in channel.addresses
        ]
        # The narrowest first: one address may be a trunk of its own in the network of another.
        self._networks = sorted(networks, key=lambda pair: -pair[0].prefixlen)

    def get(self, name: str | None) -> Channel | None:
        """Give the channel of a name, or None where there is none any more."""
        return self._by_name.get(name or "")

    def find(self, address: str | None) -> Channel | None:
        """Give the channel that a call came over, by the address that its INVITE came from.

        The gateway that the switch itself names (`sip_gateway`) does not count: it is whatever the
        caller wrote into the request's address (`;gw=`, sofia.c, sofia_handle_sip_i_invite).
        """
        try:
            from_ = ipaddress.ip_address(address or "")
        except ValueError:
            return None
        return next((channel for network, channel in self._networks if from_ in network), None)
