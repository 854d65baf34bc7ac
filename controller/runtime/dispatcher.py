"""Makes return calls of stored requests: leases them when due, writes the attempt, originates."""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec
import structlog
from gevent.event import Event as Flag

from controller.callerid.resolver import for_return_call
from controller.esl.errors import EslError, NotConnected, UnsafeText
from controller.esl.events import Event, text
from controller.esl.switch import SwitchLink
from controller.policy.model import Policy
from controller.runtime.dialling import leg_uuids, longest_return_leg, originate_command
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.requests import Request

log: Any = structlog.get_logger("dispatcher")

#: How long a lease holds until the attempt is written, seconds.
LEASE_SECONDS: Final = 30
#: What setting up a return call may take beyond its ringing, before it counts as lost, seconds.
CALLING_SLACK_SECONDS: Final = 60
#: What an answered return call may last beyond its limit, before it counts as lost, seconds.
ANSWERED_SLACK_SECONDS: Final = 60
#: When a request is tried again whose node was not there, seconds.
NODE_AWAY_SECONDS: Final = 1.0
#: How a return call ended that was not answered, by the switch's cause.
OUTCOMES: Final = {
    "USER_BUSY": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "no_answer",
    "ORIGINATOR_CANCEL": "no_answer",
    # What the switch says of its own time-outs where a dial string names several gateways.
    "PROGRESS_TIMEOUT": "no_answer",
    "ALLOTTED_TIMEOUT": "no_answer",
    "CALL_REJECTED": "rejected",
    "UNALLOCATED_NUMBER": "unallocated",
}


class Attempt(msgspec.Struct, frozen=True):
    """A return call that was sent and is neither answered nor refused.

    `until`: when it counts as lost, seconds since 1970; `link` and `job` None until it is sent.
    """

    until: float
    link: SwitchLink | None = None
    job: str | None = None


def answered_until(services: Services, policy: Policy) -> int:
    """Give until when an answered call may be alive, microseconds since 1970."""
    lasts = longest_return_leg(policy, len(services.settings.route.gateways))
    return services.clock.micros() + (lasts + ANSWERED_SLACK_SECONDS) * 1_000_000


def finish(
    services: Services, request: str, outcome: str, cause: str, destination: str | None = None
) -> None:
    """Keep how a request ended. It counts once, whoever says it first; it waits for the store."""
    first = services.keep(
        services.requests.finish,
        request,
        outcome=outcome,
        cause=cause[:64],
        destination=destination,
        now=services.clock.micros(),
    )
    if first:
        services.metrics.callbacks.labels(outcome).inc()
        log.info("callback_ended", request=request, outcome=outcome, cause=cause)


