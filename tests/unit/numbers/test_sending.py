"""How numbers are written to trunks."""

from __future__ import annotations

import re
from typing import Final

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.numbers.e164 import is_e164, parse
from controller.numbers.sending import as_sent, has_prefix_for_abroad
from controller.policy.channels import NumberFormat
from tests.unit.examples import many


@pytest.mark.parametrize(
    ("number", "country", "written"),
    [
        # At home.
        ("+4930123456", "DE", "030123456"),
        ("+4915112345678", "DE", "015112345678"),
        ("+12125550199", "US", "2125550199"),
        ("+18005550199", "US", "8005550199"),
        ("+390612345678", "IT", "0612345678"),
        ("+393123456789", "IT", "3123456789"),
        ("+442079460000", "GB", "02079460000"),
        ("+33142345678", "FR", "0142345678"),
        ("+74951234567", "RU", "84951234567"),
        ("+5491123456789", "AR", "0111523456789"),
        ("+525512345678", "MX", "5512345678"),
        # Abroad.
        ("+4930123456", "US", "0114930123456"),
        ("+12125550199", "DE", "0012125550199"),
        ("+390612345678", "DE", "00390612345678"),
        ("+442079460000", "AU", "0011442079460000"),
        ("+4930123456", "RU", "8104930123456"),
        ("+80012345678", "DE", "0080012345678"),
        # With one country's code between them.
        ("+14165550199", "US", "14165550199"),
        ("+12125550199", "CA", "12125550199"),
        ("+441481720123", "GB", "01481720123"),
        ("+77123456789", "RU", "87123456789"),
        # No plan says how.
        ("+4930123456", "BR", "+4930123456"),
        ("+4930123456", "SG", "+4930123456"),
        # Hong Kong's carriers have 001, 002 and so on: 00 247 would be 002 47.
        ("+24762889", "HK", "+24762889"),
        ("+99912345678", "DE", "+99912345678"),
        ("+4930123456", None, "+4930123456"),
    ],
)
def test_national_is_as_the_country_dials(number: str, country: str | None, written: str) -> None:
    assert as_sent(number, NumberFormat.NATIONAL, country) == written
    assert as_sent(number, "national", country) == written


@pytest.mark.parametrize("country", ["DE", "US", None])
def test_plus_and_digits_are_the_same_everywhere(country: str | None) -> None:
    assert as_sent("+4930123456", NumberFormat.PLUS, country) == "+4930123456"
    assert as_sent("+4930123456", NumberFormat.DIGITS, country) == "4930123456"
    # What has no plus stays as it is: an extension of the platform.
    assert as_sent("200", "digits", country) == "200"


def test_there_is_no_other_format() -> None:
    with pytest.raises(ValueError, match="'e164' is no format of numbers"):
        as_sent("+4930123456", "e164", "DE")


def test_who_calls_abroad_from_some_countries_chooses_among_prefixes() -> None:
    assert all(map(has_prefix_for_abroad, ("US", "DE", "GB", "AU", "RU")))
    assert not any(map(has_prefix_for_abroad, ("BR", "SG", "KR", "IL")))


COUNTRIES: Final = sorted(phonenumbers.SUPPORTED_REGIONS)
#: A number of each kind of each country.
EXAMPLES: Final = [
    phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    for country in COUNTRIES
    for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    if (found := phonenumbers.example_number_for_type(country, kind)) is not None
]


@settings(max_examples=many(600))
@given(st.sampled_from(EXAMPLES), st.sampled_from(COUNTRIES))
def test_d3_what_is_sent_is_read_as_the_same_number_in_that_country(
    number: str, country: str
) -> None:
    written = as_sent(number, "national", country)
    assert parse(written, country) == number
    # At home it is always without a plus.
    assert not written.startswith("+") or not number.startswith(f"+{code(country)}")


def code(country: str) -> int:
    """Give a country's code."""
    return phonenumbers.country_code_for_region(country)


@given(
    st.from_regex(r"\A\+[1-9][0-9]{4,14}\Z"),
    st.sampled_from(NumberFormat),
    st.none() | st.sampled_from([*COUNTRIES, "XX"]),
)
def test_g1_nothing_but_digits_and_one_plus_is_ever_sent(
    number: str, how: NumberFormat, country: str | None
) -> None:
    assert is_e164(number)
    assert re.fullmatch(r"\+?[0-9]+", as_sent(number, how, country))
