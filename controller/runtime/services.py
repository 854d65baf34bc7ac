"""What the legs and the dispatcher work with: one object, made in `app`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import gevent
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from controller.cache.lockouts import Lockouts
from controller.cache.often import Often
from controller.cache.patterns import Patterns
from controller.cache.places import Places
from controller.cache.policies import Policies
from controller.cache.presence import Presence
from controller.credit.engine import Charging, Unavailable
from controller.esl import commands
from controller.esl.errors import EslError, WireError
from controller.esl.switch import SwitchLink
from controller.guard.at_a_time import Waiting
from controller.guard.patterns import Known as KnownSuspicions
from controller.metrics import Metrics
from controller.policy.clients import ClientTable
from controller.policy.model import Policy
from controller.policy.sounds import SoundTable
from controller.policy.trunks import Trunks
from controller.runtime.charges import Charges
from controller.runtime.clock import Clock
from controller.runtime.health import ChannelHealth
from controller.runtime.limits_told import LimitsTold
from controller.runtime.metering import Metering
from controller.runtime.node_health import NodeHealth
from controller.runtime.offload import Offload
from controller.runtime.placing import Placing
from controller.runtime.prompts import Prompts
from controller.runtime.recent import Recent, Recents
from controller.runtime.remembered import Known
from controller.runtime.settling import Settling
from controller.runtime.sound_watch import SoundWatch
from controller.runtime.spending import Spending
from controller.runtime.standing import Standing
from controller.runtime.transcribing import Transcribing
from controller.runtime.unheld import Unheld
from controller.runtime.watching import Watching
from controller.settings import Settings, ranges_of
from controller.store.conversing import Conversing
from controller.store.database import Away
from controller.store.destinations import Destinations
from controller.store.drains import Drain
from controller.store.notices import Notices
from controller.store.passwords import Passwords
from controller.store.requests import Requests
from controller.store.stops import Stop, is_stopped
from controller.store.suspicions import Suspicions
from controller.store.transcripts import Transcripts

if TYPE_CHECKING:
    from controller.runtime.draining import Draining
    from controller.runtime.legs import Leg

log: Any = structlog.get_logger("runtime")


P = ParamSpec("P")
R = TypeVar("R")

#: How long the store is left alone after a failed write, at first and at most, seconds.
KEEP_FIRST_WAIT: Final = 0.1
KEEP_LONGEST_WAIT: Final = 5.0


class Legs:
    """The legs that this controller holds or follows, by uuid."""

    def __init__(self, metrics: Metrics) -> None:
        self._legs: dict[str, Leg[Any]] = {}
        self._metrics = metrics

    def add(self, leg: Leg[Any]) -> None:
        """Hold a leg; one of the same uuid that let go of it before is forgotten."""
        before = self._legs.pop(leg.uuid, None)
        if before is not None:
            before.supersede()
            self._metrics.legs.labels(before.kind).dec()
        self._legs[leg.uuid] = leg
        self._metrics.legs.labels(leg.kind).inc()

    def forget(self, leg: Leg[Any]) -> None:
        """Let a leg go that is over; another one of its uuid stays."""
        if self._legs.get(leg.uuid) is leg:
            del self._legs[leg.uuid]
            self._metrics.legs.labels(leg.kind).dec()

    def get(self, uuid: str) -> Leg[Any] | None:
        """Give the leg of a uuid, or None."""
        return self._legs.get(uuid)

    def __len__(self) -> int:
        return len(self._legs)

    def __iter__(self) -> Iterator[Leg[Any]]:
        return iter(list(self._legs.values()))


class Services:
    """The parts of a controller that others use. `links` is by node name."""

    def __init__(
        self,
        *,
        settings: Settings,
        name: str,
        clock: Clock,
        metrics: Metrics,
        sql: Offload,
        reads: Offload,
        files: Offload,
        hashing: Offload,
        policies: Policies,
        requests: Requests,
        passwords: Passwords,
        prompts: Prompts,
        sound_watch: SoundWatch,
        trunks: Recent[Trunks],
        stops: Recent[tuple[Stop, ...]],
        drains: Recent[tuple[Drain, ...]],
        clients: Recent[ClientTable],
        sounds: Recent[SoundTable],
        conversing: Conversing,
        transcripts: Transcripts,
        lockouts: Lockouts,
        health: ChannelHealth,
        places: Places,
        often: Often,
        patterns: Patterns,
        presence: Presence,
        notices: Notices,
        destinations: Destinations,
        suspicious: Suspicions,
        charging: Charging,
    ) -> None:
        self.settings = settings
        #: G2: numbers that are known for fraud; the file is read once, here.
        self.ranges = ranges_of(settings)
        self.name = name
        self.clock = clock
        self.metrics = metrics
        self.sql, self.reads, self.files, self.hashing = sql, reads, files, hashing
        self.policies = policies
        self.requests = requests
        self.passwords = passwords
        self.prompts = prompts
        self.sound_watch = sound_watch
        self.trunks = trunks
        self.stops = stops
        self.drains = drains
        self.suspicions: Recent[KnownSuspicions] = Recent(
            suspicious.known, on_fault=metrics.faults.labels("recent").inc
        )
        self.clients = clients
        self.sounds = sounds
        self._recents = Recents(
            (trunks, stops, drains, self.suspicions, clients, sounds), reads=reads
        )
        self.conversing = conversing
        self.lockouts = lockouts
        self.health = health
        self.node_health = NodeHealth(metrics=metrics, now=clock.now)
        self.places = places
        self.often = often
        self.waiting = Waiting()
        self.limits_told = LimitsTold(self, notices)
        self.placing = Placing(self, destinations)
        self.transcribing = Transcribing(self, transcripts)
        self.charging = charging
        self.charges = Charges(self)
        self.metering = Metering(self)
        self.settling = Settling(self)
        self.watching = Watching(self, patterns, suspicious)
        self.spending = Spending(self, suspicious)
        self.legs = Legs(metrics)
        self.known = Known()
        self.standing = Standing(self, presence)
        self.unheld = Unheld(self)
        self.links: dict[str, SwitchLink] = {}
        self.greenlets: set[Any] = set()
        #: Set while legs are handed over to other controllers.
        self.handing: Draining | None = None
        #: Set by the dispatcher: called with the time at which a new request is due.
        self.on_request: Callable[[float], None] = lambda due: None
        #: Set by the dispatcher: called with a request whose attempt is over, one way or another.
        #: It gives the cause of each channel on which that came to nothing.
        self.on_attempt_over: Callable[[str], Mapping[str, str]] = lambda request: {}
        #: What is wrong with the store, None while it is well.
        self.store_fault: str | None = None
        self._store_away = 0.0
        self._store_away_since: float | None = None
        #: Who waits for the store to be back.
        self._insisting = 0
        metrics.store_away.set_function(self._store_away_seconds)
        metrics.store_waiting.set_function(lambda: sql.waiting + self._insisting)

    @property
    def turns(self) -> tuple[Offload | Charges, ...]:
        """Where what the calls ask for is done, off the loop: to be ended in this order."""
        return (self.charges, self.sql, self.reads, self.files, self.hashing)

    # --- the store ---------------------------------------------------------------------------

    def write(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Write to the store, once. Raises what the store raises."""
        return self._wrote(self.sql.run(function, *args, **kwargs))

    def write_first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Write before all that waits to be written: a caller waits for it, and hears nothing."""
        return self._wrote(self.sql.run_first(function, *args, **kwargs))

    def _wrote(self, result: R) -> R:
        if self.store_fault is not None:
            log.info("store_back", seconds=round(self._store_away_seconds(), 1))
            self.store_fault = self._store_away_since = None
        return result

    def keep(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Write to the store until it takes it, waiting longer each time.

        For what must not be lost and may be written twice: each such write says from which state
        it moves a row, so that the second time changes nothing.
        """
        return self.insist(
            getattr(function, "__name__", "write"), lambda: self.write(function, *args, **kwargs)
        )

    def keep_first(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do as `keep` does, before all that waits to be written."""
        return self.insist(
            getattr(function, "__name__", "write"),
            lambda: self.write_first(function, *args, **kwargs),
        )

    def insist(self, what: str, call: Callable[[], R]) -> R:
        """Do what asks the store until it answers, waiting longer each time; `what` is for the log.

        `call` is made here, and not in a thread.
        """
        wait = KEEP_FIRST_WAIT
        while True:
            try:
                return call()
            except Away:
                self.note_store_fault(what)
                self._insisting += 1
                try:
                    gevent.sleep(wait)
                finally:
                    self._insisting -= 1
                wait = min(wait * 2, KEEP_LONGEST_WAIT)

    def _store_away_seconds(self) -> float:
        since = self._store_away_since
        return 0.0 if since is None else self.clock.now() - since

    def ends_may_wait(self) -> bool:
        """Whether ends of calls may still wait to be written, the store having been away."""
        return self.clock.now() - self._store_away < 2 * KEEP_LONGEST_WAIT

    def note_store_fault(self, what: str) -> float:
        """Log the fault that is being handled, once for each time that the store is away.

        Or whoever charges, where that is not us. Gives in how many seconds to try again what can
        wait: a write to the store waits by itself until that is back.
        """
        error = sys.exception()
        if isinstance(error, Unavailable):
            return self.charges.note_fault(what, error)
        self.metrics.faults.labels("store").inc()
        self._store_away = self.clock.now()
        if self.store_fault is None:
            self.store_fault = f"the store failed at {what}"
            self._store_away_since = self._store_away
            log.exception("store_fault", what=what)
        return 0.0

    @property
    def recents(self) -> tuple[Recents | Spending, ...]:
        """What is read again and again, whether anybody asks or not."""
        return (self._recents, self.spending)

    def is_stopped(self, policy: Policy) -> bool:
        """Whether callbacks of an extension are stopped (O6), there or further up."""
        return is_stopped(self.stops.get(), policy)

    # --- greenlets ---------------------------------------------------------------------------

    def spawn(self, function: Callable[..., object], *args: object) -> None:
        """Run a function in a greenlet; a fault in it is logged once and counted.

        What is logged in it is about the call that it was spawned for (`about`).
        """
        self._spawn(get_contextvars(), function, *args)

    def spawn_for_all(self, function: Callable[..., object], *args: object) -> None:
        """Do as `spawn` does with what is of no one call, whoever happened to begin it."""
        self._spawn({}, function, *args)

    def _spawn(
        self, said: Mapping[str, object], function: Callable[..., object], *args: object
    ) -> None:
        greenlet = gevent.spawn(self._guarded, said, function, *args)
        # What it begins before we stand still is not sent after that (`Standing.fence`).
        self.standing.begun(greenlet)
        self.greenlets.add(greenlet)
        greenlet.link(self.greenlets.discard)

    def _guarded(
        self, said: Mapping[str, object], function: Callable[..., object], *args: object
    ) -> None:
        clear_contextvars()
        bind_contextvars(**said)
        try:
            function(*args)
        except Exception:
            where = getattr(function, "__name__", "greenlet").strip("_")
            log.exception("fault", where=where)
            self.metrics.faults.labels(where).inc()

    def note_esl_error(self, error: EslError) -> None:
        """Count, and log once, the error that ended a connection."""
        kind = error.kind if isinstance(error, WireError) else type(error).__name__
        self.metrics.esl_errors.labels(kind).inc()
        log.warning("esl_error", kind=kind, error=str(error))

    def live_links(self) -> list[SwitchLink]:
        """Give the links that are up."""
        return [link for link in self.links.values() if link.up.is_set()]

    def kill(self, uuid: str, cause: str, on: SwitchLink | None = None) -> None:
        """Have a node end a leg that its own connection could not end; all of them, unless told."""
        for link in self.live_links() if on is None else [on]:
            self.spawn(self._kill_on, link, uuid, cause)

    def _kill_on(self, link: SwitchLink, uuid: str, cause: str) -> None:
        try:
            link.request(commands.api("uuid_kill", uuid, cause))
        except EslError as error:
            log.warning("kill_failed", leg=uuid, node=link.name, error=str(error))
