"""A database of any older release becomes one of this, with all that was in it, or stays it was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine, insert, make_url, text, update
from sqlalchemy.exc import IntegrityError

import controller.store
from controller.admin.model import Kind
from controller.callback.events import Credit
from controller.credit.model import Granted
from controller.policy.channels import Channel, RefusalCause
from controller.policy.fields import IdentityHeader
from controller.policy.model import Policy
from controller.policy.rules import DEFAULTS
from controller.store import schema
from controller.store.charging import SqlCharging
from controller.store.database import DatabaseError, open_database
from controller.store.extensions import Extensions
from controller.store.kept import CHANNELS, Stored
from controller.store.requests import Requests
from controller.store.sounds import SoundSource
from controller.store.upgrade import head, revision, upgrade
from tests.conftest import DATABASES
from tests.postgres import PostgreSQL
from tests.seed import ADMIN, directory
from tests.sounding import recording
from tests.unit.examples import FEW
from tests.unit.store import asked, older
from tests.unit.store.paying import UNTIL, beginning

#: The tables that 0007 makes.
MONEY = {"price_list", "rate", "credit_hold", "call_leg", "notice", "stream"}
#: Those that came later.
LATER = {
    *("suspicion", "node_drain", "node_seen"),
    *("user", "web_session", "invitation", "log_in_failure"),
}
#: Says that it is there, waits for a line, and opens the database.
OPEN = """
import sys
from controller.store.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(sys.argv[1]).dispose()
"""
#: The upgrade's lock, as PostgreSQL shows who waits for it.
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
HOLD = "SELECT pg_advisory_lock(1667392512)"
RELEASE = "SELECT pg_advisory_unlock(1667392512)"


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callbackd.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh(empty=True)


@pytest.fixture(params=["before revisions", *(f"{kind} 0001" for kind in DATABASES)])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database as the first release left it."""
    if request.param == "postgresql 0001":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.fresh(empty=True)
    else:
        url = f"sqlite:///{tmp_path}/callbackd.sqlite3"
    make = older.before_revisions if request.param == "before revisions" else older.at_0001
    make(url)
    return url


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Open a database as the service does."""
    engine = open_database(url)
    try:
        yield engine
    finally:
        engine.dispose()


def revisions() -> list[str]:
    """Every revision there is, the oldest first."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(controller.store.__path__[0]) / "migrations")
    )
    config.set_main_option("path_separator", "os")
    return [known.revision for known in ScriptDirectory.from_config(config).walk_revisions()][::-1]


# --- what becomes of the tables --------------------------------------------------------------


def test_an_empty_database_is_made_as_this_release_has_it(empty_url: str) -> None:
    with opened(empty_url) as engine:
        assert revision(engine) == head()
    kept = older.rows(empty_url)
    assert [client["name"] for client in kept["client"]] == ["main"]
    (clock,) = kept["policy_clock"]
    assert clock["seq"] == 0
    with opened(empty_url):
        pass
    # The second time there is nothing to do.
    assert older.rows(empty_url) == kept


def test_two_databases_are_never_taken_for_one(postgresql: PostgreSQL) -> None:
    """Their lineage is made with them: what was cached of one says nothing of the other."""
    lineages = set()
    for _ in range(2):
        url = postgresql.fresh(empty=True)
        with opened(url) as engine:
            lineages.add(Extensions(engine).position().lineage)
    assert len(lineages) == 2


