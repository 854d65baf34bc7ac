"""Which release this is: the version, and the commit that a package was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller import __version__
from controller import release as room


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("1a2b3c4d5e6f\n", f"{__version__} (1a2b3c4d5e6f)"),
        (None, __version__),
        ("", __version__),
        # Nothing else gets into a label or on a screen.
        ("two words", __version__),
        ("\x1b[31mred", __version__),
    ],
)
def test_o3_a_release_says_its_commit_where_that_is_known(
    kept: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept is not None:
        (tmp_path / "commit.txt").write_text(kept)
    monkeypatch.setattr(room, "files", lambda package: tmp_path)
    assert room.release() == said
