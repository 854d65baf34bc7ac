"""E.164 inside, always: `+` and 5 to 15 digits.

phonenumbers is generous in what it reads (full-width digits, `;ext=`, letters), so the text is
checked against what a trunk or a keypad can send before it gets there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers

from controller.policy.fields import NumberType

_WRITTEN: Final = re.compile(r"\+?[0-9]{3,20}\Z", re.ASCII)
_E164: Final = re.compile(r"\+[1-9][0-9]{4,14}\Z", re.ASCII)

#: Kinds of number that cost more than a call: refused wherever a call may go (SPEC G2).
_COSTLY: Final = frozenset(
    {
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.PAGER,
        phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
    }
)
#: North America's exchange of premium services, in every area code. Its plan knows only area code
#: 900, and takes these for numbers like any other: https://flylib.com/books/en/2.110.1/ (Cisco's
#: "Blocking commonly exploited area codes", table 22-1: toll charge, 900 and 976).
_PREMIUM_EXCHANGE: Final = re.compile(r"\+1[2-9][0-9]{2}976[0-9]{4}\Z", re.ASCII)

#: The kinds that cost no more than a call, by what phonenumbers calls them.
_TYPES: Final = {
    phonenumbers.PhoneNumberType.FIXED_LINE: NumberType.FIXED,
    phonenumbers.PhoneNumberType.MOBILE: NumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_OR_MOBILE,
    phonenumbers.PhoneNumberType.VOIP: NumberType.VOIP,
    phonenumbers.PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE,
    phonenumbers.PhoneNumberType.VOICEMAIL: NumberType.VOICEMAIL,
}


class BadNumber(ValueError):
    """Text that is no telephone number; `reason` is one constant word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_e164(text: str) -> bool:
    """Whether the text is already E.164."""
    return _E164.match(text) is not None


def parse(text: str, country: str) -> str:
    """Read a number as it is written in `country` (ISO 3166, `US`) and give it as E.164.

    Trunks often leave the plus out of an international number. One that begins with the country's
    own code is read so first: a generous plan (Germany's) would take `4915112345678` for a number
    of its own. Any other is national where the plan has it: China's `13012345678` is a mobile
    there and not a number in America.

    Raises `BadNumber`: `not_digits`, `not_a_number` (no numbering plan has it).
    """
    if not _WRITTEN.match(text):
        raise BadNumber("not_digits")
    if text[0] == "+":
        number = _valid(text, country)
    else:
        abroad = _valid("+" + text, country) if text[0] != "0" else None
        at_home = abroad is not None and phonenumbers.region_code_for_number(abroad) == country
        number = abroad if at_home else _valid(text, country) or abroad
    if number is None:
        raise BadNumber("not_a_number")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not is_e164(written):
        # Plans have numbers that are longer than any of E.164: +4920100000000000.
        raise BadNumber("not_a_number")
    return written


def _valid(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


@lru_cache(maxsize=4096)
def parse_dialled(digits: str, country: str) -> str:
    """Read what a caller typed on a keypad, which has no `+`, and give it as E.164 (D3).

    National numbers and the country's own international prefix are read by its dial plan; `00`
    and a number with its country code are understood everywhere. Raises `BadNumber`.
    """
    if digits.startswith("00") and len(digits) > 2:
        return parse("+" + digits[2:], country)
    return parse(digits, country)


@lru_cache(maxsize=4096)
def country_of(number: str) -> str | None:
    """Give the country of an E.164 number, or None where it belongs to none (satellite, global)."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    return region if region and region != "001" else None


def is_of_no_country(prefix: str) -> bool:
    """Whether numbers that begin so belong to no country: satellites, global services (+88…)."""
    return any(
        prefix.startswith(f"+{code}")
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        if regions == ("001",)
    )


@lru_cache(maxsize=4096)
def _kind(number: str) -> int:
    """Give the kind of an E.164 number, as phonenumbers calls it."""
    return phonenumbers.number_type(phonenumbers.parse(number, None))


def is_costly(number: str) -> bool:
    """Whether an E.164 number is of a kind that costs more than a call (premium and its like)."""
    return _PREMIUM_EXCHANGE.match(number) is not None or _kind(number) in _COSTLY


def type_of(number: str) -> NumberType:
    """Give the kind of an E.164 number that `is_costly` does not refuse; of others, `unknown`."""
    return _TYPES.get(_kind(number), NumberType.UNKNOWN)


def is_country(code: str) -> bool:
    """Whether this is a country (ISO 3166) that numbers can belong to."""
    return code in phonenumbers.SUPPORTED_REGIONS
