"""What was changed of something, when and by whom: a part that pages of records have."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from flask import Flask, current_app, render_template, request

from controller.admin.model import Audited
from controller.web.pages import shown
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.fields import Field
from controller.web.pages.typed import in_words
from controller.web.pages.words import _

#: Where the fields of every kind are found by their names, among an application's extensions.
FIELDS: Final = "fields"
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
    """One field that was changed; `label`: as its form calls it."""

    name: str
    label: str
    before: str
    after: str


def differences(change: Audited) -> list[Difference]:
    """Give what a change changed, field by field, as the form of such records has it."""
    before, after = change.before or {}, change.after or {}
    fields: Mapping[str, Field] = current_app.extensions.get(FIELDS, {}).get(change.kind, {})
    found = []
    for name in sorted({*before, *after}):
        secret = name.removesuffix("_set") if name.endswith("_set") else name
        field = fields.get(secret if secret in _SECRET else name)
        # Of a secret that it was changed is all there is to say.
        if secret in _SECRET or before.get(name) != after.get(name):
            label = _(field.label) if field else shown.word(name)
            texts = (_said(name, field, values) for values in (before, after))
            found.append(Difference(name, label, *texts))
    return found


def _said(name: str, field: Field | None, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if name in _SECRET or name.removesuffix("_set") in _SECRET:
        return "•••" if value else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if field is not None:
        # What was noted by an older release may have had another shape.
        with suppress(TypeError, ValueError, AttributeError):
            return in_words(field, value)
    if name in _MONEY and isinstance(value, int):
        return shown.money(value)
    return _plain(value)


def _plain(value: Any) -> str:  # noqa: ANN401  (whatever a change has)
    """Write a value of which nothing is known but what it is."""
    if isinstance(value, Mapping):
        return ", ".join(f"{shown.word(n)} {_plain(v)}" for n, v in value.items() if v is not None)
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    return str(value)


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
