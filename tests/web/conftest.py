"""The world of a test, over SQLite and over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from controller.store import schema
from controller.store.database import open_database
from tests.web.world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """A world of its own for each test; when it ends, all that was said is looked through."""
    engine = open_database(database_url)
    made = World(engine)
    yield made
    made.check()
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world for all tests of a module that change nothing."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('web')}/callbackd.sqlite3"
    else:
        url = request.getfixturevalue("postgresql").fresh()
    engine = open_database(url)
    yield World(engine)
    engine.dispose()


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
