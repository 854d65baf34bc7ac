"""The first set-up (O2): a channel, a public number, an extension, and a call that tries them.

Each step is saved when it is done, by the desks that everything else goes by. Nothing else is kept:
where somebody goes on is told by what there is already.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from flask import Flask, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.callers_csv import BETWEEN
from controller.admin.explained import ExplainedCallback, ExplainedCallerId, ExplainedRoute
from controller.admin.model import Actor, Conflict, Forbidden, Invalid, Item, Kind, NotFound, Stale
from controller.admin.node_shapes import NodeShown
from controller.admin.shapes import FIXED, KEYS
from controller.numbers.e164 import country_of
from controller.policy.model import MAIN_CLIENT
from controller.policy.records import Role
from controller.policy.versions import StoredPolicyError
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.first_steps import STEPS
from controller.web.pages.first_trial import Trial, parts_of, works
from controller.web.pages.forms import Form
from controller.web.pages.records import read_version
from controller.web.pages.words import N_, _, said

PATH: Final = "/first"
#: Where those who have nothing set up yet are led away from, and what they say to stay.
START: Final = "/live"
LATER: Final = "later"
_MEANWHILE: Final = N_(
    "Somebody else did this step while this page was open. What is there now is below; what you "
    "typed was not saved."
)


class Made(msgspec.Struct, frozen=True):
    """What there is of what is set up: the extension's own, or else the first of each."""

    channel: Item | None
    number: Item | None
    extension: Item | None

    def of(self, kind: Kind) -> Item | None:
        """Give what there is of a kind."""
        return {
            Kind.CHANNEL: self.channel,
            Kind.NUMBER: self.number,
            Kind.EXTENSION: self.extension,
        }[kind]

    def missing(self) -> Kind | None:
        """Give what comes next; None: all is there."""
        return next((kind for kind in STEPS if self.of(kind) is None), None)


