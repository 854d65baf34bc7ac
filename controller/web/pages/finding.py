"""Finding by what somebody has in his hand: a number, an extension, a callback, a leg."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from flask import Flask, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin.model import Item
from controller.admin.searching import Hits
from controller.web.pages.calls import add_words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor

#: What is typed is no longer than that: the field takes no more.
_LONGEST: Final = 80


class FindPages:
    """The page of what was found; where there is one thing only, that is gone to."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        add_words(app)
        app.add_url_rule("/find", "find", self.find)

    def find(self) -> Answer | str:
        """Find what was typed."""
        text = request.args.get("q", "").strip()[:_LONGEST]
        if not text:
            return render_template("find.html", hits=Hits(text=""), path_of=path_of, count=0)
        hits = self._desks.run(self._desks.searching.find, actor(), text)
        places = list(dict.fromkeys(_places(hits)))
        if len(places) == 1 or (places and hits.extension is not None):
            return redirect(places[0], 303)
        return render_template("find.html", hits=hits, path_of=path_of, count=len(places))


def path_of(item: Item) -> str:
    """Give where a record is."""
    return f"/{_PATHS[item.kind.value]}/of/{quote(item.key, safe='/+')}"


_PATHS: Final[dict[str, str]] = {
    "callerid": "callerids",
    "extension": "extensions",
    "number": "numbers",
}


def _places(hits: Hits) -> list[str]:
    """Give where what was found is, what was meant most likely first."""
    found = []
    if hits.callback is not None:
        found.append(f"/callbacks/{quote(hits.callback)}")
    if hits.leg is not None:
        found.append(f"/calls/{quote(hits.leg)}")
    if hits.extension is not None:
        found.append(f"/extensions/of/{quote(hits.extension)}")
    found += [path_of(item) for item in (*hits.owners, *hits.entries, *hits.public)]
    found += [f"/callbacks/{quote(one.id)}" for one in hits.callbacks]
    if hits.more:
        found.append(f"/callbacks?{urlencode({'number': hits.numbers[0]})}")
    return found
