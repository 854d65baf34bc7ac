"""Stores for documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.store.database import open_database
from tests.databases import new_file
from tests.seed import directory

from .documents import World


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: its tables are made once."""
    path = tmp_path_factory.mktemp("template") / "callbackd.sqlite3"
    new_file(path)
    return path


@pytest.fixture
def make(tmp_path: Path, template: Path) -> Iterator[Callable[[], World]]:
    """Make stores, each its own."""
    made: list[World] = []

    def one() -> World:
        made.append(World(tmp_path / str(len(made)), template))
        return made[-1]

    yield one
    for world in made:
        world.engine.dispose()


@pytest.fixture
def world(make: Callable[[], World]) -> World:
    return make()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A store over SQLite, and one over PostgreSQL."""
    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> Directory:
    """A directory with nothing in it but the client `main`."""
    return directory(engine)
