"""Writes transcripts of return calls to the store, many lines at a time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.store.transcripts import TranscriptLine, Transcripts

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("transcripts")

#: How long a line waits for others, seconds: as much of a transcript dies with a controller.
FLUSH_SECONDS: Final = 1.0
#: While the store is away so many lines wait; what comes then is lost, and counted.
MOST_WAITING: Final = 200_000


class Transcribing:
    """Collects lines and writes them, for all calls of a controller at once."""

    def __init__(self, services: Services, transcripts: Transcripts) -> None:
        self._services = services
        self._transcripts = transcripts
        self._waiting: list[TranscriptLine] = []
        self._writing = False
        self._lost = 0
        # What tells lines of one microsecond apart.
        self._numbers = itertools.count()

    def add(self, request: str, leg: str, what: str, text: str) -> None:
        """Keep a line; it is written within a second, or when the store is back."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            if self._lost == 1:
                log.error("transcripts_lost", waiting=len(self._waiting))
                self._services.metrics.faults.labels("transcripts").inc()
            return
        number = next(self._numbers) % 1_000_000_000
        at = self._services.clock.micros()
        self._waiting.append(TranscriptLine(request, at, number, leg, what, text))
        if not self._writing:
            self._writing = True
            self._services.spawn(self._write)

    def _write(self) -> None:
        try:
            while self._waiting:
                gevent.sleep(FLUSH_SECONDS)
                self.flush()
        finally:
            self._writing = False

    def flush(self) -> None:
        """Write what waits. It waits for the store."""
        while self._waiting:
            lines, self._waiting = self._waiting[:1000], self._waiting[1000:]
            self._services.keep(self._transcripts.add, lines)
        self._lost = 0
