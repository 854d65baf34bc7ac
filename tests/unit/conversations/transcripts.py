"""Writes the transcripts of a few conversations: `python -m tests.unit.conversations.transcripts`.

They are what an operator sees of a call, so they are kept as text, and a change to them is looked
at like any other.
"""

from __future__ import annotations

from pathlib import Path

from .playing import played

GOLDEN = Path(__file__).with_name("golden")
#: Of which conversations; what is kept of them shows every kind of line.
KEPT = (
    "a1-sound-stops",
    "a5-all-in-one-go",
    "a5-his-credit-language-speed-dials",
    "c2-again-after-each-conversation",
    "d1-over-after-wrong-numbers",
    "d4-double-star",
    "end-hang-up-lost",
    "far-three-in-a-row",
    "o4-breaks-everywhere",
    "t9-password-before-1",
)


def transcript(row_id: str) -> str:
    """Give the transcript of a conversation, with seconds since the call was answered."""
    lines = [f"{at:6.1f} {line.what} {line.text}\n" for at, line in played(row_id).transcript]
    return "".join(lines)


def main() -> None:
    """Write them all."""
    GOLDEN.mkdir(exist_ok=True)
    for row_id in KEPT:
        (GOLDEN / f"{row_id}.txt").write_text(transcript(row_id), encoding="utf-8")


if __name__ == "__main__":
    main()
