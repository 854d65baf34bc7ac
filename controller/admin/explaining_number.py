"""What a number that somebody dials is taken for, and whether it may be called (D3, T7, G2)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from controller.admin.callers_csv import BETWEEN
from controller.admin.explained import Recognised
from controller.admin.explaining_channels import refusal_tried
from controller.admin.model import Invalid
from controller.callback.keys import Entry, dialled
from controller.callback.platform import Platform
from controller.callerid.model import Tried
from controller.guard.destinations import refusal_of_destination, risky_range
from controller.guard.ranges import Ranges
from controller.numbers.e164 import BadNumber, country_of, parse, type_of
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan


class Destination(msgspec.Struct, frozen=True):
    """A number as it was read. `refusal`: why it is not called, whatever channels there are."""

    number: str
    recognised: Recognised
    refusal: str | None
    tried: tuple[Tried, ...]


def read_destination(
    text: str,
    policy: Policy,
    platform: Platform,
    *,
    caller: AuthorisedCaller | None,
    is_did: Callable[[str], bool],
) -> Destination:
    """Read a number as it may be dialled, or written internationally, and say what it is.

    `caller` is whose speed dials count; `is_did`: whether a number is one of our own. Raises
    `Invalid` for what is no number.
    """
    keys = BETWEEN.sub("", text)
    if keys.startswith("+"):
        number = _international(text, keys, policy.country)
        return _judged(number, f"{number} is an international number", policy, platform, is_did)
    if not keys:
        raise _no_number(text, policy.country)
    found = dialled(Entry(keys, ended=True), policy.country, caller, "", platform)
    match found.wrong:
        case "emergency_not_connected":
            said = f"{keys} is an emergency number, and those are not connected here"
            return Destination(keys, Recognised.EMERGENCY, "emergency", (Tried("D3", said),))
        case "number_not_allowed":
            said = f"{keys} is a short number that is nobody's telephone"
            return Destination(keys, Recognised.SPECIAL, "special_number", (Tried("D3", said),))
        case "speed_dial_unknown":
            raise Invalid(f"to: {keys} is no speed dial of the caller's; write a whole number")
    if not found.number:
        raise _no_number(text, policy.country)
    read = f"{keys} is read as {found.number}"
    return _judged(found.number, read, policy, platform, is_did)


def _international(text: str, keys: str, country: str) -> str:
    try:
        return parse(keys, country)
    except BadNumber as error:
        raise _no_number(text, country) from error


def _no_number(text: str, country: str) -> Invalid:
    return Invalid(
        f"to: {text[:40]!r} is no telephone number; write it as +12025550100, or as it is dialled "
        f"in {country}"
    )


def _judged(
    number: str, read: str, policy: Policy, platform: Platform, is_did: Callable[[str], bool]
) -> Destination:
    """Say what a number is, in the order in which a return call asks it."""
    if platform.is_emergency(number, policy.country):
        if not platform.emergency_connected:
            said = f"{read}, an emergency number, and those are not connected here"
            return Destination(number, Recognised.EMERGENCY, "emergency", (Tried("D3", said),))
        said = f"{read}, an emergency number"
        return Destination(number, Recognised.EMERGENCY, None, (Tried("D3", said),))
    if platform.is_internal(number):
        said = f"{read}, which is of the platform: it never leaves it"
        return Destination(number, Recognised.INTERNAL, None, (Tried("D3", said),))
    if not number.startswith("+"):
        # A speed dial or an older call may have one that was of the platform once.
        said = f"{read}, which is of the platform no more"
        return Destination(number, Recognised.SPECIAL, "special_number", (Tried("D3", said),))
    tried = [Tried("D3", read)]
    reason = refusal_of_destination(number, policy, platform.ranges)
    if reason != "own_number":
        tried.append(where_calls_go(policy, number, reason, platform.ranges, back=False))
        if reason is not None:
            return Destination(number, Recognised.PUBLIC, reason, tuple(tried))
    if reason is None and not is_did(number):
        tried.append(Tried("T7", f"{number} is none of our own DIDs"))
        return Destination(number, Recognised.PUBLIC, None, tuple(tried))
    tried.append(
        Tried("T7", f"{number} is one of our own DIDs: the call would come home and be refused")
    )
    return Destination(number, Recognised.OWN_NUMBER, "own_number", tuple(tried))


def where_calls_go(
    policy: Policy, number: str, reason: str | None, ranges: Ranges, *, back: bool
) -> Tried:
    """Say what G2 says of a number: of one that is called back, or of one that is dialled.

    `reason`: why it is not called, as `guard.destinations` gives it.
    """
    country, kind = country_of(number), type_of(number)
    leg = "return" if back else "destination"
    allowed = getattr(policy, f"{leg}_countries") or (policy.country,)
    calls = "return calls" if back else "calls"
    where = f"in {country}" if country else "of no country"
    match reason:
        case None if country in allowed:
            said = f"{number} is {where}, where {calls} may go"
        case None:
            said = f"{number} begins as numbers do that {calls} may go to"
        case "costly_number":
            said = f"{number} is of a kind that costs more than a call"
        case "blocked":
            said = f"{number} is {where}; {_blocked(policy, number, country, kind)}"
        case "type_not_allowed":
            types = ", ".join(getattr(policy, f"{leg}_types"))
            said = f"{number} is of the kind {kind}; {calls} go to numbers of {types} only"
        case "risky_range":
            said = _risky(policy, number, ranges, back=back)
        case _:
            said = f"{number} is {where}; {calls} go to {_some(allowed)} only"
            known = ranges.of(number)
            if country is None and known is not None:
                said = f"{number} begins with {known.prefix}, a range {known.said}"
    return Tried("G2", said)


def _blocked(policy: Policy, number: str, country: str | None, kind: str) -> str:
    """Say which list blocks a number: the extension's own, with its client's."""
    if country in policy.blocked_countries:
        return f"its country is blocked (blocked_countries: {country})"
    prefix = next((prefix for prefix in policy.blocked_prefixes if number.startswith(prefix)), None)
    if prefix is not None:
        return f"it is blocked (blocked_prefixes: {prefix})"
    return f"its kind is blocked (blocked_types: {kind})"


def _risky(policy: Policy, number: str, ranges: Ranges, *, back: bool) -> str:
    """Say in which range a number is, who says so, and what allows it all the same."""
    found = risky_range(number, policy, ranges, back=back)
    assert found is not None, "it was refused for one"
    field = "return_prefixes" if back else "destination_prefixes"
    return (
        f"{number} begins with {found.prefix}, a range {found.said}; to call it all the same, add "
        f"{found.prefix} to {field}"
    )


def _some(countries: tuple[str, ...]) -> str:
    more = len(countries) - 10
    return ", ".join(countries[:10]) + (f" and {more} more" if more > 0 else "")


def tried_of(destination: Destination, plan: Plan) -> tuple[tuple[Tried, ...], str | None]:
    """Give the rules that were asked about a destination, and why it is not called."""
    if destination.refusal is not None:
        return destination.tried, destination.refusal
    if plan.ways:
        return destination.tried, None
    return (*destination.tried, refusal_tried(plan.refusal)), plan.refusal


def no_call(refusal: str, tried: tuple[Tried, ...]) -> str:
    """Say that there is no call, and by which rule."""
    return f"no call: {refusal}, by {tried[-1].rule}: {tried[-1].said}"
