"""D3: numbers as trunks and callers write them, read as E.164 by the country's dial plan."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.numbers.e164 import (
    BadNumber,
    country_of,
    is_costly,
    is_country,
    is_e164,
    parse,
    parse_dialled,
    type_of,
)
from controller.policy.fields import NumberType
from tests import abuse

each_written = pytest.mark.parametrize(
    ("country", "written", "number"),
    [
        ("US", "2125550199", "+12125550199"),
        ("US", "12125550199", "+12125550199"),
        ("US", "011442079460000", "+442079460000"),
        ("US", "0114930123456", "+4930123456"),
        ("GB", "02079460000", "+442079460000"),
        ("GB", "442079460000", "+442079460000"),
        ("GB", "00442079460000", "+442079460000"),
        ("GB", "0012125550199", "+12125550199"),
        ("GB", "12125550199", "+12125550199"),
        ("DE", "03012345678", "+493012345678"),
        ("DE", "493012345678", "+493012345678"),
        ("DE", "015112345678", "+4915112345678"),
        ("DE", "4915112345678", "+4915112345678"),
        ("DE", "00442079460000", "+442079460000"),
        ("DE", "12125550199", "+12125550199"),
        # Mobiles of China are written without a prefix, and look like numbers of America.
        ("CN", "13012345678", "+8613012345678"),
        ("CN", "8613012345678", "+8613012345678"),
    ],
)


@each_written
def test_d3_a_typed_number_is_read_by_the_dial_plan_of_the_country(
    country: str, written: str, number: str
) -> None:
    assert parse_dialled(written, country) == number


@each_written
def test_t3_a_trunk_that_leaves_the_plus_out_calls_nobody_else(
    country: str, written: str, number: str
) -> None:
    """A number that begins with the country's own code is never taken for another one of it."""
    assert parse(written, country) == number


@pytest.mark.parametrize("country", ["US", "GB", "DE"])
@pytest.mark.parametrize("number", ["+12125550199", "+442079460000", "+4915112345678"])
def test_e164_is_read_as_itself_everywhere(number: str, country: str) -> None:
    assert parse(number, country) == number
    assert parse_dialled("00" + number[1:], country) == number


@pytest.mark.parametrize(
    ("country", "typed", "number"),
    [("US", "00442079460000", "+442079460000"), ("US", "442079460000", "+442079460000")],
)
def test_d3_00_and_a_country_code_are_understood_where_the_dial_plan_has_neither(
    country: str, typed: str, number: str
) -> None:
    assert parse_dialled(typed, country) == number


@pytest.mark.parametrize("country", ["US", "GB", "DE"])
@pytest.mark.parametrize("typed", abuse.DIGITS)
def test_g1_no_hostile_digits_are_a_number(typed: str, country: str) -> None:
    with pytest.raises(BadNumber) as caught:
        parse_dialled(typed, country)
    assert caught.value.reason in ("not_digits", "not_a_number")


@pytest.mark.parametrize("country", ["US", "GB", "DE"])
@pytest.mark.parametrize("short", ["911", "112", "110", "000", "0044", "011"])
def test_g2_emergency_and_short_numbers_are_none(short: str, country: str) -> None:
    with pytest.raises(BadNumber):
        parse_dialled(short, country)


@pytest.mark.parametrize(
    "written",
    [
        "\uff11\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff19\uff19",
        "\u0661\u0662\u0661\u0662\u0665\u0665\u0665\u0660\u0661\u0669\u0669",
        "+1 212 555 0199", "212-555-0199", "1-800-FLOWERS", "+12125550199;ext=1",
        "tel:+12125550199", "+12125550199\n", "++12125550199", "1" * 5000,
    ],
)  # fmt: skip
def test_g1_what_no_keypad_and_no_trunk_sends_is_no_number(written: str) -> None:
    with pytest.raises(BadNumber, match="not_digits"):
        parse(written, "US")


@given(st.text(max_size=25), st.sampled_from(["US", "GB", "DE", "IT", "RU", "AR"]))
def test_g1_any_text_is_e164_or_no_number(text: str, country: str) -> None:
    for read in (parse, parse_dialled):
        try:
            number = read(text, country)
        except BadNumber:
            continue
        assert is_e164(number)
        assert parse(number, country) == number


@given(st.from_regex(r"[0-9]{3,20}\Z"), st.sampled_from(["US", "GB", "DE", "IT", "RU", "AR"]))
def test_d3_any_digits_are_e164_or_no_number(digits: str, country: str) -> None:
    for read in (parse, parse_dialled):
        try:
            number = read(digits, country)
        except BadNumber:
            continue
        assert is_e164(number)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12125550199", "US"),
        ("+18095550199", "DO"),
        ("+14165550199", "CA"),
        ("+442079460000", "GB"),
        ("+447781123456", "GG"),
        ("+881612345678", None),
        ("+883510000000000", None),
        ("+979123456789", None),
        ("+80012345678", None),
    ],
)
def test_g2_a_number_belongs_to_its_country_not_to_its_country_code(
    number: str, country: str | None
) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    ("number", "costly"),
    [
        ("+12125550199", False),
        ("+18005550199", False),
        ("+19005550100", True),
        ("+449011234567", True),
        ("+447012345678", True),
        ("+979123456789", True),
        ("+491805123456", True),
        # North America's plan knows area code 900 only; 976 is an exchange in any.
        ("+12129765550", True),
        ("+14169769999", True),
        ("+12129755550", False),
        ("+12125559760", False),
        ("+449762125550", False),
    ],
)
def test_g2_premium_and_its_like_cost_more_than_a_call(number: str, costly: bool) -> None:
    assert is_costly(number) is costly


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+12125550199", NumberType.FIXED_OR_MOBILE),
        ("+442079460000", NumberType.FIXED),
        ("+447400123456", NumberType.MOBILE),
        ("+448001234567", NumberType.TOLL_FREE),
        ("+61147123456", NumberType.VOIP),
        ("+4917699123456789", NumberType.UNKNOWN),
        # What costs more than a call is refused as that.
        ("+19005550100", NumberType.UNKNOWN),
    ],
)
def test_g2_a_number_is_of_the_kind_that_its_plan_says(number: str, kind: NumberType) -> None:
    assert type_of(number) is kind


def test_g2_every_kind_of_the_plans_is_one_of_ours_or_costs_more() -> None:
    kinds = phonenumbers.PhoneNumberType
    seen = set()
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds.values():
            example = phonenumbers.example_number_for_type(country, kind)
            if example is not None:
                number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert is_costly(number) or type_of(number) is not NumberType.UNKNOWN
                seen.add(type_of(number))
    assert seen == set(NumberType)


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("+12345", True),
        ("+123456789012345", True),
        ("+1234", False),
        ("+1234567890123456", False),
        ("+0123456", False),
        ("12125550199", False),
        ("+1212555\uff10199", False),
        ("+12125550199\n", False),
        ("", False),
    ],
)
def test_e164_is_a_plus_and_5_to_15_digits(text: str, whether: bool) -> None:
    assert is_e164(text) is whether


def test_a_country_is_two_capitals_of_iso_3166() -> None:
    assert is_country("US")
    assert not any(is_country(code) for code in ("us", "USA", "XX", "001", ""))


def test_a_number_that_is_longer_than_any_of_e164_is_none() -> None:
    """Germany's plan has such; no field, no stage and no trunk takes them."""
    with pytest.raises(BadNumber, match="not_a_number"):
        parse_dialled("020100000000000", "DE")
