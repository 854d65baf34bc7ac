"""The pages of a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DATABASES
from tests.web.conftest import Next
from tests.web.pages.site import Site
from tests.web.world import World

#: Pages know no database: what the desks that they ask do is proven over both with the desks
#: (tests/unit/admin, tests/web). Where `TEST_DATABASES` names both, pages are tried over both.
_ENOUGH = DATABASES if os.environ.get("TEST_DATABASES") else ["sqlite"]


@pytest.fixture(params=_ENOUGH)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world of its own for each test; when it ends, all that was said is looked through."""
    made: Next = request.getfixturevalue(f"on_{request.param}")
    with made(tmp_path) as found:
        yield found
        found.check()


@pytest.fixture
def site(world: World) -> Site:
    """The pages over a world of its own."""
    return Site(world)
