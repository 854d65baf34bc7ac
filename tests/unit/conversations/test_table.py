"""Every conversation of the table, as its caller has it."""

from __future__ import annotations

import pytest

from .language import Row
from .playing import played, rows

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in rows()])


@each_row
def test_the_caller_hears_what_the_table_says_and_the_call_ends_so(row: Row) -> None:
    got = played(row.id)
    # Sentence by sentence first: whoever reads a failure sees the first that differs.
    assert got.hears == row.hears, f"{row.where}: {row.title}"
    assert got.calls == row.calls
    assert got.record.outcome == row.ends
    assert got.record.destination == (row.calls[-1] if row.calls else got.record.destination)
    assert got.speaks == row.speaks
    assert row.shortest <= got.lasts <= row.longest


@each_row
def test_a4_no_password_shows_in_the_transcript_nor_in_a_session_an_event_or_a_stage(
    row: Row,
) -> None:
    got = played(row.id)
    lines = [line.text for _, line in got.transcript]
    # Key by key would be as bad.
    typed = "".join(line.text for _, line in got.transcript if line.what == "typed")
    for secret in got.secrets:
        if len(secret) >= 4:
            assert not [text for text in (*lines, typed, *got.shown) if secret in text]
