"""The rules by which calls are decided, each with a few words (I9): so pages name them."""

from __future__ import annotations

from typing import Final

from controller.callerid.model import Shown
from controller.web.pages.words import N_, _

#: By their ids in the specification; `did` and `off` are asked before any of these.
RULES: Final[dict[str, str]] = {
    "did": N_("Access number"),
    "off": N_("Switched on"),
    "O6": N_("Stop switch"),
    "T3": N_("Who is called back"),
    "T4": N_("The caller's number"),
    "T5": N_("When"),
    "T6": N_("Callbacks that are open"),
    "T7": N_("No call to ourselves"),
    "T8": N_("What the return call shows"),
    "T10": N_("Refusal"),
    "A3": N_("Lock-outs"),
    "D3": N_("What the number is"),
    "G2": N_("Where calls may go"),
    "G3": N_("Limits, and what looks like fraud"),
    "G4": N_("Calls that came to nothing"),
    "I1": N_("Name"),
    "I2": N_("Number"),
    "I3": N_("One of several numbers"),
    "I4": N_("Channel"),
    "I5": N_("Default number"),
    "I6": N_("Hidden"),
    "I7": N_("Identity headers"),
    "M2": N_("Prices"),
    "M3": N_("Credit"),
    "M4": N_("Credit"),
}


def rule(name: str) -> str:
    """Give the words of a rule; of one without, its id."""
    found = RULES.get(name)
    return name if found is None else _(found)


def shown_as(shown: Shown) -> str:
    """Say what a call shows."""
    if shown.hidden:
        return _("Anonymous")
    number = shown.number or _("no number")
    return f"{number} “{shown.name}”" if shown.name else number
