"""What a part of the pages is."""

from __future__ import annotations

from typing import Protocol

from flask import Flask


class Pages(Protocol):
    """Some pages that belong together."""

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        ...
