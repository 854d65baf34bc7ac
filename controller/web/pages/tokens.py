"""Tokens: who may use the API. The secret of one is told once, where it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flask import make_response, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import Conflict, Forbidden, Invalid, Item, Kind
from controller.policy.records import Role
from controller.web.pages import options
from controller.web.pages.entering import actor
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.records import Column, Filter, Look, RecordPages
from controller.web.pages.words import N_, _

TOKENS: Final = Look(
    kind=Kind.TOKEN,
    path="/tokens",
    one=N_("API token"),
    many=N_("API tokens"),
    intro=N_(
        "What programs show to use the API. The secret of a token is told once, when it is made; "
        "who has lost it makes another."
    ),
    sections=(
        Section(
            name="token",
            title=N_("The token"),
            fields=(
                Field(
                    name="name",
                    label=N_("Name"),
                    help=N_("What the token is for, such as billing; changes are noted by it."),
                ),
                Field(
                    name="role",
                    label=N_("Role"),
                    help=N_("What the program may do."),
                    widget=Widget.CHOICE,
                    options=(
                        (Role.READ_ONLY.value, N_("Read only: sees, and changes nothing")),
                        (Role.CLIENT.value, N_("Client: what belongs to one client")),
                        (Role.ADMIN.value, N_("Administrator: everything")),
                    ),
                ),
                Field(
                    name="client",
                    label=N_("Client"),
                    help=N_(
                        "Whose records alone it sees; a client's needs one, an administrator's has "
                        "none."
                    ),
                    suggestions="list-clients",
                ),
                Field(
                    name="expires",
                    label=N_("Expires"),
                    help=N_("When it ends, such as 2027-01-31 12:00 or a day; empty is never."),
                    widget=Widget.INSTANT,
                    unit=N_("UTC"),
                ),
            ),
        ),
    ),
    columns=(Column("name", N_("Name")),),
    filters=(
        Filter("role", N_("Role"), options.of(Role)),
        Filter("client", N_("Client")),
    ),
    template="token.html",
    list_template="tokens.html",
)


class TokenPages(RecordPages):
    """Their pages."""

    def make(self) -> Answer:
        """Make a token, and tell its secret: on this page, and never again."""
        rights.may_make(actor(), Kind.TOKEN)
        form = self._form(None)
        values = {n: v for n, v in form.read(request.form).items() if v is not None}
        ends = values.get("expires")
        if ends is not None and ends * 1_000_000 <= self.desks.directory.now():
            form.errors["expires"] = _("it is over already; nobody could use such a token")
        if form.errors:
            return self._wrong(None, form, None)
        try:
            item, secret = self.desks.run(self.desks.directory.issue_token, actor(), values)
        except (Invalid, Conflict, Forbidden) as wrong:
            return self._wrong(None, form, wrong)
        page = render_template(
            "token_made.html", item=item, secret=secret, path=self.path_of(item.key)
        )
        return make_response(page, 201)

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        return {"list-clients": self.names(Kind.CLIENT)}

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give what time it is: some have expired."""
        return {"now": self.desks.directory.now()}
