"""Authorised CallerIDs as files: given as CSV, and taken, tried first and then done."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Final

from flask import Flask, Response, current_app, make_response, render_template, request

from controller.admin import rights
from controller.admin.callers_csv import COLUMNS, EXTENSION
from controller.admin.csv_lines import BadFile
from controller.admin.model import Conflict, Kind
from controller.web.api.files import Files
from controller.web.api.turns import sender
from controller.web.pages.application import large_view
from controller.web.pages.callerids import PATH, asked
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import _

#: The largest file that is taken, bytes: some ten thousand numbers.
MOST_CSV_BYTES: Final = 8 << 20
#: So many of its bad lines are shown.
MOST_BAD: Final = 200


class CallerIdFiles:
    """The views of files. One is taken at a time: each takes memory and a thread for seconds."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        app.add_url_rule(f"{PATH}/export", "callerid.export", self.give)
        app.add_url_rule(f"{PATH}/import", "callerid.import", self.ask)
        app.add_url_rule(f"{PATH}/import", "callerid.take", self.take, methods=["POST"])
        large_view(app, "callerid.take", MOST_CSV_BYTES)

    def give(self) -> Response:
        """Give those that match a filter as a file."""
        directory, filters = self._desks.directory, asked(request.args)
        # What cannot be asked for is said before a file is begun.
        self._desks.run(directory.count_callers, actor(), filters)
        pieces = directory.export_callers(actor(), filters)
        files = Files(self._desks.run, current_app.extensions["away"])
        return files.give(pieces, "callerids.csv")

    def ask(self) -> Response:
        """Show the form."""
        rights.may_make(actor(), Kind.CALLERID)
        return self._page(200, extension=request.args.get("extension", ""))

    def take(self) -> Response:
        """Say what a file would do; or do it, where it is the one that was tried."""
        rights.may_make(actor(), Kind.CALLERID)
        with self._desks.shares.imports.body(sender(actor())):
            return self._take(request.form.get("extension", "").strip())

    def _take(self, extension: str) -> Response:
        sent = request.files.get("file")
        data = b"" if sent is None else sent.stream.read()
        if not data:
            return self._page(422, extension, wrong=_("Choose a file that has something in it."))
        # Of the same file for the same extension nothing else is done than what was shown.
        tried = sha256(extension.encode() + b"\0" + data).hexdigest()
        dry_run = request.form.get("do") != "import"
        if not dry_run and request.form.get("tried") != tried:
            return self._page(409, extension, wrong=_("This is not what was tried; try it first."))
        try:
            with self._desks.shares.imports.turn():
                report, planned = self._desks.run(
                    self._desks.directory.import_callers,
                    actor(),
                    lambda: io.BytesIO(data),
                    extension=extension,
                    dry_run=dry_run,
                )
        except BadFile as wrong:
            return self._page(422, extension, wrong=_("The file %(why)s") % {"why": wrong})
        except Conflict as wrong:
            return self._page(409, extension, wrong=str(wrong))
        return self._page(
            422 if report.bad else 200,
            extension,
            report=report,
            bad=report.bad[:MOST_BAD],
            bad_lines=len({one.line for one in report.bad}),
            planned=planned,
            dry_run=dry_run,
            tried=tried,
        )

    def _page(self, status: int, extension: str, **values: object) -> Response:
        """Give the page; of a form that htmx sent, the part that says what came of it."""
        part = "HX-Request" in request.headers
        body = render_template(
            "_callerids_report.html" if part else "callerids_import.html",
            extension=extension,
            columns=(EXTENSION, *COLUMNS),
            most=MOST_CSV_BYTES >> 20,
            **values,
        )
        # htmx shows nothing of what it takes for a failure.
        return make_response(body, 200 if part else status)
