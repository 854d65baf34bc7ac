"""What pages are put together of: headings that can be linked to, and facts in a list.

Markdown as MkDocs and GitHub both read it. Anchors are written out, since the two make different
ones of a heading such as `listen.host`; none may be there twice in a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NOT_IN_ANCHORS = re.compile(r"[^a-z0-9]+")


def anchor_of(*parts: str) -> str:
    """Give the anchor of what has this name: `listen.host` is `listen-host`."""
    return _NOT_IN_ANCHORS.sub("-", "-".join(parts).lower()).strip("-")


class Page:
    """A page that is written from its head to its end."""

    def __init__(self, title: str, *paragraphs: str) -> None:
        self._lines = [f"# {title}"]
        self._anchors: set[str] = set()
        for text in paragraphs:
            self.say(text)

    def say(self, text: str) -> None:
        """Add a paragraph, or any block."""
        self._lines += ["", text]

    def heading(self, text: str, level: int, anchor: str) -> None:
        """Add a heading. Raises `ValueError` for an anchor that is there already."""
        if anchor in self._anchors:
            raise ValueError(f"two headings have the anchor {anchor}")
        self._anchors.add(anchor)
        self._lines += ["", f'<a id="{anchor}"></a>', "", f"{'#' * level} {text}"]

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Add a list of what is known, each behind its word; what is empty is left out."""
        lines = [f"- {word}: {said}" for word, said in facts if said]
        if lines:
            self.say("\n".join(lines))

    def text(self) -> str:
        """Give the whole page."""
        return "\n".join(self._lines) + "\n"


def plain(text: str) -> str:
    """Give text of the code as Markdown shows it: what would be HTML or a link is none.

    What stands between backticks is left alone.
    """
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = parts[place].replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")
    return "`".join(parts)
