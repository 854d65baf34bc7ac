"""I7: by which addresses a call says who makes it, to networks that trust us."""

from __future__ import annotations

from typing import Final

from controller.callerid.model import Shown
from controller.policy.channels import Channel, HiddenIdentity
from controller.policy.model import Policy

#: Where nothing says of which domain an identity is. It is nobody's, so that it names nobody else.
_NO_DOMAIN: Final = "localhost"


def identities(policy: Policy, channel: Channel, shown: Shown, *, domain: str) -> tuple[str, str]:
    """Give the addresses of P-Asserted-Identity and P-Preferred-Identity, empty where not sent.

    They are SIP addresses as they are (`sip:1001@example.com`). The first is of the channel's own
    domain, or of `domain`, the service's, or of the host of the channel's proxy. A channel without
    any of them (its gateway is written by hand, or its proxy is an IPv6 address, whose brackets no
    dial string can carry) says `localhost`. A call that hides its number (I6) sends the first only
    where its channel wants it as private, and never the second: what the operator wrote there may
    be a number.
    """
    asserted = ""
    if policy.p_asserted_identity and (
        not shown.hidden or channel.hidden_identity is HiddenIdentity.PRIVATE
    ):
        host = channel.domain or domain or _host(channel.proxy) or _NO_DOMAIN
        asserted = f"sip:{policy.extension}@{host}"
    preferred = None if shown.hidden else policy.p_preferred_identity
    return asserted, preferred or ""


def _host(proxy: str | None) -> str:
    """Give a proxy without its port; an IPv6 address is none that can be said."""
    if proxy is None or proxy.startswith("["):
        return ""
    return proxy.partition(":")[0]
