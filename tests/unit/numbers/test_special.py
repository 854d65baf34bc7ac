"""Emergency numbers, and short numbers that are nobody's telephone."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.numbers.special import is_emergency, is_special

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize("country", [*COUNTRIES, "XX"])
def test_112_and_911_call_for_help_in_every_country(country: str) -> None:
    assert is_emergency("112", country)
    assert is_emergency("911", country)
    assert not is_special("112", country)
    assert not is_special("911", country)


@pytest.mark.parametrize(
    ("country", "numbers"),
    [
        ("DE", ["110", "112"]),
        ("GB", ["999", "112"]),
        ("FR", ["15", "17", "18", "112"]),
        ("AU", ["000", "106", "112"]),
        ("JP", ["110", "119"]),
        ("CN", ["110", "119", "120"]),
        ("BR", ["190", "192", "193"]),
        ("IN", ["100", "101", "108", "112"]),
        ("RU", ["101", "102", "103", "112"]),
        ("SE", ["112", "90000"]),
        ("NA", ["10111"]),
        ("NZ", ["111"]),
    ],
)
def test_each_country_has_numbers_of_its_own(country: str, numbers: list[str]) -> None:
    for digits in numbers:
        assert is_emergency(digits, country), digits
        assert not is_special(digits, country), digits


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        # Of another country.
        ("110", "US"), ("999", "US"), ("000", "US"), ("15", "DE"), ("119", "DE"),
        # Only exactly: what begins so is a number, and somebody may have it.
        ("1121", "DE"), ("9112125550199", "US"), ("91121", "US"), ("0112", "DE"), ("11", "DE"),
        # What phonenumbers would take for it, and no keypad sends.
        ("1-1-2", "DE"), ("1 1 2", "DE"), ("+112", "DE"), ("(112)", "DE"), ("112;ext=1", "DE"),
        ("\uff11\uff11\uff12", "DE"), ("\u0661\u0661\u0662", "DE"), ("112\n", "DE"), ("112#", "DE"),
        ("", "DE"), ("1", "DE"), ("112" * 1000, "DE"),
    ],
)  # fmt: skip
def test_g1_nothing_else_calls_for_help(digits: str, country: str) -> None:
    assert not is_emergency(digits, country)


def test_the_operator_may_name_more() -> None:
    assert not is_emergency("144", "DE")
    assert is_emergency("144", "DE", ("117", "144"))
    assert is_emergency("112", "DE", ("117", "144"))
    assert not is_emergency("1444", "DE", ("117", "144"))


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        ("115", "DE"), ("11833", "DE"), ("116117", "DE"), ("116116", "DE"), ("411", "US"),
        ("211", "US"), ("311", "US"), ("111", "GB"), ("118118", "GB"), ("3949", "FR"),
        ("118008", "FR"), ("116117", "AT"), ("1881", "NO"), ("118118", "SE"),
        # A network's own service, in three digits.
        ("611", "US"), ("333", "GB"),
    ],
)  # fmt: skip
def test_a_short_number_of_the_country_is_nobodys_telephone(digits: str, country: str) -> None:
    assert is_special(digits, country)
    assert not is_emergency(digits, country)


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        # Of another country, or of none.
        ("411", "DE"), ("116117", "US"), ("115", "XX"),
        # phonenumbers' `parse` takes what is before it for a prefix.
        ("1411", "US"), ("0115", "DE"),
        ("+115", "DE"), ("1-1-5", "DE"), ("\uff11\uff11\uff15", "DE"), ("115\n", "DE"),
        ("2125550199", "US"), ("030123456", "DE"), ("", "DE"), ("1", "DE"), ("5" * 5000, "DE"),
        # Text messages, and what a network may use as it likes: nearly any few digits.
        ("55501", "US"), ("22770", "DE"), ("227700", "DE"), ("12345", "CH"), ("70001", "GB"),
    ],
)  # fmt: skip
def test_g1_nothing_else_is_special(digits: str, country: str) -> None:
    assert not is_special(digits, country)


def test_zeros_before_a_short_number_count() -> None:
    """Australia's 000 is not 0, and Lithuania's 011 is not 11."""
    assert is_emergency("000", "AU")
    assert not is_emergency("0", "AU")
    assert is_emergency("011", "LT")
    assert not is_emergency("11", "LT")


@given(st.text(max_size=8) | st.from_regex(r"[0-9]{1,8}\Z"), st.sampled_from([*COUNTRIES, "XX"]))
def test_g1_any_text_is_one_of_them_or_neither(digits: str, country: str) -> None:
    emergency, special = is_emergency(digits, country), is_special(digits, country)
    assert not (emergency and special)
    if emergency or special:
        assert digits.isascii()
        assert digits.isdigit()
        assert 2 <= len(digits) <= 6
