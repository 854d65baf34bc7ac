"""The views over what is kept about one person: export and erase (O7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from flask import Flask, Response, request

from controller.admin.model import NotFound, Unavailable
from controller.policy.fields import Number
from controller.web.api import shown
from controller.web.api.reading import query
from controller.web.api.records import actor
from controller.web.api.resources import PERSON, PERSON_ERASED, rule

if TYPE_CHECKING:
    from controller.admin.persons import PersonDesk


class PersonViews:
    """Persons, by their numbers. Their desk is called here: it runs itself what blocks."""

    def __init__(self, desk: PersonDesk) -> None:
        self._desk = desk

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        app.add_url_rule(rule(PERSON), "person.export", self.export, methods=["GET"])
        app.add_url_rule(rule(PERSON), "person.erase", self.erase, methods=["DELETE"])

    def export(self, number: str) -> Response:
        """Give all that is kept about a number."""
        query(request, {})
        _check(number)
        found = self._desk.export(actor(), number)
        if not found.records and found.counted is None:
            raise Unavailable("Redis is away, and it is not known what is counted there")
        if not found.records and not found.counted:
            raise NotFound("nothing is kept about that number")
        return shown.answer(msgspec.to_builtins(found))

    def erase(self, number: str) -> Response:
        """Erase what is kept about a number."""
        said = query(request, PERSON_ERASED)
        _check(number)
        with_callerid = said.get("with_callerid", False) is True
        done = self._desk.erase(actor(), number, with_callerid=with_callerid)
        return shown.answer(msgspec.to_builtins(done))


def _check(number: str) -> None:
    """Check what a path names. Raises `NotFound` for what can be no number."""
    try:
        msgspec.convert(number, Number)
    except msgspec.ValidationError:
        raise NotFound("nothing is kept about that number") from None
