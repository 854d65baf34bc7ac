"""O5: streams of call records: all of them, at least once, in order, whatever dies or is away."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import msgspec
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from controller.credit.call_record import CallRecord
from controller.metrics import Metrics
from controller.runtime import repeating, streaming
from controller.runtime.streaming import Sink, Stream, Streaming, sink_of
from controller.runtime.webhooks import NotTaken
from controller.settings import RecordStream
from controller.store.database import open_database
from controller.store.streams import Streams
from tests.unit.store.called import keep_leg, uuid

from .receiving import PATIENCE, Receiver, receiving

SECRET = "a secret of ours that both know"
NOW = 1_795_489_015_000_000


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_database(database_url)
    yield made
    made.dispose()


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Time:
    """A clock of all controllers, which goes on when it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


class Kept:
    """A sink that remembers what it got, and may fail afterwards."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.error: BaseException | None = None

    def send(self, records: Sequence[CallRecord]) -> None:
        """Take records."""
        self.got += [record.leg for record in records]
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Nothing."""


def to_url(server: Receiver) -> Sink:
    """Give the sink of a server, as the settings make it."""
    return sink_of(RecordStream(name="hook", url=server.url, secret=SECRET), lambda: NOW / 1e6)


def told(server: Receiver) -> list[str]:
    """Give the legs that a server was told, with those that came twice."""
    return [record["leg"] for got in server.got for record in got.json["records"]]


def test_o5_a_file_gets_each_record_in_a_line(engine: Engine, time: Time, tmp_path: Path) -> None:
    path = tmp_path / "legs.jsonl"
    sink = sink_of(RecordStream(name="tape", file=str(path)), lambda: 0.0)
    stream = Stream("tape", sink, engine, holder="a", now=time)
    assert stream.turn() > 0
    assert not path.exists()
    # In the order in which they were kept.
    for number in (2, 1):
        keep_leg(engine, number)
    assert stream.turn() == 0
    assert stream.turn() > 0
    keep_leg(engine, 3)
    assert stream.turn() == 0
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["leg"] for line in lines] == [uuid(2), uuid(1), uuid(3)]
    assert [line["serial"] for line in lines] == [1, 2, 3]
    assert lines[1]["begun"] == "2026-11-18T11:07:40.000000Z"
    assert (lines[1]["charge"], lines[1]["margin"]) == (30_000, 26_000)
    assert lines[1]["price"]["per_minute"] == 10_000


def test_o5_a_server_gets_some_at_a_time(
    engine: Engine, time: Time, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "AT_ONCE", 2)
    for number in range(1, 6):
        keep_leg(engine, number)
    stream = Stream("hook", to_url(server), engine, holder="a", now=time)
    while not stream.turn():
        pass
    assert told(server) == [uuid(number) for number in range(1, 6)]
    assert [len(got.json["records"]) for got in server.got] == [2, 2, 1]
    assert {got.json["stream"] for got in server.got} == {"hook"}
    assert server.got[0].headers["idempotency-key"] == f"{uuid(1)}.{uuid(2)}"
    assert server.got[0].headers["callbackd-event"] == "call_records"
    assert (stream.behind, stream.problem) == (0, None)


def test_o5_what_was_not_taken_is_sent_again_with_its_key(
    engine: Engine, time: Time, server: Receiver
) -> None:
    keep_leg(engine, 1)
    stream = Stream("hook", to_url(server), engine, holder="a", now=time)
    server.answer = lambda got: 500
    for _ in range(2):
        with pytest.raises(NotTaken):
            stream.turn()
        assert stream.problem == "it answered 500"
    # All see what is wrong, also who has not sent anything.
    other = Stream("hook", Kept(), engine, holder="b", now=time)
    other._others = lambda there: True  # type: ignore[method-assign]
    other.turn()
    assert (other.problem, other.behind) == ("it answered 500", 1)
    server.answer = lambda got: 200
    stream.turn()
    assert stream.problem is None
    assert told(server) == [uuid(1)] * 3
    assert len({got.headers["idempotency-key"] for got in server.got}) == 1


def test_o5_whoever_can_send_it_has_it(engine: Engine, time: Time) -> None:
    """One controller may be cut off from a server that another one reaches."""
    keep_leg(engine, 1)
    bad, good = Kept(), Kept()
    bad.error = NotTaken("no way there")
    with pytest.raises(NotTaken):
        Stream("hook", bad, engine, holder="a", now=time).turn()
    Stream("hook", good, engine, holder="b", now=time).turn()
    assert good.got == [uuid(1)]


def test_o5_one_controller_sends_and_another_takes_over(engine: Engine, time: Time) -> None:
    keep_leg(engine, 1)
    first, second = Kept(), Kept()
    one = Stream("tape", first, engine, holder="a", now=time)
    two = Stream("tape", second, engine, holder="b", now=time)
    one.turn()
    keep_leg(engine, 2)
    assert two.turn() > 0
    assert second.got == [], "the other one has it"
    # It dies; when its lease has ended the next one goes on where it was.
    time.now += streaming.LEASE_MICROS + 1
    two.turn()
    assert (first.got, second.got) == ([uuid(1)], [uuid(2)])
    # One that ends leaves it at once.
    keep_leg(engine, 3)
    two.release()
    one.turn()
    assert first.got == [uuid(1), uuid(3)]


