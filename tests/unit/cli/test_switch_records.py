"""`callbackd switch records`: what the records of a switch tell of is settled by hand (M7)."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from controller.credit.model import LegEnd, Settled
from controller.store.charging import SqlCharging

from .running import Run, ok

LEGS = {"one": "return", "two": "destination"}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The records of two legs of ours, of one of others, and one that is broken."""
    path = tmp_path / "records"
    path.mkdir()
    for leg, side in LEGS.items():
        times = {"start_uepoch": "1795935715000000", "end_uepoch": "1795935725000000"}
        ours = {"callback_leg": side, "callback_call": "c", "callback_request": "r"}
        put(path / f"{leg}.cdr.json", {"uuid": leg, "callback_position": "1", **times, **ours})
    put(path / "others.cdr.json", {"uuid": "others"})
    (path / "bad.cdr.json").write_text('{"var', encoding="utf-8")
    os.utime(path / "bad.cdr.json", (1, 1))
    return path


def put(path: Path, variables: dict[str, str]) -> None:
    """Write a record, long ago."""
    path.write_text(json.dumps({"variables": variables}), encoding="utf-8")
    os.utime(path, (1, 1))


def kept(data: Path) -> list[tuple[str, str, str]]:
    """Give the legs that are kept."""
    connection = sqlite3.connect(data / "callbackd.sqlite3")
    try:
        return connection.execute(
            "SELECT leg, source, coalesce(node, '') FROM call_leg ORDER BY leg"
        ).fetchall()
    finally:
        connection.close()


def test_m7_legs_are_settled_and_their_records_removed(
    stocked: Run, data: Path, records: Path
) -> None:
    result = stocked("switch", "records", str(records))
    assert result.exit_code == 1
    assert result.stdout == "settled 2, known 0, of others 1, broken 1\n"
    assert "bad.cdr.json" in result.stderr
    assert kept(data) == [("one", "record", "fs1"), ("two", "record", "fs1")]
    assert {path.name for path in records.iterdir()} == {"others.cdr.json", "bad.cdr.json.bad"}
    assert ok(stocked("switch", "records", str(records))).startswith("settled 0, known 0")


def test_m7_records_are_kept_where_that_is_asked(stocked: Run, data: Path, records: Path) -> None:
    (records / "bad.cdr.json").unlink()
    before = set(records.iterdir())
    printed = ok(stocked("switch", "records", str(records), "--keep"))
    assert printed == "settled 2, known 0, of others 1, broken 0\n"
    printed = ok(stocked("switch", "records", str(records), "--keep"))
    assert printed == "settled 0, known 2, of others 1, broken 0\n"
    assert set(records.iterdir()) == before


def test_m7_the_node_is_that_whose_directory_it_is(stocked: Run, data: Path, records: Path) -> None:
    (records / "bad.cdr.json").unlink()
    nodes = f'[{{name = "a"}}, {{name = "b", records_dir = "{records}"}}]'
    ok(stocked("switch", "records", str(records), CALLBACKD_NODES=nodes))
    assert {node for _, _, node in kept(data)} == {"b"}
    assert not list(records.glob("*one*"))


def test_m7_one_that_cannot_be_settled_is_told_of_and_kept(
    stocked: Run, data: Path, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M7: it keeps no other from being settled."""
    (records / "bad.cdr.json").unlink()
    settle = SqlCharging.settle

    def fails(self: SqlCharging, end: LegEnd) -> Settled:
        if end.leg == "one":
            raise ValueError("no such thing")
        return settle(self, end)

    monkeypatch.setattr(SqlCharging, "settle", fails)
    result = stocked("switch", "records", str(records))
    assert result.exit_code == 1
    assert result.stdout == "settled 1, known 0, of others 1, broken 0\n"
    assert "one.cdr.json: no such thing" in result.stderr
    assert [leg for leg, *_ in kept(data)] == ["two"]
    assert {path.name for path in records.iterdir()} == {"others.cdr.json", "one.cdr.json"}
