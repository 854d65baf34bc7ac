"""Price lists: their rates, what counts for a number, and rates as files (M2)."""

from __future__ import annotations

import io
from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Flask, Response, current_app, make_response, render_template, request

from controller.admin import rights
from controller.admin.callers_csv import BETWEEN
from controller.admin.csv_lines import BadFile
from controller.admin.model import Invalid, Item, Kind
from controller.admin.rates_csv import COLUMNS, file_of
from controller.policy.moments import counted
from controller.web.api.files import MOST_CSV_BYTES, Files
from controller.web.api.turns import sender
from controller.web.pages import rows, uploads
from controller.web.pages.entering import actor
from controller.web.pages.fields import Wrong
from controller.web.pages.forms import Field, Section
from controller.web.pages.rates import rates_page
from controller.web.pages.records import Column, Filter, Look, RecordPages
from controller.web.pages.typed import beginning_of
from controller.web.pages.words import N_, _

#: So many bad lines of a file are told.
TOLD: Final = 100

PRICE_LISTS: Final = Look(
    kind=Kind.PRICE_LIST,
    path="/price-lists",
    one=N_("Price list"),
    many=N_("Price lists"),
    intro=N_(
        "What calls cost: accounts are charged by the rates of a list, and channels cost you what "
        "a list says."
    ),
    sections=(
        Section(
            name="list",
            title=N_("The list"),
            fields=(
                Field(
                    name="name", label=N_("Name"), help=N_("By which accounts and channels say it.")
                ),
                Field(
                    name="currency",
                    label=N_("Currency"),
                    help=N_(
                        "Three capitals, such as EUR; it stays while the list has rates or is used."
                    ),
                ),
                Field(name="description", label=N_("Description"), help=N_("For you.")),
            ),
        ),
    ),
    columns=(
        Column("name", N_("Name")),
        Column("currency", N_("Currency")),
        Column("description", N_("Description")),
    ),
    filters=(Filter("currency", N_("Currency")),),
    template="price_list.html",
)


class PriceListPages(RecordPages):
    """Their pages; the rates of a list are on its page (`/price-lists/of/retail?prefix=+49`)."""

    def register(self, app: Flask) -> None:
        """Add the views."""
        super().register(app)
        for endpoint, method, view in (
            ("find", "GET", self.find),
            ("export", "GET", self.give),
            ("import", "POST", self.take),
        ):
            path = f"/price-lists/{endpoint}/<name>"
            app.add_url_rule(path, f"price_list.{endpoint}", view, methods=[method])

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give its rates."""
        if item is None:
            return {}
        name, prefix = item.key, request.args.get("prefix", "").strip()
        shown = rates_page(self.desks, name, beginning_of(prefix))
        behind = urlencode({"price_list": name, "prefix": prefix, "after": shown.following})
        return {
            "rates": shown,
            "prefix": prefix,
            "more_rates": f"/price-lists/rates?{behind}" if shown.following else "",
            "currency": item.values["currency"],
            "may_import": self.may_remove(item),
            "quoted": quote(name),
            "rate_columns": COLUMNS,
            "most_bytes": MOST_CSV_BYTES,
        }

    def find(self, name: str) -> Response:
        """Say by which rate a call to a number is charged, and what it costs."""
        said, at = request.args.get("at", "").strip(), None
        try:
            if said:
                at = counted(rows.moment_of(said))
            number = BETWEEN.sub("", request.args.get("number", ""))
            found = self.desks.run(self.desks.directory.find_rate, actor(), name, number, at=at)
        except (Invalid, Wrong) as wrong:
            return make_response(render_template("_found_rate.html", found=None, error=str(wrong)))
        return make_response(render_template("_found_rate.html", found=found, error=""))

    def give(self, name: str) -> Response:
        """Give all rates as a file that can be imported."""
        rates = self.desks.run(self.desks.directory.export_rates, actor(), name)
        files = Files(self.desks.run, current_app.extensions["away"])
        return files.give(file_of(rates), f"rates-{name}.csv")

    def take(self, name: str) -> Response:
        """Add and change rates by a file, or say what it would do."""
        who, directory = actor(), self.desks.directory
        # What somebody may not send is not read.
        self._get(name)
        rights.may_make(who, Kind.RATE)
        dry_run = request.args.get("do") != "import"
        try:
            imports = self.desks.shares.imports
            with imports.body(sender(who)):
                data = uploads.read(MOST_CSV_BYTES)
                with imports.turn():
                    report = self.desks.run(
                        directory.import_rates, who, name, lambda: io.BytesIO(data), dry_run=dry_run
                    )
        except BadFile as error:
            return uploads.wrong(_("The file: %(why)s") % {"why": error})
        body = render_template(
            "_imported_rates.html",
            report=report,
            bad=report.bad[:TOLD],
            lines=len({one.line for one in report.bad}),
            dry_run=dry_run,
            back=f"{self.path_of(name)}?done=saved#rates",
        )
        return make_response(body, 422 if report.bad and not dry_run else 200)
