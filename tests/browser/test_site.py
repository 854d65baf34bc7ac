"""The site of the documentation in a real browser: its diagrams are drawn, by nobody elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    """Files, without a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name there)
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_diagrams_of_the_states_are_drawn_here(browser: Browser, address: str) -> None:
    """What draws them, and all else, comes from the site itself."""
    context = browser.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.goto(f"{address}/states.html")
    # The theme puts a drawing in the place of each text.
    expect(page.locator("div.mermaid")).to_have_count(2)
    expect(page.locator("pre.mermaid")).to_have_count(0)
    for drawing in page.locator("div.mermaid").all():
        box = drawing.bounding_box()
        assert box is not None
        assert box["height"] > 100
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))] == []
    context.close()