def test_o5_one_that_dies_before_it_says_so_leaves_it_to_be_sent_again(
    engine: Engine, time: Time
) -> None:
    for number in (1, 2):
        keep_leg(engine, number)
    first, second = Kept(), Kept()
    first.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        Stream("tape", first, engine, holder="a", now=time).turn()
    time.now += streaming.LEASE_MICROS + 1
    Stream("tape", second, engine, holder="b", now=time).turn()
    assert first.got == second.got == [uuid(1), uuid(2)]


def test_o5_one_that_was_frozen_takes_nothing_back(engine: Engine, time: Time) -> None:
    """It wakes up with records that another one has sent meanwhile, and more."""
    keep_leg(engine, 1)
    second = Kept()
    other = Stream("tape", second, engine, holder="b", now=time)

    class Frozen(Kept):
        def send(self, records: Sequence[CallRecord]) -> None:
            super().send(records)
            time.now += streaming.LEASE_MICROS + 1
            other.turn()
            keep_leg(engine, 2)
            other.turn()

    Stream("tape", Frozen(), engine, holder="a", now=time).turn()
    assert second.got == [uuid(1), uuid(2)]
    found = Streams(engine).position("tape")
    assert found is not None
    assert (found.serial, found.holder) == (2, "b")


def test_o5_a_file_that_cannot_be_written_is_a_problem(
    engine: Engine, time: Time, tmp_path: Path
) -> None:
    path = tmp_path / "gone" / "legs.jsonl"
    sink = sink_of(RecordStream(name="tape", file=str(path)), lambda: 0.0)
    keep_leg(engine, 1)
    stream = Stream("tape", sink, engine, holder="a", now=time)
    with pytest.raises(NotTaken, match="No such file or directory"):
        stream.turn()
    path.parent.mkdir()
    stream.turn()
    shutil.rmtree(path.parent)
    assert stream.problem is None


# --- in a controller -----------------------------------------------------------------------------


def until(happened: Callable[[], Any]) -> None:
    """Wait until something has happened; all else goes on meanwhile."""
    with gevent.Timeout(PATIENCE):
        while not happened():
            gevent.sleep(0.01)


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for long."""
    for module, name in (
        (repeating, "POLL_SECONDS"), (repeating, "FIRST_WAIT"), (streaming, "POLL_SECONDS"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0.01)
    monkeypatch.setattr(repeating, "LONGEST_WAIT", 0.02)


@pytest.mark.usefixtures("_fast")
def test_o5_a_server_that_is_away_is_told_later_and_keeps_nobody_waiting(
    engine: Engine, time: Time, server: Receiver
) -> None:
    metrics, other = Metrics(), Kept()
    streams = [
        Stream("hook", to_url(server), engine, holder="a", now=time),
        Stream("tape", other, engine, holder="a", now=time),
    ]
    running = Streaming(streams, metrics)

    def faults() -> list[str]:
        return [] if running.fault is None else [running.fault]

    def failures() -> Any:
        return metrics.registry.get_sample_value("callbackd_not_taken_total", {"stream": "hook"})

    with capture_logs() as log:
        server.held.clear()
        running.start()
        keep_leg(engine, 1)
        # It does not answer; the hub, and the other stream, go on.
        until(lambda: server.came.is_set() and other.got == [uuid(1)])
        assert faults() == []
        server.answer = lambda got: 503
        server.held.set()
        until(lambda: (failures() or 0) >= 3)
        assert faults() == ["hook: it answered 503"]
        server.answer = lambda got: 204
        until(lambda: not faults())
        keep_leg(engine, 2)
        until(lambda: uuid(2) in told(server) and len(other.got) == 2)
        until(lambda: any(line["event"] == "taken_again" for line in log))
    running.stop()
    said = [(line["event"], line["what"]) for line in log if "what" in line]
    assert said == [("not_taken", "hook"), ("taken_again", "hook")]
    assert other.got == [uuid(1), uuid(2)]
    assert list(dict.fromkeys(told(server))) == [uuid(1), uuid(2)]
    # Whoever comes next has it at once.
    assert all(
        found is not None and found.holder is None
        for found in (Streams(engine).position(name) for name in ("hook", "tape"))
    )


@pytest.mark.usefixtures("_fast")
def test_o5_a_controller_ends_while_a_server_does_not_answer(
    engine: Engine, time: Time, server: Receiver
) -> None:
    running = Streaming([Stream("hook", to_url(server), engine, holder="a", now=time)], Metrics())
    server.held.clear()
    keep_leg(engine, 1)
    running.start()
    until(server.came.is_set)
    running.stop()
    found = Streams(engine).position("hook")
    assert found is not None
    assert (found.serial, found.holder) == (0, None)


@pytest.mark.usefixtures("_fast")
def test_o5_a_fault_of_ours_is_logged_once_and_outlived(engine: Engine, time: Time) -> None:
    metrics, sink = Metrics(), Kept()
    sink.error = ZeroDivisionError()
    running = Streaming([Stream("tape", sink, engine, holder="a", now=time)], metrics)
    keep_leg(engine, 1)
    with capture_logs() as log:
        running.start()
        until(lambda: len(sink.got) >= 3)
        sink.error = None
        keep_leg(engine, 2)
        until(lambda: uuid(2) in sink.got and len(log) >= 2)
        running.stop()
    assert [line["event"] for line in log] == ["fault", "taken_again"]
    assert metrics.registry.get_sample_value("callbackd_faults_total", {"where": "told"}) == 1
