"""Looks for patterns of fraud in what is called, and keeps suspicions (G3).

What callbacks and return calls count towards is counted in Redis (`cache.patterns`); what is seen
there is kept in the store, and counts here at once, in all controllers within a second. Nothing of
it delays a callback but where its extension's policy blocks such ones, and no fault of it ends one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import gevent
import msgspec
import structlog

from controller.cache.patterns import Patterns
from controller.credit.model import LegEnd, Side
from controller.guard.patterns import (
    Pattern,
    Seen,
    Sighting,
    Subject,
    added,
    again,
    blocking,
    is_short,
    rings,
    short_answers_of,
    sighting,
    subjects_of,
)
from controller.policy.fields import OnPattern
from controller.policy.model import Policy
from controller.runtime.remembered import Remembered
from controller.store.requests import Request
from controller.store.suspicions import Saw, Suspicions

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("watching")

#: How long is waited between two writes, seconds.
APART_SECONDS: Final = 0.5
#: How long what was written counts here by itself, seconds: then it has been read, as everywhere.
OWN_SECONDS: Final = 3.0
#: So many subjects wait to be written; while the store is away, what comes then is left out.
MOST_WAITING: Final = 10_000
#: So many count here by themselves.
MOST_OWN: Final = 20_000
#: How many are written at once: calls wait for it.
AT_ONCE: Final = 100
#: So many callbacks are remembered that were counted: one may be put off, and come again.
MOST_COUNTED: Final = 10_000


class _Own(msgspec.Struct):
    """A suspicion that was seen here: when, and until when it counts (None: not written yet)."""

    blocks: bool
    at: int
    until: float | None = None


class Watching:
    """The suspicions of one controller. What is known of all is `services.suspicions`.

    `apart_seconds`: how long is waited between two writes; what is seen meanwhile is written
    together.
    """

    def __init__(
        self,
        services: Services,
        patterns: Patterns,
        store: Suspicions,
        *,
        apart_seconds: float = APART_SECONDS,
    ) -> None:
        self._services = services
        self._patterns = patterns
        self._store = store
        self._apart_seconds = apart_seconds
        self._own: dict[str, _Own] = {}
        self._waiting: dict[str, Sighting] = {}
        self._writing = False
        self._lost = 0
        self._counted = Remembered(MOST_COUNTED)
        self._well = True

    # --- callbacks -----------------------------------------------------------------------------

    def refusal(self, request: Request, policy: Policy) -> str | None:
        """Give why a callback is not made, by what is known already; None: nothing is against it.

        It waits for nothing. That it was asked for counts as seen again.
        """
        found = subjects_of(policy, request.caller, request.number or "")
        subject = self._blocking(policy, found)
        if subject is None:
            return None
        self.note(again(subject, policy, self._services.clock.micros()))
        return subject.pattern.reason

    def seen(self, request: Request, policy: Policy) -> str | None:
        """Count a callback that is to be made, and give why it is not; None: nothing is against it.

        It waits for Redis where the policy blocks what is counted, and never raises.
        """
        caller = request.caller
        # Further tries (T5) are the same callback.
        if caller is None or request.attempts or not self._counted.add(request.id):
            return None
        services = self._services
        found = rings(policy, caller, services.clock.micros(), services.suspicions.get())
        if any(one.subject.pattern.on(policy) is OnPattern.BLOCK for one in found):
            return self._count(found, policy)
        if found:
            services.spawn(self._count, found, policy)
        return None

    def _count(self, found: Sequence[Seen], policy: Policy) -> str | None:
        """Count what was seen; give why no call is made for it."""
        try:
            counts = self._patterns.see(found)
            for one, count in zip(found, counts, strict=True):
                self._take(one, count, policy)
            subject = self._blocking(policy, [one.subject for one in found])
        except Exception:
            if self._well:
                log.exception("fault", where="watching")
            self._well = False
            self._services.metrics.faults.labels("watching").inc()
            return None
        self._well = True
        return None if subject is None else subject.pattern.reason

    def _take(self, seen: Seen, count: int, policy: Policy) -> None:
        thresholds = self._services.settings.guard
        threshold: int = getattr(thresholds, seen.subject.pattern.value)
        suspicion = sighting(seen, count, threshold, policy)
        if suspicion is not None:
            self.note(suspicion)

    def destination_refusal(self, policy: Policy) -> str | None:
        """Give why no further destination is called on an extension's calls; None: one may be."""
        subject = self._blocking(policy, [Subject(Pattern.SUDDEN_SPEND, policy.extension)])
        return None if subject is None else subject.pattern.reason

    # --- return calls that are over --------------------------------------------------------------

    def call_ended(self, end: LegEnd) -> None:
        """Take the end of a leg, once; an estimate says nothing of how long it was."""
        if (
            end.side is Side.RETURN
            and end.source != "estimate"
            and is_short(end.answered, end.ended)
        ):
            self._services.spawn(self._short_answer, end)

    def _short_answer(self, end: LegEnd) -> None:
        services = self._services
        attempt = services.reads.run(services.requests.attempt, end.call)
        policy = None if attempt is None else services.policies.get(attempt.extension)
        if attempt is None or policy is None or policy.on_short_answers is OnPattern.IGNORE:
            return
        subject = short_answers_of(attempt.extension, attempt.number)
        since = services.suspicions.get().released.get(subject.key, 0)
        self._count([Seen(subject, end.leg, end.ended, since)], policy)

    # --- what is suspected -----------------------------------------------------------------------

    def _blocking(self, policy: Policy, subjects: Sequence[Subject]) -> Subject | None:
        known = self._services.suspicions.get()
        found: dict[str, bool] = {}
        for subject in subjects:
            key = subject.key
            own = self._own_of(key)
            if own is not None or key in known.open:
                found[key] = known.open.get(key, False) or (own is not None and own.blocks)
        return blocking(policy, subjects, found)

    def _own_of(self, key: str) -> _Own | None:
        """Give what was seen here of late, as long as it says more than what is known of all."""
        own = self._own.get(key)
        if own is None:
            return None
        released = self._services.suspicions.get().released.get(key, 0) >= own.at
        if released or (own.until is not None and own.until <= self._services.clock.now()):
            del self._own[key]
            return None
        return own

    def note(self, one: Sighting) -> None:
        """Keep what was seen: here at once, and in the store as soon as that takes it."""
        key = one.subject.key
        if one.opens:
            before = self._own_of(key)
            self._own.pop(key, None)
            self._own[key] = _Own(one.blocks or (before is not None and before.blocks), one.at)
            if len(self._own) > MOST_OWN:
                # While the store is away; the one that was seen least lately.
                del self._own[next(iter(self._own))]
        waiting = self._waiting.get(key)
        if waiting is None and len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            if self._lost == 1:
                log.error("suspicions_lost", waiting=len(self._waiting))
                self._services.metrics.faults.labels("suspicions").inc()
            return
        self._waiting[key] = one if waiting is None else added([waiting, one])[0]
        if not self._writing:
            self._writing = True
            self._services.spawn_for_all(self._write)

    def _write(self) -> None:
        services = self._services
        try:
            while self._waiting:
                # The first ones first; in one order everywhere, so that none waits for another.
                keys = sorted(islice(self._waiting, AT_ONCE))
                some = [self._waiting.pop(key) for key in keys]
                results = services.keep(self._store.saw, some)
                self._lost = 0
                for one, saw in zip(some, results, strict=True):
                    self._written(one, saw)
                gevent.sleep(self._apart_seconds)
        finally:
            self._writing = False
        now = services.clock.now()
        self._own = {
            key: own for key, own in self._own.items() if own.until is None or own.until > now
        }

    def _written(self, one: Sighting, saw: Saw) -> None:
        own = self._own.get(one.subject.key)
        if own is not None and own.at <= one.at:
            own.until = self._services.clock.now() + OWN_SECONDS
            if saw is Saw.RELEASED:
                del self._own[one.subject.key]
        if saw in (Saw.OPENED, Saw.BLOCKED):
            # Whose numbers they are stands in no log and no metric.
            pattern, blocks = one.subject.pattern.value, one.blocks
            self._patterns.opened(pattern, blocks=blocks)
            log.warning("suspicion", pattern=pattern, blocks=blocks, extension=one.extension)