def test_the_revisions_make_the_tables_that_the_program_knows(empty_url: str) -> None:
    with opened(empty_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_a_database_that_was_upgraded_has_the_tables_of_a_new_one(
    old_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with opened(old_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        kind = connection.dialect.name
    if kind == "sqlite":
        new_url = f"sqlite:///{tmp_path}/new.sqlite3"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        new_url = server.fresh(empty=True)
    with opened(new_url):
        pass
    old, new = older.shape(old_url), older.shape(new_url)
    # Columns that came later stand later.
    for name in old:
        assert sorted(old[name][0]) == sorted(new[name][0]), name
        assert old[name][1:] == new[name][1:], name


def test_there_is_data_of_each_revision_that_can_be_upgraded_from() -> None:
    assert [*older.OLDER, head()] == revisions()


#: The oldest and the newest are enough where the code was tried with all of them already.
FROM = [*older.OLDER][:: len(older.OLDER) - 1] if FEW else [*older.OLDER]


@pytest.mark.parametrize("from_revision", FROM)
def test_each_revision_is_upgraded_with_the_data_that_is_in_it(
    empty_url: str, from_revision: str
) -> None:
    older.OLDER[from_revision](empty_url)
    before = older.rows(empty_url)
    assert before["alembic_version"] == [{"version_num": from_revision}]
    with opened(empty_url) as engine:
        assert revision(engine) == head()
    after = older.rows(empty_url)
    for table in before:
        assert len(after[table]) == len(before[table]), table


def assert_as_it_was(after: list[dict[str, Any]], before: list[dict[str, Any]]) -> None:
    """Check that rows have what they had; columns that came later have what follows from it."""
    now = {row["id"]: row for row in after}
    assert [{name: now[row["id"]][name] for name in row} for row in before] == before
    for row in after:
        assert row["caller"] == row["last_caller"] == row["number"]
        assert row["rang"] == row["created"]
        assert (row["expires"] - row["due"], row["source"]) == (900_000_000, "call")


def test_t7_of_two_calls_to_one_number_the_later_stays(empty_url: str) -> None:
    """0003: from then on there is one at a time; whichever it was of, its end is not known."""
    older.at_0002(empty_url)
    with opened(empty_url) as engine:
        requests = Requests(engine)
        first, second = requests.get("two-100"), requests.get("two-200")
        assert first is not None
        assert second is not None
        assert (first.state, first.outcome) == ("done", "unknown")
        assert (second.state, second.attempts) == ("calling", 1)
        (attempt,) = requests.attempts_of("two-200")
        assert (attempt.id, attempt.node, attempt.channels) == ("try-200", "fs1", ())
        assert attempt.ended is None
        (ended,) = requests.attempts_of("two-100")
        assert ended.ended == first.ended is not None
        assert [request.id for request, _ in requests.open_on("fs1")] == ["two-200"]


def test_s1_sounds_of_the_switch_stay_what_they_are_and_can_be_uploaded_from_now_on(
    empty_url: str,
) -> None:
    """0004: a sound has a path, or what was uploaded, and never both."""
    older.at_0003(empty_url)
    before = older.rows(empty_url)["sound"]
    assert len(before) == 2
    with opened(empty_url) as engine:
        after = older.rows(empty_url)["sound"]
        assert after == [row | {"audio": None, "uploaded_name": None} for row in before]
        assert older.rows(empty_url)["sound_clock"] == [{"id": 1, "seq": 0}]
        store = directory(engine)
        store.change(ADMIN, Kind.SOUND, "en/goodbye", {"description": "Good-bye"})
        item = store.upload(ADMIN, "de/goodbye", recording())
        assert (item.version, item.values["path"]) == (4, None)
        table = SoundSource(engine, "/var/sounds").table()
        assert table.resolve("goodbye", client="main", language="en") == "en/bye.wav"
        found = table.resolve("goodbye", client="main", language="de")
        assert found == item.values["switch_path"].replace("/de/", "/var/sounds/de/", 1)
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(update(schema.sound).values(path="/both.wav"))


def test_i4_i9_nothing_of_revision_5_is_lost_and_a_channel_goes_on_as_it_did(
    empty_url: str,
) -> None:
    """0006: what is new has its default: all numbers, at any time, as digits, by no plan."""
    older.at_0005(empty_url)
    before = older.rows(empty_url)
    assert [name for name, rows in before.items() if not rows] == []
    with opened(empty_url) as engine:
        after = older.rows(empty_url)
        later = {"callback_destination", *LATER, *MONEY}
        assert set(after) - set(before) == later
        assert [after.pop(name) for name in sorted(later)] == [[]] * len(later)
        assert after.pop("alembic_version") == [{"version_num": head()}]
        new: dict[str, set[str]] = {}
        for table, rows in after.items():
            was = before[table]
            kept = [{name: row[name] for name in was[0]} for row in rows]
            assert sorted(kept, key=repr) == sorted(was, key=repr), table
            new[table] = set(rows[0]) - set(was[0])
        assert new["callback_request"] == {"last_name", "rang_milliseconds"}
        for name in new["callback_request"]:
            assert {row[name] for row in after["callback_request"]} == {None}
        assert new["callback_attempt"] == {"plan", "channel", "causes", "seen"}
        for row in after["callback_attempt"]:
            assert (row["plan"], row["channel"], row["causes"]) == (None, None, "{}")
        assert {name for name, columns in new.items() if columns} == {
            "account",
            "account_entry",
            "callback_attempt",
            "callback_request",
            "channel",
            "client",
        }
        trunk = Channel(
            name="trunk",
            description="The trunk",
            addresses=("192.0.2.0/24", "2001:db8::1"),
            identity=(IdentityHeader.P_ASSERTED_IDENTITY, IdentityHeader.FROM),
            country="DE",
            rewrite={"00": "+", "": "+49"},
            refusal_cause=RefusalCause.CALL_REJECTED,
        )
        found = [stored.value for stored in _channels(engine)]
        assert Channel(name="plain") in found
        assert trunk in found
        assert Extensions(engine).trunks().find("192.0.2.9") == trunk
        # A policy that version 3 wrote, and one that is written again.
        policy = Extensions(engine).get("500")
        assert policy is not None
        assert policy.caller_ids == ("+4930550150",)
        assert (policy.hide_caller_id, policy.caller_id_number_from) == (False, "server")
        store = directory(engine)
        store.change(ADMIN, Kind.EXTENSION, "500", {"hide_caller_id": True})
        store.change(ADMIN, Kind.CHANNEL, "trunk", {"destinations": {"+49": 12_000}})
        hidden = Extensions(engine).get("500")
        assert hidden == msgspec.structs.replace(policy, hide_caller_id=True)


def test_m1_accounts_of_revision_6_go_on_as_they_did_and_their_calls_cost_nothing(
    empty_url: str,
) -> None:
    """0007: what is on them stays; without a price list nothing is held, and can be later."""
    older.at_0006(empty_url)
    before = older.rows(empty_url)
    with opened(empty_url) as engine:
        after = older.rows(empty_url)
        assert set(after) - set(before) == {*LATER, *MONEY}
        more = {"price_list": None, "low_credit": None, "low_told": False}
        assert after["account"] == [row | more for row in before["account"]]
        assert after["account_entry"] == [row | {"call": None} for row in before["account_entry"]]
        assert {row["cost_list"] for row in after["channel"]} == {None}
        store = directory(engine)
        entry, _ = store.add_entry(ADMIN, "six", {"key": "c", "amount": 1})
        assert (entry.position, entry.left_after) == (3, 3_500_001)
        charging = SqlCharging(engine)
        assert charging.credit("100", None) == Credit(3_500_001, "EUR", unlimited=False)
        free = charging.begin(beginning("a", extension="100"))
        assert free == Granted(charged=False, return_seconds=0, more=False, until=UNTIL)
        assert older.rows(empty_url)["credit_hold"] == []


def test_o7_m1_entries_of_revision_11_may_lose_a_text_and_keep_what_they_say_of_money(
    empty_url: str,
) -> None:
    """0012: whatever they were written by."""
    older.at_0011(empty_url)
    with pytest.raises(IntegrityError):
        older.execute(empty_url, "UPDATE account_entry SET notes = ''")
    before = older.rows(empty_url)["account_entry"]
    assert any(row["notes"] for row in before)
    with opened(empty_url):
        pass
    older.execute(empty_url, "UPDATE account_entry SET notes = ''")
    after = older.rows(empty_url)["account_entry"]
    assert sorted(after, key=repr) == sorted(({**row, "notes": ""} for row in before), key=repr)
    for wrong in ("amount = amount + 1", "left_after = 0", "notes = 'more'"):
        with pytest.raises(IntegrityError):
            older.execute(empty_url, f"UPDATE account_entry SET {wrong}")


def _channels(engine: Engine) -> list[Stored]:
    with engine.connect() as connection:
        return CHANNELS.page(connection, (), None, 100)


# --- what becomes of the data ----------------------------------------------------------------


def test_nothing_is_lost_in_an_upgrade(old_url: str) -> None:
    before = older.rows(old_url)
    with opened(old_url):
        pass
    after = older.rows(old_url)
    assert after["did"] == before["did"]
    assert_as_it_was(after["callback_request"], before["callback_request"])
    was = {row["extension"]: row for row in before["extension"]}
    now = {row["extension"]: row for row in after["extension"]}
    assert len(was) == 4
    for extension, row in was.items():
        assert {name: now[extension][name] for name in row} == row
        assert now[extension]["client"] == "main"
        assert now[extension]["version"] == 1
        assert now[extension]["enabled"] == older.documents()[extension]["enabled"]


@pytest.mark.parametrize("extension", sorted(older.documents()))
def test_i5_what_an_extension_shows_and_does_stays_what_it_was(
    old_url: str, extension: str
) -> None:
    document = older.documents()[extension]
    dids = tuple(
        row["number"]
        for row in sorted(older.rows(old_url)["did"], key=lambda row: int(row["position"]))
        if row["extension"] == extension
    )
    with opened(old_url) as engine:
        policy = Extensions(engine).get(extension)
    shown = document.pop("caller_id_number")
    expected = DEFAULTS | document
    expected |= {"dids": dids, "caller_ids": (shown,), "default_caller_id": shown}
    assert policy == msgspec.convert(expected, Policy)


def test_i8_the_numbers_that_were_shown_are_the_clients_to_assign(old_url: str) -> None:
    with opened(old_url) as engine:
        store = directory(engine)
        numbers = store.list(ADMIN, Kind.NUMBER).items
        shown = sorted({doc["caller_id_number"] for doc in older.documents().values()})
        assert sorted(item.key for item in numbers) == shown
        assert {item.values["client"] for item in numbers} == {"main"}
        assert {item.values["channel"] for item in numbers} == {"pstn"}
        assert [item.key for item in store.list(ADMIN, Kind.CHANNEL).items] == ["pstn"]


def test_an_extension_of_an_older_release_is_changed_as_any_other(old_url: str) -> None:
    with opened(old_url) as engine:
        store, extensions = directory(engine), Extensions(engine)
        before = extensions.get("200")
        assert before is not None
        assert store.change(ADMIN, Kind.EXTENSION, "200", {"enabled": True}).version == 2
        assert extensions.get("200") == msgspec.structs.replace(before, enabled=True)
        store.delete(ADMIN, Kind.EXTENSION, "100")
        # The DIDs go with their extension, and no others.
        dids = {row["number"] for row in older.rows(old_url)["did"]}
        assert dids == {"+12025550200", "+442079460300", "+12025550400"}


def test_t6_after_an_upgrade_a_repeat_still_joins_the_callback_that_is_open(old_url: str) -> None:
    with opened(old_url) as engine:
        requests = Requests(engine)
        before = len(requests.all())
        joined = asked.stored(requests, "+12125550101", due=10, now=9)
        assert (joined.joined, len(requests.all())) == (2, before)
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(
                insert(schema.callback_request).values(
                    id="x",
                    extension="100",
                    did="+12025550101",
                    number="+12125550101",
                    state="pending",
                    created=1,
                    due=1,
                    joined=0,
                )
            )


def test_after_an_upgrade_nothing_can_refer_to_what_is_not_there(old_url: str) -> None:
    with opened(old_url) as engine:
        for row in (
            insert(schema.did).values(number="+12025550777", extension="777", position=0),
            insert(schema.caller_id).values(extension="100", number="+12025550777", position=1),
        ):
            with pytest.raises(IntegrityError), engine.begin() as connection:
                connection.execute(row)


# --- what can go wrong -----------------------------------------------------------------------


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(empty_url: str) -> None:
    with opened(empty_url):
        pass
    older.execute(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    before = older.rows(empty_url), older.shape(empty_url)
    with pytest.raises(DatabaseError) as caught:
        open_database(empty_url)
    said = str(caught.value)
    assert said.startswith("database.url: ")
    assert "newer release (revision 9999" in said
    assert "upgrade this controller too" in said
    assert (older.rows(empty_url), older.shape(empty_url)) == before


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"caller_id_number": 5}'])
def test_an_upgrade_that_fails_leaves_what_was_there_and_says_whose_policy_it_is(
    old_url: str, document: str
) -> None:
    older.execute(old_url, f"UPDATE extension SET policy = '{document}' WHERE extension = '300'")
    before = older.rows(old_url), older.shape(old_url)
    with pytest.raises(DatabaseError, match=r"^database.url: .*extension 300: ") as caught:
        open_database(old_url)
    assert "restore" in str(caught.value)
    assert (older.rows(old_url), older.shape(old_url)) == before


def test_an_upgrade_does_not_take_over_what_refers_to_nothing(tmp_path: Path) -> None:
    """SQLite does not check while tables are made anew, so that it is checked at the end."""
    url = f"sqlite:///{tmp_path}/callbackd.sqlite3"
    older.before_revisions(url)
    older.execute(url, "INSERT INTO did VALUES ('+12025550777', '777', 0)")
    before = older.rows(url), older.shape(url)
    with pytest.raises(DatabaseError, match="did without what it refers to"):
        open_database(url)
    assert (older.rows(url), older.shape(url)) == before


def start(url: str, count: int) -> list[subprocess.Popen[str]]:
    """Start processes that open the database when they are told."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    return processes


def go(processes: list[subprocess.Popen[str]]) -> None:
    """Tell processes to open the database."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def assert_ended_well(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error


def until(condition: Callable[[], bool]) -> None:
    """Wait for what tells nobody that it happened."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_o4_of_two_that_start_at_once_on_an_old_database_one_upgrades_it(old_url: str) -> None:
    before = older.rows(old_url)
    processes = start(old_url, 2)
    holding = create_engine(old_url, poolclass=NullPool)
    with holding.connect() as connection:
        # Both find the old revision, and both then want to upgrade.
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(HOLD)
            go(processes)
            until(lambda: count(connection.exec_driver_sql(WAITING).scalar()) == 2)
            connection.exec_driver_sql(RELEASE)
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            go(processes)
        connection.rollback()
    holding.dispose()
    assert_ended_well(processes)
    with opened(old_url) as engine:
        assert revision(engine) == head()
        assert Extensions(engine).get("100") is not None
    after = older.rows(old_url)
    assert_as_it_was(after["callback_request"], before["callback_request"])
    assert len(after["policy_clock"]) == 1


def test_o4_a_file_that_is_being_upgraded_is_waited_for_longer_than_for_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/callbackd.sqlite3"
    older.before_revisions(url)
    wants = Event()

    def noted(engine: Engine) -> None:
        wants.set()
        upgrade(engine)

    monkeypatch.setattr("controller.store.database.upgrade", noted)
    monkeypatch.setattr("controller.store.database.BUSY_SECONDS", 0)
    holding = create_engine(url, poolclass=NullPool)
    with ThreadPoolExecutor(1) as pool, holding.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        opening = pool.submit(open_database, url)
        assert wants.wait(60)
        # It takes no longer to fail; that it waits is all that can be seen of it.
        wait([opening], timeout=0.2)
        connection.rollback()
        engine = opening.result()
    assert revision(engine) == head()
    engine.dispose()
    holding.dispose()


def count(value: Any) -> int:
    assert isinstance(value, int)
    return value


def test_o4_who_finds_an_upgrade_under_way_waits_for_it_however_long_it_takes(
    postgresql: PostgreSQL,
) -> None:
    """Statements wait for a lock so long and no longer; an upgrade may take longer than that."""
    url = make_url(postgresql.fresh(empty=True))
    older.at_0001(url.render_as_string(hide_password=False))
    impatient = create_engine(
        url, poolclass=NullPool, connect_args={"options": "-c lock_timeout=1"}
    )
    holding = create_engine(url, poolclass=NullPool)
    with ThreadPoolExecutor(1) as pool, holding.connect() as connection:
        connection.exec_driver_sql(HOLD)
        upgrading = pool.submit(upgrade, impatient)
        until(lambda: upgrading.done() or count(connection.exec_driver_sql(WAITING).scalar()) == 1)
        # Long enough for a millisecond to be over many times, and nothing else depends on it.
        connection.exec_driver_sql("SELECT pg_sleep(0.05)")
        connection.exec_driver_sql(RELEASE)
        connection.rollback()
        upgrading.result()
    assert revision(impatient) == head()
    with impatient.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "1ms"
    impatient.dispose()
    holding.dispose()


# --- while others work with it ---------------------------------------------------------------

#: The last two steps: what was before has been tried when it was new, and changes no more.
STEPS = list(zip([*older.OLDER][-2:], [[*older.OLDER][-1], head()], strict=True))


class Writer:
    """A controller of the release before, as far as the database sees: it writes on and on."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)
        if self._engine.dialect.name == "sqlite":
            # As long as a controller waits, and longer than any upgrade of so little.
            self._engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 60})
        self._enough = Event()
        self.wrote: list[str] = []
        self._pool = ThreadPoolExecutor(1)
        self._running = self._pool.submit(self._run)

    def _run(self) -> None:
        add = text(
            "INSERT INTO callback_request (id, extension, did, number, state, created, due, joined,"
            " caller, last_caller, rang, expires)"
            " VALUES (:id, '100', '+1', :id, 'done', 1, 1, 0, '+1', '+1', 1, 1)"
        )
        change = text("UPDATE callback_request SET joined = joined + 1 WHERE id = :id")
        while not self._enough.is_set():
            row = {"id": f"w{len(self.wrote)}"}
            with self._engine.begin() as connection:
                connection.execute(add, row)
                connection.execute(change, row)
            self.wrote.append(row["id"])

    def more(self) -> None:
        """Wait until it has written more."""
        before = len(self.wrote)
        until(lambda: self._running.done() or len(self.wrote) > before + 2)
        if self._running.done():
            self._running.result()

    def stop(self) -> list[str]:
        """Let it write no more; give what it has. Raises what it was told instead."""
        self._enough.set()
        self._running.result()
        self._pool.shutdown()
        self._engine.dispose()
        return self.wrote


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_o4_who_wrote_before_an_upgrade_writes_during_it_and_after_it(
    empty_url: str, before: str, after: str
) -> None:
    """O4: a release beside the next one; no write of it fails, and none is lost."""
    older.OLDER[before](empty_url)
    writer = Writer(empty_url)
    writer.more()
    engine = create_engine(empty_url, poolclass=NullPool)
    upgrade(engine, after)
    assert revision(engine) == after
    writer.more()
    wrote = writer.stop()
    with engine.connect() as connection:
        kept = connection.execute(
            text("SELECT count(*) FROM callback_request WHERE id LIKE 'w%' AND joined = 1")
        ).scalar_one()
    assert kept == len(wrote) > 4
    engine.dispose()


def test_o4_an_upgrade_waits_for_a_long_reader_for_a_moment_and_nobody_for_both(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O4: pg_dump reads for an hour. Whoever waits for a table has all others wait behind him."""
    monkeypatch.setattr("controller.store.upgrade.TABLE_SECONDS", 0.2)
    monkeypatch.setattr("controller.store.database.TABLES_PAUSE_SECONDS", 0.05)
    url = postgresql.fresh(empty=True)
    # The next one adds a column to what is read.
    before = "0010"
    older.OLDER[before](url)
    reading = create_engine(url, poolclass=NullPool)
    with reading.connect() as connection:
        connection.execute(text("SELECT count(*) FROM callback_request"))
        writer = Writer(url)
        with pytest.raises(DatabaseError) as caught:
            open_database(url)
        writer.more()
        assert revision(reading) == before
        said = str(caught.value)
        assert said.startswith("database.url: ")
        assert "pg_dump" in said
        assert "pg_stat_activity" in said
        connection.rollback()
    with opened(url) as engine:
        assert revision(engine) == head()
    writer.stop()
    reading.dispose()
