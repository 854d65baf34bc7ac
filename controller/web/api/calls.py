"""The views over legs that are over (M7, O5): list, show, and give as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from flask import Flask, Response, request

from controller.admin.call_files import lines
from controller.admin.model import Invalid
from controller.web.api import shown
from controller.web.api.files import CSV
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import micros, query
from controller.web.api.records import USUAL_ITEMS, Run, actor, next_link
from controller.web.api.resources import (
    CALL,
    CALL_FILTERS,
    CALLS,
    CALLS_EXPORT,
    Cursor,
    FileFormat,
    Limit,
    Order,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.call_records import CallRecords

log: Any = structlog.get_logger("api")

#: As what JSON lines are given.
JSON_LINES: Final = "application/jsonl"
_TYPES: Final = {"csv": CSV, "jsonl": JSON_LINES}
#: Filters that are times.
_TIMES: Final = ("since", "until")


class CallViews:
    """Legs that are over. `away`: the errors that mean that the database cannot be reached."""

    def __init__(self, calls: CallRecords, run: Run, away: tuple[type[Exception], ...]) -> None:
        self._calls = calls
        self._run = run
        self._away = away

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, view in (
            ("list", CALLS, self.list),
            ("export", CALLS_EXPORT, self.give),
            ("get", CALL, self.get),
        ):
            app.add_url_rule(rule(path), f"call.{name}", view, methods=["GET"])

    def list(self) -> Response:
        """Give a page of legs."""
        said = query(request, {**CALL_FILTERS, "order": Order, "after": Cursor, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        newest_first = said.pop("order", "newest") == "newest"
        try:
            page = self._run(
                self._calls.list,
                actor(),
                _filters(said),
                after=after,
                limit=limit,
                newest_first=newest_first,
            )
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        items = [shown.call(found) for found in page.items]
        return shown.answer({"items": items, "next": page.next}, headers=next_link(page.next))

    def get(self, leg: str) -> Response:
        """Give a leg."""
        query(request, {})
        return shown.answer(shown.call(self._run(self._calls.get, actor(), leg)))

    def give(self) -> Response:
        """Give all legs as a file, piece by piece: how long it is nobody knows before."""
        said = query(request, {**CALL_FILTERS, "order": Order, "format": FileFormat})
        written_as = str(said.pop("format", "csv"))
        newest_first = said.pop("order", "oldest") == "newest"
        who = actor()
        pages = self._calls.each(who, _filters(said), newest_first=newest_first)
        pieces = lines(pages, written_as, operator=who.client is None)
        # The first page is read before anything is answered: where that fails, so does the request.
        first = [piece for piece in (self._next(pieces), self._next(pieces)) if piece is not None]
        return Response(
            self._rest(first, pieces),
            headers={"Content-Disposition": f'attachment; filename="calls.{written_as}"'},
            content_type=f"{_TYPES[written_as]}; charset=utf-8",
        )

    def _next(self, pieces: Iterator[str]) -> bytes | None:
        # It blocks while it reads. A thread cannot give StopIteration.
        piece = self._run(next, pieces, None)
        return None if piece is None else piece.encode()

    def _rest(self, first: Sequence[bytes], pieces: Iterator[str]) -> Iterator[bytes]:
        yield from first
        try:
            while (piece := self._next(pieces)) is not None:
                yield piece
        except self._away as error:
            # The connection breaks in the middle, so that nobody takes it for the whole.
            log.warning("export_broken", error=type(error).__name__)
            raise ConnectionAbortedError("the database is away") from error


def _filters(said: dict[str, Any]) -> dict[str, str | int | bool]:
    """Give what is filtered by, as `CallRecords` has it."""
    return {
        name: micros(name, value)
        if name in _TIMES
        else value
        if isinstance(value, bool)
        else str(value)
        for name, value in said.items()
    }
