"""Tells an operator that a limit was reached (G3), once an hour for each, where notices go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from controller.guard.often import Over
from controller.policy.moments import written
from controller.runtime.remembered import Remembered
from controller.store.notices import Notices
from controller.store.requests import Request

if TYPE_CHECKING:
    from controller.policy.model import Policy
    from controller.runtime.services import Services

#: So many notices are remembered by one controller; of more it asks the store, which keeps one.
MOST_TOLD: Final = 10_000
#: A limit is told once in its window, and once in so many seconds.
LEAST_SECONDS: Final = 3_600


class LimitsTold:
    """What was told. Without `notices.url` nothing is: there is a log, and a metric."""

    def __init__(self, services: Services, notices: Notices) -> None:
        self._services = services
        self._notices = notices
        self._told = Remembered(MOST_TOLD)

    def reached(self, over: Over, request: Request, policy: Policy, node: str) -> None:
        """Leave a notice that a callback met a limit, where none was left lately."""
        services, limit = self._services, over.limit
        if not services.settings.notices.url:
            return
        now = services.clock.micros()
        window = now // 1_000_000 // max(limit.seconds, LEAST_SECONDS)
        # Of numbers and their blocks there are as many as callers like: they are told by extension.
        key = f"limit:{limit.kind.value}:{limit.owner}:{limit.seconds}:{window}"
        if not self._told.add(key):
            return
        body = {
            "reason": limit.reason,
            "extension": request.extension,
            "client": policy.client,
            "number": request.number,
            "node": node,
            "most": limit.most,
            "seconds": limit.seconds,
            "free_at": written(over.free_at * 1000),
        }
        services.spawn(self._leave, key, body, now)

    def _leave(self, key: str, body: dict[str, Any], now: int) -> None:
        self._services.keep(self._notices.leave, kind="limit_reached", key=key, body=body, now=now)
