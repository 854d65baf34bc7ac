"""What docs/threat-model.md refers to is there: files, metrics, settings, tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.metrics import Metrics
from controller.settings import Settings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
#: Words in code style that are paths of the project.
PATHS = sorted(
    set(
        re.findall(
            r"`((?:controller|tests|deploy|docs|tools|fs-config)/[\w./-]*|constraints\.txt)`", TEXT
        )
    )
)


@pytest.mark.parametrize("path", PATHS)
def test_every_file_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_there_are_many() -> None:
    assert len(PATHS) > 30


def test_every_metric_that_is_named_is_one() -> None:
    known = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    known |= {f"{family.name}_total" for family in Metrics().registry.collect()}
    for name in re.findall(r"callbackd_[a-z_]+", TEXT):
        assert name in known, name


def test_every_setting_that_is_named_is_one() -> None:
    for section, field in re.findall(r"`(listen|web|database|redis)\.([a-z_]+)`", TEXT):
        assert hasattr(getattr(Settings(), section), field), f"{section}.{field}"
