"""The views over switches and controllers: list, drain, resume (O4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, request

from controller.admin.model import NotFound
from controller.web.api import shown
from controller.web.api.reading import JSON, body, query
from controller.web.api.records import Run, actor
from controller.web.api.resources import CONTROLLERS, NODE, NODES, NodeName, rule

if TYPE_CHECKING:
    from controller.admin.nodes import NodeDesk


class NodeViews:
    """Switches, and controllers."""

    def __init__(self, desk: NodeDesk, run: Run) -> None:
        self._desk = desk
        self._run = run

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, method, view in (
            ("list", NODES, "GET", self.list),
            ("drain", NODE, "PUT", self.drain),
            ("resume", NODE, "DELETE", self.resume),
            ("controllers", CONTROLLERS, "GET", self.controllers),
        ):
            app.add_url_rule(rule(path), f"node.{name}", view, methods=[method])

    def list(self) -> Response:
        """Give all nodes."""
        query(request, {})
        nodes = self._run(self._desk.nodes, actor(), self._desk.known())
        return shown.answer({"items": [shown.node(one) for one in nodes], "next": None})

    def drain(self, name: str) -> Response:
        """Have a node get no new calls."""
        query(request, {})
        _check(name)
        values = body(request, JSON)
        node, new = self._run(self._desk.drain, actor(), name, values, self._desk.known())
        return shown.answer(shown.node(node), 201 if new else 200)

    def resume(self, name: str) -> Response:
        """Let a node get calls again."""
        query(request, {})
        _check(name)
        self._run(self._desk.resume, actor(), name, self._desk.known())
        return Response(status=204)

    def controllers(self) -> Response:
        """Give all controllers."""
        query(request, {})
        items = [shown.controller(one) for one in self._desk.controllers(actor())]
        return shown.answer({"items": items, "next": None})


def _check(name: str) -> None:
    """Check what a path names. Raises `NotFound` for what can be no node."""
    try:
        msgspec.convert(name, NodeName)
    except msgspec.ValidationError:
        raise NotFound("there is no such node") from None
