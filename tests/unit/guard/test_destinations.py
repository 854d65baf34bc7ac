"""G2, T7: where calls may go. What is not allowed is refused, each with its reason."""

from __future__ import annotations

from typing import Any

import msgspec
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.guard.destinations import refusal_of_destination, refusal_of_return_call
from controller.guard.ranges import Range, RangeKind, Ranges, Source, shipped
from controller.numbers.e164 import country_of, is_costly, type_of
from controller.policy.fields import NumberType
from controller.policy.model import Policy
from tests.unit.examples import many

SHIPPED = shipped()
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
    assert refusal_of_return_call(number, POLICY, SHIPPED) == reason
    assert refusal_of_destination(number, POLICY, SHIPPED) == reason


def test_g2_what_is_allowed_for_one_leg_is_not_for_the_other() -> None:
    abroad = msgspec.structs.replace(POLICY, return_countries=("GB",))
    assert refusal_of_return_call("+442079460000", abroad, SHIPPED) is None
    assert refusal_of_return_call("+12125550199", abroad, SHIPPED) == "country_not_allowed"
    assert refusal_of_destination("+442079460000", abroad, SHIPPED) == "country_not_allowed"
    dialling = msgspec.structs.replace(POLICY, destination_countries=("GB", "US"))
    assert refusal_of_destination("+442079460000", dialling, SHIPPED) is None
    assert refusal_of_return_call("+442079460000", dialling, SHIPPED) == "country_not_allowed"


def test_g2_a_number_that_is_blocked_is_told_apart_from_one_that_is_not_allowed() -> None:
    policy = msgspec.structs.replace(
        POLICY,
        return_prefixes=("+4420",),
        blocked_prefixes=("+1212", "+44207"),
        blocked_countries=("CA",),
        return_countries=("US", "CA"),
    )
    assert refusal_of_return_call("+12125550199", policy, SHIPPED) == "blocked"
    assert refusal_of_return_call("+14165550199", policy, SHIPPED) == "blocked"
    assert refusal_of_return_call("+442079460000", policy, SHIPPED) == "blocked"
    assert refusal_of_return_call("+442085550100", policy, SHIPPED) is None
    assert refusal_of_return_call("+441615550100", policy, SHIPPED) == "country_not_allowed"


def test_g2_a_beginning_allows_nothing_that_is_costly_or_of_no_country() -> None:
    policy = msgspec.structs.replace(POLICY, return_prefixes=("+1900", "+8816"))
    assert refusal_of_return_call("+19005550100", policy, SHIPPED) == "costly_number"
    assert refusal_of_return_call("+881612345678", policy, SHIPPED) == "country_not_allowed"


def test_g2_a_costly_number_stays_refused_in_a_country_that_is_allowed() -> None:
    everywhere = msgspec.structs.replace(
        POLICY, return_countries=("GB",), destination_countries=("GB",)
    )
    for refusal in (refusal_of_return_call, refusal_of_destination):
        assert refusal("+449011234567", everywhere, SHIPPED) == "costly_number"
        assert refusal("+447012345678", everywhere, SHIPPED) == "costly_number"


# --- kinds -----------------------------------------------------------------------------------


def test_g2_only_numbers_of_the_kinds_that_are_allowed_are_called() -> None:
    policy = msgspec.structs.replace(
        POLICY,
        return_types=(NumberType.MOBILE, NumberType.FIXED_OR_MOBILE),
        return_countries=("US", "GB"),
        return_prefixes=("+4420",),
        destination_types=(NumberType.FIXED,),
        destination_countries=("GB",),
    )
    assert refusal_of_return_call("+12125550199", policy, SHIPPED) is None
    assert refusal_of_return_call("+447400123456", policy, SHIPPED) is None
    # A beginning that is allowed says where, not what.
    assert refusal_of_return_call("+442079460000", policy, SHIPPED) == "type_not_allowed"
    assert refusal_of_return_call("+18005550199", policy, SHIPPED) == "type_not_allowed"
    assert refusal_of_destination("+442079460000", policy, SHIPPED) is None
    assert refusal_of_destination("+447400123456", policy, SHIPPED) == "type_not_allowed"
    # Of a country that is not allowed it is not asked.
    assert refusal_of_destination("+33612345678", policy, SHIPPED) == "country_not_allowed"


