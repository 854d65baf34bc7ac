"""Looks once a minute for extensions on whose calls much is spent suddenly (G3).

Each controller does: what several see at once is one suspicion. Only extensions with calls of late
are looked at, and what each has spent before is read once an hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.guard.patterns import (
    SPEND_REST_MICROS,
    WINDOW_MICROS,
    History,
    Pattern,
    Spent,
    Subject,
    is_sudden,
    spend_sighting,
)
from controller.policy.fields import OnPattern
from controller.store.database import Away
from controller.store.suspicions import Suspicions

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("watching")

#: From one look to the next, seconds.
LOOK_SECONDS: Final = 60.0


class Spending:
    """What extensions have spent, as one controller looks at it."""

    def __init__(self, services: Services, store: Suspicions) -> None:
        self._services = services
        self._store = store
        self._greenlet: Any = None
        #: What was spent before, by extension and currency: read in this hour.
        self._histories: dict[tuple[str, str], History] = {}
        self._hour = 0

    def start(self) -> None:
        """Begin to look. Waits for nothing."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Look no more."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run(self) -> None:
        well = True
        while True:
            gevent.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Away:
                # The store's own fault is told where it is written to.
                continue
            except Exception:
                # It outlives any fault, as the dispatcher does.
                if well:
                    log.exception("fault", where="spending")
                self._services.metrics.faults.labels("spending").inc()
                well = False
            else:
                well = True

    def look(self) -> None:
        """Look once. It waits for the store, and raises what that raises."""
        services = self._services
        now = services.clock.micros()
        if now // WINDOW_MICROS != self._hour:
            self._hour = now // WINDOW_MICROS
            self._histories.clear()
        for spent in services.reads.run(self._store.spent, now):
            self._look_at(spent, now)

    def _look_at(self, spent: Spent, now: int) -> None:
        services = self._services
        policy = services.policies.get(spent.extension)
        if policy is None or policy.on_sudden_spend is OnPattern.IGNORE:
            return
        key = Subject(Pattern.SUDDEN_SPEND, spent.extension).key
        released = services.suspicions.get().released.get(key, 0)
        if released and now < released + SPEND_REST_MICROS:
            return
        of = (spent.extension, spent.currency)
        history = self._histories.get(of)
        if history is None:
            history = services.reads.run(self._store.history, *of, now)
            self._histories[of] = history
        if is_sudden(spent, history, services.settings.guard.sudden_spend_times, now):
            services.watching.note(spend_sighting(spent, history, policy, now, released))
