"""Short numbers: those that call for help, and others that are nobody's telephone.

phonenumbers is generous here too. It takes `1-1-2` and full-width digits, so only what a keypad can
send gets there; its `connects_to_emergency_number` takes `9112125550199` for 911, so only the exact
one is asked; and its `parse` reads `1411` as 411 with a prefix, so it is not used here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import phonenumbers

_SHORT: Final = re.compile(r"[0-9]{2,6}\Z", re.ASCII)
#: The longest code of a network's own service that is one in any network (611).
LONGEST_SERVICE: Final = 3
#: They are dialled everywhere by people who come from elsewhere, and never are anybody's number.
_EVERYWHERE: Final = frozenset({"112", "911"})


def is_emergency(digits: str, country: str, more: Sequence[str] = ()) -> bool:
    """Whether this, exactly as it is dialled in `country` (ISO 3166), calls for help.

    112 and 911 do in every country; `more`: so do these. A number that begins with one does not,
    and neither does one with a plus.
    """
    return digits in more or _is_emergency(digits, country)


@lru_cache(maxsize=4096)
def _is_emergency(digits: str, country: str) -> bool:
    if not _SHORT.match(digits):
        return False
    return digits in _EVERYWHERE or phonenumbers.is_emergency_number(digits, country)


@lru_cache(maxsize=4096)
def is_special(digits: str, country: str) -> bool:
    """Whether this is a short number of `country` that is nobody's telephone: 411, 11833, 116117.

    Those that call for help are not among them; nor are numbers of text messages, and those that a
    network may use as it likes: of four digits and more that is almost any number of a plan (US).
    """
    if not _SHORT.match(digits) or _is_emergency(digits, country):
        return False
    # A number is an integer there, and its leading zeros are counted; the last digit always stays.
    zeros = len(digits) - len(digits.lstrip("0"))
    number = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country),
        national_number=int(digits),
        italian_leading_zero=zeros > 0,
        number_of_leading_zeros=min(zeros, len(digits) - 1) if zeros else None,
    )
    if not phonenumbers.is_valid_short_number_for_region(number, country):
        return False
    any_number = len(digits) > LONGEST_SERVICE and phonenumbers.is_carrier_specific_for_region(
        number, country
    )
    return not (any_number or phonenumbers.is_sms_service_for_region(number, country))
