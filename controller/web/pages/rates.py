"""Rates: what calls to numbers of one beginning cost, from one time on (M2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from flask import redirect, request
from werkzeug.wrappers import Response as Answer

from controller.admin.model import Conflict, Invalid, Item, Kind, NotFound, Stale
from controller.policy.moments import counted, written
from controller.policy.prices import CHANGEABLE
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.records import ON_PAGE, Column, Filter, Look, RecordPages, read_version
from controller.web.pages.words import N_, _

#: What a new rate takes from the one before it.
_TAKEN: Final = ("prefix", "setup_fee", "per_minute", "first_block", "interval", "description")
_AMOUNTS: Final = ("setup_fee", "per_minute")

RATES: Final = Look(
    kind=Kind.RATE,
    path="/price-lists/rates",
    one=N_("Rate"),
    many=N_("Rates"),
    intro=N_(
        "Of the rates that are in effect the one of the longest beginning counts, and of these the "
        "one that began last. A rate that has begun is never changed: it is ended, or another "
        "takes its place."
    ),
    sections=(
        Section(
            name="rate",
            title=N_("What it costs"),
            fields=(
                Field(
                    name="price_list",
                    label=N_("Price list"),
                    help=N_("The list that it is part of."),
                    suggestions="list-price-lists",
                ),
                Field(
                    name="prefix",
                    label=N_("Numbers that begin with"),
                    help=N_("The country's code and what follows, such as +4930; + is all."),
                ),
                Field(
                    name="since",
                    label=N_("From"),
                    help=N_("When it begins, such as 2027-01-31 12:00 or a day; empty is now."),
                    widget=Widget.MOMENT,
                    unit=N_("UTC"),
                ),
                Field(
                    name="until",
                    label=N_("Until"),
                    help=N_("When it ends, that moment itself not included; empty: it goes on."),
                    widget=Widget.MOMENT,
                    unit=N_("UTC"),
                ),
                Field(
                    name="per_minute",
                    label=N_("A minute"),
                    help=N_("What a minute costs."),
                    widget=Widget.MONEY,
                ),
                Field(
                    name="setup_fee",
                    label=N_("Each call"),
                    help=N_("What a call costs besides, once, where it is answered."),
                    widget=Widget.MONEY,
                ),
                Field(
                    name="first_block",
                    label=N_("At least"),
                    help=N_("A call that is shorter is charged as if it were so long."),
                    widget=Widget.NUMBER,
                    unit=N_("seconds"),
                ),
                Field(
                    name="interval",
                    label=N_("In steps of"),
                    help=N_("After these it is charged in such steps, each that has begun."),
                    widget=Widget.NUMBER,
                    unit=N_("seconds"),
                ),
                Field(
                    name="description",
                    label=N_("Description"),
                    help=N_("Such as the name of the country or network."),
                ),
            ),
        ),
    ),
    columns=(Column("prefix", N_("Numbers that begin with")),),
    filters=(
        Filter("price_list", N_("Price list")),
        Filter("prefix", N_("Begins with"), telephone=True),
    ),
    template="rate.html",
    list_template="rates.html",
)


class State(StrEnum):
    """How a rate stands at a time; `REPLACED`: a later one of the same beginning counts."""

    COMING = "coming"
    COUNTS = "counts"
    REPLACED = "replaced"
    ENDED = "ended"


class Shown(msgspec.Struct, frozen=True):
    """Some rates of a list, each with how it stands; `following` is what to go on after."""

    items: tuple[tuple[Item, State], ...] = ()
    following: str = ""
    error: str = ""


def rates_page(desks: Desks, price_list: str, prefix: str) -> Shown:
    """Give the first rates of a list whose beginning begins so."""
    asked = {"price_list": price_list, "prefix": prefix}
    wanted = {name: value for name, value in asked.items() if value}
    try:
        page = desks.run(desks.directory.list, actor(), Kind.RATE, wanted, limit=ON_PAGE)
    except Invalid as wrong:
        return Shown(error=str(wrong))
    return Shown(tuple(zip(page.items, _states(page.items, desks), strict=True)), page.next or "")


def state_of(item: Item, now: int) -> State:
    """Give how a rate stands, whatever others of its beginning there are."""
    until = item.values["until"]
    if counted(item.values["since"]) > now:
        return State.COMING
    return State.COUNTS if until is None or counted(until) > now else State.ENDED


def _states(items: Sequence[Item], desks: Desks) -> list[State]:
    """Give how rates stand that come in the order of their keys."""
    now, found = desks.directory.now(), []
    counting: set[tuple[str, str]] = set()
    for item in reversed([*items, *_later(items, desks)]):
        state, which = state_of(item, now), (item.values["price_list"], item.values["prefix"])
        if state is State.COUNTS and which in counting:
            state = State.REPLACED
        elif state is State.COUNTS:
            counting.add(which)
        found.append(state)
    return found[::-1][: len(items)]


def _later(items: Sequence[Item], desks: Desks) -> list[Item]:
    """Give the rates of the last one's beginning that come after these."""
    found: list[Item] = []
    after = items[-1].key if items else None
    while after is not None:
        last = {name: items[-1].values[name] for name in ("price_list", "prefix")}
        page = desks.run(desks.directory.list, actor(), Kind.RATE, last, after=after, limit=ON_PAGE)
        same = [one for one in page.items if one.values["prefix"] == last["prefix"]]
        found += same
        after = page.next if len(same) == len(page.items) else None
    return found