class FirstRun:
    """The pages of it. They are an administrator's."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        #: Whether there was an extension once: nobody is led here any more.
        self._begun = False

    def register(self, app: Flask) -> None:
        """Add the views."""
        step = f"{PATH}/<any({', '.join(STEPS)}):step>"
        app.add_url_rule(PATH, "first.start", self.start)
        app.add_url_rule(step, "first.step", self.step)
        app.add_url_rule(step, "first.save", self.save, methods=["POST"])
        app.add_url_rule(f"{PATH}/try", "first.try", self.attempt)
        app.add_url_rule(f"{PATH}/switch", "first.switch", self.switch)
        app.before_request(self._lead)

    def _lead(self) -> Answer | None:
        """Lead whoever could set something up here, where there is nothing yet."""
        if self._begun or request.path != START or LATER in request.args:
            return None
        if request.method != "GET" or "HX-Request" in request.headers:
            return None
        if g.get("session") is None or not _may(actor()):
            return None
        try:
            self._begun = self._first(Kind.EXTENSION) is not None
        except StoredPolicyError:
            # There is one, of a newer release, say: live calls are seen all the same.
            self._begun = True
        return None if self._begun else redirect(PATH, 303)

    # --- views ---------------------------------------------------------------------------------

    def start(self) -> Answer:
        """Go on where somebody was."""
        _check()
        return redirect(_next(self._made()), 303)

    def step(self, step: str) -> Answer:
        """Show a step: an empty form, or what was made by it."""
        _check()
        kind, made = Kind(step), self._made()
        away = _too_early(kind, made)
        if away is not None:
            return redirect(away, 303)
        return make_response(self._page(kind, made, self._form(kind, made)))

    def save(self, step: str) -> Answer:
        """Make what a step makes, or change it."""
        _check()
        kind, made = Kind(step), self._made()
        away = _too_early(kind, made)
        if away is not None:
            return redirect(away, 303)
        there, form = made.of(kind), self._form(kind, made)
        if request.form.get("key", "") != (there.key if there else ""):
            # The page was of something else, or of nothing yet: nobody has seen what is there now.
            return make_response(self._page(kind, made, form, _(_MEANWHILE), now=True), 409)
        typed = form.read(request.form)
        if form.errors:
            form.ask_again()
            return make_response(self._page(kind, made, form), 422)
        try:
            if there is None:
                values = _new(kind, made) | typed
                values = {name: value for name, value in values.items() if value is not None}
                self._desks.run(self._desks.directory.create, actor(), kind, _written(kind, values))
            elif typed:
                version = read_version(request.form.get("version", ""))
                self._desks.run(
                    self._desks.directory.change, actor(), kind, there.key, typed, version=version
                )
        except (Invalid, Conflict, Forbidden, Stale) as wrong:
            message = "" if form.note(str(wrong)) else form.in_words(str(wrong))
            form.ask_again()
            status = 422 if isinstance(wrong, Invalid) else 409
            stale = isinstance(wrong, Stale)
            return make_response(self._page(kind, made, form, message, stale=stale), status)
        return redirect(_next(self._made()) if there is None else _after(kind), 303)

    def attempt(self) -> Answer:
        """Try what was set up with a call that is not made."""
        _check()
        made = self._made()
        if made.missing() is not None or made.extension is None:
            return redirect(_next(made), 303)
        dids = made.extension.values["dids"]
        asked = {name: request.args.get(name, "").strip() for name in ("caller", "did", "to")}
        asked["did"] = asked["did"] or dids[0]
        trial, errors = (
            self._try(made.extension, made.channel, asked)
            if "caller" in request.args
            else (None, None)
        )
        parts = () if trial is None else parts_of(trial)
        page = render_template(
            "first_try.html",
            steps=_steps("try", made),
            made=made,
            asked=asked,
            errors=errors or {},
            parts=parts,
            works=works(parts),
        )
        return make_response(page, 422 if errors else 200)

    def switch(self) -> Answer:
        """Say what is to be done in FreeSWITCH, and how far it is."""
        _check()
        made = self._made()
        if made.missing() is not None or made.extension is None:
            return redirect(_next(made), 303)
        desk = self._desks.nodes
        nodes: tuple[NodeShown, ...] = self._desks.run(desk.nodes, actor(), desk.known())
        page = render_template(
            "first_switch.html",
            steps=_steps("switch", made),
            made=made,
            nodes=nodes,
            dids="|".join(did.lstrip("+") for did in made.extension.values["dids"]),
        )
        return make_response(page)

    # --- parts ---------------------------------------------------------------------------------

    def _first(self, kind: Kind) -> Item | None:
        page = self._desks.run(self._desks.directory.list, actor(), kind, limit=1)
        return next(iter(page.items), None)

    def _get(self, kind: Kind, key: str) -> Item | None:
        try:
            found: Item = self._desks.run(self._desks.directory.get, actor(), kind, key)
        except NotFound:
            # It went meanwhile.
            return None
        return found

    def _made(self) -> Made:
        extension = self._first(Kind.EXTENSION)
        shown = [] if extension is None else extension.values["caller_ids"]
        number = self._get(Kind.NUMBER, shown[0]) if shown else self._first(Kind.NUMBER)
        if number is None:
            return Made(self._first(Kind.CHANNEL), None, extension)
        return Made(self._get(Kind.CHANNEL, number.values["channel"]), number, extension)

    def _form(self, kind: Kind, made: Made) -> Form:
        there = made.of(kind)
        if there is None:
            return Form(kind, [STEPS[kind]], values=_new(kind, made))
        fixed = {*KEYS[kind], *FIXED.get(kind, ())}
        return Form(kind, [STEPS[kind]], values=there.values, fixed=fixed)

    def _page(
        self,
        kind: Kind,
        made: Made,
        form: Form,
        wrong: str = "",
        *,
        stale: bool = False,
        now: bool = False,
    ) -> str:
        """Show a step; `now`: as it is now, whatever was sent; `stale`: somebody was first."""
        there = made.of(kind)
        sent = "" if now else request.form.get("version")
        return render_template(
            "first_step.html",
            steps=_steps(kind.value, made),
            made=made,
            item=there,
            version=sent or (there.version if there else ""),
            sections=form.shown(),
            errors=form.errors,
            wrong=wrong,
            stale=stale,
        )

    def _try(
        self, extension: Item, channel: Item | None, asked: dict[str, str]
    ) -> tuple[Trial | None, dict[str, str]]:
        """Ask what would happen. The second are errors, by their fields."""
        desk, who = self._desks.explaining, actor()
        ringing: dict[str, Any] = {
            "caller": asked["caller"],
            "over": None if channel is None else channel.key,
        }
        try:
            back: ExplainedCallback = desk.callback(who, did=asked["did"], **ringing)
            call = desk.call(who, did=asked["did"], to=asked["to"], **ringing)
            if not asked["to"]:
                return Trial(extension, back, call), {}
            dialled: dict[str, Any] = {"extension": extension.key, "to": asked["to"], **ringing}
            route: ExplainedRoute = desk.route(who, **dialled)
            seen: ExplainedCallerId = desk.callerid(who, **dialled)
        except Invalid as wrong:
            field, _colon, rest = str(wrong).partition(": ")
            return None, {field if field in asked else "caller": said(rest or field)}
        return Trial(extension, back, call, route, seen), {}


def _may(who: Actor) -> bool:
    return who.role is Role.ADMIN and who.client is None


def _check() -> None:
    """Check that whoever asks sets things up. Raises `Forbidden`."""
    for kind in STEPS:
        rights.may_make(actor(), kind)
    if not _may(actor()):
        raise Forbidden("the first set-up is for administrators")


def _new(kind: Kind, made: Made) -> dict[str, Any]:
    """Give what a new record has before anybody types; the keys that the form has are shown."""
    if kind is Kind.NUMBER and made.channel is not None:
        return {"channel": made.channel.key, "client": MAIN_CLIENT}
    if kind is Kind.EXTENSION and made.number is not None:
        number = made.number.key
        # Most carriers give one number, to ring and to be shown.
        found: dict[str, Any] = {"caller_ids": [number], "dids": [number], "client": MAIN_CLIENT}
        country = country_of(number)
        return found | ({} if country is None else {"country": country})
    return {}


def _written(kind: Kind, values: dict[str, Any]) -> dict[str, Any]:
    """Give values as records have them: a number without what people put between its digits."""
    if kind is Kind.NUMBER and isinstance(values.get("number"), str):
        return values | {"number": BETWEEN.sub("", values["number"])}
    return values


def _too_early(kind: Kind, made: Made) -> str | None:
    """Give where to go instead where a step needs one before it that is not done."""
    missing = made.missing()
    order = list(STEPS)
    early = missing is not None and order.index(missing) < order.index(kind)
    return _next(made) if early and made.of(kind) is None else None


def _next(made: Made) -> str:
    missing = made.missing()
    return f"{PATH}/{'try' if missing is None else missing.value}"


def _after(kind: Kind) -> str:
    order = [*STEPS, "try"]
    return f"{PATH}/{order[order.index(kind) + 1]}"


class _Step(msgspec.Struct, frozen=True):
    """A step as the page's list shows it. `state`: `done`, `now`, `next` or `later`."""

    path: str
    title: str
    state: str
    made: str


def _steps(here: str, made: Made) -> list[_Step]:
    titles = {kind.value: section.title for kind, section in STEPS.items()}
    titles |= {"try": N_("Try it"), "switch": N_("FreeSWITCH")}
    missing = made.missing()
    found = []
    for name, title in titles.items():
        there = made.of(Kind(name)) if name in STEPS else None
        open_ = missing is None or there is not None or name == missing.value
        state = "now" if name == here else "done" if there else "next" if open_ else "later"
        found.append(_Step(f"{PATH}/{name}", title, state, "" if there is None else there.key))
    return found
