"""Writes transcripts of return calls to the store, many lines at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from controller.runtime.background import Background
from controller.store.transcripts import TranscriptLine, Transcripts

if TYPE_CHECKING:
    from controller.runtime.services import Services


class Transcribing:
    """Collects lines and has them written, for all calls of a controller at once."""

    def __init__(self, services: Services, transcripts: Transcripts) -> None:
        self._services = services
        self._lines = Background(services, transcripts.add, "transcripts")
        # What tells lines of one microsecond apart.
        self._numbers = itertools.count()

    def add(self, request: str, leg: str, what: str, text: str) -> None:
        """Keep a line; it is written within a second, or when the store is back."""
        number = next(self._numbers) % 1_000_000_000
        at = self._services.clock.micros()
        self._lines.add(TranscriptLine(request, at, number, leg, what, text))

    def flush(self) -> None:
        """Write what waits. It waits for the store."""
        self._lines.flush()
