"""Looks for requests that are due and has their return calls made; ends what is stopped."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import Any, Final

import structlog
from gevent.event import Event as Flag

from controller.runtime.about import about
from controller.runtime.answers import legs_of
from controller.runtime.calling import Calling
from controller.runtime.services import Services
from controller.runtime.spreading import any_node
from controller.store.database import Away
from controller.store.requests import Scope

log: Any = structlog.get_logger("dispatcher")

#: How long a lease holds until the attempt is written, seconds.
LEASE_SECONDS: Final = 30
#: What looking at a node takes beyond the time between two looks, seconds.
ASKING_SECONDS: Final = 10
#: When a call is told once more that it is stopped, seconds.
TOLD_SECONDS: Final = 5.0


class Dispatcher:
    """One greenlet that looks, and one for each call that is being set up (`calling`)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = Flag()
        self._next: float | None = None
        #: When requests are due that were stored here, the first one first.
        self._expected: list[float] = []
        #: When it was looked last for what nobody here expects.
        self._looked = 0.0
        self._stopped = False
        #: Whether something may have been leased, and the store did not say so.
        self._in_doubt = False
        self.calling = Calling(services)
        services.on_request = self.expect
        services.stops.on_change = self._look_now
        #: Calls in progress that were told to end, and when they are told again.
        self._told: dict[str, float] = {}

    def start(self) -> None:
        """Begin to make return calls."""
        self._services.spawn(self._run)

    def stop(self) -> None:
        """Make no more; those that were sent go on."""
        self._stopped = True
        self._wake.set()

    def expect(self, due: float) -> None:
        """Be there when a request is due (seconds since 1970, by the wall's clock)."""
        soonest = self._soonest
        heappush(self._expected, due)
        if due < soonest:
            self._wake.set()

    def _look_now(self) -> None:
        self._next = 0.0
        self._wake.set()

    @property
    def _soonest(self) -> float:
        """When there is something to be done next, as far as is known."""
        expected = self._expected[0] if self._expected else math.inf
        return expected if self._next is None else min(self._next, expected)

    def _now(self) -> float:
        return self._services.clock.micros() / 1_000_000

    def _run(self) -> None:
        services = self._services
        poll = services.settings.dispatcher.poll_seconds
        while not self._stopped:
            self._wake.clear()
            wait = min(poll, self._soonest - self._now())
            if wait > 0 and self._wake.wait(timeout=wait):
                continue
            try:
                self.look()
            except Away:
                self._in_doubt = True
                services.note_store_fault("dispatcher")
                self._next = None
                self._wake.wait(timeout=poll)
            except Exception:
                # Without this greenlet no callback is made at all: it outlives any fault.
                log.exception("fault", where="dispatcher")
                services.metrics.faults.labels("dispatcher").inc()
                self._next = None
                self._wake.wait(timeout=poll)

    def look(self) -> None:
        """Do what is due now. Raises what the store raises."""
        services, requests = self._services, self._services.requests
        services.standing.check()
        services.clock.follow()
        self.calling.forget_lost(self._now())
        self._end_what_is_stopped()
        now = services.clock.micros()
        if self._in_doubt:
            # It is leased anew, and not when that lease ends.
            services.write(requests.free_leases, services.name, now)
            self._in_doubt = False
        expected = self._is_expected(now / 1_000_000)
        if expected:
            # What was stored here is taken without asking whether it is there.
            due, self._next = True, None
        else:
            due = self._look(now)
        free = services.settings.dispatcher.max_calling - len(self.calling)
        if due and free > 0 and any_node(services):
            until = now + LEASE_SECONDS * 1_000_000
            taken = services.write(requests.take_due, services.name, now, until, free)
            self._next = None if taken.next_due is None else taken.next_due / 1_000_000
            # Of several the first ones have taken places when the last one is called.
            places = taken.places if len(taken.due) == 1 else None
            for found in taken.due:
                if not self.calling.is_calling(found.request.id):
                    self.calling.begin(found, places, self._now() + LEASE_SECONDS)
        elif expected:
            self._look(now)

    def _is_expected(self, now: float) -> bool:
        """Whether a request is due that was stored here, and only those are looked for now.

        All others are looked for as often as if there were none.
        """
        expected = False
        while self._expected and self._expected[0] <= now:
            heappop(self._expected)
            expected = True
        poll = self._services.settings.dispatcher.poll_seconds
        return expected and 0 <= now - self._looked < poll

    def _look(self, now: int) -> bool:
        """Look for what there is to be done, and end what is lost; whether a request is due."""
        services, requests = self._services, self._services.requests
        grace = self._grace
        found = services.reads.run(requests.outlook, now, grace)
        # Ends that waited for the store come first: what is lost by its lease may be well.
        if found.to_expire and not services.ends_may_wait():
            for lost in services.write(requests.expire, now, grace):
                services.metrics.callbacks.labels(lost.outcome or "unknown").inc()
                log.warning("callback_given_up", request=lost.id, outcome=lost.outcome)
        self._looked = now / 1_000_000
        self._next = None if found.next_due is None else found.next_due / 1_000_000
        return found.due

    @property
    def _grace(self) -> int:
        """Give for how long an unanswered call is left to `reconcile` when its lease is over.

        Two looks at its node, microseconds. One that was never sent is sent then.
        """
        seconds = 2 * self._services.settings.dispatcher.reconcile_seconds + ASKING_SECONDS
        return int(seconds * 1_000_000)

    def _end_what_is_stopped(self) -> None:
        """O6: what is still to be called is ended, and what is under way where that is wished."""
        services, requests = self._services, self._services.requests
        stops = services.stops.get()
        scopes = [Scope(stop.scope, stop.name) for stop in stops]
        any_to_stop = bool(scopes) and services.reads.run(requests.any_to_stop, scopes)
        if any_to_stop:
            for ended in services.write(requests.stop, scopes, services.clock.micros()):
                services.metrics.callbacks.labels("stopped").inc()
                log.info("callback_stopped", request=ended.id)
        at_once = [Scope(stop.scope, stop.name) for stop in stops if stop.hang_up]
        live = services.reads.run(requests.live_in, at_once) if at_once else []
        self._told = {attempt.id: self._told.get(attempt.id, 0.0) for _, attempt in live}
        for _, attempt in live:
            link = services.links.get(attempt.node)
            if link is None or not link.up.is_set() or self._told[attempt.id] > self._now():
                continue
            self._told[attempt.id] = self._now() + TOLD_SECONDS
            with about(request=attempt.request, attempt=attempt.id):
                for leg in legs_of(attempt):
                    services.kill(leg, "MANAGER_REQUEST", link)
