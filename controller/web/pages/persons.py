"""One person's records: exported as a file, and erased (O7). For administrators."""

from __future__ import annotations

import re

import msgspec
from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import AdminError, Conflict, Invalid, Unavailable
from controller.web.api.reading import JSON
from controller.web.pages import words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import N_, _, ngettext

#: What is said where a desk says something else, or nothing.
_NO_NUMBER = N_("write it as +12025550100: a plus, the country, the number")
_UNSURE = N_("Tick that it is to be erased: it cannot be undone.")
_NOT_ASKED = N_(
    "Nothing is kept about that number in the database; Redis is away, and it is not known what is "
    "counted there."
)
_WHY_LEFT = N_(
    "Of a call that came meanwhile, or of what was configured meanwhile: erase again when that is "
    "over. The key of an entry of an account, and who made it, never change."
)
_STATUS: dict[type[AdminError], int] = {
    Invalid: 422,
    Conflict: 409,
    Unavailable: 503,
}


class PersonPages:
    """The page of a person. Its desk is called here: it runs in a thread itself what blocks."""

    def __init__(self, desks: Desks) -> None:
        self._desk = desks.persons

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, view, method in (
            ("ask", "/persons", self.ask, "GET"),
            ("export", "/persons/export", self.export, "POST"),
            ("erase", "/persons/erase", self.erase, "POST"),
        ):
            app.add_url_rule(path, f"person.{endpoint}", view, methods=[method])

    def ask(self) -> Response:
        """Show the form."""
        rights.may_keep_persons(actor())
        said = {"number": request.args.get("number", "")}
        left = request.args.get("left", "")
        if not re.fullmatch(r"[1-9][0-9]{0,8}", left, re.ASCII):
            return _page(said)
        return _page(said, wrong=_left(int(left)))

    def export(self) -> Response:
        """Give all that is kept about a number, as a file."""
        rights.may_keep_persons(actor())
        said = _said()
        try:
            made = self._desk.export(actor(), said["number"])
        except Invalid as wrong:
            return _wrong(said, wrong)
        if not made.records and made.counted is None:
            return _page(said, 503, wrong=_(_NOT_ASKED))
        if not made.records and not made.counted:
            return _page(said, 404, wrong=_("Nothing is kept about that number."))
        text = msgspec.json.format(msgspec.json.encode(made), indent=2)
        # The name of a file goes into lists of them: it is nobody's number.
        head = {"Content-Disposition": "attachment; filename=person.json"}
        return Response(text, headers=head, content_type=JSON)

    def erase(self) -> Answer:
        """Erase what is kept about a number."""
        rights.may_keep_persons(actor())
        said = _said()
        if said["sure"] != "on":
            return _page(said, 422, sure=_(_UNSURE))
        with_callerid = said["with_callerid"] == "on"
        try:
            done = self._desk.erase(actor(), said["number"], with_callerid=with_callerid)
        except (Invalid, Conflict, Unavailable) as wrong:
            return _wrong(said, wrong)
        # How much, and not whose: addresses go into logs.
        return redirect(f"/persons?left={done.left}" if done.left else "/persons?done=erased", 303)


def _left(records: int) -> str:
    """Say that not all was erased."""
    stay = ngettext(
        "Erased, but %(num)d record still has the number.",
        "Erased, but %(num)d records still have the number.",
        records,
    ) % {"num": records}
    return f"{stay} {_(_WHY_LEFT)}"


def _said() -> dict[str, str]:
    said = {name: request.form.get(name, "") for name in ("number", "with_callerid", "sure")}
    # What stands between digits is left out, as everywhere.
    said["number"] = re.sub(r"[\s()./-]", "", said["number"])
    return said


def _wrong(said: dict[str, str], wrong: AdminError) -> Response:
    status = _STATUS[type(wrong)]
    if isinstance(wrong, Invalid):
        return _page(said, status, number=_(_NO_NUMBER))
    return _page(said, status, wrong=words.said(str(wrong)))


def _page(said: dict[str, str], status: int = 200, *, wrong: str = "", **errors: str) -> Response:
    page = render_template("persons.html", said=said, wrong=wrong, errors=errors)
    return make_response(page, status)
