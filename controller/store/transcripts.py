"""Transcripts of return calls: lines are added, and nothing else happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.prepared import Prepared
from controller.store.schema_callbacks import callback_transcript as lines

#: The longest text of a line; more is cut.
LONGEST: Final = 300


class TranscriptLine(msgspec.Struct, frozen=True):
    """One line; `at` is microseconds since 1970, `what` is `said`, `typed`, `decided` and so on.

    `line` tells apart those of one moment; `leg` is the return leg's uuid.
    """

    request: str
    at: int
    line: int
    leg: str
    what: str
    text: str


_FIELDS: Final = [lines.c[name] for name in TranscriptLine.__struct_fields__]


class Transcripts:
    """Keeps transcripts. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        database = postgresql if engine.dialect.name == "postgresql" else sqlite
        values: dict[str, Any] = {
            name: bindparam(name) for name in TranscriptLine.__struct_fields__
        }
        self._add = Prepared(database.insert(lines).values(values).on_conflict_do_nothing())

    def add(self, more: Sequence[TranscriptLine]) -> None:
        """Add lines; one that is there already stays as it is."""
        if not more:
            return
        rows = [
            msgspec.structs.asdict(msgspec.structs.replace(line, text=line.text[:LONGEST]))
            for line in more
        ]
        with self._engine.begin() as connection:
            self._add.change_each(connection, rows)


def transcript(connection: Connection, request: str) -> list[TranscriptLine]:
    """Give the transcript of a request, in order."""
    rows = connection.execute(
        select(*_FIELDS).where(lines.c.request == request).order_by(lines.c.at, lines.c.line)
    ).all()
    return [TranscriptLine(*row) for row in rows]
