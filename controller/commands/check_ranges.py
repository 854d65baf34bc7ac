"""What `callbackd check` says of the ranges of numbers that are known for fraud (G2)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

from controller.commands.findings import Finding
from controller.settings import Settings, ranges_of

#: A list that is older says little of today's fraud.
_OLD_DAYS: Final = 365


def ranges(settings: Settings, today: datetime.date) -> Iterator[Finding]:
    """Say how many there are, and how old the list is."""
    found = ranges_of(settings)
    path = settings.guard.risky_ranges
    days = (today - datetime.date.fromisoformat(found.dated)).days
    remedy = ""
    if not len(found):
        remedy = "calls go to ranges that are known for fraud where their countries are allowed"
    elif days > _OLD_DAYS:
        remedy = (
            "look for a newer list, with its new date"
            if path
            else "see whether there is a newer release, or write a list of your own and set "
            "guard.risky_ranges"
        )
    yield Finding(
        subject="ranges",
        well=True,
        text=f"{path or 'as shipped'}: {len(found)} ranges known for fraud, of {found.dated} "
        f"({max(days, 0)} days old)",
        remedy=remedy,
    )
