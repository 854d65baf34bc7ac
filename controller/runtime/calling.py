"""Makes one return call: writes the attempt, sends it, and takes its answer.

An attempt is a row before it is sent, with its node and the uuids of its legs. What says whether it
was sent is the switch itself: one piece of text sets a global variable there (`mark_of`) and
originates, in this order. So an attempt whose controller died between writing and sending is found
out (`reconcile`), and can be sent, to the same node and with the same uuids; any other of which
nothing is known is `unknown`, and never made again by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import structlog

from controller.callback.uuids import leg_uuids
from controller.credit.model import Granted, Refused
from controller.esl import commands
from controller.esl.errors import EslError, NotConnected, UnsafeText
from controller.esl.switch import SwitchLink
from controller.guard.often import OftenKind, Over
from controller.policy.model import Policy
from controller.routing.model import MOST_WAYS, Plan
from controller.runtime.about import about
from controller.runtime.answers import Answers, finish, mark_of, take_back
from controller.runtime.at_a_time import STALE_SECONDS, give_places_back, take_places
from controller.runtime.beginning import BEGUN_WAITS, begin_attempt, caller_of
from controller.runtime.dialling import originate_command
from controller.runtime.paying import begin, release
from controller.runtime.refusing import Barred, barred, barred_by, refusal, too_often
from controller.runtime.services import Services
from controller.runtime.spreading import busy_channels, is_drained, links_for_a_call
from controller.runtime.underway import Sent, Underway
from controller.runtime.ways import find_return, give_back
from controller.store.attempts import Places
from controller.store.database import Away
from controller.store.plans import read_plan
from controller.store.requests import Attempt, Begun, Due, Request

log: Any = structlog.get_logger("dispatcher")

#: What setting up a return call may take beyond its ringing, before it counts as lost, seconds.
CALLING_SLACK_SECONDS: Final = 60
#: An attempt that was written longer ago is not sent by the one who wrote it: somebody may have
#: found it unsent meanwhile. Less than `reconcile.GRACE_SECONDS`.
SEND_SECONDS: Final = 2.0
#: When a request is tried again whose node was not there, or had no place left, seconds.
NODE_AWAY_SECONDS: Final = 1.0
#: When one is tried again for which there is no channel now, seconds.
NO_CHANNEL_SECONDS: Final = 10.0
#: Why a channel is not used, where that goes by.
GOES_BY: Final = frozenset({"closed", "down", "full"})

Links = Sequence[SwitchLink]


def _longest(policy: Policy) -> int:
    """Give how long a return call may take until it is answered, seconds."""
    return policy.return_ring_seconds * MOST_WAYS + CALLING_SLACK_SECONDS


class Calling(Underway):
    """Sets up the return calls of one controller."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.answers = Answers(services)

    def is_calling(self, request: str) -> bool:
        """Whether the call of a request is being made here."""
        return request in self._calling

    def begin(self, due: Due, places: Places | None, until: float) -> None:
        """Make the call of a request that was leased until then, in a greenlet of its own.

        `places`: the calls that are under way, if that is known.
        """
        self._calling[due.request.id] = Sent(until)
        self._count()
        with about(request=due.request.id):
            self._services.spawn(self._call, due, places)

    # --- before it is sent ---------------------------------------------------------------------

    def _call(self, due: Due, places: Places | None) -> None:
        services, request = self._services, due.request
        try:
            policy = services.policies.get(request.extension)
            outcome = refusal(services, request, policy)
            if outcome is not None or policy is None or request.number is None:
                self._end_leased(request, outcome or "extension_gone")
            elif not self._is_barred(request, barred(services, request, policy)):
                if places is None:
                    places = services.reads.run(services.requests.places)
                with links_for_a_call(services, places) as links:
                    busy = busy_channels(services, places)
                    self._originate(due, request.number, policy, links, busy)
        except Away:
            # Nothing was sent: it is made anew as soon as the store is back.
            self._give_back(request, services.note_store_fault("return_call"))
        except Exception:
            self.over(request.id)
            raise

    def _end_leased(self, request: Request, outcome: str, cause: str = "") -> None:
        """End a request that we have leased; one that somebody else works on by now is his."""
        finish(self._services, request.id, outcome, cause, leased=True)
        self.over(request.id)

    def _is_barred(self, request: Request, why: Barred | None) -> bool:
        """End what is barred, or give it back until it is not any more; whether it is."""
        if why is None:
            return False
        if why.due is None or why.due > request.expires:
            self._end_leased(request, why.outcome)
        else:
            seconds = (why.due - self._services.clock.micros()) / 1_000_000
            self._give_back(request, seconds, outcome=why.outcome if why.kept else None)
        return True

    def _originate(
        self, due: Due, number: str, policy: Policy, links: Links, busy: Sequence[str]
    ) -> None:
        services, request = self._services, due.request
        if not links:
            self._give_back(request, NODE_AWAY_SECONDS)
            return
        attempt = str(uuid.uuid4())
        full = take_places(services, request, policy, attempt, _longest(policy))
        if full is not None:
            self._give_back(request, full.seconds, outcome=full.reason)
            return
        began = services.clock.now()
        way = self._way(request, number, policy, links, busy)
        if way is None or not self._make(due, number, policy, attempt, way, began):
            give_places_back(services, policy.extension, attempt)

    def _make(
        self,
        due: Due,
        number: str,
        policy: Policy,
        attempt: str,
        way: tuple[SwitchLink, Plan],
        began: float,
    ) -> bool:
        """Write the attempt and send it; whether it was written, by us or by nobody.

        `began`: when it got its places.
        """
        services, limits = self._services, self._services.settings.dispatcher
        request, (link, plan) = due.request, way
        try:
            granted = begin(services, request, policy, attempt, number, plan, due.caller)
        except Away:
            # Nobody knows whether it is held, and nobody else of this attempt.
            take_back(services, policy.extension, attempt)
            raise
        if isinstance(granted, Refused):
            self._end_leased(request, granted.reason)
            return False
        command = self._command(request, policy, attempt, plan, granted)
        if command is None:
            release(services, attempt)
            self._end_leased(request, "failed", "UNSAFE_TEXT")
            return False
        if services.clock.now() - began > STALE_SECONDS:
            # Its places might end before it.
            release(services, attempt)
            self._give_back(request, 0.0)
            return False
        lasts = policy.return_ring_seconds * len(plan.ways) + CALLING_SLACK_SECONDS
        asked = services.clock.now()
        now = services.clock.micros()
        lease = now + lasts * 1_000_000
        begun = begin_attempt(
            services,
            request,
            node=link.name,
            core=link.core,
            attempt=attempt,
            channels=plan.channels,
            plan=plan,
            until=lease,
            now=now,
            per_node=limits.max_calling_per_node,
            per_channel=limits.max_calling_per_channel,
        )
        if begun is not Begun.YES:
            release(services, attempt)
            self._give_back(request, BEGUN_WAITS[begun])
            return False
        if self._is_late(asked, request, attempt):
            self.over(request.id)
        else:
            log.info("return_call", request=request.id, node=link.name, attempt=attempt)
            until = services.clock.micros() / 1_000_000 + lasts
            self._calling[request.id] = Sent(until, link, attempt, number)
            services.node_health.trying(link.name)
            self._send(link, request, policy, attempt, command, lease)
        return True

    def _way(
        self, request: Request, number: str, policy: Policy, links: Links, busy: Sequence[str]
    ) -> tuple[SwitchLink, Plan] | None:
        """Find a node and the channels to call by; where there is none now, it is tried again.

        Of the node that is found, the callback is counted (G3).
        """
        services = self._services
        full: Over | None = None
        for link in links:
            plan = find_return(
                services,
                policy=policy,
                node=link.name,
                member=request.id,
                number=number,
                did=request.did,
                busy=busy,
            )
            if plan.ways:
                over = too_often(services, request, number, policy, link.name)
                if over is None:
                    return link, plan
                if over.limit.kind is not OftenKind.NODE:
                    full = over
                    break
                full = over if full is None else min(full, over, key=lambda one: one.free_at)
        if full is not None:
            self._is_barred(request, barred_by(services, request, full))
            return None
        why = {passed.channel: passed.reason for passed in plan.passed}
        log.warning("no_channel", request=request.id, passed=why)
        services.metrics.not_routed.labels(plan.refusal).inc()
        if GOES_BY.intersection(why.values()):
            self._give_back(request, NO_CHANNEL_SECONDS, outcome="no_channel")
        else:
            self._end_leased(request, "no_channel")
        return None

    def _command(
        self, request: Request, policy: Policy, attempt: str, plan: Plan, granted: Granted
    ) -> bytes | None:
        services, route = self._services, self._services.settings.route
        try:
            # Built before the attempt is written: what cannot be sent was never tried.
            return originate_command(
                policy=policy, request=request.id, attempt=attempt, plan=plan, granted=granted,
                extension=route.extension, context=route.context,
            )  # fmt: skip
        except UnsafeText as error:
            log.error("originate_unsafe", request=request.id, error=str(error))  # noqa: TRY400
            services.metrics.faults.labels("originate_unsafe").inc()
            return None

    def _give_back(
        self,
        request: Request,
        seconds: float,
        attempt: str | None = None,
        lease: int | None = None,
        outcome: str | None = None,
    ) -> None:
        services = self._services
        due = services.clock.micros() + int(seconds * 1_000_000)
        try:
            moved = services.keep(
                services.requests.give_back,
                request.id,
                holder=services.name,
                due=due,
                attempt=attempt,
                lease=lease,
                outcome=outcome,
            )
            if moved:
                # Else it is somebody else's by now, and so are its places and what is held.
                give_back(services, request.id)
                if attempt is not None:
                    take_back(services, request.extension, attempt)
        finally:
            self.over(request.id)
        services.on_request(due / 1_000_000)

    # --- sending -------------------------------------------------------------------------------

    def _send(
        self,
        link: SwitchLink,
        request: Request,
        policy: Policy,
        attempt: str,
        command: bytes,
        lease: int,
    ) -> None:
        def on_done(answer: str | None, error: EslError | None) -> None:
            with about(request=request.id, attempt=attempt):
                self._services.spawn(self._answered, request, attempt, policy, answer, error)

        try:
            link.submit(
                command,
                attempt,
                leg_uuids(attempt),
                on_done,
                first=commands.set_global(mark_of(attempt), "1"),
            )
        except NotConnected:
            # Nothing was sent: the request may be tried again.
            self._give_back(request, NODE_AWAY_SECONDS, attempt, lease)

    def send_unsent(self, link: SwitchLink, request: Request, attempt: Attempt) -> None:
        """Send an attempt that was written and never sent: same node, same uuids (decision 9)."""
        services = self._services
        policy = services.policies.get(request.extension)
        outcome = refusal(services, request, policy)
        lasts = CALLING_SLACK_SECONDS if policy is None else _longest(policy)
        asked = services.clock.now()
        now = services.clock.micros()
        lease = now + lasts * 1_000_000
        # Before anything is said of it: somebody else may be sending it.
        claimed = services.write(
            services.requests.claim, attempt, now, holder=services.name, until=lease
        )
        if not claimed or self._is_late(asked, request, attempt.id):
            return
        if is_drained(services, link.name):
            # It was never sent: another node makes the call.
            self._give_back(request, 0.0, attempt.id, lease)
            return
        if outcome is not None or policy is None or request.number is None:
            self._end_claimed(request, attempt, lease, outcome or "extension_gone")
            return
        plan = read_plan(attempt.plan)
        if plan is None:
            # By a release that kept none: it was never sent, and is taken back.
            self._give_back(request, NODE_AWAY_SECONDS, attempt.id, lease)
            return
        full = take_places(services, request, policy, attempt.id, _longest(policy))
        if full is not None:
            self._give_back(request, full.seconds, attempt.id, lease, full.reason)
            return
        # What was held for it is held still, or is held anew.
        listed = caller_of(services, request)
        granted = begin(services, request, policy, attempt.id, request.number, plan, listed)
        if isinstance(granted, Refused):
            self._end_claimed(request, attempt, lease, granted.reason)
            return
        if self._is_late(asked, request, attempt.id):
            return
        command = self._command(request, policy, attempt.id, plan, granted)
        if command is None:
            self._end_claimed(request, attempt, lease, "failed", "UNSAFE_TEXT")
            return
        until = services.clock.micros() / 1_000_000 + lasts
        self._calling[request.id] = Sent(until, link, attempt.id, request.number)
        log.info("return_call_sent_late", request=request.id, attempt=attempt.id)
        self._send(link, request, policy, attempt.id, command, lease)

    def _end_claimed(
        self, request: Request, attempt: Attempt, lease: int, outcome: str, cause: str = ""
    ) -> None:
        """End a request whose attempt we claimed and did not send."""
        services = self._services
        ended = finish(
            services, request.id, outcome, cause, attempt=attempt.id, leased=True, lease=lease
        )
        if ended:
            take_back(services, request.extension, attempt.id)

    def _is_late(self, asked: float, request: Request, attempt: str) -> bool:
        """Whether we were asleep, or the store was: who looks for unsent ones may be at it."""
        late = self._services.clock.now() - asked > SEND_SECONDS
        if late:
            log.warning("attempt_not_sent", request=request.id, attempt=attempt)
        return late

    def _answered(
        self,
        request: Request,
        attempt: str,
        policy: Policy,
        answer: str | None,
        error: EslError | None,
    ) -> None:
        if error is not None:
            log.error("originate_refused", request=request.id, attempt=attempt, error=str(error))
        sent = self._calling.get(request.id)
        ours, failed = sent is not None, {} if sent is None else sent.failed
        try:
            self.answers.take(request.id, attempt, policy, answer, failed, is_ours=ours)
        finally:
            # Meanwhile it may be made anew.
            if sent is self._calling.get(request.id):
                self.over(request.id)
