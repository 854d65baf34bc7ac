"""Figures: callbacks, how many were answered, what was spent, why some were refused (O2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import msgspec
from flask import Flask, render_template, request

from controller.admin.figures import SPANS, Ended, FiguresShown, Spending
from controller.admin.model import Invalid
from controller.web.pages import shown
from controller.web.pages.charts import Chart, Series, columns, line, shares
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.outcomes import said
from controller.web.pages.words import N_, _

#: The times that there are, with their words.
TIMES: Final[dict[str, str]] = {
    "day": N_("the last day, by hour"),
    "week": N_("the last week, by day"),
    "week_hours": N_("the last week, by hour"),
    "month": N_("the last month, by day"),
}
_DAY: Final = 24 * 3_600 * 1_000_000


class Lying(msgspec.Struct, frozen=True):
    """Bars that lie: for a reason how many, how wide, and where those are; empty: nowhere."""

    rows: tuple[tuple[str, int, float, str], ...]


class FigurePages:
    """The page of figures."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        app.add_url_rule("/figures", "figures", self.show)

    def show(self) -> str:
        """Show the figures of a time."""
        who = actor()
        asked = {name: request.args.get(name, "").strip() for name in ("extension", "client")}
        over = request.args.get("over", "day")
        error = ""
        if over not in SPANS:
            over = "day"
        if who.client is not None:
            asked["client"] = ""
        wanted = {name: text or None for name, text in asked.items()}
        turns = self._desks.shares.figures
        # Of very many calls it takes a thread for seconds; no client has more than one in the line.
        with turns.body(who.client or ""), turns.turn():
            try:
                found = self._desks.run(self._desks.figures.over, who, over, **wanted)
            except Invalid as wrong:
                error, asked = str(wrong), dict.fromkeys(asked, "")
                found = self._desks.run(self._desks.figures.over, who, over)
        return render_template(
            "figures.html",
            found=found,
            over=over,
            times=[(name, _(label)) for name, label in TIMES.items()],
            asked=asked,
            error=error,
            operator=who.client is None,
            callbacks=callbacks_chart(found),
            answered=answered_chart(found),
            spending=[(one, spending_chart(found, one)) for one in found.spending],
            refused=lying(found, found.refused, "refused", asked),
            ended=lying(found, found.ended, "done", asked),
            totals=totals(found),
        )


class Totals(msgspec.Struct, frozen=True):
    """What there was in all. `ratio`: percent of return calls that were answered, or None."""

    asked: int
    refused: int
    called: int
    answered: int
    talked: int
    seconds: int
    ratio: float | None


def totals(found: FiguresShown) -> Totals:
    """Give what there was in all."""
    sums = {
        name: sum(getattr(part, name) for part in found.parts)
        for name in ("asked", "refused", "called", "answered", "talked", "seconds")
    }
    ratio = 100 * sums["answered"] / sums["called"] if sums["called"] else None
    return Totals(**sums, ratio=ratio)


def labels(found: FiguresShown) -> tuple[str, ...]:
    """Give what each part of the time is called: its day, and its hour where parts are hours."""
    written = "%m-%d %H:%M" if len(found.parts) > 31 else "%H:%M"
    if found.step >= _DAY:
        written = "%m-%d"
    return tuple(
        datetime.fromtimestamp(part.begun / 1_000_000, UTC).strftime(written)
        for part in found.parts
    )


def callbacks_chart(found: FiguresShown) -> Chart:
    """Give the chart of callbacks: those that were to be made, and those that were refused."""
    return columns(
        labels(found),
        [
            Series(_("callbacks"), tuple(part.asked - part.refused for part in found.parts)),
            Series(_("refused"), tuple(part.refused for part in found.parts)),
        ],
        count,
    )


def answered_chart(found: FiguresShown) -> Chart:
    """Give the chart of how many return calls were answered, percent."""
    values = tuple(
        100 * part.answered / part.called if part.called else None for part in found.parts
    )
    return line(labels(found), Series(_("answered"), values), percent, top=100)


def spending_chart(found: FiguresShown, one: Spending) -> Chart:
    """Give the chart of what was charged in a currency."""
    return columns(
        labels(found),
        [Series(_("charged"), tuple(one.parts))],
        lambda value: shown.money(round(value), one.currency),
    )


def lying(
    found: FiguresShown, counts: tuple[Ended, ...], state: str, asked: dict[str, str]
) -> Lying:
    """Give how many there were of each outcome, with a link to their list, if there is one."""
    widths = shares([one.count for one in counts])
    # As a browser's field for times has it: parts begin with an hour.
    since = datetime.fromtimestamp(found.since / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M")
    rows = []
    for one, width in zip(counts, widths, strict=True):
        filters = {"state": state, "outcome": one.outcome, "since": since}
        if asked["extension"]:
            filters["extension"] = asked["extension"]
        # No list is of a client, but his own: one of all would be of others, too.
        path = "" if asked["client"] else f"/callbacks?{urlencode(filters)}"
        rows.append((said(one.outcome), one.count, width, path))
    return Lying(tuple(rows))


def count(value: float) -> str:
    """Write how many."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(value: float) -> str:
    """Write a share."""
    return f"{value:.0f} %"
