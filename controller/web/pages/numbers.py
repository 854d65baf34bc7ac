"""Public numbers: what may be shown on a channel, and whose pool it is in (I8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import request

from controller.admin.model import Kind
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.records import Column, Filter, Look, RecordPages
from controller.web.pages.words import N_

NUMBERS: Final = Look(
    kind=Kind.NUMBER,
    path="/numbers",
    one=N_("Public number"),
    many=N_("Public numbers"),
    intro=N_(
        "The numbers that may be shown to those who are called, each on the channel whose carrier "
        "gave it. Extensions are assigned those of their client's pool."
    ),
    sections=(
        Section(
            # The field is called `number` itself.
            name="which",
            title=N_("The number"),
            fields=(
                Field(
                    name="number",
                    label=N_("Number"),
                    help=N_("With its country's code: +12025550100."),
                    widget=Widget.TELEPHONE,
                ),
                Field(
                    name="channel",
                    label=N_("Channel"),
                    help=N_("Over which it may be shown."),
                    suggestions="list-channels",
                ),
                Field(
                    name="client",
                    label=N_("Client"),
                    help=N_(
                        "In whose pool it is; empty is nobody's yet, and no extension gets it."
                    ),
                    suggestions="list-clients",
                ),
                Field(name="description", label=N_("Description"), help=N_("For you.")),
            ),
        ),
    ),
    columns=(
        Column("number", N_("Number")),
        Column("channel", N_("Channel")),
        Column("client", N_("Client")),
        Column("description", N_("Description")),
    ),
    filters=(
        Filter("number", N_("Begins with"), telephone=True),
        Filter("channel", N_("Channel")),
        Filter("client", N_("Client"), everyone=False),
    ),
)


class NumberPages(RecordPages):
    """Their pages. `/numbers/new?channel=pstn&client=acme` begins with these."""

    def begun(self) -> dict[str, Any]:
        """Give what the address says."""
        return {
            name: request.args[name] for name in ("channel", "client") if request.args.get(name)
        }

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed."""
        return {"list-channels": self.names(Kind.CHANNEL), "list-clients": self.names(Kind.CLIENT)}
