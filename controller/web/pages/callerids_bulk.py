"""Many authorised CallerIDs at a time: those that were ticked, or all that match a filter."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Flask, Response, make_response, render_template, request

from controller.admin import rights
from controller.admin.callers import CallersAction
from controller.admin.model import Conflict, Invalid, Kind
from controller.web.pages.callerids import FILTERS, PATH, asked
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import N_, _

#: So many are named where it is asked once more.
NAMED: Final = 20
#: What is asked, by what is to be done.
QUESTIONS: Final = {
    CallersAction.ENABLE: N_("Enable these CallerIDs?"),
    CallersAction.DISABLE: N_("Disable these CallerIDs?"),
    CallersAction.TAKE_PIN: N_("Take the PINs of these CallerIDs away?"),
    CallersAction.REMOVE: N_("Remove these CallerIDs?"),
}
#: What it means for those who have them.
MEANS: Final = {
    CallersAction.ENABLE: N_("Their callers may use their extensions from now on."),
    CallersAction.DISABLE: N_("Their callers are no longer on the list, until you enable them."),
    CallersAction.TAKE_PIN: N_(
        "Their callers are asked for the extension's password instead, where it has one. Nobody "
        "can bring the PINs back."
    ),
    CallersAction.REMOVE: N_(
        "Their speed dials, presets, PINs and notes go with them; this cannot be undone. One with "
        "money left on its account stays."
    ),
}
#: What is said of how many it was done to, and of how many were so already.
DONE: Final = {
    CallersAction.ENABLE: (N_("Enabled: %(count)s."), N_("Enabled already: %(count)s.")),
    CallersAction.DISABLE: (N_("Disabled: %(count)s."), N_("Disabled already: %(count)s.")),
    CallersAction.TAKE_PIN: (N_("PINs taken away: %(count)s."), N_("Without a PIN: %(count)s.")),
    CallersAction.REMOVE: (N_("Removed: %(count)s."), ""),
}


class CallerIdBulk:
    """The view of it: asked once more, then done, then said what was not."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        app.add_url_rule(f"{PATH}/bulk", "callerid.bulk", self.bulk, methods=["POST"])

    def bulk(self) -> Response:
        """Ask once more, or do it."""
        action = self._action()
        everything = request.form.get("scope") == "match"
        filters = asked(request.form)
        keys = list(dict.fromkeys(request.form.getlist("key")))
        if not everything and not keys:
            return self._page("callerids_bulk.html", action, 422, ticked=False)
        if request.form.get("sure") != "1":
            return self._ask(action, everything, filters, keys)
        try:
            done = self._desks.run(
                self._desks.directory.change_callers,
                actor(),
                action,
                keys=None if everything else keys,
                filters=filters if everything else {},
                expected=_count(request.form.get("expected", "")) if everything else None,
            )
        except Conflict as wrong:
            return self._ask(action, everything, filters, keys, wrong=str(wrong))
        did, same = DONE[action]
        return self._page(
            "callerids_done.html",
            action,
            200,
            result=done,
            did=_(did) % {"count": done.done},
            same=_(same) % {"count": done.same} if same and done.same else "",
        )

    def _action(self) -> CallersAction:
        """Give what is to be done, and see whether whoever asks may do it."""
        try:
            action = CallersAction(request.form.get("action", ""))
        except ValueError:
            raise Invalid("action: choose what is to be done") from None
        if action is CallersAction.REMOVE:
            rights.may_make(actor(), Kind.CALLERID)
        else:
            rights.may_change(actor(), Kind.CALLERID, ["enabled"])
        return action

    def _ask(
        self,
        action: CallersAction,
        everything: bool,
        filters: dict[str, str | bool],
        keys: list[str],
        *,
        wrong: str = "",
    ) -> Response:
        count, some = len(keys), keys[:NAMED]
        if everything:
            directory = self._desks.directory
            count = self._desks.run(directory.count_callers, actor(), filters)
            page = self._desks.run(directory.list, actor(), Kind.CALLERID, filters, limit=NAMED)
            some = [item.key for item in page.items]
        return self._page(
            "callerids_bulk.html",
            action,
            409 if wrong else 200,
            ticked=True,
            everything=everything,
            count=count,
            some=some,
            keys=[] if everything else keys,
            filters=_said(),
            question=_(QUESTIONS[action]),
            means=_(MEANS[action]),
            wrong=wrong,
        )

    def _page(
        self, template: str, action: CallersAction, status: int, **values: object
    ) -> Response:
        back = f"{PATH}?{urlencode(_said())}"
        return make_response(render_template(template, action=action, back=back, **values), status)


def _said() -> dict[str, str]:
    said = {name: request.form.get(name, "").strip() for name in FILTERS}
    return {name: value for name, value in said.items() if value}


def _count(text: str) -> int:
    """Read how many there were; what cannot be read is a number that there never is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
