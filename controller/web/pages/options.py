"""What there is to choose from, with its words."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import available_timezones

from controller.policy.fields import NumberType
from controller.web.pages import shown
from controller.web.pages.countries import COUNTRIES
from controller.web.pages.words import _


def of(names: type[StrEnum]) -> tuple[tuple[str, str], ...]:
    """Give all of an enumeration; their words are those of its values."""
    return tuple((one.value, shown.word(one.value)) for one in names)


NUMBER_TYPES: Final = of(NumberType)


@cache
def time_zones() -> tuple[tuple[str, str], ...]:
    """Give the time zones that there are, by their names."""
    places = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    return tuple((name, "") for name in ("UTC", *sorted(places)))


def countries() -> tuple[tuple[str, str], ...]:
    """Give the countries, by their codes."""
    return tuple((code, _(name)) for code, name in COUNTRIES.items())
