"""Takes on at once what a controller had that is judged dead or frozen (O4, O5).

Of its legs see `moving`; here are its leases, the attempts that it wrote and did not send, and the
calls whose credit it saw to. Every controller does all of it: each write says from whom it takes.
"""

from __future__ import annotations

from typing import Any

import structlog

from controller.runtime.calling import Calling
from controller.runtime.reconcile import reconcile
from controller.runtime.services import Services
from controller.store.database import Away

log: Any = structlog.get_logger("inheriting")


class Inheriting:
    """Watches who is judged away; `calling` makes the return calls."""

    def __init__(self, services: Services, calling: Calling) -> None:
        self._services = services
        self._calling = calling
        self._away: frozenset[str] = frozenset()
        services.standing.on_change.append(self.look)

    def look(self) -> None:
        """See who is away now who was not before. It waits for nothing."""
        services = self._services
        away = services.standing.away
        for name in sorted(away - self._away):
            services.spawn(self._free, name)
        if away - self._away:
            services.spawn(services.metering.adopt)
            for link in services.live_links():
                services.spawn(reconcile, services, link, self._calling)
        self._away = away

    def begin_anew(self) -> None:
        """Free what a run of ours before this one had: it ended, and nobody judges us away."""
        services, requests = self._services, self._services.requests
        try:
            services.write(requests.free_leases, services.name, services.clock.micros())
            services.write(requests.forget, services.name)
        except Away:
            services.note_store_fault("begin_anew")

    def _free(self, name: str) -> None:
        services = self._services
        freed = services.keep(services.requests.free_leases, name, services.clock.micros())
        if freed:
            log.info("leases_freed", controller=name, requests=freed)
            services.on_request(services.clock.micros() / 1_000_000)
