"""Tells by metrics what waits and what is held, of the whole store: looked at again and again."""

from __future__ import annotations

from typing import Final

from controller.runtime.looker import Looker
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.schema import OPEN_STATES
from controller.store.tallies import Tallies

#: So often, seconds: Prometheus asks about as often.
LOOK_SECONDS: Final = 15.0
_MICROS: Final = 1_000_000


class Tallying(Looker):
    """What one controller tells of the store that it shares with others."""

    def __init__(self, services: Services, tallies: Tallies) -> None:
        super().__init__(services, where="tallying", wait_seconds=LOOK_SECONDS)
        self._tallies = tallies

    def look(self) -> None:
        """Look once. What was seen last stays told while the store is away."""
        services, metrics = self._services, self._services.metrics
        now = services.clock.micros()
        try:
            found = services.reads.run(self._tallies.take, now)
        except Away:
            services.note_store_fault("tallies")
            return
        for state in OPEN_STATES:
            metrics.requests_open.labels(state).set(found.open.get(state, 0))
        oldest = found.oldest_due
        metrics.oldest_due.set(0 if oldest is None else (now - oldest) / _MICROS)
        metrics.held.clear()
        for currency, amount in found.held.items():
            metrics.held.labels(currency).set(amount)
