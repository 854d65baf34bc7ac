"""The application of the pages: what is served under `/`, made of its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import structlog
from flask import Flask, Response, current_app, g, redirect, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from controller.admin.model import AdminError, Conflict
from controller.policy.versions import StoredPolicyError
from controller.web.api.problems import Refusal, of_admin
from controller.web.api.problems import away as gone
from controller.web.pages import assets, guarding, problems, rows, shown, words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import Doorkeeper
from controller.web.pages.history import History
from controller.web.pages.menu import menu
from controller.web.pages.pages import Pages
from controller.web.pages.reading import MOST_BYTES, MOST_FIELDS, PageRequest

log: Any = structlog.get_logger("pages")

#: The cookie of a session. Behind TLS it is `__Host-`: no other host can set it.
COOKIE: Final = "callbackd"
#: What is said after something was done, by what stands in the address then.
DONE: Final = {
    "saved": words.N_("Saved."),
    "made": words.N_("Made."),
    "removed": words.N_("Removed."),
    "nothing": words.N_("Nothing was changed."),
    "cancelled": words.N_("Cancelled."),
    "released": words.N_("Released."),
    "asked": words.N_("Asked for."),
    "hung_up": words.N_("The switch has ended the call."),
    "drained": words.N_("The switch gets no new calls. Those that it has go on."),
    "resumed": words.N_("The switch gets calls again."),
    "stopped": words.N_("Callbacks are stopped there."),
    "made_again": words.N_("Callbacks are made again there."),
    "password": words.N_("Your password is changed. Other browsers are logged out."),
    "no_code": words.N_("No code is asked for any more. Other browsers are logged out."),
    "ended": words.N_("That log-in is ended."),
    "erased": words.N_("Erased. What stands in the place of the number is in the changes."),
}


def create_pages(
    desks: Desks,
    doorkeeper: Doorkeeper,
    parts: Sequence[Pages] = (),
    *,
    away: tuple[type[Exception], ...] = (),
    on_fault: Callable[[], None] = lambda: None,
) -> Flask:
    """Make the application. `parts` are the pages; each adds its views.

    `away` are the errors that mean that the database cannot be reached now; `on_fault` is told of
    each fault of our own, which has been logged then.
    """
    app = Flask("controller.web.pages", static_folder=None, template_folder="templates")
    app.request_class = PageRequest
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MOST_BYTES
    _templates(app)
    app.jinja_env.globals["elsewhere"] = desks.elsewhere

    def before() -> Response | None:
        g.language = words.choose([name for name, _ in request.accept_languages])
        g.session = None
        guarding.check_origin(request)
        rule = request.url_rule
        if rule is not None and rule.endpoint in app.extensions["open"]:
            return None
        secret = request.cookies.get(cookie_name())
        if secret is not None:
            used = rule is None or rule.endpoint not in app.extensions["by_itself"]
            g.session, g.secret = desks.run(doorkeeper.session, secret, used=used), secret
        if rule is None:
            # That there is no such page is said to anybody, with the menu to whoever has one.
            return None
        if g.session is None:
            return _to_login()
        guarding.check_token(request, g.session.csrf)
        return None

    def on_error(error: Exception) -> Response:
        match error:
            case Refusal():
                return _problem(error)
            case AdminError():
                return _problem(of_admin(error))
            case StoredPolicyError():
                return _problem(of_admin(Conflict(str(error))))
            case RequestEntityTooLarge():
                return _problem(_too_large())
            case HTTPException():
                return _problem(Refusal(error.code or 500))
        if isinstance(error, away):
            return _problem(gone())
        log.error(
            "page_fault",
            method=request.method,
            rule=str(request.url_rule),
            exc_info=(type(error), error, error.__traceback__),
        )
        on_fault()
        return _problem(Refusal(500))

    #: Views that anybody may see; parts add theirs (`open_view`).
    app.extensions["open"] = {"asset"}
    #: Views that pages fetch by themselves (`unused_view`).
    app.extensions["by_itself"] = set()
    #: Views that take more than others, or less, with how many bytes (`large_view`).
    app.extensions["large"] = {}
    #: The errors that mean that the database cannot be reached now.
    app.extensions["away"] = away
    app.extensions["fault"] = on_fault
    #: What gives the session of a secret (`entering.still_there`).
    app.extensions["session"] = lambda secret: desks.run(doorkeeper.session, secret, used=False)
    app.url_value_preprocessor(_size)
    app.before_request(before)
    app.after_request(guarding.guard)
    app.register_error_handler(Exception, on_error)
    app.add_url_rule(f"{assets.PATH}<tag>/<name>", "asset", assets.serve)
    app.add_url_rule("/", "start", lambda: redirect("/live", 303))
    History(desks).register(app)
    for part in parts:
        part.register(app)
    return app


def open_view(app: Flask, endpoint: str) -> None:
    """Let anybody see a view: logging in, say."""
    app.extensions["open"].add(endpoint)


def unused_view(app: Flask, endpoint: str) -> None:
    """Say that pages fetch a view by themselves, again and again: nobody is the less idle of it."""
    app.extensions["by_itself"].add(endpoint)


def large_view(app: Flask, endpoint: str, most: int) -> None:
    """Let a view be sent so many bytes: more than others, for files, or fewer."""
    app.extensions["large"][endpoint] = most


def _size(endpoint: str | None, values: dict[str, Any] | None) -> None:
    # Before anything of the form is read.
    most = current_app.extensions["large"].get(endpoint)
    if most is not None:
        request.max_content_length = most


def is_secure() -> bool:
    """Whether whoever asks came over TLS, as our proxy says."""
    return bool(request.is_secure)


def cookie_name() -> str:
    """Give the name of the session's cookie."""
    return f"__Host-{COOKIE}" if is_secure() else COOKIE


