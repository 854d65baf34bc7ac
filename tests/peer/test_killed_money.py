"""M7, O5: controllers are killed in the middle of paid calls, and so are their databases' links.

Whatever died, each account is exact in the end: what was put on it less what all legs have cost by
the switch's own clock; and nothing is held any more. The switch writes call records, as it does.

KILLS says how often a controller is killed and the database away, half of it on either database
(`make kills-money`: 200), KILLS_SEED at which moments.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from sqlalchemy import text

from controller.simulator import Behaviour, HangUp, TriggerCall
from controller.store.schema import OPEN_STATES
from tests.peer.forking import Forks
from tests.peer.money import Money
from tests.peer.world import DID, World, answering, talking, typed

KILLS = int(os.environ.get("KILLS", "20")) // 2
SEED = int(os.environ.get("KILLS_SEED", "1"))
#: How long the last call may take to be settled: seconds of the longest wait there is, and more.
SETTLE_SECONDS = 120.0
#: Seconds from one call to the next, on average.
EVERY = 0.15


@pytest.fixture
def forks() -> Iterator[Forks]:
    """Controllers that are there at once."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def paid(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A switch with room for two controllers, on either database."""
    made = World(tmp_path, controllers=2, url=database_url)
    yield made
    made.close()


def test_m7_o5_killed_at_any_moment_each_account_is_exact(paid: World, forks: Forks) -> None:
    """M7, O5: no second is charged twice, none is lost, and no hold stays."""
    moments = random.Random(SEED)
    money = Money(paid, delay_seconds=1)
    environment = {
        **money.reading(money.keep_records()),
        "CALLBACKD_DATABASE__URL": paid.engine.url.render_as_string(hide_password=False),
    }
    log = paid.directory / "controllers.log"
    processes = [forks.start(paid.config(index), log, **environment) for index in (0, 1)]
    callers = 0
    going = True

    def ring() -> None:
        nonlocal callers
        while going:
            place(paid, callers, moments)
            callers += 1
            gevent.sleep(moments.uniform(0, 2 * EVERY))

    ringing = gevent.spawn(ring)
    for kill in range(KILLS):
        gevent.sleep(moments.uniform(0.2, 1.0))
        index = kill % 2
        forks.kill(processes[index])
        if kill % 2:
            # Sometimes nobody is there for a while.
            forks.kill(processes[1 - index])
            gevent.sleep(moments.uniform(0, 0.5))
            processes[1 - index] = forks.start(paid.config(1 - index), log, **environment)
        processes[index] = forks.start(paid.config(index), log, **environment)
        take_away(paid, moments)
    going = False
    ringing.join()
    paid.switch.wait(timeout=SETTLE_SECONDS)
    with gevent.Timeout(SETTLE_SECONDS, AssertionError("not all ended")):
        while any(r.state in OPEN_STATES for r in paid.requests.all(callers * 2)):
            gevent.sleep(0.1)
    paid.switch.wait(timeout=SETTLE_SECONDS)
    money.settled(len(money.legs), SETTLE_SECONDS)
    assert {row.source for row in money.rows} <= {"event", "record"}
    money.check()


def place(world: World, count: int, moments: random.Random) -> None:
    """Have somebody ring who talks for a moment with somebody else, or is busy."""
    number, friend = f"1212556{count:04}", f"1646557{count:04}"
    soon = moments.uniform(0.05, 0.5)
    kind = moments.choice(("talks", "talks", "talks", "leaves", "busy"))
    if kind == "busy":
        world.phone(number, Behaviour(on_call="busy", after=soon))
    elif kind == "leaves":
        left = HangUp(when="heard", what="enter", after=soon)
        world.phone(number, answering(hang_up=left, after=soon))
    else:
        left = HangUp(when="heard", what="enter", after=0.3, count=2)
        world.phone(number, answering(typed(friend), hang_up=left, after=soon))
        world.phone(friend, talking(moments.uniform(0.1, 3.0)))
    world.switch.place_call(TriggerCall(id=number, caller="+" + number, did=DID))


def take_away(world: World, moments: random.Random) -> None:
    """Have the database be away: its connections end, or somebody has it locked for a while."""
    if world.engine.dialect.name == "postgresql":
        with world.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND application_name = 'callbackd'"
                )
            )
        return
    if moments.random() < 0.5:
        return
    locked = sqlite3.connect(str(world.engine.url.database), isolation_level=None, timeout=30)
    locked.execute("BEGIN IMMEDIATE")
    gevent.sleep(moments.uniform(0, 2.0))
    locked.execute("ROLLBACK")
    locked.close()
