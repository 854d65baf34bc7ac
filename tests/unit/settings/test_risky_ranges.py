"""G2, O1: a file of ranges that are known for fraud, in the place of the one that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.guard.ranges import shipped
from controller.settings import SettingsError, load, ranges_of

FILE = """\
dated = 2026-11-29
[sources.us]
title = "Our carrier"
url = "https://example.com/list"
[[range]]
why = "revenue_share"
source = "us"
prefixes = ["+4420794"]
"""


def env(path: object) -> dict[str, str]:
    """Give the environment that names a file."""
    return {"CALLBACKD_GUARD__RISKY_RANGES": str(path)}


def test_g2_without_a_file_of_ones_own_the_shipped_one_counts() -> None:
    assert ranges_of(load(None, {})) is shipped()


def test_g2_a_file_of_ones_own_takes_its_place_wholly(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(FILE, encoding="utf-8")
    found = ranges_of(load(None, env(path)))
    assert [one.prefix for one in found] == ["+4420794"]
    assert found.of("+18095550199") is None
    # None at all is a choice too.
    path.write_text("dated = 2026-11-29\n", encoding="utf-8")
    assert len(ranges_of(load(None, env(path)))) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FILE.replace("+44", "44"), "line 8: '4420794' is no beginning of numbers"),
        (FILE.replace('"us"', '"them"'), "line 5: there is no source 'them'"),
        (FILE.replace("revenue_share", "bad"), "line 5: range[0].why: 'bad' is none; write one of"),
        (FILE.replace("prefixes = [", "prefixes = "), "is not TOML: "),
    ],
)
def test_g2_a_file_with_a_fault_stops_the_service_at_its_start_and_names_the_line(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(None, env(path))
    assert str(caught.value).startswith(f"guard.risky_ranges: {path}: {says}")


def test_g2_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "none.toml", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
    ):
        with pytest.raises(SettingsError) as caught:
            load(None, env(path))
        assert str(caught.value).startswith(f"guard.risky_ranges: {path}: {says}")
    path = tmp_path / "latin.toml"
    path.write_bytes(b'dated = "2026-11-29" # \xe9\n')
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load(None, env(path))
