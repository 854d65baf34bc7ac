"""The world of a test, over SQLite and over PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from controller.store import schema
from controller.store.database import open_database
from tests.conftest import DATABASES
from tests.postgres import PostgreSQL, rows_of
from tests.web.quick import compile_once
from tests.web.world import World

#: Makes the next world, in a directory of its own.
Next = Callable[[Path], AbstractContextManager[World]]

compile_once()


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Next:
    """Worlds that are copies of one."""
    path = tmp_path_factory.mktemp("first") / "callbackd.sqlite3"
    first = World(open_database(f"sqlite:///{path}"))
    # Its last connection writes all into the one file.
    first.engine.dispose()

    @contextmanager
    def made(directory: Path) -> Iterator[World]:
        shutil.copyfile(path, directory / path.name)
        with opened(f"sqlite:///{directory / path.name}", first) as world:
            yield world

    return made


@pytest.fixture(scope="session")
def on_postgresql(postgresql: PostgreSQL) -> Next:
    """Worlds that hold what one held."""
    with postgresql.lent() as url:
        first = World(open_database(url))
        first.engine.dispose()
        rows = rows_of(url)

    @contextmanager
    def made(_: Path) -> Iterator[World]:
        with postgresql.lent(rows) as url, opened(url, first) as world:
            yield world

    return made


@contextmanager
def opened(url: str, first: World) -> Iterator[World]:
    """Give the world of a database that was copied from another one's."""
    engine = open_database(url)
    try:
        yield World(engine, like=first)
    finally:
        engine.dispose()


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world of its own for each test; when it ends, all that was said is looked through."""
    made: Next = request.getfixturevalue(f"on_{request.param}")
    with made(tmp_path) as found:
        yield found
        found.check()


@pytest.fixture(scope="module", params=DATABASES)
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world for all tests of a module that change nothing."""
    made: Next = request.getfixturevalue(f"on_{request.param}")
    with made(tmp_path_factory.mktemp("web")) as found:
        yield found


@pytest.fixture
def still(kept: World) -> Iterator[World]:
    """The world of such a test: when it ends, it is as it was, and nothing was a fault."""
    before = changes(kept)
    kept.answers.clear()
    kept.faults = 0
    yield kept
    assert changes(kept) == before
    assert kept.faults == 0
    kept.check()


def changes(world: World) -> int:
    """Count what was changed in a world."""
    with world.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()
