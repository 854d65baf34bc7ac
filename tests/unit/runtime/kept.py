"""What is in the database, and which of its moves no history of faults excuses."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from controller.guard.often import REASONS
from controller.store.schema import LIVE_STATES

FINAL: Final = ("done", "refused")
MAY_FOLLOW: Final = {
    "pending": {"pending", "calling", "done"},
    "calling": {"calling", "pending", "answered", "done"},
    "answered": {"answered", "done"},
    "done": {"done"},
    "refused": {"refused"},
}
#: How a request may end that is not being called; or as its last try did.
UNCALLED: Final = ("cancelled", "stopped", "expired", *REASONS)


class Row(msgspec.Struct, frozen=True):
    """A request, as it is stored."""

    id: str
    extension: str
    number: str
    state: str
    outcome: str | None
    cause: str | None
    attempt: str | None
    attempts: int
    due: int
    expires: int
    ended: int | None
    lease_until: int | None

    @property
    def live(self) -> bool:
        """Whether somebody's telephone may be ringing for it."""
        return self.state in LIVE_STATES


class Try(msgspec.Struct, frozen=True):
    """An attempt, as it is stored."""

    id: str
    request: str
    node: str
    core: str
    begun: int
    ended: int | None
    outcome: str | None
    counts: int | None
    extension: str


_ROWS: Final = f"SELECT {', '.join(Row.__struct_fields__)} FROM callback_request"
_TRIES: Final = f"SELECT {', '.join(Try.__struct_fields__)} FROM callback_attempt"


class Kept:
    """Reads the database past everybody, whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._version = -1
        self.rows: dict[str, Row] = {}
        self.tries: dict[str, Try] = {}

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def read(self) -> list[tuple[Row | None, Row]]:
        """Give the requests that changed, as they were and are."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return []
        self._version = version
        before = self.rows
        self.rows = {row[0]: Row(*row) for row in self._connection.execute(_ROWS)}
        self.tries = {row[0]: Try(*row) for row in self._connection.execute(_TRIES)}
        for id_ in before:
            assert id_ in self.rows, "no request is removed"
        return [(before.get(id_), row) for id_, row in self.rows.items() if before.get(id_) != row]

    def check(self) -> None:
        """Check what holds at any time."""
        for row in self.rows.values():
            under_way = [t.id for t in self.tries.values() if t.request == row.id and not t.ended]
            assert under_way == ([row.attempt] if row.live else []), "T6: one attempt at a time"
            assert (row.state in FINAL) == (row.ended is not None)


def check_move(before: Row, after: Row) -> None:
    """Check what holds of each change of a request, whoever makes it."""
    assert after.state in MAY_FOLLOW[before.state], f"{before.state} -> {after.state}"
    if before.state in FINAL:
        assert before == after, "what has ended stays as it ended"
    if before.state == "pending" and after.state == "done":
        outcome = after.outcome
        assert outcome in UNCALLED or outcome == before.outcome, f"pending -> {outcome}"
