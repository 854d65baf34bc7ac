"""Which release this is, and of which commit."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from controller import __version__

#: What a package is built with (setup.py). Of a checkout there is none: what it is git says.
_NAME: Final = "commit.txt"
_COMMIT: Final = re.compile(r"[0-9a-zA-Z._+-]{1,64}\Z", re.ASCII)


def commit() -> str:
    """Give the commit that this package was made of; empty: a checkout, or nobody knows."""
    kept = files("controller") / _NAME
    said = kept.read_text("utf-8").strip() if kept.is_file() else ""
    return said if _COMMIT.match(said) else ""


def release() -> str:
    """Give the version, and the commit where it is known: `0.1.0 (1a2b3c4d5e6f)`."""
    made = commit()
    return f"{__version__} ({made})" if made else __version__
