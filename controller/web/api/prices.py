"""The views over all rates of a list: find the one that counts, and CSV in and out (M2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Flask, Response, request

from controller.admin import rights
from controller.admin.model import Kind
from controller.admin.rates_csv import file_of
from controller.web.api import shown
from controller.web.api.files import Files, Imports
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import micros, query
from controller.web.api.records import Run, actor
from controller.web.api.resources import (
    FIND_RATE,
    FIND_RATE_PARAMETERS,
    RATES_EXPORT,
    RATES_IMPORT,
    above,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.directory import Directory


class RateViews:
    """Rates of a list, all together."""

    def __init__(self, directory: Directory, run: Run, imports: Imports, files: Files) -> None:
        self._directory = directory
        self._run = run
        self._imports = imports
        self._files = files

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, method, view in (
            ("find", FIND_RATE, "GET", self.find),
            ("import", RATES_IMPORT, "POST", self.take),
            ("export", RATES_EXPORT, "GET", self.give),
        ):
            app.add_url_rule(rule(path), f"rate.{name}", view, methods=[method])

    def find(self, **path: str) -> Response:
        """Say by which rate a call to a number is charged, and what it costs."""
        said = query(request, FIND_RATE_PARAMETERS)
        if "number" not in said:
            raise bad_parameter("number: is missing", "number")
        at = micros("at", said["at"]) if "at" in said else None
        name = above(Kind.RATE, path)
        found = self._run(self._directory.find_rate, actor(), name, said["number"], at=at)
        return shown.answer(shown.found_rate(found))

    def take(self, **path: str) -> Response:
        """Add and change rates by a file."""
        name, who = above(Kind.RATE, path), actor()

        def allowed() -> None:
            self._directory.get(who, Kind.PRICE_LIST, name)
            rights.may_make(who, Kind.RATE)

        return self._imports.take(
            who,
            allowed,
            lambda opened, dry_run: self._directory.import_rates(
                who, name, opened, dry_run=dry_run
            ),
        )

    def give(self, **path: str) -> Response:
        """Give all rates as a file that can be imported."""
        query(request, {})
        name, who = above(Kind.RATE, path), actor()

        def pieces() -> Iterator[str]:
            yield from file_of(self._directory.export_rates(who, name))

        return self._files.give(pieces(), f"rates-{name}.csv")
