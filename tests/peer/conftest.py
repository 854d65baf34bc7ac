"""The world of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peer.forking import Forks
from tests.peer.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One switch with room for one controller."""
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[World]:
    """One switch whose dialplan names two controllers; the first takes all while it is there."""
    made = World(tmp_path, controllers=2, listed=False)
    yield made
    made.close()


@pytest.fixture
def spread(tmp_path: Path) -> Iterator[World]:
    """One switch that is told of two controllers, so that both take calls."""
    made = World(tmp_path, controllers=2)
    yield made
    made.close()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Forks]:
    """What controllers are forked of."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def forks(nursery: Forks) -> Iterator[Forks]:
    """Controllers in processes of their own that are there at once."""
    yield nursery
    nursery.kill_all()
