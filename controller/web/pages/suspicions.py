"""What looks like fraud: what was seen, whether it blocks, and releasing it (G3)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from flask import Flask, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import Actor, Invalid, NotFound
from controller.admin.suspicions import Suspicion
from controller.guard.patterns import Pattern
from controller.web.pages import shown
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import N_, _

#: So many stand on a page.
ON_PAGE: Final = 50
_ID: Final = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)

PATTERNS: Final[dict[str, str]] = {
    Pattern.SEQUENTIAL_NUMBERS.value: N_("Many numbers of one block rang"),
    Pattern.MANY_EXTENSIONS.value: N_("One number rang many extensions"),
    Pattern.SHORT_ANSWERS.value: N_("Calls to one number were over at once"),
    Pattern.SUDDEN_SPEND.value: N_("Suddenly much more was spent"),
}
OPEN: Final = (("true", N_("open")), ("false", N_("released")))


class SuspicionPages:
    """The page of suspicions."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        app.add_url_rule("/suspicions", "suspicion.list", self.list)
        app.add_url_rule("/suspicions/release", "suspicion.release", self.release, methods=["POST"])

    def list(self) -> str:
        """Show suspicions, the newest first."""
        said = {
            name: text
            for name in ("open", "pattern", "extension")
            if (text := request.args.get(name, "").strip())
        }
        after = request.args.get("after") or None
        items: tuple[Suspicion, ...] = ()
        following, error = None, ""
        try:
            page = self._desks.run(
                self._desks.suspecting.list, actor(), _filters(said), after=after, limit=ON_PAGE
            )
            items, following = page.items, page.next
        except Invalid as wrong:
            error = str(wrong)
        return render_template(
            "suspicions.html",
            items=items,
            said=said,
            error=error,
            patterns=[(name, _(label)) for name, label in PATTERNS.items()],
            states=[(value, _(label)) for value, label in OPEN],
            pattern=pattern,
            may_release=_may(actor()),
            first=after is None,
            beginning=f"/suspicions?{urlencode(said)}" if said else "/suspicions",
            following=f"/suspicions?{urlencode({**said, 'after': following})}" if following else "",
        )

    def release(self) -> Answer:
        """Release a suspicion; it stays in the list."""
        text = request.form.get("id", "")
        if not _ID.match(text):
            raise NotFound("there is no such suspicion")
        self._desks.run(self._desks.suspecting.release, actor(), int(text))
        return redirect("/suspicions?done=released", 303)


def pattern(name: str) -> str:
    """Give the words of a pattern."""
    found = PATTERNS.get(name)
    return shown.word(name) if found is None else _(found)


def _filters(said: dict[str, str]) -> dict[str, str | bool]:
    wanted: dict[str, str | bool] = dict(said)
    if "pattern" in said and said["pattern"] not in PATTERNS:
        raise Invalid(f"pattern: write one of {', '.join(PATTERNS)}")
    if not said.get("extension", "").isprintable():
        raise Invalid("extension: cannot be read")
    if "open" in said:
        if said["open"] not in ("true", "false"):
            raise Invalid("open: write true or false")
        wanted["open"] = said["open"] == "true"
    return wanted


def _may(who: Actor) -> bool:
    return rights.allowed(rights.may_release_suspicion, who)
