"""O5: `callbackd check` looks at where call records and notices go, and sends and makes nothing."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.commands.check import _show, _unwritable
from controller.commands.check_host import host
from controller.commands.findings import Finding
from controller.settings import Settings
from controller.settings.sections import Records, RecordStream
from controller.store.database import DatabaseError, look_at_database

from .running import Run

SECRET = "sixteen letters."


def found(run: Run, streams: str, **more: str) -> list[dict[str, Any]]:
    """Give what is found of records and notices."""
    # No switch is there, which is told too.
    result = run("check", "--json", CALLBACKD_RECORDS__STREAMS=streams, **more)
    findings = json.loads(result.stdout)["findings"]
    return [one for one in findings if one["subject"] in ("records", "notices")]


def test_o5_files_are_looked_at(prepared: Run, tmp_path: Path) -> None:
    there = tmp_path / "there.jsonl"
    there.touch()
    for path, well, says in (
        (there, True, "can be written"),
        (tmp_path / "new.jsonl", True, "can be written"),
        (tmp_path, False, "is no regular file"),
        (tmp_path / "none" / "x", False, "there is no such directory"),
    ):
        (one,) = found(prepared, f'[{{name = "tape", file = "{path}"}}]')
        assert (one["well"], says in one["text"]) == (well, True), one
        assert one["text"].startswith(f"records.streams: tape: {path}")
        assert bool(one["remedy"]) is not well
    assert not (tmp_path / "new.jsonl").exists()


def test_o5_servers_are_told_apart_by_whether_others_can_read_along(prepared: Run) -> None:
    streams = f'[{{name = "a", url = "https://a.invalid/", secret = "{SECRET}"}}]'
    notices = {"CALLBACKD_NOTICES__URL": "http://b.invalid/", "CALLBACKD_NOTICES__SECRET": SECRET}
    by = {one["subject"]: one for one in found(prepared, streams, **notices)}
    assert (by["records"]["text"], by["records"]["remedy"]) == ("records.streams: a is signed", "")
    assert by["notices"]["text"] == "notices.url is signed, and not encrypted"
    assert by["notices"]["remedy"]
    assert all(one["well"] for one in by.values())


@contextlib.contextmanager
def shut(directory: Path) -> Iterator[None]:
    """Let nobody into a directory, us neither."""
    directory.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o700)


def test_g1_whoever_may_not_look_is_told_so(tmp_path: Path) -> None:
    """G1, A4: `data_dir` is the service's alone, and whoever checks may be somebody else."""
    inside = tmp_path / "shut"
    inside.mkdir()
    (inside / "callbackd.sqlite3").touch()
    with shut(inside):
        wrong = _unwritable(inside / "x.jsonl")
        with (
            pytest.raises(DatabaseError, match="cannot be looked at: Permission denied"),
            look_at_database(f"sqlite:///{inside / 'callbackd.sqlite3'}"),
        ):
            pass
    assert wrong == "cannot be looked at: Permission denied"


def test_g1_a_disk_that_whoever_checks_may_not_look_at_is_told(tmp_path: Path) -> None:
    """G1: the directory above `data_dir` is somebody else's, as `sudo -u` finds it."""
    inside = tmp_path / "shut"
    (inside / "data").mkdir(parents=True)
    tape = RecordStream(name="tape", file=str(inside / "tape" / "x.jsonl"))
    settings = Settings(data_dir=str(inside / "data"), records=Records(streams=(tape,)))
    with shut(inside):
        told = [(one.level, one.text) for one in host(settings) if "be looked at" in one.text]
    assert told == [
        ("warning", f"{where} cannot be looked at: Permission denied")
        for where in (f"data_dir: {inside}/data", f"records.streams: tape: {inside}/tape")
    ]


def test_o3_of_many_things_with_one_remedy_a_few_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """O3: whoever reads it sees what comes after sixty sounds that are not there."""
    alike = [
        Finding(subject="sounds", node="fs1", well=False, text=f"file {n}.wav", remedy="install it")
        for n in range(5)
    ]
    assert not _show(alike, "MISSING")
    assert capsys.readouterr().out.splitlines() == [
        "MISSING  sounds of fs1: file 0.wav",
        "MISSING  sounds of fs1: file 1.wav",
        "MISSING  sounds of fs1: file 2.wav",
        "MISSING  sounds of fs1: and 2 more like these (--json names each)",
        "         install it",
    ]
    assert not _show(alike[:3], "MISSING")
    assert "more like these" not in capsys.readouterr().out
    assert _show([Finding(subject="ranges", well=True, text="as shipped")], "MISSING")
    assert capsys.readouterr().out == "ok       ranges: as shipped\n"


def test_o3_each_finding_is_shown_before_the_next_thing_is_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """O3: where it hangs is what comes after the last line; and what was found is told then too."""

    def looked_at() -> Iterator[Finding]:
        yield Finding(subject="redis", well=False, text="cannot be asked", remedy="see to it")
        assert capsys.readouterr().out == "MISSING  redis: cannot be asked\n"
        for n in range(5):
            yield Finding(
                subject="sounds", node="fs1", well=False, text=f"{n}.wav", remedy="put it"
            )
            shown = capsys.readouterr().out.splitlines()
            assert shown[-1:] == ([f"MISSING  sounds of fs1: {n}.wav"] if n < 3 else [])
        yield Finding(subject="gateways", node="fs1", well=True, text="there")
        assert capsys.readouterr().out.splitlines() == [
            "MISSING  sounds of fs1: and 2 more like these (--json names each)",
            "         put it",
            "ok       gateways of fs1: there",
        ]
        yield Finding(subject="password", node="fs1", well=True, text="stock", remedy="change it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _show(looked_at(), "MISSING")
    assert capsys.readouterr().out.splitlines()[-1] == "         change it"
