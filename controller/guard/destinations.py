"""Where calls may go (the first part of SPEC G2): deny by default.

A number is called only in a country that the extension allows or with a beginning that it allows,
unless it is blocked, and never one of a kind that costs more than a call, or of no country. Pure:
it reads the number and the policy, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.numbers.e164 import country_of, is_costly
from controller.policy.model import Policy


def refusal_of_return_call(number: str, policy: Policy) -> str | None:
    """Give the reason why this E.164 number is not called back, or None.

    `own_number` (T7), `costly_number`, `blocked`, `country_not_allowed` (G2).
    """
    return _refusal(number, policy, policy.may_return_to)


def refusal_of_destination(number: str, policy: Policy) -> str | None:
    """Give the reason why this E.164 number may not be dialled, or None; as for a return call."""
    return _refusal(number, policy, policy.may_dial_to)


def _refusal(number: str, policy: Policy, may: Callable[[str, str | None], bool]) -> str | None:
    if number in policy.dids:
        return "own_number"
    if is_costly(number):
        return "costly_number"
    country = country_of(number)
    if policy.blocks(number, country):
        return "blocked"
    return None if may(number, country) else "country_not_allowed"
