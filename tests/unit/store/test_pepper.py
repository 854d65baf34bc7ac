"""A4: one pepper for a database, whichever host reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.store.pepper import open_pepper


def test_a4_it_is_made_once_and_the_same_for_all(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    made = open_pepper(engine, path)
    assert open_pepper(engine, path) == made == path.read_bytes()
    copied = tmp_path / "copied"
    copied.write_bytes(made)
    assert open_pepper(engine, copied) == made


def test_a4_a_second_host_makes_none_of_its_own(engine: Engine, tmp_path: Path) -> None:
    """Else a password would be right on one host and wrong on the other."""
    open_pepper(engine, tmp_path / "first")
    second = tmp_path / "second"
    with pytest.raises(ValueError, match="copy it from another host"):
        open_pepper(engine, second)
    assert not second.exists()


def test_a4_another_pepper_is_refused(engine: Engine, tmp_path: Path) -> None:
    open_pepper(engine, tmp_path / "first")
    other = tmp_path / "other"
    other.write_bytes(b"x" * 32)
    with pytest.raises(ValueError, match="is not the pepper"):
        open_pepper(engine, other)
