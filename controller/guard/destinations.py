"""Where calls may go (the first part of SPEC G2): deny by default.

A number is called only in a country that the extension allows, and never one of a kind that costs
more than a call. Pure: it reads the number and the policy, nothing else.
"""

from __future__ import annotations

from controller.numbers.e164 import country_of, is_costly
from controller.policy.model import Policy


def refusal_of_return_call(number: str, policy: Policy) -> str | None:
    """Give the reason why this E.164 number is not called back, or None.

    `own_number` (T7), `costly_number`, `country_not_allowed` (G2).
    """
    if number in policy.dids:
        return "own_number"
    if is_costly(number):
        return "costly_number"
    return None if policy.may_return_to(country_of(number)) else "country_not_allowed"


def refusal_of_destination(number: str, policy: Policy) -> str | None:
    """Give the reason why this E.164 number may not be dialled, or None; as for a return call."""
    if number in policy.dids:
        return "own_number"
    if is_costly(number):
        return "costly_number"
    return None if policy.may_dial_to(country_of(number)) else "country_not_allowed"
