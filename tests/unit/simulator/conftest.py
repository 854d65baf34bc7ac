"""The fixture all tests of the simulator share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.peer import Bench


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Make a started simulator with a controller and a client, with options of one's own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Bench(tmp_path, **options))


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Any:
    """A started simulator as it comes."""
    return make_bench()
