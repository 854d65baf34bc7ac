"""Takes what becomes of return calls: answered, to be made again, or over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import gevent
import msgspec
import structlog

from controller.callback.uuids import leg_uuids
from controller.esl import commands
from controller.esl.errors import EslError
from controller.esl.events import Event, text
from controller.guard.often import unanswered_limits
from controller.policy.endings import Ending, ending_of, next_try
from controller.policy.fields import Again
from controller.policy.model import Policy
from controller.routing.model import MOST_WAYS
from controller.runtime.at_a_time import give_places_back, keep_places
from controller.runtime.dialling import FINAL_CAUSES, longest_return_leg
from controller.runtime.paying import release
from controller.runtime.services import Services
from controller.runtime.ways import give_back, note_causes
from controller.store.requests import Attempt, Ended, Requests

log: Any = structlog.get_logger("dispatcher")

#: What an answered return call may last beyond its limit, before it counts as lost, seconds.
ANSWERED_SLACK_SECONDS: Final = 60
#: The cause of an attempt whose uuid is alive already: what was sent twice was made once.
DUPLICATE: Final = "DESTINATION_OUT_OF_ORDER"
#: The cause of an attempt of which its node made no leg, for its own reasons.
NODE_REFUSED: Final = "NODE_REFUSED"
#: What that means: nothing that counts as a try.
REFUSED: Final = Ending("failed", Again.NEVER, counts=False)
#: When it is made again, microseconds; how late the end of a leg may be told, seconds.
REFUSED_MICROS: Final = 500_000
LEG_SECONDS: Final = 0.3
#: How long an answer to a call of ours is left to its leg, which connects at the same time and
#: mostly here, seconds. Nobody is told of it here who was not told by then.
CONNECTS_SECONDS: Final = 0.5


def mark_of(attempt: str) -> str:
    """Give the global variable of the switch that says that an attempt was sent."""
    return f"callback_sent_{attempt}"


def legs_of(attempt: Attempt) -> tuple[str, ...]:
    """Give the uuids of an attempt's legs; one of an older release does not name its channels."""
    return leg_uuids(attempt.id, len(attempt.channels) or MOST_WAYS)


def settled(answer: str, failed: Mapping[str, str]) -> str:
    """Give the cause of a return call that came to nothing.

    `answer`: what the switch says of the whole; `failed`: what it said of each channel, in order.
    Of several it says the first one's, and PROGRESS_TIMEOUT both of a phone that rang to the end
    and of a channel on which nothing was heard (seen on 1.11.1): the last channel's own counts.
    """
    if failed:
        return list(failed.values())[-1]
    return "NO_ANSWER" if answer == "PROGRESS_TIMEOUT" else answer


def answered_until(services: Services, policy: Policy) -> int:
    """Give until when an answered call may be alive, microseconds since 1970."""
    lasts = longest_return_leg(policy)
    return services.clock.micros() + (lasts + ANSWERED_SLACK_SECONDS) * 1_000_000


def finish(
    services: Services,
    request: str,
    outcome: str,
    cause: str,
    destination: str | None = None,
    *,
    attempt: str | None = None,
    leased: bool = False,
    lease: int | None = None,
    counts: bool | None = None,
) -> bool:
    """Keep how a request ended; whether it was us. It counts once, whoever says it first.

    It waits for the store. `attempt`: only where that is the one under way; `leased`: only where it
    is still to be called, or that attempt to be sent, by us; `lease`: only where it is leased until
    then still. `counts`: whether it counts against the number (G4), where the store cannot tell.
    """
    first = services.keep(
        services.requests.finish,
        request,
        outcome=outcome,
        cause=cause[:64],
        destination=destination,
        now=services.clock.micros(),
        attempt=attempt,
        leased_by=services.name if leased else None,
        lease=lease,
        counts=counts,
    )
    if attempt is None and not leased:
        # Whoever says it, it is over for good.
        services.known.ended.add(request)
    if first:
        give_back(services, request)
        services.metrics.callbacks.labels(outcome).inc()
        log.info("callback_ended", request=request, outcome=outcome, cause=cause)
        note_unanswered(services, first)
    return first.moved


