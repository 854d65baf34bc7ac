"""G2, T7: where calls may go. What is not allowed is refused, each with its reason."""

from __future__ import annotations

import msgspec
import pytest

from controller.guard.destinations import refusal_of_destination, refusal_of_return_call
from controller.policy.model import Policy

POLICY = Policy(
    extension="100",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550100",),
    default_caller_id="+12025550100",
)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("+12125550199", None),
        ("+12025550100", "own_number"),
        ("+19005550100", "costly_number"),
        ("+442079460000", "country_not_allowed"),
        ("+18095550199", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
        ("+979123456789", "costly_number"),
    ],
)
def test_g2_only_the_extensions_own_country_is_called_unless_others_are_allowed(
    number: str, reason: str | None
) -> None:
    assert refusal_of_return_call(number, POLICY) == reason
    assert refusal_of_destination(number, POLICY) == reason


def test_g2_what_is_allowed_for_one_leg_is_not_for_the_other() -> None:
    abroad = msgspec.structs.replace(POLICY, return_countries=("GB",))
    assert refusal_of_return_call("+442079460000", abroad) is None
    assert refusal_of_return_call("+12125550199", abroad) == "country_not_allowed"
    assert refusal_of_destination("+442079460000", abroad) == "country_not_allowed"
    dialling = msgspec.structs.replace(POLICY, destination_countries=("GB", "US"))
    assert refusal_of_destination("+442079460000", dialling) is None
    assert refusal_of_return_call("+442079460000", dialling) == "country_not_allowed"


def test_g2_a_number_that_is_blocked_is_told_apart_from_one_that_is_not_allowed() -> None:
    policy = msgspec.structs.replace(
        POLICY,
        return_prefixes=("+4420",),
        blocked_prefixes=("+1212", "+44207"),
        blocked_countries=("CA",),
        return_countries=("US", "CA"),
    )
    assert refusal_of_return_call("+12125550199", policy) == "blocked"
    assert refusal_of_return_call("+14165550199", policy) == "blocked"
    assert refusal_of_return_call("+442079460000", policy) == "blocked"
    assert refusal_of_return_call("+442085550100", policy) is None
    assert refusal_of_return_call("+441615550100", policy) == "country_not_allowed"


def test_g2_a_beginning_allows_nothing_that_is_costly_or_of_no_country() -> None:
    policy = msgspec.structs.replace(POLICY, return_prefixes=("+1900", "+8816"))
    assert refusal_of_return_call("+19005550100", policy) == "costly_number"
    assert refusal_of_return_call("+881612345678", policy) == "country_not_allowed"


def test_g2_a_costly_number_stays_refused_in_a_country_that_is_allowed() -> None:
    everywhere = msgspec.structs.replace(
        POLICY, return_countries=("GB",), destination_countries=("GB",)
    )
    for refusal in (refusal_of_return_call, refusal_of_destination):
        assert refusal("+449011234567", everywhere) == "costly_number"
        assert refusal("+447012345678", everywhere) == "costly_number"
