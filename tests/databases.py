"""New SQLite databases: their tables are made once, and copied."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from controller.store.database import open_database


def new_file(path: Path) -> str:
    """Put a new database there, and give its URL."""
    path.write_bytes(_new())
    return f"sqlite:///{path}"


@cache
def _new() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "callbackd.sqlite3"
        # Its last connection writes all into the one file.
        open_database(f"sqlite:///{path}").dispose()
        return path.read_bytes()
