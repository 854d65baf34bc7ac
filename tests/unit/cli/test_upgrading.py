"""What commands say of a database that another release works with (`docs/upgrading.md`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from controller.store.upgrade import head
from tests.unit.store import older

from .running import Run, refused


def database(run: Run) -> dict[str, Any]:
    """Give what `check` finds of the database."""
    findings = json.loads(run("check", "--json").stdout)["findings"]
    (found,) = [one for one in findings if one["text"].startswith("revision ")]
    return dict(found)


def test_a_database_of_a_newer_release_is_no_good_and_of_an_older_one_is_brought_up_to_date(
    prepared: Run, data: Path
) -> None:
    url = f"sqlite:///{data}/callbackd.sqlite3"
    found = database(prepared)
    assert (found["well"], found["text"]) == (True, f"revision {head()}")
    older.execute(url, "UPDATE alembic_version SET version_num = '9999'")
    found = database(prepared)
    assert not found["well"]
    assert found["text"] == f"revision 9999, this release works with {head()}"
    assert "a newer release has upgraded it" in found["remedy"]
    refused(prepared("channel", "list"), "was upgraded by a newer release (revision 9999")
    older.execute(url, "UPDATE alembic_version SET version_num = '0010'")
    found = database(prepared)
    assert found["well"]
    assert "brought up to date" in found["remedy"]


def test_o1_who_forgets_the_settings_is_told_that_a_database_was_made(run: Run, data: Path) -> None:
    """O1: at night, as root, in the wrong directory, an empty list would be believed."""
    first = run("channel", "list")
    assert f"made a new database: {data / 'callbackd.sqlite3'}" in first.stderr
    assert "CALLBACKD_CONFIG" in first.stderr
    assert "made" not in first.stdout
    assert "made" not in run("channel", "list").stderr
