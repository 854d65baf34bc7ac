"""Directories of call records: ours are read, settled and removed; others' are not touched (M7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.esl.records import decode_record
from controller.runtime import switch_records
from controller.store.database import open_database
from tests.databases import new_file

from .settling import CALL, Bench, ending, put, write_record

OTHERS = '{"variables": {"uuid": "a"}}'


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Where the node's records are."""
    path = tmp_path / "records"
    path.mkdir()
    return path


@pytest.fixture
def bench(tmp_path: Path, records: Path) -> Iterator[Bench]:
    engine = open_database(new_file(tmp_path / "callbackd.sqlite3"))
    yield Bench(engine, records)
    engine.dispose()


def broken(bench: Bench) -> float | None:
    """Give how many records were set aside."""
    name, labels = "callbackd_switch_records_broken_total", {"node": "fs1"}
    found: float | None = bench.services.metrics.registry.get_sample_value(name, labels)
    return found


def faults(bench: Bench) -> float | None:
    """Give how often something was wrong with a directory."""
    name, labels = "callbackd_faults_total", {"where": "records"}
    found: float | None = bench.services.metrics.registry.get_sample_value(name, labels)
    return found


def test_m7_a_leg_is_settled_by_its_record_and_that_is_removed(bench: Bench, records: Path) -> None:
    bench.call()
    write_record(records, ending(seconds=70))
    bench.after(1)
    assert [(row.leg, row.seconds, row.source, row.node) for row in bench.rows.values()] == [
        (CALL, 70, "record", "fs1")
    ]
    assert list(records.iterdir()) == []


def test_m7_the_records_of_what_is_settled_already_go_too(bench: Bench, records: Path) -> None:
    bench.call()
    bench.legs[CALL] = object()
    bench.settling.leg_ended("fs1", ending())
    write_record(records, ending(seconds=99))
    write_record(records, ending("b" * 36, leg="trigger", call=None))
    bench.after(1)
    assert [(row.seconds, row.source) for row in bench.rows.values()] == [(90, "event")]
    assert list(records.iterdir()) == []


def test_m7_others_records_are_left_alone_and_read_once(
    bench: Bench, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {put(records / "a.cdr.json", OTHERS), put(records / "list.json", "[1, 2]")}
    kept |= {put(records / "large.json", "[" * 1_000_001), put(records / "a.txt", "{")}
    (records / "folder.json").mkdir()
    (records / "link.json").symlink_to(records / "a.txt")
    bench.after(1)
    monkeypatch.setattr(switch_records, "decode_record", None)
    bench.after(1)
    assert set(records.iterdir()) == kept | {records / "folder.json", records / "link.json"}
    monkeypatch.undo()
    # What is gone is forgotten: another one may have its name.
    bench.call()
    (records / "list.json").unlink()
    bench.after(1)
    write_record(records, ending()).rename(records / "list.json")
    bench.after(1)
    assert bench.rows.keys() == {CALL}


def test_m7_a_record_that_is_being_written_is_left_for_the_next_time(
    bench: Bench, records: Path
) -> None:
    bench.call()
    young = write_record(records, ending(), age=0)
    half = put(records / "half.cdr.json", '{"variables": {"uuid"', age=10)
    bench.after(1)
    assert bench.rows == {}
    os.utime(young, (1, 1))
    half.unlink()
    write_record(records, ending("b" * 36), age=10)
    bench.after(1)
    assert bench.rows.keys() == {CALL, "b" * 36}


def test_m7_one_that_stays_broken_is_set_aside_and_counted(bench: Bench, records: Path) -> None:
    put(records / "bad.cdr.json", '{"variables": ', age=100)
    bench.after(1)
    bench.after(1)
    assert [path.name for path in records.iterdir()] == ["bad.cdr.json.bad"]
    assert broken(bench) == 1


def test_m7_more_than_are_read_at_once_are_all_read(
    bench: Bench, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_records, "AT_ONCE", 3)
    bench.call()
    other = put(records / "a.cdr.json", OTHERS)
    for number in range(10):
        write_record(records, ending(f"{number:036}", answer_uepoch="0"))
    bench.after(1)
    assert len(bench.rows) == 10
    assert list(records.iterdir()) == [other]


def test_m7_a_record_that_cannot_be_settled_stays_and_is_told(
    bench: Bench, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.call()
    path = write_record(records, ending())
    second = write_record(records, ending("b" * 36, answer_uepoch="0"))
    settle = bench.services.charging.settle

    def fails(end: Any) -> Any:
        if end.leg == CALL:
            raise ValueError("no such thing")
        return settle(end)

    monkeypatch.setattr(bench.services.charging, "settle", fails)
    bench.after(1)
    bench.after(1)
    assert path.exists()
    assert not second.exists()
    read = bench.services.metrics.registry.get_sample_value
    assert read("callbackd_faults_total", {"where": "record"}) == 1


def test_m7_a_directory_that_is_not_there_is_told_once(bench: Bench, records: Path) -> None:
    records.rmdir()
    for _ in range(3):
        bench.after(1)
    assert faults(bench) == 1
    records.mkdir()
    bench.after(1)
    records.rmdir()
    bench.after(1)
    assert faults(bench) == 2


def test_m7_a_file_that_cannot_be_removed_is_read_once(
    bench: Bench, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.call()
    path = write_record(records, ending())

    def refuse(self: Path, **_: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    bench.after(1)
    monkeypatch.setattr(switch_records, "decode_record", None)
    bench.after(1)
    assert bench.rows.keys() == {CALL}
    assert path.exists()
    assert faults(bench) == 1


def test_m7_however_many_records_there_are_few_are_read_at_a_time(
    bench: Bench, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M7: others' too; who waits for the store waits behind them. The directory is read once."""
    monkeypatch.setattr(switch_records, "AT_ONCE", 3)
    for number in range(10):
        put(records / f"{number}.cdr.json", OTHERS)
        write_record(records, ending(f"{number:036}", answer_uepoch="0"))
    read: list[int] = []
    scanned: list[Path] = []
    scandir = os.scandir

    def run(function: Any, *given: Any) -> Any:
        read.append(0)
        return function(*given)

    def counted(body: bytes) -> Any:
        read[-1] += 1
        return decode_record(body)

    def noted(path: Path) -> Any:
        scanned.append(path)
        return scandir(path)

    monkeypatch.setattr(bench.services.files, "run", run)
    monkeypatch.setattr(switch_records, "decode_record", counted)
    monkeypatch.setattr(os, "scandir", noted)
    bench.after(1)
    assert (sum(read), max(read)) == (20, 3)
    assert scanned == [records]
    assert len(bench.rows) == 10


def test_m7_a_record_of_no_kind_of_ours_is_left_alone(bench: Bench, records: Path) -> None:
    """M7: others may have a variable of that name."""
    path = write_record(records, ending(leg="blue"))
    bench.after(1)
    assert path.exists()


@pytest.mark.parametrize("name", ["new\nline.json", "\udc80\udcff.json", "x" * 250 + ".json"])
def test_m7_g1_files_of_any_name_are_set_aside_or_told_of(
    bench: Bench, records: Path, name: str
) -> None:
    """M7: none of them keeps those behind it from being settled."""
    bench.call()
    put(records / name, "{", age=100)
    write_record(records, ending(seconds=70))
    bench.after(1)
    assert bench.rows.keys() == {CALL}
    assert broken(bench) == 1
