"""The drawn page is that of the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.callback import diagram

PAGE = Path(__file__).parents[3] / "docs" / "states.md"


def test_the_page_of_the_docs_is_drawn_from_the_tables() -> None:
    if PAGE.read_text(encoding="utf-8") != diagram.page():
        pytest.fail("docs/states.md is older than the tables: run make diagrams")


def test_the_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    diagram.main(str(tmp_path / "states.md"))
    assert (tmp_path / "states.md").read_text(encoding="utf-8") == diagram.page()
