"""O5: streams of call records: whose one is, how far it has come, and that none is left out."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from controller.store.database import open_database
from controller.store.streams import FinalSerial, Streams
from tests.unit.store.called import keep_leg, uuid


@pytest.fixture
def streams(engine: Engine) -> Streams:
    return Streams(engine)


def serials(streams: Streams, after: int, until: int, limit: int = 100) -> list[str]:
    """Give the legs that are due."""
    return [record.leg for record in streams.due(after, until, limit)]


def test_o5_one_controller_at_a_time_has_a_stream(streams: Streams) -> None:
    assert streams.position("tape") is None
    taken = streams.lease("tape", holder="a", now=100, until=200)
    assert taken is not None
    assert (taken.serial, taken.holder) == (0, "a")
    assert streams.lease("tape", holder="b", now=150, until=250) is None
    # Whoever has it may keep it; another one takes it over when nobody keeps it.
    assert streams.lease("tape", holder="a", now=150, until=260) is not None
    assert streams.lease("tape", holder="b", now=260, until=300) is None
    assert streams.lease("tape", holder="b", now=261, until=300) is not None
    assert not streams.taken("tape", 7, holder="a", now=262)
    assert not streams.release("tape", holder="a")
    assert streams.release("tape", holder="b")
    assert streams.lease("tape", holder="a", now=263, until=300) is not None
    # Others are other ones.
    assert streams.lease("other", holder="c", now=263, until=300) is not None


def test_o5_a_stream_goes_on_where_it_was_taken(streams: Streams) -> None:
    streams.lease("tape", holder="a", now=100, until=200)
    assert streams.taken("tape", 7, holder="a", now=101)
    assert not streams.taken("tape", 6, holder="a", now=102), "it never goes back"
    assert streams.failed("tape", "x" * 300, holder="a", now=103)
    found = streams.position("tape")
    assert found is not None
    assert (found.serial, found.holder, found.problem) == (7, None, "x" * 200)
    again = streams.lease("tape", holder="b", now=104, until=200)
    assert again is not None
    assert again.serial == 7
    assert streams.taken("tape", 8, holder="b", now=105)
    found = streams.position("tape")
    assert found is not None
    assert found.problem is None


def test_o5_records_are_due_in_the_order_in_which_they_were_kept(
    engine: Engine, streams: Streams
) -> None:
    final = FinalSerial(engine)
    assert final.serial() == 0
    # The one that began last is kept first.
    for number in (3, 1, 2):
        keep_leg(engine, number)
    assert final.serial() == 3
    assert serials(streams, 0, 3) == [uuid(3), uuid(1), uuid(2)]
    assert serials(streams, 1, 2) == [uuid(1)]
    assert serials(streams, 0, 3, limit=2) == [uuid(3), uuid(1)]


@pytest.fixture
def postgres(engine: Engine) -> Engine:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite takes one writer at a time: serials are seen in order")
    return engine


def test_o5_a_record_that_is_seen_late_is_not_left_out(postgres: Engine) -> None:
    """A transaction that was given a lower serial is committed after one with a higher."""
    other = open_database(postgres.url.render_as_string(hide_password=False))
    try:
        streams, final = Streams(postgres), FinalSerial(postgres)
        with other.connect() as slow:
            slow.begin()
            keep_leg(slow, 1)
            keep_leg(postgres, 2)
            # The second is there, and seen; whoever went on behind it would never see the first.
            assert final.serial() == 0
            assert final.is_waiting()
            assert final.serial() == 0
            slow.commit()
        assert final.serial() == 2
        assert not final.is_waiting()
        assert serials(streams, 0, 2) == [uuid(1), uuid(2)]
    finally:
        other.dispose()


def test_o5_who_begins_later_keeps_nobody_waiting(postgres: Engine) -> None:
    """However busy it is: of each serial those are waited for who wrote when it was seen."""
    other = open_database(postgres.url.render_as_string(hide_password=False))
    try:
        final = FinalSerial(postgres)
        with other.connect() as first, other.connect() as second:
            first.begin()
            keep_leg(first, 1)
            keep_leg(postgres, 2)
            assert final.serial() == 0
            second.begin()
            keep_leg(second, 3)
            # It came to nothing: its serial is never used.
            first.rollback()
            assert final.serial() == 2
            # The third is not seen yet, and nothing more is to be waited for.
            assert not final.is_waiting()
            second.commit()
            assert final.serial() == 3
        assert serials(Streams(postgres), 0, 3) == [uuid(2), uuid(3)]
    finally:
        other.dispose()


def test_o5_others_who_only_read_or_lock_keep_nobody_waiting(postgres: Engine) -> None:
    final = FinalSerial(postgres)
    keep_leg(postgres, 1)
    with postgres.connect() as reading:
        reading.begin()
        Streams(postgres).due(0, 1, 1)
        reading.exec_driver_sql("SELECT count(*) FROM call_leg").scalar()
        assert final.serial() == 1
