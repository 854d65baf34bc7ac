"""G2: `callbackd check` says how many ranges are known for fraud, and how old the list is."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from controller.commands.check_ranges import ranges
from controller.guard.ranges import shipped
from controller.settings import load

from .running import Run

DAY = datetime.date.fromisoformat(shipped().dated)


def found(run: Run, **more: str) -> dict[str, Any]:
    """Give what is found of ranges."""
    findings = json.loads(run("check", "--json", **more).stdout)["findings"]
    (one,) = (one for one in findings if one["subject"] == "ranges")
    return dict(one)


def test_g2_the_list_is_counted_and_its_age_is_said(prepared: Run, tmp_path: Path) -> None:
    one = found(prepared)
    assert one["well"]
    assert f"as shipped: {len(shipped())} ranges known for fraud, of {DAY}" in one["text"]
    path = tmp_path / "ours.toml"
    path.write_text("dated = 2020-01-01\n", encoding="utf-8")
    one = found(prepared, CALLBACKD_GUARD__RISKY_RANGES=str(path))
    assert one["well"]
    assert one["text"].startswith(f"{path}: 0 ranges known for fraud, of 2020-01-01 (")
    assert "calls go to ranges that are known for fraud" in one["remedy"]


def test_g2_a_list_that_is_older_than_a_year_is_told(tmp_path: Path) -> None:
    year = datetime.timedelta(days=365)
    (one,) = ranges(load(None, {}), DAY + year)
    assert one.well
    assert "(365 days old)" in one.text
    assert not one.remedy
    (one,) = ranges(load(None, {}), DAY + year + datetime.timedelta(days=1))
    assert "newer release" in one.remedy
    # A clock that is wrong is no age.
    (one,) = ranges(load(None, {}), DAY - year)
    assert "(0 days old)" in one.text


def test_g2_a_file_with_a_fault_is_missing(prepared: Run, tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('dated = "soon"\n', encoding="utf-8")
    result = prepared("check", CALLBACKD_GUARD__RISKY_RANGES=str(path))
    assert result.exit_code == 1
    assert f"guard.risky_ranges: {path}: line 1: dated: 'soon' is no day" in result.stdout
