"""Writes the pages of docs/reference anew: `python -m tools.reference`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.reference import api, commands, metrics, outcomes, policy, settings

#: Where the pages are.
DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "reference"
#: What makes each.
PAGES: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings.page,
    "policy.md": policy.page,
    "commands.md": commands.page,
    "api.md": api.page,
    "metrics.md": metrics.page,
    "outcomes.md": outcomes.page,
}


def main(directory: Path = DIRECTORY) -> None:
    """Write all pages."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (directory / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
