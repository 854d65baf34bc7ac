"""One's own log-in: the password, an authenticator, and where one is logged in."""

from __future__ import annotations

from typing import Any, Final

import segno
from flask import Flask, Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin.model import Invalid
from controller.admin.people_shapes import (
    PASSWORD_LENGTH,
    Enrolment,
    LockedOut,
    LoggedIn,
    WrongLogIn,
)
from controller.web.pages.desks import Desks
from controller.web.pages.entering import session
from controller.web.pages.login import at_field, differs, peer, with_session
from controller.web.pages.words import _

PATH: Final = "/me"


class MyPages:
    """The page of whoever asks, about himself."""

    def __init__(self, desks: Desks) -> None:
        self._people = desks.people
        self._run = desks.run

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, method, view in (
            ("me", PATH, "GET", self.show),
            ("me.password", f"{PATH}/password", "POST", self.change_password),
            ("me.enrol", f"{PATH}/authenticator", "GET", self.enrol),
            ("me.use", f"{PATH}/authenticator", "POST", self.use),
            ("me.drop", f"{PATH}/authenticator/remove", "POST", self.drop),
            ("me.end", f"{PATH}/log-ins", "POST", self.end),
        ):
            app.add_url_rule(path, endpoint, view, methods=[method])

    def show(self) -> Answer:
        """Show it."""
        return self._page()

    def change_password(self) -> Answer:
        """Change the password: who knows the old one."""
        new = request.form.get("password", "")
        if new != request.form.get("again", ""):
            return self._page({"again": differs()})
        try:
            made = self._people.change_password(
                session().user, request.form.get("old", ""), new, peer()
            )
        except WrongLogIn:
            return self._page({"old": _not_yours()})
        except LockedOut as locked:
            return self._page({"old": _waits(locked)}, 429)
        except Invalid as wrong:
            field, message = at_field(str(wrong), ("password",))
            return self._page({field or "password": message})
        return _again(made, "password")

    def enrol(self) -> Answer:
        """Show what an authenticator is told."""
        return self._enrolment(self._run(self._people.enrol, session().user))

    def use(self) -> Answer:
        """Ask for codes from now on, of who knows the password; show those for loss, once."""
        salt, user = request.form.get("salt", ""), session().user
        code, password = request.form.get("code", ""), request.form.get("current", "")
        try:
            codes = self._people.use_totp(user, salt, code, password)
        except Invalid as wrong:
            field, message = at_field(str(wrong), ("code",))
            if not field:
                raise
            return self._enrol_again(salt, {field: message})
        except WrongLogIn:
            return self._enrol_again(salt, {"current": _not_yours()})
        except LockedOut as locked:
            return self._enrol_again(salt, {"current": _waits(locked)}, 429)
        return make_response(render_template("me_codes.html", codes=codes))

    def drop(self) -> Answer:
        """Ask for codes no more: who knows the password."""
        try:
            made = self._people.drop_totp(session().user, request.form.get("current", ""), peer())
        except WrongLogIn:
            return self._page({"current": _not_yours()})
        except LockedOut as locked:
            return self._page({"current": _waits(locked)}, 429)
        return _again(made, "no_code")

    def end(self) -> Answer:
        """End one of the log-ins."""
        self._run(self._people.end_session, session().user, request.form.get("mark", ""))
        return redirect(f"{PATH}?done=ended", 303)

    def _page(self, errors: dict[str, str] | None = None, status: int = 422) -> Response:
        user = session().user
        page = render_template(
            "me.html",
            own=self._run(self._people.own, user),
            log_ins=self._run(self._people.sessions, user, g.secret),
            errors=errors or {},
            length=PASSWORD_LENGTH,
        )
        return make_response(page, status if errors else 200)

    def _enrol_again(self, salt: str, errors: dict[str, str], status: int = 422) -> Response:
        """Show the same picture: it may have been taken already."""
        enrolment = self._run(self._people.enrol_again, session().user, salt)
        return self._enrolment(enrolment, errors, status)

    def _enrolment(
        self, enrolment: Enrolment, errors: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        picture: Any = segno.make(enrolment.uri, error="m", micro=False)
        page = render_template(
            "me_authenticator.html",
            enrolment=enrolment,
            # Black on white, whatever the page is: that is what cameras read.
            picture=picture.svg_data_uri(scale=4, border=4, dark="#000", light="#fff"),
            errors=errors or {},
        )
        return make_response(page, status)


def _again(made: LoggedIn, done: str) -> Answer:
    """Go on with a new session: all others are over."""
    return with_session(redirect(f"{PATH}?done={done}", 303), made)


def _not_yours() -> str:
    return _("This is not your password.")


def _waits(locked: LockedOut) -> str:
    text = _("Too many were wrong: nothing is looked at for %(seconds)s seconds.")
    return text % {"seconds": locked.seconds}
