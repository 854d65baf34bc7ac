"""What a caller is told: prompts by name, an operator's sounds, and what is said with `say`.

A machine names what is to be said; which files of which language that means is the business of
`prompts`. A name that begins with `sound:` is a sound that the operator chose.
"""

from __future__ import annotations

import msgspec


class Money(msgspec.Struct, frozen=True, tag=True):
    """An amount in micro-units, as money of an ISO 4217 currency."""

    micros: int
    currency: str


class Duration(msgspec.Struct, frozen=True, tag=True):
    """A length of time, seconds."""

    seconds: int


Said = Money | Duration
#: One thing that is said.
Prompt = str | Said

#: What a prompt's name begins with where it is an operator's sound and no prompt of ours.
SOUND = "sound:"
