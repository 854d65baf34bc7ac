"""Accounts: whose money it is, how much there is, and the ledger of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from flask import Flask, Response, current_app, request

from controller.admin.entries_csv import file_of
from controller.admin.model import Actor, Invalid, Item, Kind, Line
from controller.policy.moments import counted
from controller.policy.records import LEG_KEY, EntryKind
from controller.web.api.files import Files
from controller.web.pages import shown
from controller.web.pages.callerids import may_enter
from controller.web.pages.entering import actor
from controller.web.pages.fields import Field, Section, Widget
from controller.web.pages.records import Column, Filter, Look, RecordPages
from controller.web.pages.words import N_, _

#: So many lines of a ledger stand on its page.
ON_PAGE: Final = 25
#: What an entry is, in words.
KINDS: Final = {
    EntryKind.TOP_UP.value: N_("Top-up"),
    EntryKind.CORRECTION.value: N_("Correction"),
    EntryKind.CALL.value: N_("Call"),
}
#: How long the name of a leg is that has a page: a UUID.
_ID: Final = 36

ACCOUNTS: Final = Look(
    kind=Kind.ACCOUNT,
    path="/accounts",
    one=N_("Account"),
    many=N_("Credit"),
    intro=N_(
        "Who pays for calls: an extension, or one of its authorised CallerIDs. What is held by "
        "calls under way is not available to others."
    ),
    sections=(
        Section(
            name="owner",
            title=N_("Whose it is"),
            fields=(
                Field(
                    name="extension",
                    label=N_("Extension"),
                    help=N_("Whose money it is."),
                    suggestions="extensions",
                ),
                Field(
                    name="caller",
                    label=N_("Authorised CallerID"),
                    help=N_(
                        "The number of the extension's list whose own money it is; empty: the "
                        "extension's."
                    ),
                    widget=Widget.PHONE,
                ),
                Field(
                    name="currency",
                    label=N_("Currency"),
                    help=N_("Three capitals of ISO 4217, such as EUR."),
                ),
                Field(name="description", label=N_("Description"), help=N_("For you.")),
            ),
        ),
        Section(
            name="charging",
            title=N_("Charging"),
            fields=(
                Field(
                    name="price_list",
                    label=N_("Price list"),
                    help=N_("By what its calls are charged; empty: they are not."),
                    suggestions="price-lists",
                ),
                Field(
                    name="unlimited",
                    label=N_("Unlimited"),
                    help=N_("On: calls are charged, and never ended for want of credit."),
                    widget=Widget.CHECK,
                ),
                Field(
                    name="low_credit",
                    label=N_("Low credit"),
                    help=N_(
                        "Where less is left, your server is told, once until there is more; in the "
                        "account's currency. Empty: nobody is told."
                    ),
                    widget=Widget.MONEY,
                ),
            ),
        ),
    ),
    columns=(Column("owner", N_("Owner")),),
    filters=(
        Filter("owner", N_("Owner begins with")),
        Filter("extension", N_("Extension")),
        Filter("currency", N_("Currency")),
    ),
    template="account.html",
    list_template="accounts.html",
)


class Shown(msgspec.Struct, frozen=True):
    """A line of a ledger as it is shown; `leg`: the call that it is of, where that has a page."""

    line: Line
    kind: str
    leg: str


class AccountPages(RecordPages):
    """The pages of accounts, and of their ledgers."""

    def register(self, app: Flask) -> None:
        """Add the views."""
        super().register(app)
        app.add_url_rule("/accounts/ledger/<key>", "account.ledger", self.give)

    def begun(self) -> dict[str, Any]:
        """Give what a new one begins with: whose it is, as the address says."""
        return {name: request.args.get(name, "") for name in ("extension", "caller")}

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give the extensions and price lists to choose from."""
        if not may_enter():
            return {}
        return {
            "extensions": self.names(Kind.EXTENSION),
            "price-lists": self.names(Kind.PRICE_LIST),
        }

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give what calls hold of them, all of it in one question."""
        keys = [item.key for item in items]
        said = {name: request.args.get(name, "").strip() for name in ACCOUNTS_FILTERS}
        return {
            "standings": self.desks.run(self.desks.directory.standings, actor(), keys),
            "filtered": any(said.values()),
        }

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give what is on it, who is on the phone for it, and its ledger."""
        if item is None:
            return {}
        directory, who = self.desks.directory, actor()
        said, wrong = _said(), ""
        try:
            lines = self.desks.run(
                directory.entries,
                who,
                item.key,
                after=_position(request.args.get("before", "")),
                limit=ON_PAGE,
                newest_first=True,
                **filters_of(said),
            )
            found, following = lines.items, lines.next
        except Invalid as error:
            found, following, wrong = (), None, str(error).partition(": ")[2]
        asked = {name: value for name, value in said.items() if value}
        return {
            "standing": self.desks.run(directory.standings, who, [item.key]).get(item.key),
            "holding": self.desks.run(directory.holding, who, item.key),
            "may_enter": may_enter(),
            "entered": self._entered(who, item.key),
            "lines": [_shown(line) for line in found],
            "kinds": KINDS,
            "asked": said,
            "ledger_wrong": wrong,
            "filtered": urlencode(asked),
            "earlier": urlencode({**asked, "before": following}) if following else "",
            "from_start": not request.args.get("before"),
        }

    def _entered(self, who: Actor, key: str) -> Line | None:
        """Give the line that was just written, by its position in the address."""
        position = _position(request.args.get("entered", ""))
        if not position:
            return None
        found = self.desks.run(
            self.desks.directory.entries, who, key, after=position - 1, limit=1
        ).items
        return found[0] if found else None

    def give(self, key: str) -> Response:
        """Give the ledger as a file, filtered as its page is."""
        who, directory, run = actor(), self.desks.directory, self.desks.run
        item = run(directory.get, who, Kind.ACCOUNT, key)
        lines = directory.history(who, key, **filters_of(_said()))
        pieces = file_of(lines, item.values["owner"], item.values["currency"])
        files = Files(run, current_app.extensions["away"])
        return files.give(pieces, f"account-{item.key}.csv")


#: What the list is filtered by.
ACCOUNTS_FILTERS: Final = tuple(one.name for one in ACCOUNTS.filters)


def _said() -> dict[str, str]:
    return {name: request.args.get(name, "").strip() for name in ("kind", "since", "until")}


def filters_of(said: Mapping[str, str]) -> dict[str, Any]:
    """Give what a ledger is filtered by, as the desk takes it. Raises `Invalid`.

    Days are UTC; `until` is the last day that is shown.
    """
    found: dict[str, Any] = {}
    if said["kind"]:
        try:
            found["kind"] = EntryKind(said["kind"])
        except ValueError:
            raise Invalid(_("kind: there is no such kind of entry")) from None
    if said["since"]:
        found["since"] = _day("since", said["since"], 0)
    if said["until"]:
        found["until"] = _day("until", said["until"], 1)
    return found


def _day(name: str, text: str, later: int) -> int:
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError):
        raise Invalid(_("%(name)s: write a day, such as 2027-01-31") % {"name": name}) from None
    return counted(f"{day.isoformat()}T00:00:00Z")


def _position(text: str) -> int:
    """Read a position of a ledger; what is none is the beginning."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _shown(line: Line) -> Shown:
    leg = line.key.removeprefix(LEG_KEY)
    # Whatever a switch calls its leg, only one that is a UUID has a page.
    known = line.kind == EntryKind.CALL and len(leg) == _ID
    kind = _(KINDS[line.kind]) if line.kind in KINDS else shown.word(line.kind)
    return Shown(line=line, kind=kind, leg=leg if known else "")
