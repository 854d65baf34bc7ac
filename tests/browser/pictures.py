"""Pictures of pages for docs/pages: small, and made only where they are asked for."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page

#: Whether they are made: tests change no file otherwise.
WANTED: Final = bool(os.environ.get("SCREENSHOTS"))
DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "pages"
#: No picture is higher, pixels; and no page has more colours that matter.
_HIGHEST: Final = 2000
_COLOURS: Final = 64


def take(page: Page, name: str) -> None:
    """Make the picture of a page, if they are wanted."""
    if not WANTED:
        return
    size = page.viewport_size
    assert size is not None
    # What sticks to the window's edge is to be at the edge of the picture.
    height = min(page.evaluate("document.documentElement.scrollHeight"), _HIGHEST)
    page.set_viewport_size({"width": size["width"], "height": height})
    drawn = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.set_viewport_size(size)
    few = drawn.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    few.save(DIRECTORY / f"{name}.png", optimize=True)
