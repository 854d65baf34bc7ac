"""What an operator sees of a call: the transcripts of a few, word for word."""

from __future__ import annotations

import pytest

from .playing import played
from .transcripts import GOLDEN, KEPT, transcript


@pytest.mark.parametrize("row_id", KEPT)
def test_a_transcript_is_what_it_was(row_id: str) -> None:
    kept = (GOLDEN / f"{row_id}.txt").read_text(encoding="utf-8")
    assert transcript(row_id) == kept, "write it: python -m tests.unit.conversations.transcripts"


def test_each_transcript_that_is_kept_is_looked_at() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(KEPT)


def test_they_show_every_kind_of_line() -> None:
    kinds = {line.what for row_id in KEPT for _, line in played(row_id).transcript}
    assert kinds == {"said", "typed", "decided", "called", "ended"}
