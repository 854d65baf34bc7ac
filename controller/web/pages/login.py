"""Logging in and out, and the link by which somebody sets his password."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin.model import AdminError, Conflict, Invalid, NotFound, Unavailable
from controller.admin.people_shapes import PASSWORD_LENGTH, LockedOut, LoggedIn, WrongLogIn
from controller.web.api.failures import SECONDS, Failures
from controller.web.api.problems import Refusal
from controller.web.pages.application import cookie_name, is_secure, large_view, open_view
from controller.web.pages.desks import Desks
from controller.web.pages.words import _
from controller.web.peers import PEER, site

log: Any = structlog.get_logger("pages")

#: So many passwords are checked or waited for at a time; callers' go before them.
MOST_AT_A_TIME: Final = 8
#: The largest form that is read of somebody who is not logged in, bytes: reading very many fields
#: takes half a second, in which calls stand still.
MOST_BYTES: Final = 16 << 10
#: A path of ours, and nothing that a browser takes for another host: `//`, `/\`, and none of the
#: characters that it leaves out.
_OURS: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z", re.ASCII)
#: Where nobody wants to be after he has logged in.
_NOT_THERE: Final = ("/login", "/logout", "/welcome")


class LogInPages:
    """The pages before the log-in: anybody may see them.

    `clock` gives seconds that never go back.
    """

    def __init__(self, desks: Desks, clock: Callable[[], float] = time.monotonic) -> None:
        self._people = desks.people
        self._run = desks.run
        self._clock = clock
        self._failures = Failures()
        self._checking = 0

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, method, view in (
            ("login", "/login", "GET", self.ask),
            ("login.enter", "/login", "POST", self.enter),
            ("login.code", "/login/code", "GET", self.ask_code),
            ("login.enter_code", "/login/code", "POST", self.enter_code),
            ("welcome", "/welcome/<secret>", "GET", self.welcome),
            ("welcome.accept", "/welcome/<secret>", "POST", self.accept),
        ):
            app.add_url_rule(path, endpoint, view, methods=[method])
            open_view(app, endpoint)
            large_view(app, endpoint, MOST_BYTES)
        app.add_url_rule("/logout", "logout", self.leave, methods=["POST"])

    # --- logging in ----------------------------------------------------------------------------

    def ask(self) -> Answer:
        """Ask for name and password; who is logged in has nothing to do here."""
        secret = request.cookies.get(cookie_name())
        if secret is not None and self._run(self._people.session, secret) is not None:
            return redirect(_wanted(), 303)
        return self._ask()

    def enter(self) -> Answer:
        """Log somebody in, or ask for the code of his authenticator."""
        name = request.form.get("name", "")
        with self._trying():
            try:
                made = self._people.log_in(name, request.form.get("password", ""), peer())
            except WrongLogIn:
                self._wrong()
                return self._ask(_("The name or the password is wrong."), 403)
            except LockedOut as locked:
                self._wrong()
                return self._ask(_locked(locked), 429, locked.seconds)
        return self._entered(made, _wanted())

    def ask_code(self) -> Answer:
        """Ask for the code of an authenticator."""
        return self._ask_code()

    def enter_code(self) -> Answer:
        """Take it."""
        secret = request.cookies.get(cookie_name(), "")
        # A form comes as slowly as its sender likes: nobody's place is kept meanwhile.
        code = request.form.get("code", "")
        with self._trying():
            try:
                made = self._people.log_in_code(secret, code, peer())
            except WrongLogIn:
                self._wrong()
                return self._ask_code(_("That is not the code, or it was used already."), 403)
            except LockedOut as locked:
                self._wrong()
                return self._ask_code(_locked(locked), 429, locked.seconds)
            except NotFound:
                self._wrong()
                return self._ask(_("That took too long. Log in again."), 403)
        return self._entered(made, _wanted())

    def leave(self) -> Answer:
        """Log out."""
        self._run(self._people.log_out, request.cookies.get(cookie_name(), ""))
        answer = redirect("/login", 303)
        answer.delete_cookie(
            cookie_name(), path="/", secure=is_secure(), httponly=True, samesite="Lax"
        )
        return answer

    # --- links ----------------------------------------------------------------------------------

    def welcome(self, secret: str) -> Answer:
        """Ask for the password that is to be set."""
        with self._trying():
            try:
                return self._welcome(self._run(self._people.welcome, secret))
            except NotFound:
                return self._no_link()

    def accept(self, secret: str) -> Answer:
        """Set it, and log in."""
        password, name = request.form.get("password", ""), request.form.get("name", "")
        with self._trying():
            try:
                user = self._run(self._people.welcome, secret)
                if password != request.form.get("again", ""):
                    return self._welcome(user, Invalid(f"again: {differs()}"))
                made = self._people.accept(secret, name, password, peer())
            except NotFound:
                return self._no_link()
            except (Invalid, Conflict) as wrong:
                return self._welcome(user, wrong)
        return self._entered(made, "/first" if user is None else "/live")

    def _no_link(self) -> Answer:
        self._wrong()
        return make_response(render_template("welcome_over.html"), 404)

    # --- parts ----------------------------------------------------------------------------------

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Have a place to try something. Raises `Unavailable`, and `Refusal` of this peer."""
        wait = self._failures.wait(_site(), self._clock())
        if wait:
            text = _("Too many were wrong from where you are. Wait a minute, then try again.")
            raise Refusal(429, text, headers={"Retry-After": str(wait)})
        if self._checking >= MOST_AT_A_TIME:
            raise Unavailable(_("Many are logging in just now. Try again in a moment."))
        self._checking += 1
        try:
            yield
        finally:
            self._checking -= 1

    def _wrong(self) -> None:
        if self._failures.note(_site(), self._clock()):
            log.warning(
                "wrong_log_ins",
                peer=_site(),
                refused_seconds=SECONDS,
                remedy="is it a proxy of yours? then name it in web.proxies",
            )

    def _entered(self, made: LoggedIn, wanted: str) -> Answer:
        before = request.cookies.get(cookie_name())
        if before is not None:
            # Whatever was there is over.
            self._run(self._people.log_out, before)
        to = wanted if made.whole else f"/login/code?{urlencode({'to': wanted})}"
        return with_session(redirect(to, 303), made)

    def _ask(self, wrong: str = "", status: int = 200, wait: int = 0) -> Response:
        page = render_template(
            "login.html", wrong=wrong, name=request.form.get("name", "")[:64], to=_wanted()
        )
        return _answer(page, status, wait)

    def _ask_code(self, wrong: str = "", status: int = 200, wait: int = 0) -> Response:
        page = render_template("login_code.html", wrong=wrong, to=_wanted())
        return _answer(page, status, wait)

    def _welcome(self, user: str | None, wrong: AdminError | None = None) -> Response:
        said = str(wrong or "")
        field, message = at_field(said, ("name", "password", "again"))
        page = render_template(
            "welcome.html",
            user=user,
            name=request.form.get("name", "")[:64],
            errors={field: message} if field else {},
            wrong="" if field else said,
            length=PASSWORD_LENGTH,
        )
        return make_response(page, 422 if wrong else 200)