def test_g2_no_call_goes_to_numbers_of_a_kind_that_is_blocked() -> None:
    policy = msgspec.structs.replace(
        POLICY, blocked_types=(NumberType.TOLL_FREE,), return_prefixes=("+1800555",)
    )
    for refusal in (refusal_of_return_call, refusal_of_destination):
        assert refusal("+18005550199", policy, SHIPPED) == "blocked"
        assert refusal("+12125550199", policy, SHIPPED) is None


# --- ranges ----------------------------------------------------------------------------------

#: Extensions may call everywhere.
EVERYWHERE = msgspec.structs.replace(
    POLICY,
    return_countries=tuple(sorted(phonenumbers.SUPPORTED_REGIONS)),
    destination_countries=tuple(sorted(phonenumbers.SUPPORTED_REGIONS)),
)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        # shared/abuse-cases.json; some are of no plan.
        ("+19005550100", "costly_number"),
        ("+8811234567", "country_not_allowed"),
        ("+8821234567", "country_not_allowed"),
        ("+9791234567", "country_not_allowed"),
        ("+4470123456789", "country_not_allowed"),
        # Satellites.
        ("+870773112345", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
        ("+8821612345678", "country_not_allowed"),
        ("+61147123456", "risky_range"),
        # Global services.
        ("+878101234567890", "country_not_allowed"),
        ("+883510001234567", "country_not_allowed"),
        ("+80812345678", "costly_number"),
        ("+80012345678", "country_not_allowed"),
        ("+979123456789", "costly_number"),
        # Premium, shared cost, personal, pagers: of each country's plan.
        ("+12129765550", "costly_number"),
        ("+14169765550", "costly_number"),
        ("+15002345678", "costly_number"),
        ("+447012345678", "costly_number"),
        ("+447640123456", "costly_number"),
        ("+448431234567", "costly_number"),
        ("+448712345678", "costly_number"),
        ("+449098790879", "costly_number"),
        ("+445512345678", "costly_number"),
        ("+4918012345", "costly_number"),
        ("+33899123456", "costly_number"),
        ("+39899123456", "costly_number"),
        ("+48701234567", "costly_number"),
        ("+611900123456", "costly_number"),
        # One-ring scams, shared revenue.
        ("+18095550199", "risky_range"),
        ("+18765230123", "risky_range"),
        ("+23225123456", "risky_range"),
        ("+22245123456", "risky_range"),
        ("+37121234567", "risky_range"),
        # And what is like them, and is not.
        ("+12129755550", None),
        ("+12125559760", None),
        ("+17875550199", None),
        ("+448001234567", None),
        ("+447400123456", None),
        ("+61412345678", None),
    ],
)
def test_g2_what_costs_more_than_a_call_is_refused_though_all_countries_are_allowed(
    number: str, reason: str | None
) -> None:
    for refusal in (refusal_of_return_call, refusal_of_destination):
        assert refusal(number, EVERYWHERE, SHIPPED) == reason


def test_g2_who_allows_a_beginning_as_long_as_a_risky_range_means_it() -> None:
    number = "+18095550199"
    for prefixes, reason in [
        ((), "risky_range"),
        (("+1",), "risky_range"),
        (("+180",), "risky_range"),
        (("+1829",), "risky_range"),
        (("+1809",), None),
        (("+1", "+1809555"), None),
        (("+1809556",), "risky_range"),
        ((number,), None),
    ]:
        returns = msgspec.structs.replace(EVERYWHERE, return_prefixes=prefixes)
        assert refusal_of_return_call(number, returns, SHIPPED) == reason
        # Each leg has its own.
        assert refusal_of_destination(number, returns, SHIPPED) == "risky_range"
        dials = msgspec.structs.replace(EVERYWHERE, destination_prefixes=prefixes)
        assert refusal_of_destination(number, dials, SHIPPED) == reason
    # It allows the number where the country is not allowed, as for any other number.
    only = msgspec.structs.replace(POLICY, return_prefixes=("+1809",))
    assert refusal_of_return_call(number, only, SHIPPED) is None
    blocked = msgspec.structs.replace(only, blocked_countries=("DO",))
    assert refusal_of_return_call(number, blocked, SHIPPED) == "blocked"


def test_g2_a_narrower_range_needs_a_longer_beginning() -> None:
    source = Source(title="t", url="https://example.com/")
    ranges = Ranges(
        Range(prefix=prefix, why=RangeKind.REVENUE_SHARE, source=source)
        for prefix in ("+44", "+44207")
    )
    allowed = msgspec.structs.replace(POLICY, return_prefixes=("+4420",))
    assert refusal_of_return_call("+442085550100", allowed, ranges) is None
    assert refusal_of_return_call("+442079460000", allowed, ranges) == "risky_range"


