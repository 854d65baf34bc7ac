"""Callbacks: those to be made and those of the past, asked for by hand, cancelled, hung up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.callback_shapes import Callback, Source, State
from controller.admin.callbacks import FILTERS, Given
from controller.admin.callers_csv import BETWEEN
from controller.admin.model import (
    AdminError,
    Conflict,
    Invalid,
    Kind,
    NotFound,
    Unavailable,
)
from controller.web.pages import outcomes, shown
from controller.web.pages.calls import add_words, micros
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.fields import (
    Asked,
    Field,
    FormField,
    FormSection,
    Section,
    Typed,
    Widget,
    Wrong,
)
from controller.web.pages.live import PATH as LIVE
from controller.web.pages.live import LivePages, may_end
from controller.web.pages.typed import typed_by, value_of
from controller.web.pages.words import N_, _

PATH: Final = "/callbacks"
#: So many stand on a page, and so many extensions are offered.
ON_PAGE: Final = 50
OFFERED: Final = 200
STATES: Final[dict[str, str]] = {
    State.PENDING.value: N_("still to be made"),
    State.CALLING.value: N_("ringing"),
    State.ANSWERED.value: N_("answered, goes on"),
    State.DONE.value: N_("over"),
    State.REFUSED.value: N_("no callback"),
}
SOURCES: Final[dict[str, str]] = {
    Source.CALL.value: N_("by a call"),
    Source.API.value: N_("by hand, or through the API"),
}
_LABELS: Final[dict[str, str]] = {
    "extension": N_("Extension"),
    "number": N_("Number"),
    "state": N_("State"),
    "outcome": N_("What became of it"),
    "source": N_("Asked for"),
    "since": N_("From (UTC)"),
    "until": N_("Before (UTC)"),
}
_TIMES: Final = ("since", "until")

WANTED: Final = Section(
    name="wanted",
    title=N_("Who is called back"),
    intro=N_(
        "It goes by the rules that a call goes by: what the extension does not allow is refused, "
        "and its page says why."
    ),
    fields=(
        Field(
            name="extension",
            label=N_("Extension"),
            help=N_("Whose callback it is: its password, its credit, what it shows."),
            suggestions="extensions",
        ),
        Field(
            name="number",
            label=N_("Number"),
            help=N_("Who is called, as if he had rung; with its country, or as dialled there."),
            widget=Widget.TEXT,
        ),
        Field(
            name="did",
            label=N_("Access number (DID)"),
            help=N_("One of the extension's, which the return call shows."),
            default=N_("the extension's first"),
        ),
        Field(
            name="delay_seconds",
            label=N_("When"),
            help=N_("How long from now; a day at most."),
            widget=Widget.COUNT,
            unit=N_("seconds"),
            default=N_("as the extension has it"),
        ),
    ),
)


class CallbackPages:
    """The list, the form, and what is done with one. The page of one is `timeline`'s."""

    def __init__(self, desks: Desks, live: LivePages) -> None:
        self._desks = desks
        self._live = live

    def register(self, app: Flask) -> None:
        """Add the views."""
        add_words(app)
        for endpoint, path, method, view in (
            ("list", PATH, "GET", self.list),
            ("new", f"{PATH}/new", "GET", self.new),
            ("ask", f"{PATH}/new", "POST", self.ask),
            ("cancel", f"{PATH}/<id>/cancel", "POST", self.cancel),
            ("hang_up", f"{PATH}/<id>/hang-up", "POST", self.hang_up),
        ):
            app.add_url_rule(path, f"callbacks.{endpoint}", view, methods=[method])

    # --- the list -----------------------------------------------------------------------------

    def list(self) -> Answer:
        """Show a page of callbacks, the newest first."""
        return self.page(request.args)

    def page(self, query: Mapping[str, str], wrong: str = "", status: int = 200) -> Answer:
        """Give the page that an address asks for; `wrong`: what somebody could not do there."""
        said = _said(query)
        after = query.get("after") or None
        items: tuple[Callback, ...] = ()
        following, error = None, ""
        try:
            page = self._desks.run(
                self._desks.callbacks.list, actor(), _filters_of(said), after=after, limit=ON_PAGE
            )
            items, following = page.items, page.next
        except Invalid as problem:
            error = str(problem)
        again = urlencode({n: v for n, v in {**said, "after": after or ""}.items() if v})
        body = render_template(
            "callbacks.html",
            items=items,
            filters=_filters(said),
            states=STATES,
            error=error,
            wrong=wrong,
            filtered=bool(said),
            first=after is None,
            beginning=f"{PATH}?{urlencode(said)}" if said else PATH,
            following=f"{PATH}?{urlencode({**said, 'after': following})}" if following else "",
            here_again=f"{PATH}?{again}",
            may_ask=may_end(actor()),
        )
        return make_response(body, status)

    # --- one that is asked for by hand ----------------------------------------------------------

    def new(self) -> Answer:
        """Show the form; an address may have something in it."""
        rights.may_ask(actor())
        typed = {f.name: Typed(text=request.args.get(f.name, "")[:40]) for f in WANTED.fields}
        return self._form(typed, {})

    def ask(self) -> Answer:
        """Ask for a callback, and go to its page: there is said what becomes of it."""
        rights.may_ask(actor())
        typed, values, errors = _read_wanted()
        if errors:
            return self._form(typed, errors, status=422)
        try:
            given: Given = self._desks.run(self._desks.callbacks.ask, actor(), values)
        except (Invalid, NotFound) as problem:
            return self._form(typed, _at_field(problem), status=422)
        found = given.callback
        if found.state is State.PENDING:
            self._desks.on_callback(found.due / 1_000_000)
        return redirect(f"{PATH}/{found.id}?done=asked", 303)

    def _form(self, typed: dict[str, Typed], errors: dict[str, str], status: int = 200) -> Answer:
        fields = tuple(
            FormField(
                field=field,
                typed=typed[field.name],
                error=errors.get(field.name, ""),
                default=_(field.default) if field.default else "",
            )
            for field in WANTED.fields
        )
        offered = self._desks.run(
            self._desks.directory.list, actor(), Kind.EXTENSION, {}, limit=OFFERED
        )
        body = render_template(
            "callback_new.html",
            section=FormSection(WANTED, fields),
            errors=errors,
            extensions=[(item.key, item.values["description"]) for item in offered.items],
        )
        return make_response(body, status)

    # --- what is done with one ------------------------------------------------------------------

    def cancel(self, id: str) -> Answer:  # noqa: A002  (a part of the path)
        """Cancel one that is still to be made."""
        desk = self._desks.callbacks
        return self._do(id, lambda: self._desks.run(desk.cancel, actor(), id), "cancelled")

    def hang_up(self, id: str) -> Answer:  # noqa: A002
        """End a call that goes on."""
        return self._do(id, lambda: self._desks.live.hang_up(actor(), id), "hung_up")

    def _do(self, id_: str, doing: Callable[[], Any], done: str) -> Answer:
        """Do it, and go back to where somebody came from; say there why it was not done."""
        back = _back(id_)
        try:
            doing()
        except (Conflict, Unavailable) as problem:
            return self._not_done(back, problem)
        path, query = back
        return redirect(f"{path}?{urlencode({**query, 'done': done})}", 303)

    def _not_done(self, back: tuple[str, dict[str, str]], problem: AdminError) -> Answer:
        status = 409 if isinstance(problem, Conflict) else 503
        path, query = back
        # The page is shown as if it had been asked for, with the reason above it.
        if path == LIVE:
            return self._live.page(query, str(problem), status)
        if path == PATH:
            return self.page(query, str(problem), status)
        raise problem


