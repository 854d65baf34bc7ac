"""Live: the calls in progress, with totals; the page changes by itself (server-sent events)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, make_response, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin.live import read_asked
from controller.admin.live_shapes import LiveAsked, LiveCall, LiveLook, LiveTotals, LiveView
from controller.admin.model import Actor, Invalid
from controller.policy.records import Role
from controller.web.pages import outcomes, shown
from controller.web.pages.application import unused_view
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor, still_there
from controller.web.pages.live_pictures import Picture
from controller.web.pages.live_watching import Stream, View, Watching, view_of
from controller.web.pages.words import N_, _, ngettext

PATH: Final = "/live"
VIEWS: Final[dict[LiveView, str]] = {
    LiveView.ALL: N_("all that are not over"),
    LiveView.WAITING: N_("waiting"),
    LiveView.RINGING: N_("ringing"),
    LiveView.ANSWERED: N_("answered"),
    LiveView.SETTLING: N_("over, being settled"),
}
#: The template of rows.
ROWS: Final = "_live.html"


class LivePages:
    """The page and its stream."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        self._app: Flask | None = None
        self.watching = Watching(desks.run, desks.live.totals, desks.live.look, self._paint)

    def register(self, app: Flask) -> None:
        """Add the views."""
        self._app = app
        app.add_url_rule(PATH, "live", self.show)
        app.add_url_rule(f"{PATH}/events", "live.events", self.events)
        unused_view(app, "live.events")

    # --- views --------------------------------------------------------------------------------

    def show(self) -> Answer:
        """Show the page as it is now."""
        return self.page(request.args)

    def page(self, query: Mapping[str, str], wrong: str = "", status: int = 200) -> Answer:
        """Give the page that an address asks for; `wrong`: what somebody could not do there."""
        said = {name: query.get(name, "") for name in _ASKED}
        error = ""
        try:
            asked = read_asked(said)
        except Invalid as problem:
            asked, error, status = LiveAsked(), str(problem), 422
        picture, look = self._now(view_of(actor(), asked, g.language))
        page = render_template(
            "live.html",
            rows=picture.rows.values(),
            facts=picture.facts,
            now=picture.now // 1000,
            said=said,
            asked=asked,
            error=error,
            wrong=wrong,
            views=[(view.value, label) for view, label in VIEWS.items()],
            events=f"{PATH}/events{_query(asked)}",
            here_again=f"{PATH}{_query(asked)}",
            earlier=f"{PATH}{_query(asked, asked.page - 1)}",
            later=f"{PATH}{_query(asked, asked.page + 1)}",
            more=look.more,
            operators=actor().client is None,
            may_end=may_end(actor()),
        )
        return make_response(page, status)

    def events(self) -> Response:
        """Begin a stream of what changes."""
        asked = read_asked({name: request.args.get(name, "") for name in _ASKED})
        extensions = current_app.extensions
        stream = Stream(
            self.watching,
            view_of(actor(), asked, g.language),
            actor().name,
            still_there(),
            away=extensions["away"],
            on_fault=extensions["fault"],
        )
        # Proxies must not keep it to themselves until there is more.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(stream, headers=headers, content_type="text/event-stream")

    # --- looking ------------------------------------------------------------------------------

    def _now(self, view: View) -> tuple[Picture, LiveLook]:
        run, live = self._desks.run, self._desks.live
        totals: LiveTotals = run(live.totals, view.actor)
        look: LiveLook = run(live.look, view.actor, view.asked, totals)
        return self._paint(view, look, None, 0), look

    def _paint(self, view: View, look: LiveLook, before: Picture | None, number: int) -> Picture:
        """Make a picture; of calls that are as they were before their rows are kept."""
        assert self._app is not None
        old_calls = {} if before is None else before.calls
        old_rows = {} if before is None else before.rows
        rows: dict[str, str] = {}
        with self._app.app_context():
            g.language = view.language
            row: Any = self._app.jinja_env.get_template(ROWS).module
            for call in look.calls:
                if old_calls.get(call.id) == call:
                    rows[call.id] = old_rows[call.id]
                else:
                    rows[call.id] = str(row.row(call, _about(call), **_seen_by(view.actor)))
            facts = _facts(look)
        return Picture(number, look.now, {call.id: call for call in look.calls}, rows, facts)


def may_end(who: Actor) -> bool:
    """Whether somebody may end calls and cancel callbacks: his own, or all."""
    return who.role is not Role.READ_ONLY


_ASKED: Final = ("view", "extension", "number", "page")


def _query(asked: LiveAsked, page: int | None = None) -> str:
    """Give what an address says of what is asked for, with its `?` where it says anything."""
    said = {
        "view": "" if asked.view is LiveView.ALL else asked.view.value,
        "extension": asked.extension,
        "number": asked.number,
        "page": asked.page if page is None else page,
    }
    query = urlencode({name: value for name, value in said.items() if value not in ("", 1)})
    return f"?{query}" if query else ""


def _seen_by(who: Actor) -> dict[str, bool]:
    return {"operators": who.client is None, "may_end": may_end(who)}


def _about(call: LiveCall) -> str:
    """Give a sentence or two about how it came so far; empty: there is nothing to say."""
    said = []
    if call.outcome is not None:
        said.append(_("The last try: %(tried)s") % {"tried": outcomes.said(call.outcome)})
    if call.attempts > 1 or (call.outcome and call.attempts):
        called = ngettext(
            "Called %(count)s time so far.", "Called %(count)s times so far.", call.attempts
        )
        said.append(called % {"count": call.attempts})
    if call.joined:
        joined = ngettext(
            "Asked for %(count)s more time.", "Asked for %(count)s more times.", call.joined
        )
        said.append(joined % {"count": call.joined})
    return " ".join(said)


def _facts(look: LiveLook) -> dict[str, str]:
    """Give what stands above and below the rows, by where it belongs."""
    totals = look.totals
    counts = {
        name: f"{getattr(totals, name):,}"
        for name in ("waiting", "ringing", "answered", "talking", "settling")
    }
    held = ", ".join(shown.money(one.amount, one.currency) for one in totals.held)
    first, last = look.first + 1, look.first + len(look.calls)
    place = _("%(first)s\N{EN DASH}%(last)s of %(count)s") % {
        "first": f"{first:,}",
        "last": f"{last:,}",
        "count": f"{max(look.count, last):,}",
    }
    said = _("%(waiting)s waiting, %(ringing)s ringing, %(talking)s talking") % counts
    return {
        **counts,
        "held": held or shown.money(0),
        "range": place if look.calls else "",
        "none": "" if look.calls else "1",
        "more": "1" if look.more else "",
        "said": said,
    }
