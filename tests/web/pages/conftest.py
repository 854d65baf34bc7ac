"""The pages of a test."""

from __future__ import annotations

import pytest

from tests.web.pages.site import Site
from tests.web.world import World


@pytest.fixture
def site(world: World) -> Site:
    """The pages over a world of its own."""
    return Site(world)
