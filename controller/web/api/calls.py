"""The views over legs that are over (M7, O5): list, show, and give as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Response, request

from controller.admin.call_files import lines
from controller.admin.model import Invalid
from controller.web.api import shown
from controller.web.api.files import CSV, Files
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

#: As what JSON lines are given.
JSON_LINES: Final = "application/jsonl"
_TYPES: Final = {"csv": CSV, "jsonl": JSON_LINES}
#: Filters that are times.
_TIMES: Final = ("since", "until")


class CallViews:
    """Legs that are over."""

    def __init__(self, calls: CallRecords, run: Run, files: Files) -> None:
        self._calls = calls
        self._run = run
        self._files = files

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
        """Give all legs as a file."""
        said = query(request, {**CALL_FILTERS, "order": Order, "format": FileFormat})
        written_as = str(said.pop("format", "csv"))
        newest_first = said.pop("order", "oldest") == "newest"
        who = actor()
        pages = self._calls.each(who, _filters(said), newest_first=newest_first)
        pieces = lines(pages, written_as, operator=who.client is None)
        return self._files.give(pieces, f"calls.{written_as}", _TYPES[written_as])


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
