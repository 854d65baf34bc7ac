"""The database file: opened, shared by processes, and refused with an error that says why."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from controller.store.database import Away, DatabaseError, open_database, reader
from controller.store.requests import Requests
from tests.postgres import PostgreSQL
from tests.unit.store import asked

OPEN = """
import sys
from controller.store.database import open_database
open_database(sys.argv[1]).dispose()
"""


def test_a_file_is_made_with_its_directories_and_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/callbackd.sqlite3"
    open_database(url).dispose()
    engine = open_database(url)
    with engine.begin() as connection:
        # What was committed survives a power cut (O5), and readers wait for no writer.
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        with reader(engine).connect() as other:
            assert other.execute(text("SELECT count(*) FROM extension")).scalar() == 0
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@127.0.0.1:1/name",
        "mysql://user:secret@host/name",
        "sqlite://",
        "sqlite+other:////tmp/x.sqlite3",
        "sqlite:///:memory:",
        "callbackd.sqlite3",
        "",
        "sqlite:////proc/nobody/callbackd.sqlite3",
        "sqlite:////dev/null/x/callbackd.sqlite3",
    ],
)
def test_o1_a_database_that_cannot_be_opened_is_refused_by_its_setting(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"^database.url: ") as caught:
        open_database(url)
    # A password in a URL is not for a log.
    assert "secret" not in str(caught.value)


def test_o1_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseError, match="cannot open"):
        open_database(f"sqlite:///{path}")


def test_o4_a_first_start_waits_for_another_one_that_is_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "callbackd.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE something (x)")
    monkeypatch.setattr("controller.store.database.time.sleep", lambda _: other.close())
    open_database(f"sqlite:///{path}").dispose()


def test_o1_a_database_that_stays_locked_is_an_error_of_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "callbackd.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("controller.store.database.BUSY_SECONDS", 0)
    with pytest.raises(DatabaseError, match="database is locked"):
        open_database(f"sqlite:///{path}")
    other.close()


def test_o4_processes_that_start_at_the_same_time_open_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/callbackd.sqlite3"
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, url], stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()


def test_o5_a_server_that_was_demoted_counts_as_away(postgresql: PostgreSQL) -> None:
    """After a fail-over a pooled connection may be to the old primary: it reads, and refuses."""
    engine = open_database(postgresql.fresh())
    requests = Requests(engine)
    with engine.begin() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
    store = partial(asked.stored, requests)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        )
    engine.dispose()  # the connections that are made from now on are to a replica
    with pytest.raises(Away):
        store()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = off'
        )
    assert store().state == "pending"
    engine.dispose()


def test_o5_a_connection_that_dies_as_it_is_taken_counts_as_away(postgresql: PostgreSQL) -> None:
    """Found by the laboratory: what is read then is read again, and is no fault of ours."""
    engine = open_database(postgresql.fresh())

    def die(connection: DBAPIConnection, *_: object) -> None:
        cast("Any", connection).pgconn.finish()

    event.listen(engine, "checkout", die)
    with pytest.raises(Away):
        reader(engine).connect()
    event.remove(engine, "checkout", die)
    with reader(engine).connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()
