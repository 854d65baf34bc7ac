"""Legs that are over: a list, a file, and each with all that is known of it (M7, O5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import Flask, Response, render_template, request

from controller.admin.call_files import FORMATS, lines
from controller.admin.call_records import FILTERS
from controller.admin.callers_csv import BETWEEN
from controller.admin.model import Forbidden, Invalid
from controller.credit.call_record import OPERATORS, CallRecord
from controller.credit.model import Price, Side
from controller.web.api.calls import JSON_LINES
from controller.web.api.files import CSV, Files
from controller.web.pages import causes, outcomes, rules, shown
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.fields import Asked
from controller.web.pages.told import told
from controller.web.pages.words import N_, _

#: So many stand on a page.
ON_PAGE: Final = 50
_TYPES: Final = {"csv": CSV, "jsonl": JSON_LINES}
#: From so many digits on a number is one of a country's plan.
_NATIONAL: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

SIDES: Final[dict[str, str]] = {
    Side.RETURN.value: N_("Return call"),
    Side.DESTINATION.value: N_("Destination"),
}
#: Whence the end of a leg is known.
SOURCES: Final[dict[str, str]] = {
    "event": N_("The switch told of it when it ended."),
    "record": N_("From the switch's own record: it told of it later."),
    "estimate": N_("Nobody knows when it ended; it was seen last then."),
}
#: What a list can be filtered by, with the words of its fields, in order. `channel` is for those
#: who see all clients.
_LABELS: Final[dict[str, str]] = {
    "number": N_("Number called"),
    "caller": N_("Caller"),
    "extension": N_("Extension"),
    "side": N_("Leg"),
    "channel": N_("Channel"),
    "cause": N_("Hang-up cause"),
    "account": N_("Account"),
    "request": N_("Callback"),
    "since": N_("From (UTC)"),
    "until": N_("Before (UTC)"),
    "charged": N_("Charged"),
    "uncovered": N_("More than was held"),
}
_YES_NO: Final = (("true", N_("yes")), ("false", N_("no")))
_OPTIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "side": tuple(SIDES.items()),
    "charged": _YES_NO,
    "uncovered": _YES_NO,
}
_TIMES: Final = ("since", "until")


class CallPages:
    """The pages of legs."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        add_words(app)
        self._files = Files(self._desks.run, app.extensions.get("away", ()))
        for endpoint, path, view in (
            ("list", "/calls", self.list),
            ("export", "/calls/export", self.give),
            ("get", "/calls/<leg>", self.get),
        ):
            app.add_url_rule(path, f"call.{endpoint}", view)

    def list(self) -> str:
        """Show a page of legs, the newest first."""
        who, said = actor(), self._said()
        items: tuple[CallRecord, ...] = ()
        following, error = None, ""
        try:
            page = self._desks.run(
                self._desks.calls.list,
                who,
                filters_of(said),
                after=request.args.get("after") or None,
                limit=ON_PAGE,
            )
            items, following = page.items, page.next
        except (Invalid, Forbidden) as wrong:
            error = str(wrong)
        return render_template(
            "calls.html",
            items=items,
            filters=_filters(said, operator=who.client is None),
            error=error,
            filtered=bool(said),
            first=not request.args.get("after"),
            beginning=f"/calls?{urlencode(said)}" if said else "/calls",
            following=f"/calls?{urlencode({**said, 'after': following})}" if following else "",
            exports=[
                (name, f"/calls/export?{urlencode({**said, 'format': name})}") for name in FORMATS
            ],
            operator=who.client is None,
        )

    def get(self, leg: str) -> str:
        """Show a leg."""
        record = self._desks.run(self._desks.calls.get, actor(), leg)
        return render_template("call.html", call=record, operator=actor().client is None)

    def give(self) -> Response:
        """Give all legs of a list as a file, the oldest first."""
        written_as = request.args.get("format", FORMATS[0])
        if written_as not in FORMATS:
            raise Invalid(f"format: write one of {', '.join(FORMATS)}")
        who = actor()
        pages = self._desks.calls.each(who, filters_of(self._said()))
        pieces = lines(pages, written_as, operator=who.client is None)
        return self._files.give(pieces, f"calls.{written_as}", _TYPES[written_as])

    def _said(self) -> dict[str, str]:
        """Give what was typed into the filters; numbers as E.164, however they were written."""
        said = {name: request.args.get(name, "").strip() for name in FILTERS}
        for name in ("number", "caller"):
            digits = BETWEEN.sub("", said[name])
            # One of the platform is as short as an extension is, and stays as it is.
            if len(digits) >= _NATIONAL:
                read = self._desks.run(self._desks.searching.readings, actor(), digits)
                digits = next(iter(read), digits)
            said[name] = digits
        return {name: text for name, text in said.items() if text}


def filters_of(said: dict[str, str]) -> dict[str, str | int | bool]:
    """Give what is filtered by, as `CallRecords` has it. Raises `Invalid`."""
    wanted: dict[str, str | int | bool] = {}
    for name, text in said.items():
        if name in _TIMES:
            wanted[name] = micros(name, text)
        elif _OPTIONS.get(name) is _YES_NO:
            if text not in ("true", "false"):
                raise Invalid(f"{name}: write true or false")
            wanted[name] = text == "true"
        else:
            wanted[name] = text
    return wanted


def micros(name: str, text: str) -> int:
    """Read a time as a browser writes it, or as RFC 3339 does; UTC where it says nothing.

    Raises `Invalid`.
    """
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: write a time, such as 2026-01-31T18:00") from None


def price_said(price: Price | None, currency: str | None) -> str:
    """Say a price: what a minute costs, to which numbers, and how it is counted."""
    if price is None:
        return shown.NOTHING
    said = _("%(amount)s a minute to %(prefix)s…") % {
        "amount": shown.money(price.per_minute, currency or ""),
        "prefix": price.prefix,
    }
    if price.setup_fee:
        fee = shown.money(price.setup_fee, currency or "")
        said += _(", %(amount)s at the beginning") % {"amount": fee}
    if (price.first_block, price.interval) != (1, 1):
        said += _(", at least %(first)s s, then by %(interval)s s") % {
            "first": price.first_block,
            "interval": price.interval,
        }
    return said


def add_words(app: Flask) -> None:
    """Let templates write what these pages write; once is enough, and twice does no harm."""
    app.jinja_env.filters |= {
        "cause": causes.cause,
        "outcome": outcomes.said,
        "why": lambda one: outcomes.why(one.state.value, one.outcome),
        "tone": lambda one: outcomes.tone(one.state.value, one.outcome),
        "unplaced": outcomes.unplaced,
        "passed": lambda reason: (
            _(outcomes.PASSED[reason]) if reason in outcomes.PASSED else reason
        ),
        "rule": rules.rule,
        "told": told,
        "shown_as": rules.shown_as,
        "price": price_said,
        "side": lambda side: _(SIDES[side.value]),
        "told_by": lambda source: _(SOURCES[source]) if source in SOURCES else source,
        "lasted": lambda micros: shown.seconds(micros / 1_000_000),
    }


def _filters(said: dict[str, str], *, operator: bool) -> tuple[Asked, ...]:
    return tuple(
        Asked(
            name=name,
            label=_(label),
            said=said.get(name, ""),
            options=tuple((value, _(text)) for value, text in _OPTIONS.get(name, ())),
            type="datetime-local" if name in _TIMES else "text",
        )
        for name, label in _LABELS.items()
        if operator or name not in OPERATORS
    )
