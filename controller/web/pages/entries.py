"""Topping up and correcting an account: asked once more, in words, before it is written.

The key of an entry is made when its form is shown. So whatever a browser sends twice is written
once.
"""

from __future__ import annotations

import secrets
from typing import Any, Final
from urllib.parse import quote

from flask import Flask, Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.accounts import Weighed
from controller.admin.model import Conflict, Invalid, Item, Kind
from controller.policy.records import EntryKind
from controller.web.pages.amount_words import in_words
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.fields import Field, Typed, Widget, Wrong
from controller.web.pages.forms import in_money
from controller.web.pages.typed import value_of
from controller.web.pages.words import N_, said

#: What of it is typed.
TYPED: Final = ("kind", "amount", "order_number", "notes")
_AMOUNT: Final = Field(name="amount", label=N_("Amount"), help="", widget=Widget.MONEY)
#: What may be chosen: what calls cost is written by the charging engine alone.
CHOICES: Final = (
    (EntryKind.TOP_UP.value, N_("Top up: money was paid")),
    (EntryKind.CORRECTION.value, N_("Correct: add, or take away with a minus")),
)


class EntryPages:
    """The views of it, for administrators."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        path = "/accounts/enter/<key>"
        app.add_url_rule(path, "account.enter", self.ask)
        app.add_url_rule(path, "account.entered", self.enter, methods=["POST"])

    def ask(self, key: str) -> Response:
        """Show the form, with a key for the entry that will come of it."""
        rights.may_enter(actor())
        begun = {"kind": EntryKind.TOP_UP.value, "key": f"page:{secrets.token_hex(16)}"}
        return self._form(self._account(key), begun)

    def enter(self, key: str) -> Answer:
        """Say what an entry would do; then, when it was said, write it."""
        rights.may_enter(actor())
        account = self._account(key)
        sent = {name: request.form.get(name, "") for name in (*TYPED, "key")}
        directory, run = self._desks.directory, self._desks.run
        try:
            values = _values(sent)
            if request.form.get("do") == "change":
                return self._form(account, sent)
            if request.form.get("sure") != "1":
                weighed = run(directory.check_entry, actor(), account.key, values)
                return self._confirm(account, sent, weighed)
            line, _ = run(directory.add_entry, actor(), account.key, values)
        except Wrong as wrong:
            return self._form(account, sent, f"amount: {wrong}")
        except (Invalid, Conflict) as wrong:
            status = 409 if isinstance(wrong, Conflict) else 422
            return self._form(account, sent, str(wrong), status)
        return redirect(f"/accounts/of/{quote(account.key)}?entered={line.position}", 303)

    def _account(self, key: str) -> Item:
        return self._desks.run(self._desks.directory.get, actor(), Kind.ACCOUNT, key)

    def _form(
        self, account: Item, sent: dict[str, str], wrong: str = "", status: int = 0
    ) -> Response:
        field, colon, message = wrong.partition(": ")
        at = field if colon and field in TYPED else ""
        body = render_template(
            "entry.html",
            account=account,
            standing=self._standing(account),
            sent=sent,
            choices=CHOICES,
            errors={at: said(in_money(message) if at == "amount" else message)} if at else {},
            wrong="" if at else said(wrong),
        )
        return make_response(body, status or (422 if wrong else 200))

    def _confirm(self, account: Item, sent: dict[str, str], weighed: Weighed) -> Response:
        currency = account.values["currency"]
        return make_response(
            render_template(
                "entry_sure.html",
                account=account,
                standing=self._standing(account),
                sent=sent,
                weighed=weighed,
                # In English alone: of no other language are the words of numbers known here.
                words=in_words(weighed.amount, currency) if g.language == "en" else "",
            )
        )

    def _standing(self, account: Item) -> Any:  # noqa: ANN401  (a struct of the store's)
        directory = self._desks.directory
        return self._desks.run(directory.standings, actor(), [account.key]).get(account.key)


def _values(sent: dict[str, str]) -> dict[str, Any]:
    """Read an entry as the desk takes it. Raises `Wrong`, `Invalid`."""
    amount = value_of(_AMOUNT, Typed(text=sent["amount"].strip()))
    if amount is None:
        raise Invalid("amount: is missing; write an amount, such as 12.50")
    return {
        "key": sent["key"],
        "kind": sent["kind"],
        "amount": amount,
        "order_number": sent["order_number"].strip(),
        "notes": sent["notes"].replace("\r\n", "\n"),
    }
