"""Settles legs that are over (M7): each once, whoever tells of it first.

The end of a leg is told by its node's link, to every controller, and by its own connection; after
that by the call record that the switch keeps (`switch_records`), and where there is none either it
is estimated (`unsettled`). Who follows the call settles it at once. The others look a little later
whether that was done: he may have died meanwhile, or his link was down.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog

from controller.callback.uuids import leg_uuids
from controller.credit.model import LegEnd, Side
from controller.esl.events import Event, Field, moment, text
from controller.runtime.about import about
from controller.runtime.call_metrics import leg_over
from controller.runtime.remembered import Remembered

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("settling")

EVENT: Final = "event"
RECORD: Final = "record"
#: How long the end of a leg is left to whoever follows the call, seconds.
UNSEEN_SECONDS: Final = 0.5
#: So many legs that we have settled are known by heart.
MOST_REMEMBERED: Final = 10_000

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,36}\Z", re.ASCII)
_CHANNEL: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z", re.ASCII)
_POSITION: Final = re.compile(r"[0-9]{1,6}\Z", re.ASCII)


def end_of(event: Event, *, node: str | None, source: str) -> LegEnd | None:
    """Read the end of a leg; None where it is no leg that is charged, or not of a call of ours."""
    leg, call, request = text(event.uuid), text(event.call), text(event.request)
    begun, ended = moment(event.start_uepoch), moment(event.end_uepoch)
    if event.leg not in ("return", "destination") or begun is None or ended is None:
        return None
    if not all(value and _ID.match(value) for value in (leg, call, request)):
        return None
    assert leg is not None
    assert call is not None
    assert request is not None
    side = Side(event.leg)
    position = text(event.position) or ""
    if side is Side.DESTINATION and not _POSITION.match(position):
        return None
    channel, cause = text(event.channel) or "", text(event.hangup_cause)
    return LegEnd(
        leg=leg,
        call=call,
        request=request,
        side=side,
        position=int(position) if side is Side.DESTINATION else 0,
        node=node,
        channel=channel if _CHANNEL.match(channel) else None,
        cause=None if cause is None else cause[:64],
        begun=begun,
        answered=moment(event.answer_uepoch),
        ended=ended,
        source=source,
        rang=_first(event.progress_uepoch, event.progress_media_uepoch, event.answer_uepoch),
    )


def _first(*times: Field) -> int | None:
    """Give the earliest of some times of the switch's clock that were; None: none was."""
    return min((at for at in map(moment, times) if at is not None), default=None)


def _about(end: LegEnd) -> AbstractContextManager[None]:
    return about(request=end.request, attempt=end.call, leg=end.leg)


class Settling:
    """What one controller knows of legs that are over; so many that are settled, by heart."""

    def __init__(self, services: Services, *, most_remembered: int = MOST_REMEMBERED) -> None:
        self._services = services
        self._under_way: set[str] = set()
        self._settled = Remembered(most_remembered)
        self._stopped = False
        #: Set by the dispatcher's calling: whether a request's return call is being made here.
        self.is_calling: Callable[[str], bool] = lambda request: False
        #: Set by whoever takes the links' events: takes what a record says of a return leg.
        self.told_late: Callable[[Event], None] = lambda event: None
        #: Set by whoever reads the switches' records: reads what there is. It waits.
        self.read_records: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Take nothing more of what was left to others."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether nothing more is taken."""
        return self._stopped

    def leg_ended(self, node: str | None, event: Event) -> None:
        """Take the end of a leg; it never waits."""
        end = end_of(event, node=node, source=EVENT)
        if end is None or end.leg in self._under_way or end.leg in self._settled:
            return
        self._under_way.add(end.leg)
        if self._follows(end):
            with _about(end):
                self._services.spawn(self._settle, end)
        else:
            gevent.spawn_later(UNSEEN_SECONDS, self._look_after, end)

    def _follows(self, end: LegEnd) -> bool:
        services = self._services
        if self.is_calling(end.request) or services.legs.get(end.leg) is not None:
            return True
        return any(services.legs.get(leg) is not None for leg in leg_uuids(end.call))

    def is_waiting(self, legs: tuple[str, ...]) -> bool:
        """Whether the end of one of these legs is known, and not written yet."""
        return any(leg in self._under_way for leg in legs)

    def _look_after(self, end: LegEnd) -> None:
        if self._stopped:
            self._under_way.discard(end.leg)
            return
        with _about(end):
            self._services.spawn(self._settle_unseen, end)

    def _settle_unseen(self, end: LegEnd) -> None:
        services = self._services
        try:
            known = services.insist(
                "settled", lambda: services.reads.run(services.charging.settled, (end.leg,))
            )
        except BaseException:
            self._under_way.discard(end.leg)
            raise
        if end.leg in known:
            self._settled.add(end.leg)
        else:
            self._settle(end)

    def _settle(self, end: LegEnd) -> None:
        try:
            self.settle(end)
        finally:
            self._under_way.discard(end.leg)

    def settle(self, end: LegEnd) -> bool:
        """Settle a leg, whoever tells of it; whether that was the first time.

        It waits for the store, as long as that takes: this is money.
        """
        services = self._services
        if end.side is Side.DESTINATION:
            # Whom it called and what it showed is written behind; its record has both.
            services.placing.flush_called(end.request, end.position)
        settled = services.charges.keep(services.charging.settle, end)
        self._settled.add(end.leg)
        if not settled.first:
            return False
        services.watching.call_ended(end)
        leg_over(services.metrics, end, settled)
        if settled.uncovered:
            # What a leg lasted longer than its limit, or was owed by an account that has gone down.
            log.warning(
                "uncovered", leg=end.leg, attempt=end.call, request=end.request,
                micro_units=settled.uncovered, seconds=settled.seconds,
            )  # fmt: skip
        log.info(
            "leg_settled", leg=end.leg, attempt=end.call, request=end.request, side=str(end.side),
            seconds=settled.seconds, charge=settled.charge, source=end.source,
        )  # fmt: skip
        return True