class RatePages(RecordPages):
    """Their pages. `/price-lists/rates/new?price_list=retail&like=<key>` takes from another."""

    def sections(self, item: Item | None) -> tuple[Section, ...]:
        """Give its form, with the currency of its list; of a new one, as that list's."""
        name = item.values["price_list"] if item else self._list_of_new()
        currency = self._currency(name)
        if item is None and currency:
            # Which list it will be in is typed on the same form.
            currency = _("%(currency)s (price list %(name)s)") % {
                "currency": currency,
                "name": name,
            }
        return tuple(
            msgspec.structs.replace(
                some,
                fields=tuple(
                    msgspec.structs.replace(field, unit=currency)
                    if field.name in _AMOUNTS
                    else field
                    for field in some.fields
                ),
            )
            for some in self.look.sections
        )

    def _list_of_new(self) -> str:
        """Give which list a new one is for: what was typed, or what its form begins with."""
        return (request.form.get("price_list") or self.begun().get("price_list") or "").strip()

    def begun(self) -> dict[str, Any]:
        """Give what the address says."""
        values = {}
        if key := request.args.get("like"):
            there = self._get(key).values
            values = {name: there[name] for name in ("price_list", *_TAKEN)}
        said = {name: request.args.get(name) for name in ("price_list", "prefix")}
        return values | {name: value for name, value in said.items() if value}

    def fixed(self, item: Item) -> Mapping[str, str]:
        """Give what of a rate that has begun is history."""
        if state_of(item, self.desks.directory.now()) is State.COMING:
            return {}
        why = _("This rate has begun, and calls were charged by it.")
        return dict.fromkeys(set(item.values) - CHANGEABLE, why)

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        return {"list-price-lists": self.names(Kind.PRICE_LIST)}

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give how it stands, and what takes its place."""
        if item is None:
            return {"back": request.args.get("price_list", "")}
        name = item.values["price_list"]
        may = self.may_remove(item)
        state = state_of(item, self.desks.directory.now())
        like = urlencode({"price_list": name, "like": item.key})
        return {
            "state": state,
            "back": name,
            "follow": f"{self.look.path}/new?{like}" if may else "",
            "may_end": may and state is State.COUNTS,
        }

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give how they stand, and in what currency their amounts are."""
        names = sorted({item.values["price_list"] for item in items})
        return {
            "rated": list(zip(items, _states(items, self.desks), strict=True)),
            "currencies": {name: self._currency(name) for name in names},
        }

    def save(self, key: str) -> Answer:
        """Change a rate, or end it now."""
        if request.form.get("do") != "end":
            return super().save(key)
        item = self._get(key)
        directory, version = self.desks.directory, read_version(request.form.get("version", ""))
        patch = {"until": written(directory.now())}
        try:
            self.desks.run(directory.change, actor(), Kind.RATE, key, patch, version=version)
        except (Invalid, Conflict, Stale) as wrong:
            return self._wrong(item, self._form(item), wrong)
        return redirect(f"{self.path_of(key)}?done=saved", 303)

    def _currency(self, price_list: str) -> str:
        if not price_list:
            return ""
        try:
            found = self.desks.run(self.desks.directory.get, actor(), Kind.PRICE_LIST, price_list)
        except NotFound:
            return ""
        return str(found.values["currency"])
