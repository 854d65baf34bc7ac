"""The CallerID resolver: pure, and every answer says by which rule it was found (I9).

In this release an extension shows one number of its own on public calls, its default (I5), and
its DID on the return call (T8).
"""

from __future__ import annotations

import msgspec

from controller.policy.model import Policy


class Shown(msgspec.Struct, frozen=True):
    """What a public call shows. `rule` is the SPEC id that decided."""

    number: str
    name: str
    rule: str


def for_return_call(policy: Policy, did: str) -> Shown:
    """Give what the return call shows: the number that was rung, so that it is recognised (T8)."""
    return Shown(number=did, name=policy.caller_id_name, rule="T8")


def for_destination(policy: Policy) -> Shown:
    """Give what the destination sees: the extension's default number (I5)."""
    # A policy without one is refused when it is written (I2).
    assert policy.default_caller_id is not None
    return Shown(number=policy.default_caller_id, name=policy.caller_id_name, rule="I5")


def for_internal(policy: Policy, number: str) -> Shown:
    """Give what an extension of the platform sees: who calls, whatever is shown on public calls.

    `number` is the caller's, E.164; where he hides it, it is the extension that he called.
    """
    return Shown(number=number or policy.extension, name="", rule="internal")
