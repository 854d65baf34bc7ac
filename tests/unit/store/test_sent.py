"""Statements as PostgreSQL takes them (O5): what is on its way together, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import psycopg
import pytest
from sqlalchemy import Engine, bindparam, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError, InternalError, OperationalError

from controller.store import waiting
from controller.store.database import Away, open_database, reader, reader_of_one
from controller.store.prepared import Prepared
from controller.store.schema import stop as stops
from tests.postgres import PostgreSQL

STOPPED = Prepared(
    insert(stops).values(
        scope="extension", name=bindparam("name"), hang_up=bindparam("hang_up"),
        reason=bindparam("reason"), actor="", since=bindparam("since"),
    )
)  # fmt: skip
FOUND = Prepared(select(stops.c.name, stops.c.hang_up, stops.c.reason, stops.c.since))
COUNTED = Prepared(select(func.count()).select_from(stops))
LOCK = bindparam("lock", type_=stops.c.since.type)
LOCKED = Prepared(select(func.pg_advisory_xact_lock(LOCK)))


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "hang_up": False, "reason": "", "since": 1} | more


@pytest.fixture
def engine(postgresql: PostgreSQL) -> Iterator[Engine]:
    with postgresql.lent() as url:
        made = open_database(url)
        yield made
        made.dispose()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was waited for, each time that a greenlet waited for the server."""
    seen: list[int] = []
    before = waiting._wait

    def wait(hub: Any, file: int, wanted: int) -> Any:
        seen.append(wanted)
        return before(hub, file, wanted)

    monkeypatch.setattr(waiting, "_wait", wait)
    return seen


def in_greenlet(function: Any, *args: Any) -> Any:
    return gevent.spawn(function, *args).get(timeout=30)


def test_o5_what_is_read_by_one_statement_is_waited_for_once(
    engine: Engine, waits: list[int]
) -> None:
    def read() -> int:
        with reader_of_one(engine).connect() as connection:
            return int(COUNTED.one(connection)[0])

    in_greenlet(read)
    waits.clear()
    assert in_greenlet(read) == 0
    assert len(waits) == 1


def test_o5_a_transaction_begins_with_its_first_statement(engine: Engine, waits: list[int]) -> None:
    def write(name: str) -> None:
        with engine.begin() as connection:
            STOPPED.change(connection, row(name))
            assert COUNTED.one(connection)[0]

    in_greenlet(write, "100")
    waits.clear()
    in_greenlet(write, "101")
    # The second one of them, and the end.
    assert len(waits) == 3


def test_o5_what_is_written_for_many_is_sent_at_once(engine: Engine, waits: list[int]) -> None:
    def write(first: int) -> None:
        with engine.begin() as connection:
            STOPPED.change_each(connection, [row(str(first + n)) for n in range(50)])

    in_greenlet(write, 100)
    waits.clear()
    in_greenlet(write, 200)
    assert len(waits) == 2
    with reader_of_one(engine).connect() as connection:
        assert COUNTED.one(connection)[0] == 100


def test_values_come_back_as_they_were_given(engine: Engine) -> None:
    given = [
        ("a", True, 'it\'s "this" \\ % $1 ', 0),
        ("b", False, "ü€😀\n\t", 2**62),
        ("c", True, "", -1),
    ]
    with engine.begin() as connection:
        for name, hang_up, reason, since in given:
            STOPPED.change(connection, row(name, hang_up=hang_up, reason=reason, since=since))
    with reader(engine).connect() as connection:
        assert sorted(map(tuple, FOUND.all(connection))) == given


def test_o5_a_moment_that_was_reckoned_with_fractions_of_seconds_is_rounded(engine: Engine) -> None:
    """O5: settings may have some; what PostgreSQL took before is not refused."""
    with engine.begin() as connection:
        STOPPED.change(connection, row("a", since=1_796_028_879_282_368.0))
        STOPPED.change(connection, row("b", since=2.7))
        assert sorted(found[3] for found in FOUND.all(connection)) == [3, 1_796_028_879_282_368]


