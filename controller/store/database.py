"""The database: opened once. SQLite (WAL) or PostgreSQL.

SQLite blocks while it works, so nothing of the store is called from the event loop itself:
`runtime.offload` runs it in a thread, or in a greenlet, which waits for PostgreSQL as greenlets do
(`waiting`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from controller.credit.engine import Unavailable
from controller.store.postgres import one_url, postgres_engine, with_primary
from controller.store.prepared import READING, STATEMENT, TRANSACTION, as_sqlalchemy
from controller.store.upgrade import (
    UPGRADE_SECONDS,
    NewerDatabase,
    TablesLocked,
    head,
    revision,
    upgrade,
)

_REMEDY: Final = (
    "write sqlite:////absolute/path/callbackd.sqlite3 or postgresql://user:password@host/database, "
    "of several servers host:port,host:port"
)

#: How long a writer waits for another one, seconds.
BUSY_SECONDS = 5


#: How often an upgrade is tried whose tables others work with, and how long these go on between.
TABLES_TRIES: Final = 5
TABLES_PAUSE_SECONDS: Final = 1.0


class DatabaseError(RuntimeError):
    """The database cannot be opened; the message says why and what to do."""


#: What is raised while the database is locked or away, or whoever charges (`credit.engine`): what
#: was to be done can be done again.
#: psycopg's own comes where SQLAlchemy catches none: it prepares a connection that has just died.
Away: Final = (OperationalError, PoolTimeout, psycopg.OperationalError, Unavailable)


def reader(engine: Engine) -> Engine:
    """Give the engine for reading only: its transactions wait for no writer, and see one state."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.execution_options(**{READING: TRANSACTION})


def reader_of_one(engine: Engine) -> Engine:
    """Give the engine for reading by one statement, which is a transaction by itself.

    One that is `Prepared` has no beginning and no end to wait for. Of two each sees the state of
    its own moment: where that matters, it is `reader` that is wanted.
    """
    return engine.execution_options(**{READING: STATEMENT})


def open_database(url: str) -> Engine:
    """Open the database, making or upgrading its tables where that is to be done.

    Raises `DatabaseError` where the URL is none that we know, the database cannot be had, or it
    was upgraded by a newer release.
    """
    parsed = parsed_url(url)
    if parsed.drivername == "sqlite":
        _make_file(parsed)
    engine = _engine(parsed)
    try:
        if revision(reader(engine)) != head():
            _upgrade(parsed)
    except NewerDatabase as error:
        engine.dispose()
        raise DatabaseError(
            f"database.url: {_shown(parsed)} was upgraded by a newer release (revision {error}, "
            f"this one knows {head()}); upgrade this controller too"
        ) from error
    except TablesLocked as error:
        engine.dispose()
        raise DatabaseError(
            f"database.url: {_shown(parsed)} cannot be upgraded now, and was left as it is: "
            "somebody holds one of its tables (pg_dump, or a long transaction: see "
            f"pg_stat_activity, by xact_start); start again when that is over: {error}"
        ) from error
    except Exception as error:
        engine.dispose()
        raise DatabaseError(f"database.url: cannot open {_shown(parsed)}: {error}") from error
    return engine


@contextlib.contextmanager
def look_at_database(url: str) -> Iterator[tuple[Engine, str | None]]:
    """Open the database as it is, for reading: nothing is made or upgraded; with its revision.

    Raises `DatabaseError` where the URL is none that we know, or there is no such file.
    """
    parsed = parsed_url(url)
    if parsed.drivername == "sqlite":
        try:
            there = Path(str(parsed.database)).is_file()
        except OSError as error:
            # Whoever asks may not be the service's user, whose directory is nobody else's.
            raise DatabaseError(
                f"database.url: {parsed.database} cannot be looked at: {error.strerror}"
            ) from error
        if not there:
            raise DatabaseError(f"database.url: there is no file {parsed.database}")
    engine = _engine(parsed)
    try:
        yield engine, revision(reader(engine))
    finally:
        engine.dispose()


def parsed_url(url: str) -> URL:
    """Read a URL of a database that we know. Raises `DatabaseError`."""
    try:
        parsed = make_url(one_url(url))
    except (ArgumentError, ValueError) as error:
        # What cannot be read may hold a password: it is not shown.
        raise DatabaseError(f"database.url: is no URL; {_REMEDY}") from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return _of_primary(parsed.set(drivername="postgresql+psycopg"))
    # In memory each connection would have a database of its own.
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise DatabaseError(
            f"database.url: {parsed.render_as_string()} is not supported; {_REMEDY}"
        )
    return parsed


def _of_primary(url: URL) -> URL:
    try:
        return with_primary(url)
    except ArgumentError as error:
        raise DatabaseError(f"database.url: {error}") from error


def _shown(url: URL) -> str:
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string()


def _make_file(url: URL) -> None:
    assert url.database is not None
    path = Path(url.database)
    try:
        # Numbers and hashes are nobody else's, in whatever directory: SQLite gives the files beside
        # this one the same rights.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError(f"database.url: cannot make {path}: {error}") from error


def _upgrade(url: URL) -> None:
    """Upgrade over a connection of its own, which does not check foreign keys.

    SQLite makes a table anew to change it; what refers to it must not go with the old one.
    """
    engine = _engine(url, upgrading=True)
    try:
        for last in (*(False,) * (TABLES_TRIES - 1), True):
            try:
                return upgrade(engine)
            except TablesLocked:
                if last:
                    raise
            time.sleep(TABLES_PAUSE_SECONDS)
    finally:
        engine.dispose()


def _engine(url: URL, *, upgrading: bool = False) -> Engine:
    # An error's text must not hold numbers or hashes: it goes to the log.
    if url.drivername == "sqlite":
        engine = create_engine(
            url,
            poolclass=NullPool if upgrading else QueuePool,
            hide_parameters=True,
            connect_args={
                "timeout": UPGRADE_SECONDS if upgrading else BUSY_SECONDS,
                "check_same_thread": False,
            },
        )
        event.listen(engine, "connect", _prepare_upgrade if upgrading else _prepare)
        event.listen(engine, "begin", _begin)
        return engine
    return postgres_engine(url, upgrading=upgrading)


def _prepare_upgrade(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    _prepare(connection, entry)
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.close()


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
    reading = connection.get_execution_options().get(READING)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    # By the driver itself: every transaction begins with it.
    begin = "BEGIN" if reading else "BEGIN IMMEDIATE"
    try:
        driver.execute(begin)
    except sqlite3.Error as error:
        raise as_sqlalchemy(begin, error) from error
