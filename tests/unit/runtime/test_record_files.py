"""O5: files of call records: whole lines, in order, through rotation, crashes and full disks."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.runtime.record_files import LineFile

MARK = b'{"leg":'
ONE, TWO, THREE = (b'{"leg":"%d"}' % number for number in (1, 2, 3))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


@pytest.fixture
def file(path: Path) -> Iterator[LineFile]:
    made = LineFile(str(path), MARK)
    yield made
    made.close()


def test_o5_lines_are_appended(file: LineFile, path: Path) -> None:
    path.write_bytes(THREE + b"\n")
    file.append([ONE, TWO])
    file.append([])
    file.append([THREE])
    assert path.read_bytes().splitlines() == [THREE, ONE, TWO, THREE]


def test_o5_a_new_file_is_nobody_elses(file: LineFile, path: Path) -> None:
    file.append([ONE])
    assert path.stat().st_mode & 0o777 == 0o600


def test_o5_a_file_is_opened_anew_when_it_was_rotated(file: LineFile, path: Path) -> None:
    file.append([ONE])
    away = path.rename(path.with_suffix(".1"))
    file.append([TWO])
    assert (away.read_bytes(), path.read_bytes()) == (ONE + b"\n", TWO + b"\n")
    path.unlink()
    file.append([THREE])
    assert path.read_bytes() == THREE + b"\n"
    # And where it was emptied in its place.
    os.truncate(path, 0)
    file.append([ONE])
    assert path.read_bytes() == ONE + b"\n"


@pytest.mark.parametrize("torn", [b'{"leg":"4', b'{"le', b"{"])
def test_o5_what_was_left_unfinished_is_taken_away(file: LineFile, path: Path, torn: bytes) -> None:
    path.write_bytes(ONE + b"\n" + torn)
    file.append([TWO])
    assert path.read_bytes() == ONE + b"\n" + TWO + b"\n"


def test_o5_what_another_one_left_unfinished_is_taken_away_too(file: LineFile, path: Path) -> None:
    """Of two controllers on a machine one was killed; the other had the file open before."""
    file.append([ONE])
    with path.open("ab") as other:
        other.write(TWO + b"\n" + b'{"leg":"4')
    file.append([THREE])
    assert path.read_bytes().splitlines() == [ONE, TWO, THREE]


def test_o5_what_is_not_ours_stays(file: LineFile, path: Path) -> None:
    path.write_bytes(b"somebody else's")
    file.append([ONE])
    assert path.read_bytes() == b"somebody else's\n" + ONE + b"\n"


def test_o5_only_a_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "none/there"):
        with pytest.raises(OSError, match=r"regular file|directory"):
            LineFile(str(tmp_path / name), MARK).append([ONE])


def test_o5_where_there_is_no_room_no_part_of_a_line_stays(file: LineFile, path: Path) -> None:
    file.append([ONE])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = 1 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(OSError, match="large"):
            file.append([TWO, MARK + b"x" * most])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == ONE + b"\n"
    file.append([THREE])
    assert path.read_bytes().splitlines() == [ONE, THREE]
