"""How values are written on pages: times, money, durations, words of lists."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from controller.policy.fields import MICRO

#: What stands where there is nothing.
NOTHING: Final = "\N{EN DASH}"


def moment(micros: int | None) -> str:
    """Write a time, microseconds since 1970, as an element that knows it exactly (UTC)."""
    if micros is None:
        return NOTHING
    at = datetime.fromtimestamp(micros / 1_000_000, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.strftime("%Y-%m-%d %H:%M:%S"),
    )


def money(micros: int | None, currency: str = "") -> str:
    """Write an amount of micro-units: at least two digits behind the point, no more than it has."""
    if micros is None:
        return NOTHING
    text = f"{Decimal(micros) / MICRO:f}"
    whole, _, part = text.partition(".")
    part = part.rstrip("0").ljust(2, "0")
    return f"{whole}.{part}\N{NO-BREAK SPACE}{currency}".rstrip()


def seconds(count: float | None) -> str:
    """Write a duration of seconds: `48 s`, `3 min 20 s`, `2 h 5 min`."""
    if count is None:
        return NOTHING
    whole = int(count)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


#: What is no word, and is written in its own way.
_SPELT: Final = {"did": "DID", "dids": "DIDs", "id": "ID", "pin": "PIN", "voip": "VoIP"}


def word(name: object) -> str:
    """Write a name of ours, such as `no_credit`, as words."""
    text = " ".join(_SPELT.get(part, part) for part in str(name).split("_"))
    return text[:1].upper() + text[1:]
