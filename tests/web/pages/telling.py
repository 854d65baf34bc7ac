"""What a page says, as somebody reads it."""

from __future__ import annotations

import re
from html import unescape


def said(page: str) -> str:
    """Give what a page says, without its tags, and with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", page)))


def main(page: str) -> str:
    """Give the content of a page, without its head and its menu."""
    return page.partition("<main")[2].partition("</main>")[0]
