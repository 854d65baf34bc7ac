"""docs/capacity.md: each figure's command is there, and so is what it says to look at."""

from __future__ import annotations

import re
from pathlib import Path

from bench.__main__ import MORE, SPEED
from tests.unit.deploy.measured import registered

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "capacity.md").read_text("utf-8")


def test_every_command_of_a_figure_is_one_that_there_is() -> None:
    named = set(re.findall(r"`python -m bench (\w+)`", TEXT))
    assert named <= {*SPEED, *MORE}
    # Those that say what a machine does, and what is left of it.
    assert {"call", "latency", "sessions", "scale", "on_switch", "talking", "room"} <= named


def test_o3_what_it_says_to_look_at_is_there() -> None:
    named = set(re.findall(r"callbackd_[a-z_]+", TEXT))
    assert named
    # Of a histogram its name without what each of its series ends with.
    there = {name.removesuffix("_bucket") for name in registered()}
    assert named <= there
    for file in re.findall(r"\]\(([a-z_-]+\.md)", TEXT):
        assert (DOCS / file).is_file(), file


def test_no_figure_is_left_to_be_filled_in() -> None:
    assert not re.findall(r"@\w+@|TODO", TEXT)
