"""How PostgreSQL is waited for: a greenlet lets others go on, everybody else waits (O5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import Engine, text

from controller.runtime.offload import Offload
from controller.store.database import Away, open_database
from controller.store.requests import Requests
from controller.store.waiting import loop_of_greenlet
from tests.postgres_pair import Pair
from tests.proxies import Proxy, proxy

#: Any number: it stands for a lock that two ask for.
LOCK = text("SELECT pg_advisory_xact_lock(7)")


@pytest.fixture
def through(postgres_pair: Pair) -> Iterator[tuple[Proxy, Engine]]:
    """A server behind something that can fall silent."""
    name = postgres_pair.shared()
    with proxy(postgres_pair.primary.address) as made:
        engine = open_database(
            f"postgresql://postgres@127.0.0.1:{made.port}/{name}?sslmode=disable"
        )
        yield made, engine
        engine.dispose()


@pytest.fixture
def engine(through: tuple[Proxy, Engine]) -> Engine:
    return through[1]


def take(engine: Engine, done: list[str]) -> None:
    """Take the lock, in a transaction."""
    with engine.begin() as connection:
        connection.execute(LOCK)
    done.append("taken")


def test_o5_while_a_greenlet_waits_for_the_database_others_go_on(engine: Engine) -> None:
    done: list[str] = []
    with engine.begin() as connection:
        connection.execute(LOCK)
        waiting = gevent.spawn(take, engine, done)
        # It would not come to this if the thread waited: who has the lock is in it.
        gevent.sleep(0)
        for _ in range(3):
            gevent.spawn(done.append, "another").get(timeout=30)
        assert done == ["another"] * 3
    waiting.get(timeout=30)
    assert done[-1] == "taken"


def test_o5_what_was_begun_in_a_greenlet_is_done_though_who_asked_is_killed(engine: Engine) -> None:
    """A caller hangs up while his request is being stored: it is."""
    offload = Offload(2, in_greenlets=True)
    done: list[str] = []
    with engine.begin() as connection:
        connection.execute(LOCK)
        asking = gevent.spawn(offload.run, take, engine, done)
        gevent.sleep(0)
        asking.kill()
    offload.close()
    assert done == ["taken"]


def test_o5_an_error_in_a_greenlet_is_raised_where_it_was_asked_for(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    offload = Offload(1, in_greenlets=True)
    with pytest.raises(ZeroDivisionError):
        offload.run(divmod, 1, 0)
    # Nor is it printed among the lines of the log.
    assert capsys.readouterr().err == ""
    assert offload.run(Requests(engine).get, "nobody") is None
    offload.close()


def test_o5_a_server_that_falls_silent_while_a_greenlet_waits_is_given_up(
    through: tuple[Proxy, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.store.waiting.SILENT_SECONDS", 0.2)
    monkeypatch.setattr("controller.store.waiting.ANSWER_SECONDS", 0.2)
    made, engine = through
    connected, went_on = Event(), Event()

    def ask() -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            connected.set()
            went_on.wait()
            connection.execute(text("SELECT 2"))

    asking = gevent.spawn(ask)
    assert connected.wait(timeout=30)
    made.swallow()
    went_on.set()
    with pytest.raises(Away, match="said nothing for"):
        asking.get(timeout=30)
    made.open()
    assert gevent.spawn(Requests(engine).get, "nobody").get(timeout=30) is None


def test_o5_a_statement_that_takes_long_is_waited_for_by_a_greenlet_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server is asked whether it is there, and is."""
    monkeypatch.setattr("controller.store.waiting.SILENT_SECONDS", 0.05)
    looked: list[float] = []
    before = type(engine.raw_connection().driver_connection)._look  # type: ignore[union-attr]

    def look(self: Any, silent: float) -> None:
        looked.append(silent)
        before(self, silent)

    monkeypatch.setattr("controller.store.waiting.Watched._look", look)
    done: list[str] = []
    with engine.begin() as connection:
        connection.execute(LOCK)
        waiting = gevent.spawn(take, engine, done)
        with gevent.Timeout(30):
            # Silence goes on, however often it is looked.
            while max(looked, default=0.0) < 0.2:
                gevent.sleep(0.01)
    waiting.get(timeout=30)
    assert done == ["taken"]


def test_what_is_no_greenlet_waits_by_itself(engine: Engine) -> None:
    assert loop_of_greenlet() is None
    assert gevent.spawn(loop_of_greenlet).get() is gevent.get_hub()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 7")).scalar_one() == 7


def test_what_is_said_of_columns_is_what_psycopg_says(engine: Engine) -> None:
    raw = engine.raw_connection()
    ours = raw.cursor()
    for statement in ("SELECT 1 AS one, 'a' AS \"Two\", NULL", "SELECT", "SET timezone = 'UTC'"):
        ours.execute(statement)
        theirs = super(type(ours), ours).description  # type: ignore[misc]
        said = ours.description
        if theirs is None:
            assert said is None
        else:
            assert [(one[0], one[1]) for one in said] == [(one[0], one[1]) for one in theirs]
    raw.close()
