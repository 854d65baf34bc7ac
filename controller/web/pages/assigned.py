"""The numbers that an extension may show (I3 to I5, I8): assigned, taken away, the default.

And what would be shown when calling a number (I9), as it is typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec
from flask import Flask, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin.callers_csv import BETWEEN
from controller.admin.model import (
    MOST_ITEMS,
    Actor,
    Conflict,
    Forbidden,
    Invalid,
    Item,
    Kind,
    Stale,
)
from controller.admin.rights import allowed, may_change
from controller.web.pages import rules
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.extension_shown import CALLERID
from controller.web.pages.forms import Form
from controller.web.pages.records import read_version
from controller.web.pages.typed import beginning_of
from controller.web.pages.words import _

#: So many numbers are offered at once; others are found by how they begin.
OFFERED: Final = 200
#: The longest number that is looked at, as it may be typed.
_LONGEST: Final = 80
_FIELDS: Final = ("caller_ids", "default_caller_id")


class PoolNumber(msgspec.Struct, frozen=True):
    """A public number. `channel` "": it is no number of the client's any more."""

    number: str
    channel: str = ""
    description: str = ""
    default: bool = False


class Pool(msgspec.Struct, frozen=True):
    """Public numbers of a client's, the first ones; `more`: there are others."""

    numbers: tuple[PoolNumber, ...]
    more: bool


class OnChannel(msgspec.Struct, frozen=True):
    """The numbers on one channel."""

    channel: str
    numbers: tuple[PoolNumber, ...]


def pool_of(desks: Desks, client: str | None, beginning: str = "") -> Pool:
    """Give the public numbers of a client; None: everybody's that whoever asks may see."""
    return _page(desks, client, beginning, None)[0]


def assigned_of(desks: Desks, item: Item, pool: Pool) -> tuple[OnChannel, ...]:
    """Give the numbers that are assigned to an extension, by their channels, in order.

    `pool`: those of its client that have been looked for already.
    """
    wanted: Sequence[str] = item.values["caller_ids"]
    found = {one.number: one for one in pool.numbers if one.number in wanted}
    after, client = None, item.values["client"]
    while len(found) < len(wanted):
        page, after = _page(desks, client, "", after)
        found |= {one.number: one for one in page.numbers if one.number in wanted}
        if after is None:
            break
    default = item.values["default_caller_id"]
    return by_channel(
        msgspec.structs.replace(found.get(number, PoolNumber(number)), default=number == default)
        for number in wanted
    )


def by_channel(numbers: Iterable[PoolNumber]) -> tuple[OnChannel, ...]:
    """Give numbers by their channels, and of each in their order."""
    ordered = sorted(numbers, key=attrgetter("channel"))
    return tuple(
        OnChannel(channel, tuple(some))
        for channel, some in groupby(ordered, key=attrgetter("channel"))
    )


def _page(
    desks: Desks, client: str | None, beginning: str, after: str | None
) -> tuple[Pool, str | None]:
    asked = {"client": client or "", "number": beginning}
    page = desks.run(
        desks.directory.list,
        actor(),
        Kind.NUMBER,
        {name: value for name, value in asked.items() if value},
        after=after,
        limit=MOST_ITEMS,
    )
    numbers = tuple(
        PoolNumber(item.key, item.values["channel"], item.values["description"])
        for item in page.items
    )
    return Pool(numbers, page.next is not None), page.next


class AssignedPages:
    """The page of an extension's numbers, and what it would show."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        path = "/extensions/assigned/<extension>"
        app.add_url_rule(path, "assigned", self.show)
        app.add_url_rule(path, "assigned.change", self.change, methods=["POST"])
        app.add_url_rule("/extensions/preview/<extension>", "assigned.preview", self.preview)

    def show(self, extension: str) -> str:
        """Show which numbers are assigned, and which could be."""
        return self._page(self._get(extension))

    def change(self, extension: str) -> Answer:
        """Assign numbers, take them away, make one the default, or say which is chosen."""
        item = self._get(extension)
        patch = _patch(item)
        if not patch:
            return redirect(f"{_path(extension)}?done=nothing", 303)
        seen = read_version(request.form.get("version", ""))
        try:
            self._desks.run(
                self._desks.directory.change,
                actor(),
                Kind.EXTENSION,
                extension,
                patch,
                version=seen,
            )
        except Stale:
            said = _(
                "Somebody else changed this extension while the page was open. Nothing was done; "
                "this is how it is now."
            )
            return make_response(self._page(self._get(extension), said), 409)
        except (Invalid, Conflict, Forbidden) as wrong:
            # It begins with the field, which nobody typed into here.
            said = str(wrong)
            head, colon, rest = said.partition(": ")
            said = rest if colon and " " not in head else said
            said = Form(Kind.EXTENSION, CALLERID).in_words(said)
            status = 409 if isinstance(wrong, Conflict) else 422
            status = 403 if isinstance(wrong, Forbidden) else status
            return make_response(self._page(item, said), status)
        return redirect(f"{_path(extension)}?done=saved", 303)

    def preview(self, extension: str) -> str:
        """Say what would be shown when calling a number: a part of a page."""
        said = {name: _typed(name) for name in ("to", "caller", "name", "over")}
        found, error = None, ""
        if said["to"]:
            over = said["over"] if actor().client is None else ""
            try:
                # It sees to it itself that nothing blocks.
                found = self._desks.explaining.callerid(
                    actor(),
                    extension=extension,
                    to=said["to"],
                    caller=said["caller"] or None,
                    name=said["name"] or None,
                    over=over or None,
                )
            except Invalid as wrong:
                error = str(wrong).partition(": ")[2] or str(wrong)
        else:
            # What is not there, or another client's, is not there for this either.
            self._get(extension)
        return render_template("_preview.html", found=found, error=error, rule=rules.rule)

    # --- parts --------------------------------------------------------------------------------

    def _get(self, extension: str) -> Item:
        return self._desks.run(self._desks.directory.get, actor(), Kind.EXTENSION, extension)

    def _page(self, item: Item, wrong: str = "") -> str:
        client = item.values["client"]
        beginning = request.args.get("number", "").strip()[:_LONGEST]
        pool = pool_of(self._desks, client, beginning_of(beginning))
        assigned = set(item.values["caller_ids"])
        free = [one for one in pool.numbers if one.number not in assigned]
        return render_template(
            "assigned.html",
            item=item,
            wrong=wrong,
            beginning=beginning,
            assigned=assigned_of(self._desks, item, pool),
            offered=by_channel(free[:OFFERED]),
            more=pool.more or len(free) > OFFERED,
            may=_may_assign(actor()),
        )


def _path(extension: str) -> str:
    return f"/extensions/assigned/{extension}"


def _patch(item: Item) -> dict[str, Any]:
    """Give what was asked for, as a change of the extension."""
    form, before = request.form, list(item.values["caller_ids"])
    if form.get("remove"):
        return {"caller_ids": [number for number in before if number != form["remove"]]}
    if form.get("default"):
        return {"default_caller_id": form["default"]}
    if form.get("do") == "choice":
        return {"caller_id_choice": form.get("caller_id_choice")}
    typed = (BETWEEN.sub("", text) for text in form.getlist("number"))
    new = [number for number in dict.fromkeys(typed) if number and number not in before]
    return {"caller_ids": [*before, *new]} if new else {}


def _typed(name: str) -> str:
    return request.args.get(name, "").strip()[:_LONGEST]


def _may_assign(who: Actor) -> bool:
    return allowed(may_change, who, Kind.EXTENSION, _FIELDS)