def test_g2_a_whole_countrys_range_is_none_for_an_extension_in_that_country() -> None:
    number = "+18095550199"
    home = msgspec.structs.replace(POLICY, country="DO")
    assert refusal_of_return_call(number, home, SHIPPED) is None
    assert refusal_of_destination(number, home, SHIPPED) is None
    # Not so another's, and not so a range within the country.
    abroad = msgspec.structs.replace(home, return_countries=("DO", "JM"))
    assert refusal_of_return_call("+18765230123", abroad, SHIPPED) == "risky_range"
    source = Source(title="t", url="https://example.com/")
    within = Ranges([Range(prefix="+1809555", why=RangeKind.PREMIUM, source=source)])
    assert refusal_of_return_call(number, home, within) == "risky_range"


# --- whatever the policy ---------------------------------------------------------------------

COUNTRIES = ("US", "CA", "DO", "GB", "GG", "DE", "RS", "AU")
PREFIXES = ("+1", "+1212", "+1809", "+44", "+4420", "+447", "+49", "+381", "+61147", "+88", "+1900")


def _numbers() -> list[str]:
    """Give numbers of all kinds of these countries, of none, and of no plan."""
    kinds = phonenumbers.PhoneNumberType
    found = [
        phonenumbers.example_number_for_type(country, kind)
        for country in COUNTRIES
        for kind in kinds.values()
    ]
    found += [phonenumbers.example_number_for_non_geo_entity(code) for code in (800, 870, 881, 979)]
    written = {
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        for number in found
        if number is not None
    }
    more = {"+8811234567", "+4470123456789", "+12129765550", "+18095550199", "+61147123456"}
    return sorted(written | more | {"+12125550199", POLICY.dids[0]})


NUMBERS = _numbers()


def _some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=4).map(tuple)


lists = st.fixed_dictionaries(
    {
        **{f"{name}_countries": _some(*COUNTRIES) for name in ("return", "destination", "blocked")},
        **{f"{name}_prefixes": _some(*PREFIXES) for name in ("return", "destination", "blocked")},
        **{f"{name}_types": _some(*NumberType) for name in ("return", "destination", "blocked")},
        "country": st.sampled_from(COUNTRIES),
    }
)


@settings(max_examples=many(300))
@given(lists)
def test_g2_whatever_the_policy_only_what_its_lists_allow_is_called(values: dict[str, Any]) -> None:
    """What is called is allowed by country or beginning, is of a kind, and nothing forbids it."""
    policy = msgspec.structs.replace(POLICY, **values)
    for number in NUMBERS:
        country, kind = country_of(number), type_of(number)
        for leg, refusal in (
            ("return", refusal_of_return_call),
            ("destination", refusal_of_destination),
        ):
            if refusal(number, policy, SHIPPED) is not None:
                continue
            assert country is not None
            assert not is_costly(number)
            assert number not in policy.dids
            assert country not in policy.blocked_countries
            assert kind not in policy.blocked_types
            assert not number.startswith(policy.blocked_prefixes)
            countries = values[f"{leg}_countries"] or (policy.country,)
            prefixes = [one for one in values[f"{leg}_prefixes"] if number.startswith(one)]
            assert country in countries or prefixes
            assert not values[f"{leg}_types"] or kind in values[f"{leg}_types"]
            risky = SHIPPED.of(number)
            if risky is not None and not (risky.abroad and country == policy.country):
                assert max(map(len, prefixes), default=0) >= len(risky.prefix)


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_g2_an_extension_that_says_nothing_calls_ordinary_numbers_of_its_own_country_alone(
    country: str,
) -> None:
    policy = msgspec.structs.replace(POLICY, country=country)
    for number in NUMBERS:
        if country_of(number) != country:
            assert refusal_of_return_call(number, policy, SHIPPED) is not None
    kinds = phonenumbers.PhoneNumberType
    for kind in kinds.values():
        example = phonenumbers.example_number_for_type(country, kind)
        if example is None or phonenumbers.region_code_for_number(example) != country:
            continue
        number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        refused = refusal_of_return_call(number, policy, SHIPPED)
        assert refused == refusal_of_destination(number, policy, SHIPPED)
        risky = SHIPPED.of(number)
        expected = "costly_number" if is_costly(number) else None
        if expected is None and risky is not None and not risky.abroad:
            # Satellites that a country's plan has: Australia's.
            expected = "risky_range"
        assert refused == expected
