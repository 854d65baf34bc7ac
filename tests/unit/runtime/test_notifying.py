"""M8: low credit is told at once, until it is taken; what is not taken is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from controller.metrics import Metrics
from controller.runtime import notifying, repeating
from controller.runtime.notifying import LEASE_MICROS, Notifier, Notifying
from controller.runtime.webhooks import NotTaken, Poster, Target
from controller.store.database import open_database
from controller.store.schema_money import notice as table

from .receiving import PATIENCE, Receiver, receiving

NOW = 1_795_489_015_000_000
SECRET = "a secret of ours that both know"


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
    """A clock that goes on when it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def notifier(server: Receiver, engine: Engine, time: Time, holder: str = "a") -> Notifier:
    """Make what sends notices there."""
    poster = Poster(Target(server.url, SECRET, PATIENCE), now=lambda: time.now / 1e6)
    return Notifier(poster, engine, holder=holder, now=time)


def leave(engine: Engine, key: str, **more: Any) -> None:
    """Leave a notice, as the ledger does."""
    body = {"account": "x", "owner": "100", "currency": "EUR", "left": 1, "at": NOW, **more}
    with engine.begin() as connection:
        connection.execute(
            insert(table).values(
                kind="low_credit",
                key=key,
                body=msgspec.json.encode(body).decode(),
                created=NOW,
                due=NOW,
            )
        )


def keys(server: Receiver) -> list[str]:
    """Give the keys of what a server was told."""
    return [got.json["key"] for got in server.got]


def test_m8_a_notice_is_posted_once(engine: Engine, server: Receiver, time: Time) -> None:
    made = notifier(server, engine, time)
    assert made.turn() > 0
    leave(engine, "low:x:7")
    assert made.turn() == 0
    assert made.turn() > 0
    (got,) = server.got
    assert got.json == {
        "kind": "low_credit",
        "key": "low:x:7",
        "at": "2026-11-24T02:56:55.000000Z",
        "account": "x",
        "owner": "100",
        "currency": "EUR",
        "left": 1,
    }
    assert got.headers["idempotency-key"] == "low:x:7"
    assert got.headers["callbackd-event"] == "low_credit"
    assert made.problem is None


def test_m8_what_is_not_taken_is_posted_again_later_and_shown(
    engine: Engine, server: Receiver, time: Time
) -> None:
    leave(engine, "one")
    made = notifier(server, engine, time)
    server.answer = lambda got: 500
    waited = []
    for _ in range(12):
        with pytest.raises(NotTaken):
            made.turn()
        assert made.turn() > 0, "it is not due"
        with engine.connect() as connection:
            due = connection.execute(select(table.c.due)).scalar_one()
        waited.append((due - time.now) // 1_000_000)
        time.now = due
    assert waited == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert made.problem == (
        "1 notice was not taken, the oldest of 2026-11-24T02:56:55.000000Z: it answered 500"
    )
    # Every controller shows it.
    other = notifier(server, engine, time, "b")
    server.answer = lambda got: 200
    other.turn()
    assert other.problem is None
    time.now += notifying.LOOK_MICROS
    made.turn()
    assert made.problem is None


def test_m8_one_that_nobody_takes_keeps_no_other_from_being_told(
    engine: Engine, server: Receiver, time: Time
) -> None:
    leave(engine, "bad")
    leave(engine, "good")
    server.answer = lambda got: 400 if got.json["key"] == "bad" else 200
    made = notifier(server, engine, time)
    with pytest.raises(NotTaken):
        made.turn()
    assert made.turn() == 0
    assert keys(server) == ["bad", "good"]
    assert made.problem is not None


def test_m8_two_controllers_post_it_once_unless_one_dies(
    engine: Engine, server: Receiver, time: Time
) -> None:
    leave(engine, "one")
    one, two = (notifier(server, engine, time, holder) for holder in ("a", "b"))
    # It is killed while it posts.
    assert one._store.lease(holder="a", now=time.now, until=time.now + LEASE_MICROS) is not None
    assert two.turn() > 0
    time.now += LEASE_MICROS + 1
    assert two.turn() == 0
    assert one.turn() > 0
    assert keys(server) == ["one"]


def test_m8_a_controller_posts_what_is_left_for_it(
    engine: Engine, server: Receiver, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (repeating, notifying):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    running = Notifying(notifier(server, engine, time), Metrics())
    running.start()
    leave(engine, "one")
    with gevent.Timeout(PATIENCE), engine.connect() as connection:
        # What it was answered is written after that.
        while connection.execute(select(table.c.taken)).scalar() is None:
            connection.rollback()
            gevent.sleep(0.01)
    running.stop()
    assert keys(server) == ["one"]
    assert running.fault is None


def test_m8_without_a_server_nothing_is_posted() -> None:
    idle = Notifying(None, Metrics())
    idle.start()
    assert idle.fault is None
    idle.stop()