class Dispatcher:
    """One greenlet that looks for due requests, and one for each call that is being set up."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = Flag()
        self._next: float | None = None
        self._stopped = False
        self._calling: dict[str, Attempt] = {}
        services.on_request = self.expect
        services.on_attempt_over = self.end_attempt

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
        """Be there when a request is due (seconds since 1970, by the wall's clock)."""
        if self._next is None or due < self._next:
            self._next = due
            self._wake.set()

    def end_attempt(self, request: str) -> None:
        """An attempt is over: its leg has attached, or its answer has come, or never will."""
        attempt = self._calling.pop(request, None)
        if attempt is not None and attempt.link is not None and attempt.job is not None:
            attempt.link.forget(attempt.job)
        self._services.metrics.calling.set(len(self._calling))

    # --- looking for requests ----------------------------------------------------------------

    def _now(self) -> float:
        return self._services.clock.micros() / 1_000_000

    def _run(self) -> None:
        services = self._services
        poll = services.settings.dispatcher.poll_seconds
        while not self._stopped:
            self._wake.clear()
            wait = poll if self._next is None else min(poll, self._next - self._now())
            if wait > 0 and self._wake.wait(timeout=wait):
                continue
            try:
                self._look()
            except Away:
                services.note_store_fault("dispatcher")
                self._next = None
                self._wake.wait(timeout=poll)
            except Exception:
                # Without this greenlet no callback is made at all: it outlives any fault.
                log.exception("fault", where="dispatcher")
                services.metrics.faults.labels("dispatcher").inc()
                self._next = None
                self._wake.wait(timeout=poll)

    def _look(self) -> None:
        services, requests = self._services, self._services.requests
        services.clock.follow()
        for request, attempt in list(self._calling.items()):
            if attempt.until < self._now():
                self.end_attempt(request)
        now = services.clock.micros()
        oldest_due = now - services.settings.dispatcher.expiry_seconds * 1_000_000
        if services.reads.run(requests.any_to_expire, now, oldest_due):
            for lost in services.write(requests.expire, now, oldest_due):
                services.metrics.callbacks.labels(lost.outcome or "unknown").inc()
                log.warning("callback_given_up", request=lost.id, outcome=lost.outcome)
        free = services.settings.dispatcher.max_calling - len(self._calling)
        if free > 0 and services.live_links() and services.reads.run(requests.any_due, now):
            until = now + LEASE_SECONDS * 1_000_000
            for found in services.write(requests.lease_due, services.name, now, until, free):
                self._begin(found)
        due = services.reads.run(requests.next_due, now)
        self._next = None if due is None else due / 1_000_000

    def _begin(self, request: Request) -> None:
        self._calling[request.id] = Attempt(self._now() + LEASE_SECONDS)
        self._services.metrics.calling.set(len(self._calling))
        self._services.spawn(self._call, request)

    # --- making one call ---------------------------------------------------------------------

    def _call(self, request: Request) -> None:
        services = self._services
        try:
            policy = services.policies.get(request.extension)
            if policy is None or request.number is None:
                finish(services, request.id, "extension_gone", "")
                self.end_attempt(request.id)
                return
            if not policy.enabled:
                # Switched off since the number rang: whoever did that means it.
                finish(services, request.id, "disabled", "")
                self.end_attempt(request.id)
                return
            self._originate(request, request.number, policy)
        except Exception:
            self.end_attempt(request.id)
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
        try:
            # Built before the attempt is written: what cannot be sent was never tried.
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
        except UnsafeText as error:
            log.error("originate_unsafe", request=request.id, error=str(error))  # noqa: TRY400
            services.metrics.faults.labels("originate_unsafe").inc()
            finish(services, request.id, "failed", "UNSAFE_TEXT")
            self.end_attempt(request.id)
            return
        lasts = policy.return_ring_seconds * len(route.gateways) + CALLING_SLACK_SECONDS
        written = services.write(
            services.requests.begin_attempt,
            request.id,
            holder=services.name,
            node=link.name,
            attempt=attempt,
            until=services.clock.micros() + lasts * 1_000_000,
        )
        if not written:
            self.end_attempt(request.id)
            return

        def on_done(answer: str | None, error: EslError | None) -> None:
            services.spawn(self._answered, request, policy, answer, error)

        log.info("return_call", request=request.id, node=link.name, attempt=attempt)
        self._calling[request.id] = Attempt(self._now() + lasts, link, attempt)
        try:
            link.submit(command, attempt, leg_uuids(attempt, route.gateways), on_done)
        except NotConnected:
            # Nothing was sent: the request may be tried again.
            self._give_back(request)

    def _give_back(self, request: Request) -> None:
        services = self._services
        due = self._now() + NODE_AWAY_SECONDS
        try:
            services.keep(
                services.requests.give_back,
                request.id,
                holder=services.name,
                due=int(due * 1_000_000),
            )
        finally:
            self.end_attempt(request.id)
        self.expect(due)

    def _answered(
        self, request: Request, policy: Policy, answer: str | None, error: EslError | None
    ) -> None:
        if error is not None:
            log.error("originate_refused", request=request.id, error=str(error))
        try:
            self._take_answer(request, policy, answer)
        finally:
            self.end_attempt(request.id)

    def _take_answer(self, request: Request, policy: Policy, answer: str | None) -> None:
        services = self._services
        if answer is not None and answer.startswith("+OK"):
            until = answered_until(services, policy)
            services.keep(services.requests.answered, request.id, until)
            return
        cause = "COMMAND_REFUSED" if answer is None else answer.removeprefix("-ERR").strip()
        finish(services, request.id, OUTCOMES.get(cause, "failed"), cause)

    def unseen_answer(self, event: Event) -> None:
        """Take the answer to a return call that another controller sent, if that one is gone.

        Every link brings every answer; whoever sent the call has taken it long before this.
        """
        services = self._services
        request = services.reads.run(services.requests.by_attempt, text(event.job_uuid) or "")
        if request is None or request.state != "calling":
            return
        policy = services.policies.get(request.extension)
        body = event.body if isinstance(event.body, str) else ""
        if policy is not None and body:
            self._take_answer(request, policy, body.strip())
