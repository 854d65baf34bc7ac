"""One Chromium for all tests; the pages over a world of its own for each, on a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from controller.admin.model import Kind
from controller.store.database import open_database
from tests.browser.busy import busy
from tests.browser.window import Window
from tests.web.conftest import opened
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, talked
from tests.web.server import Running, running
from tests.web.world import ADMIN, World

#: How long a page may take where much else goes on, seconds.
SLOW = 60
# Nothing is measured by it: what is expected of a page may come as late as the page.
expect.set_options(timeout=SLOW * 1000)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: No sandbox: tests run as root, too. It asks nobody but us.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started."""
    named = os.environ.get("CHROMIUM_BIN")
    found = named or next((path for name in _NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip(f"no {', '.join(_NAMES)} on the PATH, and CHROMIUM_BIN names none")
    with sync_playwright() as played:
        started = played.chromium.launch(executable_path=found, args=list(_OPTIONS))
        yield started
        started.close()


class Pages:
    """The pages over a world, served; and windows on them."""

    def __init__(self, site: Site, server: Running, browser: Browser) -> None:
        self.site = site
        self.world = site.world
        self.address = f"http://127.0.0.1:{server.address[1]}"
        #: A callback of which there is much to tell, where there is one.
        self.told = ""
        #: The secret of a link by which somebody sets his password, likewise.
        self.link = ""
        self._browser = browser
        self._windows: list[Window] = []

    def window(self, who: str | None = "ada", **options: Any) -> Window:
        """Open a window."""
        context = self._browser.new_context(
            **{"viewport": {"width": 1400, "height": 900}, "locale": "en-US", **options}
        )
        context.set_default_timeout(SLOW * 1000)
        made = Window(context, self.address, who)
        self._windows.append(made)
        return made

    def close(self) -> None:
        """Close all windows, and check that nothing went wrong in them, nor on our side."""
        for window in self._windows:
            window.context.close()
        for window in self._windows:
            window.check()
        assert self.site.faults == 0


@contextmanager
def served(world: World, browser: Browser) -> Iterator[Pages]:
    """Serve the pages over a world."""
    site = Site(world)
    with running(lambda _: None, pages=site.app) as server:
        made = Pages(site, server, browser)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """A world, and the file that others are copied from."""
    path = tmp_path_factory.mktemp("first") / "callbackd.sqlite3"
    made = World(open_database(f"sqlite:///{path}"))
    made.engine.dispose()
    return path, made


@contextmanager
def copied(first: tuple[Path, World], directory: Path) -> Iterator[World]:
    """Give a world that is a copy."""
    path, like = first
    shutil.copyfile(path, directory / path.name)
    with opened(f"sqlite:///{directory / path.name}", like) as world:
        yield world


@pytest.fixture
def pages(first: tuple[Path, World], tmp_path: Path, browser: Browser) -> Iterator[Pages]:
    """The pages over a world of a test's own."""
    with copied(first, tmp_path) as world, served(world, browser) as made:
        yield made
        world.check()


@pytest.fixture(scope="module")
def looked_at(
    first: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Pages]:
    """The pages for all tests of a module that change nothing.

    There is a callback of which there is much to tell, of a number that is found in two places, and
    besides it all that goes on where many ring.
    """
    with copied(first, tmp_path_factory.mktemp("looked-at")) as world:
        told = talked(world, rang_milliseconds=5_020)
        busy(world)
        world.make(Kind.CALLERID, extension="1001", number=CALLER)
        with served(world, browser) as made:
            made.told = told
            made.link = made.site.desks.people.link(ADMIN, "rod")
            yield made
        world.check()
