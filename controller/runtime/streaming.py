"""Streams of call records (O5): each record goes to a file or a server, at least once, in order.

Of several controllers one has a stream at a time, by a lease, and another one takes it over when
that dies. What was taken is noted afterwards: a controller that dies in between leaves it to be
sent again. What fails is tried again, waiting longer each time, for as long as it takes; nothing
else waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
from sqlalchemy import Engine

from controller.credit.call_record import CallRecord, written
from controller.metrics import Metrics
from controller.runtime.record_files import LineFile
from controller.runtime.repeating import POLL_SECONDS, Repeated
from controller.runtime.webhooks import NotTaken, Poster, Target
from controller.settings import RecordStream
from controller.store.streams import FinalSerial, Position, Streams

#: Records that are sent at once.
AT_ONCE: Final = 100
#: For how long a stream is leased, microseconds: longer than sending may take.
LEASE_MICROS: Final = 120_000_000
#: How long to wait where others are about to bring more, seconds.
SOON_SECONDS: Final = 0.05


class Sink(Protocol):
    """Where records go. Both block; `close` may come of another thread."""

    def send(self, records: Sequence[CallRecord]) -> None:
        """Send records. Raises `NotTaken` or `OSError` where it is not known that all arrived."""

    def close(self) -> None:
        """End what is under way."""


class FileSink:
    """A file, of a record in each line."""

    def __init__(self, path: str) -> None:
        self._file = LineFile(path, b'{"leg":')

    def send(self, records: Sequence[CallRecord]) -> None:
        """Append records, and wait until they are on the disk."""
        self._file.append([msgspec.json.encode(written(record)) for record in records])

    def close(self) -> None:
        """Leave it: it takes no longer than its disk."""


class WebhookSink:
    """A server, which gets some records in each request."""

    #: What the server is told that it gets.
    KIND: Final = "call_records"

    def __init__(self, name: str, poster: Poster) -> None:
        self._name = name
        self._poster = poster

    def send(self, records: Sequence[CallRecord]) -> None:
        """Post records."""
        body = {"stream": self._name, "records": [written(record) for record in records]}
        # Between one record and another all are sent that there are: the same two, the same body.
        key = f"{records[0].leg}.{records[-1].leg}"
        self._poster.post(msgspec.json.encode(body), key=key, kind=self.KIND)

    def close(self) -> None:
        """End what is under way."""
        self._poster.close()


def sink_of(stream: RecordStream, now: Callable[[], float]) -> Sink:
    """Make the sink that a stream's settings name."""
    if stream.file:
        return FileSink(stream.file)
    target = Target(stream.url, stream.secret, stream.timeout_seconds)
    return WebhookSink(stream.name, Poster(target, now=now))


class Stream:
    """One stream, as one controller sends it. `turn` blocks: it is done in a thread of its own.

    `now` gives microseconds since 1970.
    """

    def __init__(
        self, name: str, sink: Sink, engine: Engine, *, holder: str, now: Callable[[], int]
    ) -> None:
        self.name = name
        self._sink = sink
        self._store = Streams(engine)
        self._final = FinalSerial(engine)
        self._holder = holder
        self._now = now
        #: What was last known of it, and why it cannot go on; by whichever controller.
        self.behind = 0
        self.problem: str | None = None

    def turn(self) -> float:
        """Send some records, if some are there and the stream is ours; give how long to wait.

        Raises `NotTaken` where they were not taken, `Away` where the store is.
        """
        final = self._final.serial()
        there = self._store.position(self.name)
        known = 0 if there is None else there.serial
        self.problem = None if there is None else there.problem
        self.behind = max(0, final - known)
        if final <= known or self._others(there):
            return SOON_SECONDS if self._final.is_waiting() else POLL_SECONDS
        now = self._now()
        leased = self._store.lease(
            self.name, holder=self._holder, now=now, until=now + LEASE_MICROS
        )
        records = [] if leased is None else self._store.due(leased.serial, final, AT_ONCE)
        if not records:
            return POLL_SECONDS
        self._send(records)
        last = records[-1].serial
        assert last is not None
        self._store.taken(self.name, last, holder=self._holder, now=self._now())
        self.problem, self.behind = None, final - last
        return 0.0

    def _others(self, there: Position | None) -> bool:
        """Whether another controller has it: then it is not asked for, which is a write."""
        if there is None or there.holder in (None, self._holder) or there.lease_until is None:
            return False
        return there.lease_until >= self._now()

    def _send(self, records: Sequence[CallRecord]) -> None:
        try:
            self._sink.send(records)
        except (NotTaken, OSError) as error:
            self.problem = _said(error)
            # Whoever can reach it may have it.
            self._store.failed(self.name, self.problem, holder=self._holder, now=self._now())
            raise NotTaken(self.problem) from error

    def release(self) -> None:
        """Let another controller have it at once."""
        self._store.release(self.name, holder=self._holder)

    def close(self) -> None:
        """End what is under way."""
        self._sink.close()


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, NotTaken) else f"cannot be written: {error}"


class Streaming:
    """All streams of the settings, each in a greenlet and a thread of its own."""

    def __init__(self, streams: Sequence[Stream], metrics: Metrics) -> None:
        self._metrics = metrics
        self._streams = streams
        self._senders = [Repeated(_Watched(stream, metrics), metrics) for stream in streams]

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while all is sent."""
        failing = [f"{one.name}: {one.problem}" for one in self._streams if one.problem]
        return "; ".join(failing) or None

    def start(self) -> None:
        """Begin to send."""
        for sender in self._senders:
            sender.start()

    def stop(self) -> None:
        """Send no more; what is under way is ended, and left to another controller."""
        for sender in self._senders:
            sender.stop()


class _Watched:
    """A stream whose distance from the last record is a metric."""

    def __init__(self, stream: Stream, metrics: Metrics) -> None:
        self._stream = stream
        self._behind = metrics.stream_behind.labels(stream.name)
        self.name = stream.name
        self.release = stream.release
        self.close = stream.close

    @property
    def problem(self) -> str | None:
        """Why it cannot go on."""
        return self._stream.problem

    def turn(self) -> float:
        """Send some records."""
        try:
            return self._stream.turn()
        finally:
            self._behind.set(self._stream.behind)
