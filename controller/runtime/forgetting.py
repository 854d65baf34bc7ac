"""Erases what is older than the operator wants it kept (O7), by itself and a little at a time.

Each controller does it. Each batch waits its turn among what the calls write, and the calls have
the store to themselves between two batches. Of several controllers one erases what another has not:
none waits for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import structlog

from controller.credit.engine import FOREVER
from controller.runtime.looker import Looker
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.erasing import Erasing

log: Any = structlog.get_logger("retention")

#: So often it is looked for what is old enough, seconds.
LOOK_SECONDS: Final = 3_600.0
#: So many are erased by one transaction; of callbacks fewer, for each has a transcript.
AT_ONCE: Final = 300
CALLBACKS_AT_ONCE: Final = 100
#: So long the store is left to the calls between two batches, seconds.
REST_SECONDS: Final = 0.1
_DAY: Final = 86_400_000_000
#: When a log-in is over of which nothing is heard, and when one that failed counts no more, as
#: `admin.people_shapes` has it, microseconds.
IDLE_MICROS: Final = _DAY // 2
FAILED_MICROS: Final = _DAY

#: Erases a batch of at most so many, and gives how many there were.
Batch = Callable[[int], int]


class Forgetting(Looker):
    """What one controller erases."""

    def __init__(self, services: Services, erasing: Erasing) -> None:
        super().__init__(services, where="retention", wait_seconds=LOOK_SECONDS)
        self._erasing = erasing

    def look(self) -> None:
        """Erase all that is old enough, unless it is stopped meanwhile.

        A kind that cannot be erased keeps no other from it: what is left is as old within the hour.
        """
        services = self._services
        erased: dict[str, int] = {}
        for kind, limit, due in self._due():
            try:
                self._erase(kind, limit, due(), erased)
            except Away:
                services.note_store_fault("retention")
            except Exception:
                log.exception("fault", where="retention", kind=kind)
                services.metrics.faults.labels("retention").inc()
        if erased:
            log.info("erased", **erased)

    def _erase(self, kind: str, limit: int, batch: Batch, erased: dict[str, int]) -> None:
        """Erase all of a kind, and count it as it goes."""
        services = self._services
        while not self._stopped.is_set():
            done = services.write(batch, limit)
            if done:
                erased[kind] = erased.get(kind, 0) + done
                services.metrics.erased.labels(kind).inc(done)
            if done < limit:
                break
            self._stopped.wait(timeout=REST_SECONDS)

    def _due(self) -> Iterator[tuple[str, int, Callable[[], Batch]]]:
        """Give what is to be erased: its kind, as metrics name it, and what says how."""
        services, erasing = self._services, self._erasing
        kept, now = services.settings.retention, services.clock.micros()
        if kept.callbacks_days is not None:
            before = now - kept.callbacks_days * _DAY
            yield "callback", CALLBACKS_AT_ONCE, lambda: self._callbacks(before)
        if kept.call_records_days is not None:
            of = now - kept.call_records_days * _DAY
            yield "call_record", AT_ONCE, lambda: self._call_records(of, now)
        if kept.audit_days is not None:
            at = now - kept.audit_days * _DAY
            yield "audit_entry", AT_ONCE, lambda: partial(erasing.audit_entries, at)
        if kept.suspicions_days is not None:
            released = now - kept.suspicions_days * _DAY
            yield "suspicion", AT_ONCE, lambda: partial(erasing.suspicions, released)
        told, left = bool(services.settings.notices.url), now - kept.notices_days * _DAY
        yield "notice", AT_ONCE, lambda: partial(erasing.notices, left, told=told)
        idle, failed = now - IDLE_MICROS, now - FAILED_MICROS
        yield "log_in", AT_ONCE, lambda: lambda _: erasing.log_ins(now, idle=idle, failed=failed)

    def _callbacks(self, before: int) -> Batch:
        services, erasing = self._services, self._erasing
        held: Sequence[str] = ()
        if services.settings.credit.engine:
            # What is settled late needs its callback: of our own engine the database tells.
            asked = services.charges.read(services.charging.overdue, FOREVER)
            held = sorted({one.request for one in asked})
        return lambda most: erasing.callbacks(before, most, held)

    def _call_records(self, before: int, now: int) -> Batch:
        services, erasing = self._services, self._erasing
        names = [stream.name for stream in services.settings.records.streams]
        taken = services.reads.run(erasing.floor, names, now)
        return lambda most: erasing.call_records(before, most, taken)