def _back(id_: str) -> tuple[str, dict[str, str]]:
    """Give the page that somebody came from, one of ours; else that of the callback."""
    own: tuple[str, dict[str, str]] = (f"{PATH}/{id_}", {})
    try:
        said = urlsplit(request.form.get("back", ""))
        query = dict(parse_qsl(said.query, max_num_fields=20))
    except ValueError:
        return own
    if said.scheme or said.netloc or said.path not in (LIVE, PATH, own[0]):
        return own
    query.pop("done", None)
    return said.path, query


# --- what is asked for --------------------------------------------------------------------------


def _said(query: Mapping[str, str]) -> dict[str, str]:
    """Give what was typed into the filters."""
    said = {name: query.get(name, "").strip() for name in FILTERS}
    # People write numbers with spaces, and brackets.
    said["number"] = BETWEEN.sub("", said["number"])
    return {name: text for name, text in said.items() if text}


def _filters_of(said: dict[str, str]) -> dict[str, str | int]:
    return {name: micros(name, text) if name in _TIMES else text for name, text in said.items()}


def _filters(said: dict[str, str]) -> list[Asked]:
    words = {**outcomes.ENDED, **outcomes.REFUSED}
    options = {
        "state": [(name, _(label)) for name, label in STATES.items()],
        "outcome": sorted(((name, shown.word(name)) for name in words), key=lambda one: one[1]),
        "source": [(name, _(label)) for name, label in SOURCES.items()],
    }
    return [
        Asked(
            name=name,
            label=_(label),
            said=said.get(name, ""),
            options=tuple(options.get(name, ())),
            type="datetime-local" if name in _TIMES else "text",
        )
        for name, label in _LABELS.items()
    ]


def _read_wanted() -> tuple[dict[str, Typed], dict[str, Any], dict[str, str]]:
    """Read the form: what was typed, the values, and what cannot be read."""
    typed: dict[str, Typed] = {}
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in WANTED.fields:
        typed[field.name] = typed_by(field, request.form) or Typed()
        try:
            value = value_of(field, typed[field.name])
        except Wrong as wrong:
            errors[field.name] = str(wrong)
            continue
        if value is not None:
            values[field.name] = BETWEEN.sub("", value) if field.name == "did" else value
        elif field.name in ("extension", "number"):
            errors[field.name] = _("write one")
    return typed, values, errors


def _at_field(problem: AdminError) -> dict[str, str]:
    """Give an error by its field; of an extension that there is not, it is that field's."""
    if isinstance(problem, NotFound):
        return {"extension": str(problem)}
    head, colon, rest = str(problem).partition(": ")
    name = head.removeprefix("$.")
    if colon and name in {field.name for field in WANTED.fields}:
        return {name: rest}
    return {"": str(problem)}
