"""The views over lock-outs of wrong passwords: list and release (A3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Flask, Response, request

from controller.admin.model import Invalid, NotFound
from controller.guard.locking import LockKind, Target
from controller.web.api import shown
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import query
from controller.web.api.records import USUAL_ITEMS, actor, next_link
from controller.web.api.resources import (
    LOCKOUT_FILTERS,
    LOCKOUT_PATHS,
    LOCKOUTS,
    Cursor,
    Limit,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.lockouts import LockoutDesk


class LockoutViews:
    """Lock-outs. Their desk is called here: it runs in a thread itself what blocks."""

    def __init__(self, desk: LockoutDesk) -> None:
        self._desk = desk

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        app.add_url_rule(rule(LOCKOUTS), "lockout.list", self.list, methods=["GET"])
        for kind, (path, _) in LOCKOUT_PATHS.items():
            app.add_url_rule(
                rule(path),
                f"lockout.release_{kind.value}",
                partial(self.release, kind),
                methods=["DELETE"],
            )

    def list(self) -> Response:
        """Give a page of what is locked, and of what counts towards a lock."""
        said = query(request, {**LOCKOUT_FILTERS, "after": Cursor, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        filters = {
            name: value if isinstance(value, bool) else str(value) for name, value in said.items()
        }
        try:
            page = self._desk.list(actor(), filters, after=after, limit=limit)
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        made = {
            "items": [shown.lockout(found) for found in page.items],
            "next": page.next,
            "everywhere": page.everywhere,
        }
        return shown.answer(made, headers=next_link(page.next))

    def release(self, kind: LockKind, **path: str) -> Response:
        """Release a lock, and forget what was counted."""
        query(request, {})
        self._desk.release(actor(), _target(kind, path))
        return Response(status=204)


def _target(kind: LockKind, path: dict[str, Any]) -> Target:
    """Give what a path names. Raises `NotFound` for what can be nothing."""
    for name, wanted in LOCKOUT_PATHS[kind][1].items():
        try:
            msgspec.convert(path[name], wanted)
        except msgspec.ValidationError:
            raise NotFound(f"there is no such {kind.value}") from None
    return Target(kind, **path)
