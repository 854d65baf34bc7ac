"""What a controller tells other servers: call records, and notices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from controller.runtime.notifying import Notifier, Notifying
from controller.runtime.streaming import Stream, Streaming, sink_of
from controller.runtime.webhooks import Poster, Target

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.metrics import Metrics
    from controller.runtime.clock import Clock
    from controller.settings import Settings


class Telling:
    """The streams and the notices of the settings. `name` is the controller's, in leases."""

    def __init__(
        self, settings: Settings, engine: Engine, *, name: str, clock: Clock, metrics: Metrics
    ) -> None:
        streams = [
            Stream(stream.name, sink_of(stream, time.time), engine, holder=name, now=clock.micros)
            for stream in settings.records.streams
        ]
        self._streaming = Streaming(streams, metrics)
        notifier = None
        if settings.notices.url:
            to = settings.notices
            poster = Poster(Target(to.url, to.secret, to.timeout_seconds), now=time.time)
            notifier = Notifier(poster, engine, holder=name, now=clock.micros)
        self._notifying = Notifying(notifier, metrics)

    def start(self) -> None:
        """Begin to tell."""
        self._streaming.start()
        self._notifying.start()

    def stop(self) -> None:
        """Tell no more."""
        self._streaming.stop()
        self._notifying.stop()

    @property
    def faults(self) -> dict[str, str | None]:
        """What is not taken; None where all is."""
        return {"call_records": self._streaming.fault, "notices": self._notifying.fault}
