"""Makes return calls of stored requests: leases them when due, writes the attempt, originates."""

from __future__ import annotations

import uuid
from typing import Any, Final

import structlog
from gevent.event import Event as Flag

from controller.callerid.resolver import for_return_call
from controller.esl.errors import EslError, NotConnected
from controller.esl.switch import Job, SwitchLink
from controller.policy.model import Policy
from controller.runtime.dialling import leg_uuids, longest_return_leg, originate_command
from controller.runtime.services import Services
from controller.store.requests import Request

log: Any = structlog.get_logger("dispatcher")

#: How long a lease holds until the attempt is written, seconds.
LEASE_SECONDS: Final = 30
#: What setting up a return call may take beyond its ringing, before it counts as lost, seconds.
CALLING_SLACK_SECONDS: Final = 60
#: When a request is tried again whose node was not there, seconds.
NODE_AWAY_SECONDS: Final = 1.0
#: How a return call ended that was not answered, by the switch's cause.
OUTCOMES: Final = {
    "USER_BUSY": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "ORIGINATOR_CANCEL": "no_answer",
    # What the switch says of its own time-out where a dial string names several gateways.
    "PROGRESS_TIMEOUT": "no_answer",
    "CALL_REJECTED": "rejected",
    "UNALLOCATED_NUMBER": "unallocated",
}


class Dispatcher:
    """One greenlet that looks for due requests, and one for each call that is being set up."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = Flag()
        self._next: float | None = None
        self._stopped = False
        self._calling: set[str] = set()
        services.on_request = self.expect

    @property
    def calling(self) -> int:
        """How many return calls were sent and are neither answered nor refused."""
        return len(self._calling)

    def start(self) -> None:
        """Begin to make return calls."""
        self._services.spawn(self._run)

    def stop(self) -> None:
        """Make no more; those that were sent go on."""
        self._stopped = True
        self._wake.set()

    def expect(self, due: float) -> None:
        """Be there when a request is due (seconds since 1970)."""
        if self._next is None or due < self._next:
            self._next = due
            self._wake.set()

    def _run(self) -> None:
        settings = self._services.settings.dispatcher
        while not self._stopped:
            self._wake.clear()
            wait = settings.poll_seconds
            if self._next is not None:
                wait = min(wait, self._next - self._services.clock.now())
            if wait > 0 and self._wake.wait(timeout=wait):
                continue
            try:
                self._look()
            except Exception:
                log.exception("dispatcher_fault")
                self._services.metrics.faults.labels("dispatcher").inc()
                self._next = None
                self._wake.wait(timeout=settings.poll_seconds)

    def _look(self) -> None:
        services = self._services
        now = services.clock.micros()
        requests = services.requests
        expiry = services.settings.dispatcher.expiry_seconds * 1_000_000
        for lost in services.sql.run(requests.expire, now, now - expiry):
            services.metrics.callbacks.labels(lost.outcome or "unknown").inc()
            log.warning("callback_given_up", request=lost.id, outcome=lost.outcome)
        free = services.settings.dispatcher.max_calling - len(self._calling)
        if free > 0 and services.live_links():
            until = now + LEASE_SECONDS * 1_000_000
            for request in services.sql.run(requests.lease_due, services.name, now, until, free):
                self._calling.add(request.id)
                services.metrics.calling.set(len(self._calling))
                services.spawn(self._call, request)
        due = services.sql.run(requests.next_due, now)
        self._next = None if due is None else due / 1_000_000

    def _done(self, request: Request) -> None:
        self._calling.discard(request.id)
        self._services.metrics.calling.set(len(self._calling))

    def _call(self, request: Request) -> None:
        services = self._services
        try:
            policy = services.sql.run(services.extensions.get, request.extension)
            if policy is None or request.number is None:
                self._finish(request, "extension_gone", "")
                return
            self._originate(request, request.number, policy)
        except Exception:
            self._done(request)
            raise

    def _originate(self, request: Request, number: str, policy: Policy) -> None:
        services = self._services
        links = services.live_links()
        if not links:
            self._give_back(request)
            return
        # The node with the fewest jobs of ours; an attempt never changes its node.
        link = min(links, key=lambda candidate: len(candidate.in_flight))
        attempt = str(uuid.uuid4())
        route = services.settings.route
        lasts = policy.return_ring_seconds * len(route.gateways) + CALLING_SLACK_SECONDS
        written = services.sql.run(
            services.requests.begin_attempt,
            request.id,
            holder=services.name,
            node=link.name,
            attempt=attempt,
            until=services.clock.micros() + lasts * 1_000_000,
        )
        if not written:
            self._done(request)
            return
        command = originate_command(
            policy=policy,
            number=number,
            request=request.id,
            attempt=attempt,
            shown=for_return_call(policy, request.did),
            gateways=route.gateways,
            extension=route.extension,
            context=route.context,
        )

        def on_done(answer: str | None, error: EslError | None) -> None:
            services.spawn(self._answered, request, policy, answer, error)

        log.info("return_call", request=request.id, node=link.name, attempt=attempt)
        try:
            link.submit(command, attempt, leg_uuids(attempt, route.gateways), on_done)
        except NotConnected:
            # Nothing was sent: the request may be tried again.
            self._give_back(request)

    def _answered(
        self, request: Request, policy: Policy, answer: str | None, error: EslError | None
    ) -> None:
        services = self._services
        try:
            if answer is not None and answer.startswith("+OK"):
                until = services.clock.micros() + (longest_return_leg(policy) + 60) * 1_000_000
                services.sql.run(services.requests.answered, request.id, until)
                self._done(request)
                return
            cause = "COMMAND_REFUSED" if answer is None else answer.removeprefix("-ERR").strip()
            if error is not None:
                log.error("originate_refused", request=request.id, error=str(error))
            self._finish(request, OUTCOMES.get(cause, "failed"), cause[:64])
        except Exception:
            self._done(request)
            raise

    def _finish(self, request: Request, outcome: str, cause: str) -> None:
        services = self._services
        first = services.sql.run(
            services.requests.finish,
            request.id,
            outcome=outcome,
            cause=cause,
            destination=None,
            now=services.clock.micros(),
        )
        self._done(request)
        if first:
            services.metrics.callbacks.labels(outcome).inc()
            log.info("callback_ended", request=request.id, outcome=outcome, cause=cause)

    def _give_back(self, request: Request) -> None:
        services = self._services
        due = services.clock.now() + NODE_AWAY_SECONDS
        services.sql.run(
            services.requests.give_back,
            request.id,
            holder=services.name,
            due=int(due * 1_000_000),
        )
        self._done(request)
        self.expect(due)

    def reconcile(self, link: SwitchLink, jobs: list[Job]) -> None:
        """Find out about return calls whose answer was lost when a link broke.

        One that the node still has is answered on the new link. One that it does not have was
        refused, or ended, or never taken: which of these cannot be told, so it is not made again.
        """
        for job in jobs:
            alive = any(link.api("uuid_exists", leg) == "true" for leg in job.leg_uuids)
            if alive or job not in link.in_flight:
                continue
            link.forget(job)
            request = self._services.sql.run(self._services.requests.by_attempt, job.job_uuid)
            if request is not None:
                self._finish(request, "unknown", "LINK_LOST")
