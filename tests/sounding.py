"""A real file for tests that need one: a tone, written by libsndfile."""

from __future__ import annotations

from functools import cache

from tests.unit.sounds.given import file, tone


@cache
def recording(hertz: float = 440.0, kind: str = "OGG", subtype: str = "VORBIS") -> bytes:
    """Give a short recording; another pitch is another recording."""
    return file(tone(0.25, hertz=hertz), kind, subtype)
