"""Why? Why a number was not called back, or would be, and how a destination would be (I9).

It is asked in the address, so that other pages lead to an answer. Nothing is dialled by it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
from flask import Flask, render_template, request

from controller.admin.explained import (
    ExplainedCallback,
    ExplainedCallerId,
    ExplainedRoute,
    Recognised,
)
from controller.admin.model import Actor, Forbidden, Invalid, Kind, NotFound
from controller.admin.searching import Hits
from controller.web.pages.calls import add_words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.remedies import remedy
from controller.web.pages.words import N_, _

#: What can be asked, and how long each may be: as the API has it.
QUESTIONS: Final[dict[str, int]] = {
    "number": 80,
    "did": 40,
    "hidden": 4,
    "name": 80,
    "over": 64,
    "extension": 10,
    "to": 40,
    "caller": 80,
}
#: At so many access numbers a caller is looked at where none is named.
MOST_DIDS: Final = 3

RECOGNISED: Final[dict[str, str]] = {
    Recognised.PUBLIC.value: N_("a number of the public network"),
    Recognised.INTERNAL.value: N_("an extension of the platform"),
    Recognised.OWN_NUMBER.value: N_("one of our own access numbers"),
    Recognised.EMERGENCY.value: N_("an emergency number"),
    Recognised.SPECIAL.value: N_("a short number that is nobody's telephone"),
}
_WRONG: Final = (Invalid, Forbidden, NotFound)


class Answer(msgspec.Struct, frozen=True):
    """What came of a question: an answer, or why there is none."""

    found: ExplainedCallback | None = None
    did: str = ""
    wrong: str = ""


class ExplainPages:
    """The page that says why. Its desk is called here: it runs in a thread itself what blocks."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        add_words(app)
        app.jinja_env.filters["recognised"] = lambda what: _(RECOGNISED[what.value])
        app.add_url_rule("/explain", "explain", self.show)

    def show(self) -> str:
        """Show the questions, and the answers to those that are asked."""
        who = actor()
        said = {
            name: request.args.get(name, "").strip()[:longest]
            for name, longest in QUESTIONS.items()
        }
        if who.client is not None:
            # Channels are the operator's.
            said["over"] = ""
        hits = None
        answers: list[Answer] = []
        if said["number"] or said["hidden"]:
            hits, answers = self._callback(who, said)
        route, shown, wrong = None, None, ""
        if said["to"]:
            route, shown, wrong = self._destination(who, said)
        return render_template(
            "explain.html",
            said=said,
            hits=hits,
            answers=answers,
            route=route,
            seen=shown,
            wrong=wrong,
            remedy=partial(remedy, who=who),
            operator=who.client is None,
        )

    def _callback(self, who: Actor, said: dict[str, str]) -> tuple[Hits | None, list[Answer]]:
        """Give what is known of a caller, and whether he would be called back."""
        if said["hidden"]:
            if not said["did"]:
                return None, [Answer(wrong=_("Say which access number was rung."))]
            return None, [self._rung(who, said["did"], {"hidden": True, **_trunk(said)})]
        hits = self._desks.run(self._desks.searching.find, who, said["number"])
        # As it was typed where nobody can read it: that is a reason too.
        caller = next(iter(hits.numbers), said["number"])
        dids = [said["did"]] if said["did"] else self._dids(who, hits)
        ringing = {"caller": caller, **_trunk(said)}
        return hits, [self._rung(who, did, ringing) for did in dids]

    def _rung(self, who: Actor, did: str, ringing: dict[str, Any]) -> Answer:
        try:
            return Answer(self._desks.explaining.callback(who, did=did, **ringing), did)
        except _WRONG as wrong:
            return Answer(did=did, wrong=str(wrong))

    def _dids(self, who: Actor, hits: Hits) -> list[str]:
        """Give the access numbers that a caller means: those that he rang, those of his lists."""
        found = [one.did for one in hits.callbacks if one.extension]
        for item in hits.entries[:MOST_DIDS]:
            try:
                extension = self._desks.run(
                    self._desks.directory.get, who, Kind.EXTENSION, item.values["extension"]
                )
            except NotFound:
                continue
            found += extension.values["dids"][:1]
        return list(dict.fromkeys(found))[:MOST_DIDS]

    def _destination(
        self, who: Actor, said: dict[str, str]
    ) -> tuple[ExplainedRoute | None, ExplainedCallerId | None, str]:
        """Give how a destination would be called, and what it would see."""
        if not said["extension"]:
            return None, None, _("Say whose call it is: an extension.")
        explaining = self._desks.explaining
        given: dict[str, Any] = {"extension": said["extension"], "to": said["to"], **_trunk(said)}
        if said["caller"]:
            given["caller"] = said["caller"]
        try:
            return explaining.route(who, **given), explaining.callerid(who, **given), ""
        except _WRONG as wrong:
            return None, None, str(wrong)


def _trunk(said: dict[str, str]) -> dict[str, str]:
    return {name: said[name] for name in ("name", "over") if said[name]}