def test_what_cannot_be_written_is_refused_and_nothing_is_broken(engine: Engine) -> None:
    with pytest.raises(DataError), engine.begin() as connection:
        STOPPED.change(connection, row("100", reason="\0"))
    with engine.begin() as connection:
        assert STOPPED.change(connection, row("100")) == 1


def test_what_fails_at_the_beginning_of_a_transaction_ends_it_and_no_connection(
    engine: Engine,
) -> None:
    """Also where the server is told of the statement for the first time."""
    anew = Prepared(STOPPED.statement)
    with engine.begin() as connection:
        STOPPED.change(connection, row("100"))
        before = connection.connection.driver_connection
    for _ in range(2):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            anew.change(connection, row("100"))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        anew.change_each(connection, [row("101"), row("100"), row("102")])
    with engine.begin() as connection:
        anew.change(connection, row("103"))
        assert connection.connection.driver_connection is before
        assert sorted(one[0] for one in FOUND.all(connection)) == ["100", "103"]


def test_what_failed_ends_what_comes_after_it_in_its_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        STOPPED.change(connection, row("100"))
        with pytest.raises(IntegrityError):
            STOPPED.change(connection, row("100"))
        with pytest.raises(InternalError, match="InFailedSqlTransaction"):
            COUNTED.one(connection)
    with reader_of_one(engine).connect() as connection:
        assert COUNTED.one(connection)[0] == 0


def test_by_one_statement_each_sees_its_own_moment_and_leaves_nothing_open(engine: Engine) -> None:
    with reader_of_one(engine).connect() as connection:
        assert COUNTED.one(connection)[0] == 0
        with engine.begin() as other:
            STOPPED.change(other, row("100"))
        assert COUNTED.one(connection)[0] == 1
        driver: Any = connection.connection.driver_connection
        assert driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_o5_what_the_server_has_forgotten_is_prepared_on_a_new_connection(engine: Engine) -> None:
    def count() -> int:
        with reader_of_one(engine).connect() as connection:
            return int(COUNTED.one(connection)[0])

    assert count() == 0
    with engine.begin() as connection:
        connection.execute(text("DEALLOCATE ALL"))
    with pytest.raises(Away):
        count()
    assert count() == 0


def test_o5_a_connection_that_the_server_ends_is_away_and_then_made_anew(engine: Engine) -> None:
    def pid(connection: Any) -> int:
        return int(connection.connection.driver_connection.info.backend_pid)

    with engine.connect() as doomed, engine.connect() as other:
        COUNTED.one(doomed)
        ended = text("SELECT pg_terminate_backend(:pid, 10000)")
        assert other.execute(ended, {"pid": pid(doomed)}).scalar_one()
        with pytest.raises(OperationalError) as raised:
            STOPPED.change(doomed, row("100"))
        assert raised.value.connection_invalidated
    with engine.connect() as doomed, engine.connect() as other:
        # As its first statement: the beginning is on its way with it.
        number = pid(doomed)
        assert other.execute(ended, {"pid": number}).scalar_one()
        with pytest.raises(OperationalError):
            STOPPED.change(doomed, row("100"))
    with engine.begin() as connection:
        assert STOPPED.change(connection, row("100")) == 1


@pytest.mark.parametrize("first", [True, False])
def test_o5_what_a_killed_greenlet_waited_for_is_nobody_elses_answer(
    engine: Engine, first: bool
) -> None:
    """It was sent, and is answered later: on a connection that nobody has any more."""

    def ask() -> None:
        with engine.begin() as connection:
            if not first:
                COUNTED.one(connection)
            LOCKED.all(connection, {"lock": 9})

    with engine.begin() as connection:
        LOCKED.all(connection, {"lock": 9})
        asking = gevent.spawn(ask)
        with gevent.Timeout(30), reader_of_one(engine).connect() as other:
            waits = text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
            while not other.execute(waits).scalar_one():
                gevent.sleep(0.01)
        asking.kill()
    for _ in range(3):
        with engine.begin() as connection:
            assert COUNTED.one(connection)[0] == 0
