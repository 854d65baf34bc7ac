"""Lock-outs of wrong passwords: who is locked, until when, and releasing them (A3)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Flask, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.lockouts import Lockout
from controller.admin.model import Actor, Invalid, NotFound
from controller.guard.locking import LockKind, target_of
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.words import N_, _

#: So many stand on a page.
ON_PAGE: Final = 50

KINDS: Final[dict[str, str]] = {
    LockKind.NUMBER.value: N_("A caller at an extension"),
    LockKind.EXTENSION.value: N_("A whole extension"),
    LockKind.DID.value: N_("An access number"),
}
LOCKED: Final = (("true", N_("locked now")), ("false", N_("only counted")))


class LockoutPages:
    """The page of lock-outs. Its desk is called here: it runs in a thread itself what blocks."""

    def __init__(self, desks: Desks) -> None:
        self._desk = desks.lockouts

    def register(self, app: Flask) -> None:
        """Add the views."""
        app.add_url_rule("/lockouts", "lockout.list", self.list)
        app.add_url_rule("/lockouts/release", "lockout.release", self.release, methods=["POST"])

    def list(self) -> str:
        """Show what is locked, and what counts towards a lock."""
        said = {
            name: text
            for name in ("kind", "extension", "locked")
            if (text := request.args.get(name, "").strip())
        }
        after = request.args.get("after") or None
        items: tuple[Lockout, ...] = ()
        following, everywhere, error = None, True, ""
        try:
            page = self._desk.list(actor(), _filters(said), after=_place(after), limit=ON_PAGE)
            items, following, everywhere = page.items, page.next, page.everywhere
        except Invalid as wrong:
            error = str(wrong)
        return render_template(
            "lockouts.html",
            items=items,
            said=said,
            error=error,
            everywhere=everywhere,
            kinds=[(name, _(label)) for name, label in KINDS.items()],
            locked=[(value, _(label)) for value, label in LOCKED],
            sentence=sentence,
            may_release=_may(actor()),
            first=after is None,
            beginning=f"/lockouts?{urlencode(said)}" if said else "/lockouts",
            following=f"/lockouts?{urlencode({**said, 'after': following})}" if following else "",
        )

    def release(self) -> Answer:
        """Release a lock, and forget what was counted."""
        target = target_of(request.form.get("key", ""))
        if target is None:
            raise NotFound("there is no such lock-out")
        self._desk.release(actor(), target)
        return redirect("/lockouts?done=released", 303)


def sentence(one: Lockout) -> str:
    """Say what one is."""
    values = {"extension": one.extension, "number": one.number, "did": one.did}
    match one.kind:
        case LockKind.NUMBER:
            return _("%(number)s at extension %(extension)s") % values
        case LockKind.EXTENSION:
            return _("Everybody at extension %(extension)s") % values
        case LockKind.DID:
            return _("Everybody who rings %(did)s") % values


def _place(after: str | None) -> str | None:
    """Give where the list goes on: in Redis, which is asked for no key that is none of ours (G1).

    Raises `Invalid`.
    """
    if after is not None and target_of(after) is None:
        raise Invalid("after: is no place in this list; begin anew")
    return after


def _filters(said: dict[str, str]) -> dict[str, str | bool]:
    wanted: dict[str, str | bool] = dict(said)
    if "kind" in said and said["kind"] not in KINDS:
        raise Invalid(f"kind: write one of {', '.join(KINDS)}")
    if "locked" in said:
        if said["locked"] not in ("true", "false"):
            raise Invalid("locked: write true or false")
        wanted["locked"] = said["locked"] == "true"
    return wanted


def _may(who: Actor) -> bool:
    return rights.allowed(rights.may_release, who)
