"""The views over callbacks: list, ask, show, cancel (T10, T11); and those over stops (O6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from flask import Flask, Response, request

from controller.admin.callback_shapes import Callback, State, StopScope
from controller.admin.model import Invalid, NotFound
from controller.web.api import shown
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import JSON, body, keyed, micros, query
from controller.web.api.records import USUAL_ITEMS, Run, actor, next_link
from controller.web.api.resources import (
    BASE,
    CALLBACK,
    CALLBACK_FILTERS,
    CALLBACKS,
    EVERYWHERE,
    STOP,
    STOP_PATH,
    STOPS,
    Cursor,
    Limit,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.callbacks import Callbacks
    from controller.admin.stopping import Stopping

#: Filters that are times.
_TIMES: Final = ("since", "until")


class CallbackViews:
    """Callbacks. `on_callback` is told when one is due that was asked for, seconds since 1970."""

    def __init__(
        self, callbacks: Callbacks, run: Run, on_callback: Callable[[float], None]
    ) -> None:
        self._callbacks = callbacks
        self._run = run
        self._on_callback = on_callback

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, method, view in (
            ("list", CALLBACKS, "GET", self.list),
            ("ask", CALLBACKS, "POST", self.ask),
            ("get", CALLBACK, "GET", self.get),
            ("cancel", CALLBACK, "DELETE", self.cancel),
        ):
            app.add_url_rule(rule(path), f"callback.{name}", view, methods=[method])

    def list(self) -> Response:
        """Give a page of callbacks, the newest first."""
        said = query(request, {**CALLBACK_FILTERS, "after": Cursor, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        filters = {
            name: micros(name, value) if name in _TIMES else str(value)
            for name, value in said.items()
        }
        try:
            page = self._run(self._callbacks.list, actor(), filters, after=after, limit=limit)
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        items = [shown.callback(found) for found in page.items]
        return shown.answer({"items": items, "next": page.next}, headers=next_link(page.next))

    def ask(self) -> Response:
        """Ask for a callback; with the same key again it is the same one."""
        query(request, {})
        values = keyed(request)
        given = self._run(self._callbacks.ask, actor(), values)
        found: Callback = given.callback
        if found.state is State.PENDING:
            self._on_callback(found.due / 1_000_000)
        place = f"{BASE}{CALLBACK.format(id=found.id)}"
        return shown.answer(shown.callback(found), 201 if given.new else 200, {"Location": place})

    def get(self, id: str) -> Response:  # noqa: A002  (a part of the path)
        """Give a callback with its tries, whom it called and its transcript."""
        query(request, {})
        return shown.answer(shown.callback(self._run(self._callbacks.get, actor(), id)))

    def cancel(self, id: str) -> Response:  # noqa: A002
        """Cancel a callback that is still to be made."""
        query(request, {})
        self._run(self._callbacks.cancel, actor(), id)
        return Response(status=204)


class StopViews:
    """Stops."""

    def __init__(self, stopping: Stopping, run: Run) -> None:
        self._stopping = stopping
        self._run = run

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, method, view in (
            ("list", STOPS, "GET", self.list),
            ("put_everywhere", EVERYWHERE, "PUT", self.put),
            ("remove_everywhere", EVERYWHERE, "DELETE", self.remove),
            ("put", STOP, "PUT", self.put),
            ("remove", STOP, "DELETE", self.remove),
        ):
            app.add_url_rule(rule(path), f"stop.{name}", view, methods=[method])

    def list(self) -> Response:
        """Give all that is stopped."""
        query(request, {})
        stops = self._run(self._stopping.stops, actor())
        return shown.answer({"items": [shown.stop(stop) for stop in stops], "next": None})

    def put(self, **path: str) -> Response:
        """Stop callbacks."""
        query(request, {})
        scope, name = _stopped(path)
        values = body(request, JSON)
        stop, new = self._run(self._stopping.put, actor(), scope, name, values)
        return shown.answer(shown.stop(stop), 201 if new else 200)

    def remove(self, **path: str) -> Response:
        """Let callbacks be made again."""
        query(request, {})
        scope, name = _stopped(path)
        self._run(self._stopping.resume, actor(), scope, name)
        return Response(status=204)


def _stopped(path: dict[str, Any]) -> tuple[StopScope, str]:
    """Give what a path says is stopped. Raises `NotFound` for what can be nothing."""
    for name, value in path.items():
        try:
            msgspec.convert(value, STOP_PATH[name])
        except msgspec.ValidationError:
            raise NotFound("there is nothing of that name to stop") from None
    if not path:
        return StopScope.EVERYWHERE, ""
    return StopScope(path["scope"]), path["name"]
