"""What tests of every kind may ask for: a real PostgreSQL, one server for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgreSQL, running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running() as server:
        yield server


#: Both, unless told that one will do: the tests on a second Python need not prove it again.
DATABASES = os.environ.get("TEST_DATABASES", "sqlite postgresql").split()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database: the contract of the store holds over both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callbackd.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh()
