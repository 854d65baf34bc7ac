"""Which number is called back (T3, T4): decided from who rang and what the list says of him."""

from __future__ import annotations

from controller.numbers.caller import Caller
from controller.policy.fields import ReturnCalls
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller


def number_to_call(
    policy: Policy, caller: Caller, listed: AuthorisedCaller | None
) -> tuple[str | None, str | None]:
    """Give the number to call back, or None and the reason why there is none.

    `listed` is the entry of the list for the number that rang; it counts in mode `authorized`
    only. Reasons: the caller's own (`hidden`, `not_digits`, `not_a_number`), `not_authorised`.
    """
    if policy.return_calls is ReturnCalls.FIXED:
        # Whoever called, hidden or not (T4): nobody learns anything but the fixed number.
        return policy.fixed_number, None
    if caller.number is None:
        return None, caller.reason or "hidden"
    if policy.return_calls is ReturnCalls.CALLER:
        return caller.number, None
    if listed is None or not listed.enabled:
        return None, "not_authorised"
    return listed.callback_number or caller.number, None
