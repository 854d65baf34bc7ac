"""Finds calls that are over and that something is held for still, and settles them (M7).

The end of a leg may be told to nobody: all controllers were away, or the link was. Then the switch
has no such leg any more, which is found by asking it; its call record may tell of it later, where
somebody reads that (`switch_records`). If nothing has come within `credit.records_seconds` it is
estimated, and what is held is released: so a hold is never kept longer than its call and one slice
(or than from one look to the next and a little more, where a slice is less than that).
A node that cannot be asked keeps its holds until they have ended by themselves, and as long after.
Of whoever died before he wrote which node was to call, nothing is held for longer than that either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.callback.uuids import destination_legs, leg_uuids
from controller.credit.engine import FOREVER
from controller.credit.estimating import Lost, estimated
from controller.credit.model import Held, Side
from controller.esl.errors import CommandRefused, EslError
from controller.esl.switch import SwitchLink
from controller.routing.model import MOST_WAYS
from controller.runtime.about import about
from controller.runtime.dialling import LONGEST_LEG_SECONDS
from controller.runtime.switch_records import SwitchRecords
from controller.store.database import Away
from controller.store.sightings import Sighted, Sightings, Trace

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("unsettled")

MICROS: Final = 1_000_000
#: So many calls are asked for before it is kept which of them are alive.
AT_ONCE: Final = 500
#: For so long at least it is left to others to say how a call ended that is gone, seconds.
LEAST_WAIT_SECONDS: Final = 5


class Unsettled:
    """The calls that something is held for, as one controller finds them.

    `later` has something done after so many seconds.
    """

    def __init__(
        self,
        services: Services,
        sightings: Sightings,
        later: Callable[[float, Callable[[], None]], object] = gevent.spawn_later,
    ) -> None:
        self._services = services
        self._sightings = sightings
        self._later = later
        self._records = SwitchRecords(services)
        services.settling.read_records = self._records.read
        #: By node, when each call was found gone, microseconds since 1970.
        self._gone: dict[str, dict[str, int]] = {}
        #: When a call was found that no attempt was written of.
        self._unwritten: dict[str, int] = {}
        #: By node that cannot be asked, since when.
        self._away: dict[str, int] = {}
        self._looking = False
        self._again = False

    def look(self) -> None:
        """Look once: for records, then at the nodes. It waits for all of them.

        Who asks meanwhile has it done once more.
        """
        self._again = True
        if self._looking:
            return
        self._looking = True
        try:
            while self._again:
                self._again = False
                self._look()
        finally:
            self._looking = False
        self._come_back()

    def _come_back(self) -> None:
        """Look again when the first call that was found gone is to be settled, if that is soon."""
        services = self._services
        found = [at for gone in (self._unwritten, *self._gone.values()) for at in gone.values()]
        seconds = (min(found, default=0) + self._wait() - services.clock.micros()) / MICROS
        if 0 < seconds < services.settings.dispatcher.reconcile_seconds:
            self._later(seconds, self._look_again)

    def _look_again(self) -> None:
        if not self._services.settling.stopped:
            self._services.spawn(self.look)

    def _look(self) -> None:
        services = self._services
        if services.store_fault is not None:
            # Ends that are known wait to be written: they are better than what is found here.
            return
        # The records that are read are those of before: what was gone for long by then has its own.
        begun = services.clock.micros()
        try:
            self._records.read()
            up = services.live_links()
            for link in up:
                self._look_at(link, begun)
            self._overdue({link.name for link in up}, begun)
        except Away as error:
            log.warning("not_looked", error=type(error).__name__)

    def _wait(self) -> int:
        """Give how long a call's records are waited for once it is found gone, microseconds.

        It may have ended right after the look before: with that it is no more than a slice.
        """
        settings = self._services.settings
        rest = settings.credit.slice_seconds - settings.dispatcher.reconcile_seconds
        seconds = min(settings.credit.records_seconds, rest)
        return int(max(seconds, LEAST_WAIT_SECONDS) * MICROS)

    # --- nodes that can be asked ---------------------------------------------------------------

    def _look_at(self, link: SwitchLink, begun: int) -> None:
        services = self._services
        held = services.charges.read(services.charging.held_on, link.name)
        gone: list[tuple[Held, Trace | None]] = []
        try:
            for first in range(0, len(held), AT_ONCE):
                gone += self._ask(link, held[first : first + AT_ONCE])
        except EslError as error:
            log.warning("not_looked", node=link.name, error=str(error))
            return
        now, wait = services.clock.micros(), self._wait()
        before = self._gone.get(link.name, {})
        since = self._gone[link.name] = {one.call: before.get(one.call, now) for one, _ in gone}
        for one, trace in gone:
            if since[one.call] + wait <= begun and self._ended(one, trace):
                # If it is begun again it is waited for anew.
                del since[one.call]

    def _ask(self, link: SwitchLink, held: Sequence[Held]) -> list[tuple[Held, Trace | None]]:
        """Ask a node for calls, keep which of them are alive, and give those that are gone."""
        services = self._services
        traces = self._traces(held)
        # Before it is asked: what is seen later is seen for the next time.
        now = services.clock.micros()
        recent = now - int(services.settings.dispatcher.reconcile_seconds * MICROS / 2)
        alive: list[str] = []
        talking: list[tuple[str, str, int]] = []
        gone: list[tuple[Held, Trace | None]] = []
        for one in held:
            trace = traces.get(one.call)
            if trace is not None and recent < (trace.seen or 0) <= now:
                continue  # another controller has just seen it
            leg = None if trace is None else self._alive(link, _return_legs(trace))
            if trace is None or leg is None:
                gone.append((one, trace))
                continue
            alive.append(one.call)
            if self._alive(link, _destination_legs(trace, leg, one.position)) is not None:
                talking.append((one.request, leg, one.position))
        if alive:
            services.write(self._sightings.saw, alive, talking, now)
        return gone

    def _alive(self, link: SwitchLink, legs: tuple[str, ...]) -> str | None:
        """Give the leg that a switch has of these. Raises `EslError` where it does not say."""
        for leg in legs:
            answer = link.api("uuid_exists", leg)
            if answer == "true":
                return leg
            if answer != "false":
                raise CommandRefused(answer[:80])
        return None

    # --- nodes that cannot ---------------------------------------------------------------------

    def _overdue(self, up: set[str], begun: int) -> None:
        services = self._services
        now, wait = services.clock.micros(), self._wait()
        # Those that end first.
        held = services.charges.read(services.charging.overdue, FOREVER)
        traces = self._traces(held)
        before = self._unwritten
        self._unwritten = {
            one.call: before.get(one.call, now) for one in held if one.call not in traces
        }
        # One whose link is not up yet, at the start, is not away.
        away = {trace.node for trace in traces.values()} - up
        self._away = {node: self._away.get(node, now) for node in away}
        for one in held:
            trace = traces.get(one.call)
            if trace is None:
                over = self._unwritten[one.call] + wait <= begun
            elif trace.node in up:
                continue
            else:
                # Where nothing is held its switch may let it go on for longer than was granted.
                longer = wait if one.amount else LONGEST_LEG_SECONDS * MICROS
                over = max(one.until + longer, self._away[trace.node] + wait) <= begun
            if over and self._ended(one, trace):
                self._unwritten.pop(one.call, None)

    # --- what is over --------------------------------------------------------------------------

    def _traces(self, held: Sequence[Held]) -> Mapping[str, Trace]:
        calls = [one.call for one in held]
        return self._services.reads.run(self._sightings.of, calls) if calls else {}

    def _ended(self, held: Held, trace: Trace | None) -> bool:
        """End a call that is over; whether that was done. One that cannot be keeps no other up."""
        try:
            with about(request=held.request, attempt=held.call):
                return self._end(held, trace)
        except Away:
            raise
        except Exception:
            log.exception("fault", where="unsettled", request=held.request, attempt=held.call)
            self._services.metrics.faults.labels("unsettled").inc()
            return False

    def _end(self, held: Held, trace: Trace | None) -> bool:
        """Settle what is not settled of a call that is over, and hold nothing for it any more."""
        services = self._services
        if trace is not None:
            if services.settling.is_waiting(_all_legs(trace)):
                return False
            lost = _lost(held, trace)
            legs = [one.leg for one in lost]
            known = services.reads.run(services.charging.settled, legs) if legs else frozenset()
            for one in lost:
                if one.leg not in known:
                    log.warning(
                        "leg_estimated", leg=one.leg, node=one.node,
                        records=self._records.has(trace.node),
                    )  # fmt: skip
                    services.settling.settle(estimated(held.call, held.request, one))
        services.charges.keep(services.charging.release, held.call, services.clock.micros())
        log.info("hold_released")
        return True


def _return_legs(trace: Trace) -> tuple[str, ...]:
    """Give the uuids that the return leg may have: one, where it is known which was answered."""
    legs = leg_uuids(trace.call, len(trace.channels) or MOST_WAYS)
    called = [one.leg for one in trace.destinations if one.leg in legs]
    if called:
        return (called[0],)
    if trace.channel in trace.channels:
        return (legs[trace.channels.index(trace.channel)],)
    return legs


def _destination_legs(trace: Trace, leg: str, position: int) -> tuple[str, ...]:
    """Give the uuids that the leg of a destination may have; none, where there is none."""
    if not position:
        return ()
    for one in trace.destinations:
        if one.leg == leg and one.position == position:
            return _legs_of(one)
    return destination_legs(leg, position)


def _legs_of(one: Sighted) -> tuple[str, ...]:
    legs = destination_legs(one.leg, one.position)[: len(one.channels) or MOST_WAYS]
    if one.channel in one.channels:
        return (legs[one.channels.index(one.channel)],)
    return legs


def _all_legs(trace: Trace) -> tuple[str, ...]:
    legs = leg_uuids(trace.call, len(trace.channels) or MOST_WAYS)
    others = (_legs_of(one) for one in trace.destinations if one.leg in legs)
    return (*legs, *(leg for found in others for leg in found))


def _lost(held: Held, trace: Trace) -> list[Lost]:
    """Give the legs of a call that were answered, as far as anybody knows, the last one first."""
    lost = []
    leg = _return_legs(trace)[0]
    seen = trace.seen or 0
    for one in trace.destinations:
        connected = one.connected
        if one.leg == leg and one.position == held.position:
            connected = connected or held.connected
        if one.leg != leg or connected is None:
            continue
        last = one.over or one.seen or 0
        seen = max(seen, connected, last)
        lost.append(
            Lost(
                leg=_legs_of(one)[0],
                side=Side.DESTINATION,
                position=one.position,
                node=trace.node,
                channel=one.channel or (one.channels[0] if one.channels else None),
                begun=one.begun,
                answered=connected,
                seen=last,
                most=held.destination_seconds if one.position == held.position else 0,
            )
        )
    answered = held.answered or trace.answered
    if answered is not None:
        channel = trace.channel or (trace.channels[0] if trace.channels else None)
        lost.append(
            Lost(
                leg=leg,
                side=Side.RETURN,
                position=0,
                node=trace.node,
                channel=channel,
                begun=trace.begun,
                answered=answered,
                seen=seen,
                most=held.return_seconds,
            )
        )
    return lost
