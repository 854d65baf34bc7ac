"""Files over HTTP: CSV that comes is imported as a whole or not at all; files go in pieces."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import structlog
from flask import Response, request

from controller.admin.csv_lines import BadFile, Report
from controller.admin.model import AdminError
from controller.web.api import shown
from controller.web.api.problems import Refusal, malformed
from controller.web.api.reading import query, upload
from controller.web.api.turns import sender

if TYPE_CHECKING:
    from controller.admin.model import Actor
    from controller.web.api.records import Run
    from controller.web.api.turns import Turns

log: Any = structlog.get_logger("api")

#: As what a file is sent, and given.
CSV: Final = "text/csv"
#: The largest file that is read, bytes: some hundred thousand rates.
MOST_CSV_BYTES: Final = 32 << 20


class Imports:
    """Takes files, one at a time."""

    def __init__(self, run: Run, turns: Turns) -> None:
        self._run = run
        self._turns = turns

    def take(
        self,
        who: Actor,
        allowed: Callable[[], object],
        load: Callable[[Callable[[], BinaryIO], bool], Report],
    ) -> Response:
        """Import the file that the request has; `load` does it, of what opens it and `dry_run`.

        `allowed` raises where somebody may not: what he sends is not read then.
        """
        dry_run = bool(query(request, {"dry_run": bool}).get("dry_run", False))
        self._run(allowed)
        try:
            with self._turns.body(sender(who)):
                data = upload(request, MOST_CSV_BYTES, CSV)
                with self._turns.turn():
                    report = self._run(load, lambda: io.BytesIO(data), dry_run)
        except BadFile as error:
            raise malformed(f"the file {error}") from error
        if report.bad and not dry_run:
            lines = len({found.line for found in report.bad})
            some = f"{lines} lines are" if lines > 1 else "1 line is"
            raise Refusal(422, f"{some} bad, and nothing was written", name="lines", bad=report.bad)
        return shown.answer(shown.imported(report, dry_run=dry_run))


class Files:
    """Gives files piece by piece: how long one is nobody knows before, nor is it in memory.

    `away`: the errors that mean that the database cannot be reached.
    """

    def __init__(self, run: Run, away: tuple[type[Exception], ...]) -> None:
        self._run = run
        self._broken: tuple[type[Exception], ...] = (*away, AdminError)

    def give(self, pieces: Iterator[str], name: str, type_: str = CSV) -> Response:
        """Give what `pieces` gives, each of which blocks; `name` is what it is to be called."""
        # The first page is read before anything is answered: where that fails, so does the request.
        first = [piece for piece in (self._next(pieces), self._next(pieces)) if piece is not None]
        return Response(
            self._rest(first, pieces),
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
            content_type=f"{type_}; charset=utf-8",
        )

    def _next(self, pieces: Iterator[str]) -> bytes | None:
        # A thread cannot give StopIteration.
        piece = self._run(next, pieces, None)
        return None if piece is None else piece.encode()

    def _rest(self, first: Sequence[bytes], pieces: Iterator[str]) -> Iterator[bytes]:
        yield from first
        try:
            while (piece := self._next(pieces)) is not None:
                yield piece
        except self._broken as error:
            # The connection breaks in the middle, so that nobody takes it for the whole.
            log.warning("export_broken", error=type(error).__name__)
            raise ConnectionAbortedError("the file cannot be given to its end") from error
