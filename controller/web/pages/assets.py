"""What pages are made with besides: style, scripts, pictures; each by a path that has its content.

So a browser keeps it for ever, and asks for another one after an upgrade.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Response, abort

STATIC: Final = Path(__file__).parent / "static"
#: Where they are served.
PATH: Final = "/static/"


class _Asset:
    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.tag = sha256(self.body).hexdigest()[:16]
        self.type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if self.type.startswith("text/") or self.type.endswith("javascript"):
            self.type += "; charset=utf-8"


@cache
def _assets() -> dict[str, _Asset]:
    return {path.name: _Asset(path) for path in STATIC.iterdir() if path.is_file()}


def asset(name: str) -> str:
    """Give the path of an asset. Raises `KeyError` where there is none."""
    return f"{PATH}{_assets()[name].tag}/{name}"


def serve(tag: str, name: str) -> Response:
    """Give an asset."""
    found = _assets().get(name)
    if found is None:
        abort(404)
    # One of another release is asked for by a page that is still open: it gets ours, for now.
    kept = "public, max-age=31536000, immutable" if tag == found.tag else "no-store"
    return Response(found.body, content_type=found.type, headers={"Cache-Control": kept})
