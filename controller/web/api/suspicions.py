"""The views over what looks like fraud: list and release (G3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, request

from controller.admin.model import Invalid, NotFound
from controller.web.api import shown
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import query
from controller.web.api.records import USUAL_ITEMS, Run, actor, next_link
from controller.web.api.resources import (
    SUSPICION,
    SUSPICION_FILTERS,
    SUSPICIONS,
    Cursor,
    Limit,
    SuspicionId,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.suspicions import Suspecting


class SuspicionViews:
    """Suspicions."""

    def __init__(self, suspecting: Suspecting, run: Run) -> None:
        self._suspecting = suspecting
        self._run = run

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        app.add_url_rule(rule(SUSPICIONS), "suspicion.list", self.list, methods=["GET"])
        app.add_url_rule(rule(SUSPICION), "suspicion.release", self.release, methods=["DELETE"])

    def list(self) -> Response:
        """Give a page of suspicions, the newest first."""
        said = query(request, {**SUSPICION_FILTERS, "after": Cursor, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        filters = {
            name: value if isinstance(value, bool) else str(value) for name, value in said.items()
        }
        try:
            page = self._run(self._suspecting.list, actor(), filters, after=after, limit=limit)
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        items = [shown.suspicion(found) for found in page.items]
        return shown.answer({"items": items, "next": page.next}, headers=next_link(page.next))

    def release(self, id: str) -> Response:  # noqa: A002  (a part of the path)
        """Release a suspicion; it stays in the list."""
        query(request, {})
        try:
            msgspec.convert(id, SuspicionId)
        except msgspec.ValidationError:
            raise NotFound("there is no such suspicion") from None
        self._run(self._suspecting.release, actor(), int(id))
        return Response(status=204)
