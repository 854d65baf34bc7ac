"""The application: what is served under `/api/`, made of its parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from controller.admin.model import AdminError, Conflict, Kind
from controller.policy.versions import StoredPolicyError
from controller.web.api import problems
from controller.web.api.callbacks import CallbackViews, StopViews
from controller.web.api.calls import CallViews
from controller.web.api.explain import ExplainViews
from controller.web.api.files import Files, Imports
from controller.web.api.ledgers import Ledgers
from controller.web.api.lockouts import LockoutViews
from controller.web.api.nodes import NodeViews
from controller.web.api.openapi import Description
from controller.web.api.persons import PersonViews
from controller.web.api.prices import RateViews
from controller.web.api.problems import Refusal
from controller.web.api.records import Records, Run
from controller.web.api.sounds import AudioViews
from controller.web.api.suspicions import SuspicionViews
from controller.web.api.tokens import Tokens
from controller.web.api.turns import Shares
from controller.web.peers import PEER, site

if TYPE_CHECKING:
    from controller.admin.call_records import CallRecords
    from controller.admin.callbacks import Callbacks
    from controller.admin.directory import Directory
    from controller.admin.explaining import Explaining
    from controller.admin.lockouts import LockoutDesk
    from controller.admin.nodes import NodeDesk
    from controller.admin.persons import PersonDesk
    from controller.admin.stopping import Stopping
    from controller.admin.suspicions import Suspecting

log: Any = structlog.get_logger("api")

#: The view that tells nothing that is not public.
_OPEN = "openapi"


def create_api(
    directory: Directory,
    callbacks: Callbacks,
    calls: CallRecords,
    stopping: Stopping,
    suspecting: Suspecting,
    lockouts: LockoutDesk,
    explaining: Explaining,
    nodes: NodeDesk,
    persons: PersonDesk,
    *,
    run: Run,
    away: tuple[type[Exception], ...] = (),
    on_fault: Callable[[], None] = lambda: None,
    on_callback: Callable[[float], None] = lambda due: None,
    on_wrong_token: Callable[[bool], None] = lambda unseen: None,
    clock: Callable[[], float] = time.monotonic,
    shares: Shares | None = None,
) -> Flask:
    """Make the application, which is served under `/api/`.

    `run` runs what blocks, and the first five do in every call, and `nodes`: in a thread, that is,
    where an event loop serves; the other three see to that themselves. `away` are the errors
    that mean that the database cannot be reached now; `on_fault` is told of each fault of our own,
    which has been logged then; `on_callback` when a callback is due that was asked for, seconds
    since 1970; `on_wrong_token` of each token that is not taken, and whether it was refused unseen.
    They are called where the request is served. `clock` gives seconds that never go back. `shares`:
    what the pages share with it.
    """
    app = Flask("callbackd", static_folder=None, template_folder=None)
    # A path is one path: nothing is sent elsewhere for a stroke too much.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    # Faults are answered and logged here, in tests as well.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    tokens = Tokens(
        lambda secret: run(directory.authenticate, secret),
        clock,
        on_wrong_token,
    )

    def authenticate() -> None:
        # Where there is nothing, nobody has to be known; OPTIONS says what the description says.
        if request.url_rule is None or request.method == "OPTIONS":
            return
        if request.endpoint != _OPEN:
            peer = request.environ.get(PEER)
            g.actor = tokens.actor(request.headers.get("Authorization"), site(peer))

    def on_error(error: Exception) -> Response:
        match error:
            case Refusal():
                return problems.answer(error)
            case AdminError():
                return problems.answer(problems.of_admin(error))
            case StoredPolicyError():
                # Written by a newer release, or damaged: it says which one, and what to do.
                return problems.answer(problems.of_admin(Conflict(str(error))))
            case HTTPException():
                return problems.answer(_of_routing(error))
        if isinstance(error, away):
            return problems.answer(problems.away())
        # The rule and not the path: that may hold somebody's number.
        log.error(
            "api_fault",
            method=request.method,
            rule=str(request.url_rule),
            exc_info=(type(error), error, error.__traceback__),
        )
        on_fault()
        return problems.answer(Refusal(500))

    app.before_request(authenticate)
    app.register_error_handler(Exception, on_error)
    app.after_request(_guarded)
    for kind in Kind:
        Records(kind, directory, run).register(app)
    shares = shares or Shares()
    imports, files = Imports(run, shares.imports), Files(run, away)
    RateViews(directory, run, imports, files).register(app)
    Ledgers(directory, run, imports, files).register(app)
    AudioViews(directory, run, shares.sounds).register(app)
    CallbackViews(callbacks, run, on_callback).register(app)
    CallViews(calls, run, files).register(app)
    StopViews(stopping, run).register(app)
    SuspicionViews(suspecting, run).register(app)
    LockoutViews(lockouts).register(app)
    NodeViews(nodes, run).register(app)
    PersonViews(persons).register(app)
    ExplainViews(explaining).register(app)
    Description().register(app, _OPEN)
    return app


def _of_routing(error: HTTPException) -> Refusal:
    """Give the refusal that an error of the routing is: no such path, no such method."""
    allowed = getattr(error, "valid_methods", None)
    return Refusal(
        error.code or 500, headers={"Allow": ", ".join(sorted(allowed))} if allowed else {}
    )


def _guarded(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if not response.is_streamed and not response.content_length:
        # There is no text of which it could be said what it is.
        response.headers.remove("Content-Type")
    return response
