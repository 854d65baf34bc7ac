"""Who asks: the address of a request's peer, also where a reverse proxy asks for him."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Where a request's environment has the address of whoever asks, as `Peers.of` gives it.
PEER: Final = "callbackd.peer"
#: Whoever has one address of IPv6 has all of these.
_SITE_BITS: Final = 64
#: Of a chain of proxies so many are looked at.
_MOST_HOPS: Final = 16
#: Some proxies say the port too: `192.0.2.7:49152`, `[2001:db8::7]:49152`.
_WITH_PORT: Final = re.compile(
    r"\s*(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15})):[0-9]{1,5}\s*\Z", re.ASCII
)


def read_address(text: str) -> Address | None:
    """Read an address; one of IPv6 that stands for one of IPv4 is that. None: it is none."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_in(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of these networks."""
    return address is not None and any(address in network for network in networks)


def site(address: Address | None) -> str:
    """Give what is counted as one peer: an address of IPv4, 64 bits of one of IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _SITE_BITS), strict=False))
    return str(address)


class Peers:
    """Tells who asks. `proxies`: whose word on that is believed."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = tuple(proxies)

    def of(self, environ: Mapping[str, Any]) -> Address | None:
        """Give the address of whoever asks; None where none can be told.

        Of `X-Forwarded-For` only the end counts, which our own proxies wrote: the last address
        that is none of theirs. What stands before it anybody may have written.
        """
        address = read_address(str(environ.get("REMOTE_ADDR", "")))
        said = str(environ.get("HTTP_X_FORWARDED_FOR", ""))
        for hop in reversed(said.split(",")[-_MOST_HOPS:] if said else ()):
            if not is_in(address, self._proxies):
                break
            with_port = _WITH_PORT.match(hop)
            address = read_address(hop if with_port is None else with_port[1] or with_port[2])
        return address

    def is_over_tls(self, environ: Mapping[str, Any]) -> bool:
        """Whether whoever asks came to a proxy of ours over TLS, as that one says.

        Of several that say so in turn the last word counts: it is that of the one before us.
        """
        said = str(environ.get("HTTP_X_FORWARDED_PROTO", "")).rpartition(",")[2].strip().lower()
        near = read_address(str(environ.get("REMOTE_ADDR", "")))
        return said == "https" and is_in(near, self._proxies)

    def is_forwarded_by_a_stranger(self, environ: Mapping[str, Any]) -> bool:
        """Whether a proxy asks for somebody, and is none of ours: then nobody knows who asks."""
        said = "HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ
        return said and not is_in(read_address(str(environ.get("REMOTE_ADDR", ""))), self._proxies)
