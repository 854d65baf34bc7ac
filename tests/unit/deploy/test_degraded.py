"""docs/degraded.md: what it says to look at is there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.deploy.measured import registered

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "degraded.md").read_text("utf-8")
#: What is away, and the tests that prove its line.
PROVED = {
    "Redis": ("tests/peer/deaths/test_redis_gone.py", "tests/peer/test_cache_failover.py"),
    "PostgreSQL": ("tests/peer/deaths/test_store_failover.py", "tests/unit/store/test_servers.py"),
    "both": ("tests/peer/test_unseen.py",),
    "a node": ("tests/unit/runtime/test_lost_nodes.py",),
    "a controller": (
        "tests/peer/deaths/test_takeover.py",
        "tests/peer/deaths/test_killed_money.py",
    ),
}


def lines() -> list[list[str]]:
    """Give the cells of each line of the table."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| **")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_o5_every_metric_that_is_named_exists() -> None:
    named = set(re.findall(r"callbackd_[a-z_]+", TEXT))
    assert named
    assert named - registered().keys() == set()


def test_o5_every_entry_of_readiness_that_is_named_exists() -> None:
    source = (ROOT / "controller" / "app.py").read_text("utf-8")
    source += (ROOT / "controller" / "cache" / "counts.py").read_text("utf-8")
    for cells in lines():
        for entry in re.findall(r"`([a-z_]+)`", cells[3]):
            assert f'"{entry}": ' in source, entry


def test_o5_each_line_has_its_tests() -> None:
    assert [cells[0].strip("*") for cells in lines()] == list(PROVED)
    for files in PROVED.values():
        assert all((ROOT / file).is_file() for file in files)
    for file in re.findall(r"`(tests/[a-z_/]+\.py)`", TEXT):
        assert (ROOT / file).is_file(), file
