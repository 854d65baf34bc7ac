"""The views that say why (I9): what a destination would see, how it is called, who is called back.

Nothing is dialled and nothing is written by them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from controller.admin.model import Invalid
from controller.web.api import shown
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import micros, query
from controller.web.api.records import actor
from controller.web.api.resources import EXPLAIN, EXPLAIN_PARAMETERS, rule

if TYPE_CHECKING:
    from controller.admin.explaining import Explaining


class ExplainViews:
    """Explanations. They are asked for here: what blocks of it runs in a thread by itself."""

    def __init__(self, explaining: Explaining) -> None:
        self._explaining = explaining

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        views = {"callerid": self.callerid, "route": self.route, "callback": self.callback}
        for name, path in EXPLAIN.items():
            app.add_url_rule(rule(path), f"explain.{name}", views[name], methods=["GET"])

    def callerid(self) -> Response:
        """Say what a destination would see."""
        return _answer("callerid", self._explaining.callerid)

    def route(self) -> Response:
        """Say over which channels a destination would be called."""
        return _answer("route", self._explaining.route)

    def callback(self) -> Response:
        """Say whether a trigger call would be called back."""
        return _answer("callback", self._explaining.callback)


def _answer(name: str, explain: Callable[..., Any]) -> Response:
    wanted = EXPLAIN_PARAMETERS[name]
    said = query(request, {field: type_ for field, (type_, _) in wanted.items()})
    for field, (_, needed) in wanted.items():
        if needed and field not in said:
            raise bad_parameter(f"{field}: is missing", field)
    if "at" in said:
        said["at"] = micros("at", said["at"])
    try:
        return shown.answer(shown.explained(explain(actor(), **said)))
    except Invalid as error:
        raise bad_parameter(str(error), error.field) from error