def with_session(answer: Answer, made: LoggedIn) -> Answer:
    """Give a browser its session, with an answer."""
    answer.set_cookie(
        cookie_name(), made.secret, path="/", secure=is_secure(), httponly=True, samesite="Lax"
    )
    return answer


def peer() -> str:
    """Give from where somebody asks."""
    return str(request.environ.get(PEER) or request.remote_addr or "")


def at_field(message: str, names: tuple[str, ...]) -> tuple[str, str]:
    """Give the field that an error is about, and what it says of it; "": it is about none."""
    head, colon, rest = message.partition(": ")
    return (head, rest) if colon and head in names else ("", message)


def differs() -> str:
    """Say that a password was not typed twice."""
    return _("This is not the same as above.")


def _site() -> str:
    found = request.environ.get(PEER)
    return site(found) if found is not None else peer()


def _wanted() -> str:
    """Give where somebody wanted to go, where that is a page of ours."""
    to = request.values.get("to", "")
    ours = len(to) <= 2000 and _OURS.match(to) is not None and not to.startswith(_NOT_THERE)
    return to if ours else "/live"


def _locked(locked: LockedOut) -> str:
    minutes = -(-locked.seconds // 60)
    if minutes <= 1:
        return _("Too many were wrong: nothing is looked at for a minute. Then try again.")
    text = _("Too many were wrong: nothing is looked at for %(minutes)s minutes. Then try again.")
    return text % {"minutes": minutes}


def _answer(page: str, status: int, wait: int) -> Response:
    answer = make_response(page, status)
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer
