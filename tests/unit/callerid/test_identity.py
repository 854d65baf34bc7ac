"""I7: P-Asserted-Identity and P-Preferred-Identity, each when it is on, and as the channel says."""

from __future__ import annotations

import pytest

from controller.callerid.identity import identities
from controller.callerid.model import Shown
from controller.policy.channels import Channel, HiddenIdentity
from tests.unit.callerid.given import policy

SHOWN = Shown("+12025550101", "Acme", rule="I4", name_rule="I1")
HIDDEN = Shown(hidden=True, rule="I6")
PPI = "sip:desk@example.net"
A = "+12025550101"


@pytest.mark.parametrize("asserted", [False, True])
@pytest.mark.parametrize("preferred", [None, PPI])
@pytest.mark.parametrize("hidden_identity", HiddenIdentity)
def test_i7_each_is_sent_when_it_is_on(
    asserted: bool, preferred: str | None, hidden_identity: HiddenIdentity
) -> None:
    by = policy(A, p_asserted_identity=asserted, p_preferred_identity=preferred)
    channel = Channel(name="out", hidden_identity=hidden_identity)
    on = ("sip:100@example.com" if asserted else "", preferred or "")
    assert identities(by, channel, SHOWN, domain="example.com") == on
    # With I6: the first as private, or neither.
    hidden = (on[0] if hidden_identity is HiddenIdentity.PRIVATE else "", "")
    assert identities(by, channel, HIDDEN, domain="example.com") == hidden


@pytest.mark.parametrize(
    ("domain", "service", "proxy", "host"),
    [
        ("trunk.example", "service.example", "sip.example:5070", "trunk.example"),
        (None, "service.example", "sip.example:5070", "service.example"),
        (None, "", "sip.example:5070", "sip.example"),
        (None, "", "sip.example", "sip.example"),
        (None, "", "192.0.2.10:5060", "192.0.2.10"),
        # Brackets cannot be in a dial string (`esl.commands`).
        (None, "", "[2001:db8::1]", "localhost"),
        (None, "", "[2001:db8::1]:5070", "localhost"),
        # A gateway that is written by hand, and nothing says of which domain we are.
        (None, "", None, "localhost"),
    ],
)
def test_i7_the_domain_is_the_channels_or_the_services_or_the_proxys(
    domain: str | None, service: str, proxy: str | None, host: str
) -> None:
    channel = Channel(name="out", domain=domain, proxy=proxy)
    channel.check()
    by = policy(A, p_asserted_identity=True)
    assert identities(by, channel, SHOWN, domain=service) == (f"sip:100@{host}", "")
