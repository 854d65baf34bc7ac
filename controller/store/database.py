"""The database: opened once, used from threads of its own.

SQLite blocks while it works, so nothing here is called from the event loop: `runtime.offload`
runs it in a thread. Only SQLite is opened in this release.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from controller.store.schema import metadata

_REMEDY: Final = "write sqlite:////absolute/path/callbackd.sqlite3"

#: How long a writer waits for another one, seconds.
BUSY_SECONDS = 5


class DatabaseError(RuntimeError):
    """The database cannot be opened; the message says why and what to do."""


#: What is raised while the database is locked or away: what was to be done can be done again.
Away: Final = (OperationalError, PoolTimeout)

#: The execution option of a connection that only reads.
READING = "callbackd_reading"


def reader(engine: Engine) -> Engine:
    """Give the engine for reading only: its transactions wait for no writer."""
    return engine.execution_options(**{READING: True})


def open_database(url: str) -> Engine:
    """Open the database, making it where it is not there yet.

    Raises `DatabaseError` where the URL is not one of SQLite, or the file cannot be had.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # What cannot be read may hold a password: it is not shown.
        raise DatabaseError(f"database.url: is no URL; {_REMEDY}") from error
    # In memory each connection would have a database of its own.
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise DatabaseError(
            f"database.url: {parsed.render_as_string()} is not supported by this release; {_REMEDY}"
        )
    assert parsed.database is not None
    path = Path(parsed.database)
    try:
        # Numbers and hashes are nobody else's.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DatabaseError(f"database.url: cannot make {path.parent}: {error}") from error
    engine = create_engine(
        parsed,
        poolclass=QueuePool,
        # An error's text must not hold numbers or hashes: it goes to the log.
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        metadata.create_all(engine)
    except Exception as error:
        engine.dispose()
        raise DatabaseError(f"database.url: cannot open {path}: {error}") from error
    return engine


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin late and read stale; ours begin when we say so.
    connection.isolation_level = None
    cursor = connection.cursor()
    # WAL: readers and one writer at a time, also between processes. FULL: what was committed
    # survives a power cut, which is the point of a system of record.
    _set_wal(cursor)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_wal(cursor: DBAPICursor) -> None:
    # Unlike all else, this does not wait for another writer but fails at once with `database is
    # locked`: of two controllers that are started for the first time together, one would end.
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: two writers wait for each other instead of one of
    # them failing in the middle. A reader takes no lock.
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