def note_unanswered(services: Services, ended: Ended) -> None:
    """Count a return call that came to nothing where its extension limits them (G3).

    Once: by whoever ended it, which the store says. It waits for the store, and for Redis.
    """
    if ended.unanswered is None:
        return
    extension, number = ended.unanswered
    policy = services.insist("policy", lambda: services.policies.get(extension))
    if policy is not None:
        services.often.note(unanswered_limits(policy, number))


def unmark(services: Services, node: str | None, attempt: str | None) -> None:
    """Let the switch forget that an attempt was sent: what became of it is known."""
    link = services.links.get(node or "")
    if link is not None and attempt and link.up.is_set():
        try:
            link.send(commands.set_global(mark_of(attempt)))
        except EslError as error:
            log.debug("not_unmarked", attempt=attempt, error=str(error))


def take_back(services: Services, extension: str, attempt: str) -> None:
    """Release what is held for a call that was not answered, and give its places back."""
    release(services, attempt)
    give_places_back(services, extension, attempt)


class Followed(msgspec.Struct, frozen=True):
    """What an attempt that was not answered led to.

    `ended`: whether it was under way until now; `due`: when it is made again, microseconds since
    1970.
    """

    ended: Ended
    due: int | None = None


def end_or_retry(
    requests: Requests,
    attempt: Attempt,
    policy: Policy | None,
    ending: Ending,
    cause: str,
    now: int,
    failed: Mapping[str, str] = {},
) -> Followed:
    """Keep that an attempt was not answered: it is made again (T5), or the request is over."""
    row = requests.get(attempt.request)
    due = None
    if row is not None and policy is not None:
        tries = requests.attempts_of(attempt.request)
        # Each kind of failure has a number of its own.
        alike = sum(
            tried.id == attempt.id
            or (tried.cause is not None and ending_of(tried.cause, policy).again is ending.again)
            for tried in tries
        )
        due = next_try(ending, policy, tried=alike, now=now, expires=row.expires)
        at_most = policy.stop_after_unanswered
        if due is not None and at_most is not None and ending.counts:
            # G4 holds for retries too; this one is not ended yet, unless it is written anew.
            more = sum(tried.id == attempt.id and tried.ended is None for tried in tries)
            facts = requests.facts(attempt.extension, attempt.number, None, at_most, now)
            due = due if facts.unanswered + more < at_most else None
    if due is None:
        ended = requests.finish(
            attempt.request,
            outcome=ending.outcome,
            cause=cause,
            destination=None,
            now=now,
            attempt=attempt.id,
            counts=ending.counts,
            causes=failed,
        )
        return Followed(ended)
    ended = requests.retry(
        attempt.request,
        attempt=attempt.id,
        outcome=ending.outcome,
        cause=cause,
        counts=ending.counts,
        causes=failed,
        due=due,
        now=now,
    )
    return Followed(ended, due if ended else None)


