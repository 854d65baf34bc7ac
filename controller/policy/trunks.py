"""The trunks as calls see them: which one a call came over."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from controller.policy.records import Channel


class Trunks:
    """All channels at one moment, ready to be asked."""

    def __init__(self, channels: Iterable[Channel] = ()) -> None:
        networks = [
            (ipaddress.ip_network(address), channel)
            for channel in channels
            for address in channel.addresses
        ]
        # The narrowest first: one address may be a trunk of its own in the network of another.
        self._networks = sorted(networks, key=lambda pair: -pair[0].prefixlen)

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
