"""What was changed of something, when and by whom: a part that pages of records have."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from flask import Flask, render_template, request

from controller.admin.model import Audited
from controller.web.pages import shown
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor

#: So many are shown; the rest are on the page of all changes.
SHOWN: Final = 20
#: What a change to a secret is shown as, whichever way.
_SECRET: Final = frozenset({"password_hash", "pin_hash", "hash", "password", "pin"})

#: What is money, in millionths: it is shown as it is typed.
_MONEY: Final = frozenset(
    {
        "amount",
        "balance",
        "low_credit",
        "minimum_credit",
        "most_spent_per_day",
        "most_spent_per_hour",
        "per_minute",
        "return_call_exposure",
        "setup_fee",
    }
)


class Difference(msgspec.Struct, frozen=True):
    """One field that was changed."""

    name: str
    before: str
    after: str


def differences(change: Audited) -> list[Difference]:
    """Give what a change changed, field by field."""
    before, after = change.before or {}, change.after or {}
    names = sorted({*before, *after})
    return [
        Difference(name, _said(name, before), _said(name, after))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _said(name: str, values: dict[str, Any]) -> str:
    if name in _SECRET:
        return "•••" if values.get(name) else ""
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "on" if value else "off"
    if name in _MONEY and isinstance(value, int):
        return shown.money(value)
    return msgspec.json.encode(value).decode()


class History:
    """The view of it: `/history?kind=extension&key=1001`, a part of a page."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        app.add_url_rule("/history", "history", self.show)

    def show(self) -> str:
        """Give the newest changes of a record."""
        wanted = {name: request.args.get(name, "") for name in ("kind", "key")}
        page = self._desks.run(self._desks.directory.audit, actor(), wanted, limit=SHOWN)
        changes = [(change, differences(change)) for change in page.items]
        return render_template("_history.html", changes=changes, more=page.next is not None)
