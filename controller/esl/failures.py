"""Reads what the switch says of legs that it called and that came to nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from controller.esl.channel_data import ChannelData
from controller.esl.events import Field, cause, text

#: What the switch says of a leg that was answered, among the causes of those that were not.
_ANSWERED: Final = "NONE"


def failed_legs(value: Field) -> tuple[tuple[str, str], ...]:
    """Read `originate_causes`: of each leg that came to nothing, its uuid and its cause.

    The switch adds to it with each bridge: those of earlier destinations are among them
    (switch_ivr_originate.c, switch_ivr_originate: `<uuid>;<cause>`, several as a list).
    """
    return tuple(_pairs([value] if isinstance(value, str) else value or []))


def failed_legs_of(data: ChannelData) -> tuple[tuple[str, str], ...]:
    """Read the same of a leg that connects, whose variables are plain text."""
    raw = unquote(data.raw("variable_originate_causes") or "", errors="replace")
    return tuple(_pairs(raw.removeprefix("ARRAY::").split("|:")))


def _pairs(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        leg, _, said = (text(value) or "").partition(";")
        why = cause(said)
        if why is not None and why != _ANSWERED:
            yield leg, why
