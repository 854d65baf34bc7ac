"""SQLite databases: new ones, whose tables are made once and copied, and locked ones."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from controller.store.database import open_database


def new_file(path: Path) -> str:
    """Put a new database there, and give its URL."""
    path.write_bytes(_new())
    return f"sqlite:///{path}"


@contextmanager
def locked(path: Path | str) -> Iterator[None]:
    """Keep all others from writing to a file: it has one writer at a time. Waits for who writes."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield
        file.execute("ROLLBACK")


@cache
def _new() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "callbackd.sqlite3"
        # Its last connection writes all into the one file.
        open_database(f"sqlite:///{path}").dispose()
        return path.read_bytes()
