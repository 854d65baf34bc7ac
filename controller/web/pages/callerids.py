"""Authorised CallerIDs: the numbers that may use an extension, and what is on their accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import request

from controller.admin import rights
from controller.admin.model import Item, Kind
from controller.web.pages.entering import actor
from controller.web.pages.fields import Field, Section, Widget
from controller.web.pages.records import Column, Filter, Look, RecordPages, may_change
from controller.web.pages.typed import beginning_of
from controller.web.pages.words import N_

#: Where they are.
PATH: Final = "/callerids"
#: What the list is filtered by, as the desk has it.
FILTERS: Final = ("extension", "number", "enabled", "pin_set")

CALLERIDS: Final = Look(
    kind=Kind.CALLERID,
    path=PATH,
    one=N_("Authorised CallerID"),
    many=N_("Authorised CallerIDs"),
    intro=N_(
        "The telephone numbers that may use an extension, each with its own status, callback "
        "number, PIN and, where it has an account, its own credit."
    ),
    sections=(
        Section(
            name="who",
            title=N_("Who it is"),
            fields=(
                Field(
                    name="extension",
                    label=N_("Extension"),
                    help=N_("Which extension this number may use."),
                    suggestions="extensions",
                ),
                Field(
                    name="number",
                    label=N_("Number"),
                    help=N_("The caller's, with its country: +1 202 555 0100."),
                    widget=Widget.PHONE,
                ),
                Field(
                    name="enabled",
                    label=N_("Enabled"),
                    help=N_("Off: it is as if the number were not on the list."),
                    widget=Widget.CHECK,
                ),
                Field(
                    name="notes",
                    label=N_("Notes"),
                    help=N_("For you; callers never hear of them."),
                    widget=Widget.LONG,
                ),
            ),
        ),
        Section(
            name="calling",
            title=N_("Being called back"),
            fields=(
                Field(
                    name="callback_number",
                    label=N_("Callback number"),
                    help=N_("Called in place of the number that rang; empty: that number."),
                    widget=Widget.PHONE,
                ),
                Field(
                    name="language",
                    label=N_("Language"),
                    help=N_("Of what he hears, such as en or pt-BR; empty: as the extension has."),
                ),
            ),
        ),
        Section(
            name="security",
            title=N_("PIN"),
            fields=(
                Field(
                    name="pin",
                    label=N_("PIN"),
                    help=N_(
                        "4 to 20 digits, asked for in place of the extension's password where that "
                        "extension asks for a password per CallerID. Nobody can read it again."
                    ),
                    widget=Widget.SECRET,
                ),
            ),
        ),
        Section(
            name="dialling",
            title=N_("Dialling"),
            fields=(
                Field(
                    name="speed_dials",
                    label=N_("Speed dials"),
                    help=N_("One or two digits, and the number that is called for them."),
                    widget=Widget.ROWS,
                    columns=(N_("Digits"), N_("Number")),
                ),
                Field(
                    name="presets",
                    label=N_("Connected at once"),
                    help=N_(
                        "Who rings this number of ours is called back and connected with that "
                        "number, without dialling."
                    ),
                    widget=Widget.ROWS,
                    columns=(N_("Number of ours that rings"), N_("Connected with")),
                ),
            ),
        ),
    ),
    columns=(Column("number", N_("Number")),),
    filters=(
        Filter("extension", N_("Extension")),
        Filter("number", N_("Number begins with"), telephone=True),
        Filter("enabled", N_("Status"), (("true", N_("on")), ("false", N_("off")))),
        Filter("pin_set", N_("PIN"), (("true", N_("with")), ("false", N_("without")))),
    ),
    template="callerid.html",
    list_template="callerids.html",
)


class CallerIdPages(RecordPages):
    """The pages of authorised CallerIDs."""

    def begun(self) -> dict[str, Any]:
        """Give what a new one begins with: the extension that the address says."""
        return {"extension": request.args.get("extension", "")}

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give the extensions to choose from."""
        return {"extensions": self.names(Kind.EXTENSION)}

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give what is on its account."""
        if item is None:
            return {}
        found = self.desks.run(self.desks.directory.credit_of_callers, actor(), [item.key])
        return {"credit": found.get(item.key), "may_enter": may_enter()}

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give what is on their accounts, all of it in one question."""
        keys = [item.key for item in items]
        credit = self.desks.run(self.desks.directory.credit_of_callers, actor(), keys)
        said = {name: request.args.get(name, "").strip() for name in FILTERS}
        return {
            "credit": credit,
            "may_tick": may_change(actor(), Kind.CALLERID, "enabled", None),
            "filtered": urlencode({name: value for name, value in said.items() if value}),
        }


def asked(said: Mapping[str, str]) -> dict[str, str | bool]:
    """Give what a list is filtered by, as the desk takes it, of what a form or an address says."""
    found: dict[str, str | bool] = {}
    for name in FILTERS:
        value = said.get(name, "").strip()
        if value:
            found[name] = {"true": True, "false": False}.get(value, value)
    if "number" in found:
        found["number"] = beginning_of(str(found["number"]))
    return found


def may_enter() -> bool:
    """Whether whoever asks may make entries of accounts."""
    return rights.allowed(rights.may_enter, actor())
