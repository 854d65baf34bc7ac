"""Where calls may go (SPEC G2): deny by default.

A number is called only in a country that the extension allows or with a beginning that it allows,
if it is of a kind that it calls, unless it is blocked or in a range that is known for fraud; and
never one of a kind that costs more than a call, or of no country. Pure: it reads the number, the
policy and the ranges, nothing else.
"""

from __future__ import annotations

from typing import Final

from controller.guard.ranges import Range, Ranges
from controller.numbers.e164 import country_of, is_costly, type_of
from controller.policy.model import Policy

#: Why a number is not called, in the order in which it is asked: the words of docs/calls.md.
REASONS: Final = (
    "own_number",
    "costly_number",
    "blocked",
    "country_not_allowed",
    "type_not_allowed",
    "risky_range",
)


def refusal_of_return_call(number: str, policy: Policy, ranges: Ranges) -> str | None:
    """Give the reason why this E.164 number is not called back (one of `REASONS`), or None.

    `ranges`: those that are known for fraud. T7, G2.
    """
    return _refusal(number, policy, ranges, back=True)


def refusal_of_destination(number: str, policy: Policy, ranges: Ranges) -> str | None:
    """Give the reason why this E.164 number may not be dialled, or None; as for a return call."""
    return _refusal(number, policy, ranges, back=False)


def risky_range(number: str, policy: Policy, ranges: Ranges, *, back: bool) -> Range | None:
    """Give the range, known for fraud, for which a number is not called; None: for none.

    Who allows a beginning that is at least as long as the range's means those numbers. A whole
    country's range is none for the extensions in that country.
    """
    found = ranges.of(number)
    if found is None or (found.abroad and country_of(number) == policy.country):
        return None
    allowed = policy.return_prefixes if back else policy.destination_prefixes
    meant = any(
        len(prefix) >= len(found.prefix) and number.startswith(prefix) for prefix in allowed
    )
    return None if meant else found


def _refusal(number: str, policy: Policy, ranges: Ranges, *, back: bool) -> str | None:
    if number in policy.dids:
        return "own_number"
    if is_costly(number):
        return "costly_number"
    country, kind = country_of(number), type_of(number)
    if policy.blocks(number, country, kind):
        return "blocked"
    may = policy.may_return_to if back else policy.may_dial_to
    if not may(number, country):
        return "country_not_allowed"
    types = policy.return_types if back else policy.destination_types
    if types and kind not in types:
        return "type_not_allowed"
    return "risky_range" if risky_range(number, policy, ranges, back=back) else None