def _to_login() -> Response:
    # A part of a page cannot be replaced by the log-in: the whole page goes there.
    if "HX-Request" in request.headers:
        _, _, seen = request.headers.get("HX-Current-URL", "").partition(request.host_url)
        return Response(status=204, headers={"HX-Redirect": _login(f"/{seen}")})
    said = request.query_string.decode("latin-1")
    wanted = quote(request.path, safe="/+:@") + (f"?{said}" if said else "")
    # What was to be done is not done after it; what was to be seen is.
    response = redirect(_login(wanted if request.method == "GET" else "/"), 303)
    assert isinstance(response, Response)
    return response


def _login(wanted: str) -> str:
    """Give where somebody logs in who wanted to go there; whether that is ours is seen to there."""
    return "/login" if wanted == "/" else f"/login?{urlencode({'to': wanted})}"


def _templates(app: Flask) -> None:
    app.jinja_env.add_extension("jinja2.ext.i18n")
    install: Any = app.jinja_env
    install.install_gettext_callables(words._, words.ngettext, newstyle=True)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {
        "moment": shown.moment,
        "money": shown.money,
        "seconds": shown.seconds,
        "word": lambda name: words._(shown.word(name)),
    }
    app.jinja_env.globals |= {"asset": assets.asset, "days": rows.DAYS}
    app.context_processor(_context)


def _context() -> dict[str, Any]:
    session = g.get("session")
    done = DONE.get(request.args.get("done", ""))
    return {
        "session": session,
        "csrf": session.csrf if session else "",
        "language": g.get("language", "en").replace("_", "-"),
        "menu": menu(session.actor) if session else (),
        "here": request.path,
        "done": words._(done) if done else "",
    }


def _too_large() -> Refusal:
    text = words._("%(bytes)s bytes are the most, and %(fields)s fields. Send it in several parts.")
    return Refusal(413, text % {"bytes": f"{request.max_content_length:,}", "fields": MOST_FIELDS})


def _problem(refusal: Refusal) -> Response:
    """Give what goes wrong as a page; for a part of a page, as a part."""
    part = "HX-Request" in request.headers
    body = render_template(
        "_problem.html" if part else "problem.html",
        title=problems.title(refusal.status),
        detail=words.said(refusal.detail or problems.advice(refusal.status)),
        # What else is refused says itself what to do.
        advice=problems.advice(404) if refusal.status == 404 and refusal.detail else "",
    )
    return Response(body, refusal.status, refusal.headers, content_type="text/html; charset=utf-8")
