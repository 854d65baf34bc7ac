"""How numbers are written to a trunk: inside they are E.164, and each trunk has its own wish."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import phonenumbers

_ASCII_DIGITS: Final = frozenset("0123456789")


@lru_cache(maxsize=4096)
def as_sent(number: str, how: str, country: str | None) -> str:
    """Write an E.164 number as a trunk wants it; `how` is one of `policy.channels.NumberFormat`.

    `plus`: `+4930123456`. `digits`: `4930123456`. `national`: as it is dialled in `country` (ISO
    3166), a number of its own without the country's code and one from abroad behind the
    international prefix. Where no dial plan says how that is (no country, a number of no plan, a
    country whose callers choose among several prefixes) the number keeps its plus: that means the
    same everywhere, and digits alone would be somebody else's.

    Raises `ValueError` for any other `how`.
    """
    if how == "plus":
        return number
    if how == "digits":
        return number.removeprefix("+")
    if how != "national":
        raise ValueError(f"{how!r} is no format of numbers; write plus, digits or national")
    if country is None:
        return number
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    # Not by the country's code: Canada is dialled from the United States with a 1 before it.
    if phonenumbers.region_code_for_number(parsed) == country:
        return _digits(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    written = phonenumbers.format_out_of_country_calling_number(parsed, country)
    if written.startswith("+") or not _reads(_digits(written), country, parsed):
        return number
    return _digits(written)


def _digits(written: str) -> str:
    return "".join(letter for letter in written if letter in _ASCII_DIGITS)


def _reads(digits: str, country: str, number: phonenumbers.PhoneNumber) -> bool:
    """Whether these digits are this number in that country.

    Hong Kong's 00 is followed by a carrier's digit or by none: +247… would become 002, and +47….
    """
    try:
        return phonenumbers.parse(digits, country) == number
    except phonenumbers.NumberParseException:
        return False


def has_prefix_for_abroad(country: str) -> bool:
    """Whether numbers abroad can be written nationally in `country`, or keep their plus there."""
    return not as_sent(_OF_NO_COUNTRY, "national", country).startswith("+")


#: International freephone: abroad from everywhere.
_OF_NO_COUNTRY: Final = "+80012345678"
