"""docs/contributing.md: its rooms are those that a test enforces, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit import test_rooms

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
_PURE = "pure rooms"
#: Names of files and directories of the project.
_PATH = re.compile(
    r"`((?:controller|tests|docs|deploy|fs-config|bench|tools|\.ci)/[\w./-]+"
    r"|[\w]+\.(?:md|cfg|txt))`"
)


def rows(heading: str) -> list[tuple[str, ...]]:
    """Give the rows of the table under a heading, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines[2:]]


def test_the_table_of_rooms_is_that_of_the_test_of_rooms() -> None:
    said = {
        room.strip("`"): {part.strip("` ") for part in used.split(",")} - {"nothing"}
        for room, _, used in rows("The rooms")
    }
    wanted = {name: {_PURE} for name in test_rooms.PURE}
    for name, used in test_rooms.MAY_USE.items():
        others = set(used) - set(test_rooms.PURE)
        # Some may use a few pure rooms, others all of them.
        all_pure = set(test_rooms.PURE) <= set(used)
        wanted[name] = others | {_PURE} if all_pure else set(used)
    assert said == wanted


def test_every_package_of_the_service_is_told_of() -> None:
    section = PAGE.partition("\n## The rooms\n")[2].partition("\n## ")[0]
    packages = {path.parent.name for path in (ROOT / "controller").glob("*/__init__.py")}
    assert [name for name in packages if f"`{name}`" not in section] == []


@pytest.mark.parametrize("path", sorted(set(_PATH.findall(PAGE))))
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "docs" / path).exists()


def test_every_environment_of_tox_is_told_of() -> None:
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    names = re.search(r"^envlist = (.*)$", tox, re.MULTILINE)
    assert names is not None
    told = " ".join(first for first, _ in rows("Setting up"))
    missing = [name for name in names[1].split(", ") if f"`{name}`" not in told]
    assert missing == ["ready"]


def test_every_command_of_make_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)", PAGE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