class Answers:
    """Takes answers to attempts, by whichever way they come."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def take(
        self,
        request: str,
        attempt: str,
        policy: Policy | None,
        answer: str | None,
        failed: Mapping[str, str] = {},
        *,
        is_ours: bool = False,
    ) -> None:
        """Take what the switch says of an attempt: `+OK <uuid>`, `-ERR <cause>`; None: refused it.

        `failed`: the cause of each channel that came to nothing, as far as they are known;
        `is_ours`: we have sent it, and are told there of each that still comes. It moves nothing
        where the attempt is not under way any more: an answer may come late or twice. It waits for
        the store.
        """
        services = self._services
        is_answered = answer is not None and answer.startswith("+OK")
        if is_answered and is_ours:
            gevent.sleep(CONNECTS_SECONDS)
        if is_answered and attempt in services.known.answered:
            return
        written = services.keep(services.requests.attempt, attempt)
        if written is None:
            return
        if answer is not None and is_answered:
            leg, legs = answer.removeprefix("+OK").strip(), legs_of(written)
            index = legs.index(leg) if leg in legs else len(legs)
            channel = written.channels[index] if index < len(written.channels) else None
            # Its leg may connect to another controller: we are told here that it goes.
            note_causes(services, written.node, written.number, {}, channel)
            services.node_health.took(written.node)
            if policy is not None:
                services.keep(
                    services.requests.answered,
                    request,
                    answered_until(services, policy),
                    now=services.clock.micros(),
                    attempt=attempt,
                    channel=channel,
                    causes=failed,
                )
                keep_places(services, written.extension, attempt)
        else:
            said = "COMMAND_REFUSED" if answer is None else answer.removeprefix("-ERR").strip()
            cause = settled(said, failed)
            if cause == DUPLICATE and written.ended is None:
                if self._is_alive(written):
                    return
                if is_ours and _has_refused(failed):
                    self._elsewhere(written)
                    return
                cause = settled(said, failed)
            if failed:
                services.node_health.took(written.node)
            ending = ending_of(cause, policy)
            followed = services.keep(
                end_or_retry,
                services.requests,
                written,
                policy,
                ending,
                cause[:64],
                services.clock.micros(),
                failed,
            )
            if followed.ended:
                # No leg of it was answered: it costs nothing.
                take_back(services, written.extension, written.id)
            self._note(request, ending, cause, followed)
            note_unanswered(services, followed.ended)
        unmark(services, written.node, written.id)

    def _note(self, request: str, ending: Ending, cause: str, followed: Followed) -> None:
        services = self._services
        if followed.ended:
            give_back(services, request)
        if followed.due is not None:
            services.metrics.retries.labels(ending.outcome).inc()
            log.info("callback_again", request=request, outcome=ending.outcome, cause=cause)
            services.on_request(followed.due / 1_000_000)
        elif followed.ended:
            services.metrics.callbacks.labels(ending.outcome).inc()
            log.info("callback_ended", request=request, outcome=ending.outcome, cause=cause)

    def _elsewhere(self, attempt: Attempt) -> None:
        """Have a call made anew that its node refused: nobody was called, and it counts for none.

        By another node, or by this one when it is not left alone any more.
        """
        services = self._services
        services.node_health.refused(attempt.node)
        due = services.clock.micros() + REFUSED_MICROS
        moved = services.keep(
            services.requests.retry,
            attempt.request,
            attempt=attempt.id,
            outcome=REFUSED.outcome,
            cause=NODE_REFUSED,
            counts=False,
            due=due,
            now=services.clock.micros(),
        )
        if moved:
            take_back(services, attempt.extension, attempt.id)
        self._note(attempt.request, REFUSED, NODE_REFUSED, Followed(moved, due if moved else None))
        unmark(services, attempt.node, attempt.id)

    def _is_alive(self, attempt: Attempt) -> bool:
        link = self._services.links.get(attempt.node)
        if link is None:
            return False
        legs = legs_of(attempt)
        try:
            return any(link.api("uuid_exists", leg) == "true" for leg in legs)
        except EslError:
            return True  # nobody knows: what is reconciled later is better than a second call

    def recorded(self, event: Event) -> None:
        """Take what a switch's record says of a return leg that was not answered.

        It is the answer where no other channel can have been tried after it, and nobody took it.
        """
        services = self._services
        leg, cause = text(event.uuid) or "", text(event.hangup_cause)
        request = services.keep(services.requests.by_attempt, text(event.call) or "")
        if request is None or request.state != "calling" or cause is None:
            return
        attempt = services.keep(services.requests.attempt, request.attempt or "")
        if attempt is None or (cause not in FINAL_CAUSES and leg != legs_of(attempt)[-1]):
            return
        policy = services.insist("policy", lambda: services.policies.get(request.extension))
        failed = {text(event.channel) or "": cause}
        self.take(request.id, attempt.id, policy, f"-ERR {cause}", failed)

    def unseen(self, event: Event) -> None:
        """Take the answer to a return call that another controller sent, if that one is gone.

        Every link brings every answer; whoever sent the call has taken it long before this.
        """
        services = self._services
        attempt = text(event.job_uuid) or ""
        if attempt in services.known.answered:
            return
        request = services.keep(services.requests.by_attempt, attempt)
        if request is None or request.state != "calling":
            return
        body = event.body if isinstance(event.body, str) else ""
        if body:
            policy = services.insist("policy", lambda: services.policies.get(request.extension))
            self.take(request.id, attempt, policy, body.strip())


def _has_refused(failed: Mapping[str, str]) -> bool:
    """Whether a node made no leg at all; a trunk that says the same says it of a leg."""
    if not failed:
        # The end of a leg may be told after the answer (seen on 1.11.1).
        gevent.sleep(LEG_SECONDS)
    return not failed
