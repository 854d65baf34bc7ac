"""The switch that stops callbacks (O6): everywhere, of a client, of an extension."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.callback_shapes import ScopeName, Stopped, StopScope
from controller.admin.model import Actor, AdminError, Invalid, NotFound
from controller.web.pages import words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.login import at_field
from controller.web.pages.words import N_, _

SCOPES: Final[dict[str, str]] = {
    StopScope.EVERYWHERE.value: N_("Everywhere"),
    StopScope.CLIENT.value: N_("Of one client"),
    StopScope.EXTENSION.value: N_("Of one extension"),
}


class StopPages:
    """The page of the stop switch."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, method, view in (
            ("list", "/stops", "GET", self.list),
            ("stop", "/stops", "POST", self.stop),
            ("resume", "/stops/resume", "POST", self.resume),
        ):
            app.add_url_rule(path, f"stop.{endpoint}", view, methods=[method])

    def list(self) -> str:
        """Show what is stopped, and the switch; an address may name what it is about."""
        return self._page({name: request.args.get(name, "") for name in ("scope", "name")})

    def stop(self) -> Answer:
        """Stop callbacks."""
        said = {name: request.form.get(name, "").strip() for name in ("scope", "name", "reason")}
        values = {"hang_up": request.form.get("hang_up") == "on", "reason": said["reason"]}
        try:
            scope, name = _read(said)
            self._desks.run(self._desks.stopping.put, actor(), scope, name, values)
        except (Invalid, NotFound) as wrong:
            said["hang_up"] = "on" if values["hang_up"] else ""
            return self._wrong(said, wrong)
        return redirect("/stops?done=stopped", 303)

    def resume(self) -> Answer:
        """Let callbacks be made again."""
        scope, name = _read({key: request.form.get(key, "") for key in ("scope", "name")})
        self._desks.run(self._desks.stopping.resume, actor(), scope, name)
        return redirect("/stops?done=made_again", 303)

    def _wrong(self, said: dict[str, str], wrong: AdminError) -> Response:
        # What there is not was typed as the name.
        message = f"name: {wrong}" if isinstance(wrong, NotFound) else str(wrong)
        return make_response(self._page(said, message), 422)

    def _page(self, said: dict[str, str], wrong: str = "") -> str:
        field, message = at_field(words.said(wrong), ("scope", "name", "reason"))
        who = actor()
        items = self._desks.run(self._desks.stopping.stops, who)
        scopes = [
            (name, _(label))
            for name, label in SCOPES.items()
            if _may(who, everywhere=name == StopScope.EVERYWHERE)
        ]
        # Where nothing is said, the smallest: nobody stops everything by one click too many.
        chosen = said.get("scope")
        if chosen not in dict(scopes):
            chosen = StopScope.EXTENSION.value
        return render_template(
            "stops.html",
            items=items,
            scopes=scopes,
            said={**said, "scope": chosen},
            wrong="" if field else message,
            errors={field: message} if field else {},
            resumable=[
                stop
                for stop in items
                if self._desks.run(self._desks.stopping.may_resume, who, stop)
            ],
            where=where,
            client=who.client,
        )


def where(stop: Stopped) -> str:
    """Say where callbacks are stopped."""
    match stop.scope:
        case StopScope.EVERYWHERE:
            return _("Everywhere")
        case StopScope.CLIENT:
            return _("Client %(name)s") % {"name": stop.name}
        case StopScope.EXTENSION:
            return _("Extension %(name)s") % {"name": stop.name}


def _read(said: dict[str, str]) -> tuple[StopScope, str]:
    """Read what is to be stopped. Raises `Invalid`, `NotFound`."""
    try:
        scope = StopScope(said["scope"])
    except ValueError:
        raise Invalid("scope: choose what is to be stopped") from None
    if scope is StopScope.EVERYWHERE:
        return scope, ""
    name: Any = said["name"]
    if not name:
        raise Invalid(f"name: say which {scope.value}")
    try:
        return scope, msgspec.convert(name, ScopeName)
    except msgspec.ValidationError:
        raise NotFound(f"there is no such {scope.value}") from None


def _may(who: Actor, *, everywhere: bool) -> bool:
    return rights.allowed(rights.may_stop, who, everywhere=everywhere)
