"""G3, O2: what looks like fraud on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.commands.outcomes import ENDED, UNPLACED, why
from controller.guard.patterns import REASONS, Pattern, Sighting, Subject
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.suspicions import Suspicions

from .running import Run, ok, refused, said, told
from .test_completion import complete

NOW = 1_795_000_000_000_000
NUMBER = "+12125550199"
SEEN = (
    Sighting(
        subject=Subject(Pattern.SEQUENTIAL_NUMBERS, "100/+121255501"), blocks=True,
        extension="100", client="main", at=NOW, times=2,
        said="5 numbers of the block +121255501 rang 100 within an hour",
    ),
    Sighting(
        subject=Subject(Pattern.MANY_EXTENSIONS, NUMBER), blocks=False, extension=None,
        client=None, at=NOW, said=f"{NUMBER} rang 4 extensions within an hour",
    ),
)  # fmt: skip


@pytest.fixture
def engine(stocked: Run, data: Path) -> Iterator[Engine]:
    """The store of the commands, in which a controller has seen something."""
    made = open_database(Settings(data_dir=str(data)).database_url)
    Suspicions(made, now=lambda: NOW).saw(SEEN)
    yield made
    made.dispose()


def listed(run: Run, *options: str) -> list[Any]:
    """Give what a list has."""
    found: list[Any] = said(run("suspicion", "list", "--json", *options))
    return found


def test_g3_what_looks_like_fraud_is_listed(stocked: Run, engine: Engine) -> None:
    assert [one["id"] for one in listed(stocked)] == [2, 1]
    (block,) = listed(stocked, "--extension", "100", "--limit", "5")
    assert (block["pattern"], block["blocks"], block["times"]) == ("sequential_numbers", True, 2)
    assert block["first"] == block["last"] == "2026-11-18T11:06:40.000000Z"
    assert [one["id"] for one in listed(stocked, "--pattern", "many_extensions")] == [2]
    assert told(ok(stocked("suspicion", "list", "--extension", "100"))) == [
        "id pattern subject blocks times last said",
        "1 sequential_numbers 100/+121255501 yes 2 2026-11-18T11:06:40.000000Z "
        "5 numbers of the block +121255501 rang 100 within an hour",
    ]


def test_g3_it_is_released_and_audited(stocked: Run, engine: Engine) -> None:
    assert ok(stocked("suspicion", "release", "1")) == (
        "released 1, sequential_numbers 100/+121255501: it blocked calls\n"
    )
    assert said(stocked("suspicion", "release", "2", "--json"))["subject"] == NUMBER
    assert listed(stocked) == []
    released = listed(stocked, "--all")
    assert [one["id"] for one in released] == [2, 1]
    assert all(one["released_by"].startswith("cli:") for one in released)
    lines = said(stocked("audit", "list", "--kind", "suspicion", "--json"))
    assert [(line["action"], line["key"]) for line in lines] == [("change", "2"), ("change", "1")]
    assert Suspicions(engine, now=lambda: NOW).known().open == {}
    refused(stocked("suspicion", "release", "1"), "suspicion 1 was released by cli:", "before")
    for none in ("99", "0", "99999999999999999999"):
        refused(stocked("suspicion", "release", none), "there is no such suspicion")
    assert stocked("suspicion", "release", "x").exit_code == 2


def test_g3_open_ones_are_completed(stocked: Run, engine: Engine, data: Path) -> None:
    assert complete("callbackd suspicion release ", data) == ["2", "1"]
    stocked("suspicion", "release", "2")
    assert complete("callbackd suspicion release ", data) == ["1"]


def test_t10_each_reason_is_said_in_a_sentence() -> None:
    assert set(REASONS) <= set(ENDED)
    assert REASONS[-1] in UNPLACED
    assert all("callbackd suspicion" in why("done", reason) for reason in REASONS)
