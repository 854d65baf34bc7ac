"""Clients: who owns extensions."""

from __future__ import annotations

from typing import Final

from controller.admin.model import Kind
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.options import NUMBER_TYPES
from controller.web.pages.records import Column, Filter, Look
from controller.web.pages.words import N_

CLIENTS: Final = Look(
    kind=Kind.CLIENT,
    path="/clients",
    one=N_("Client"),
    many=N_("Clients"),
    intro=N_("Who owns extensions: his calls, his numbers, his money and his limits."),
    sections=(
        Section(
            name="who",
            title=N_("Who it is"),
            fields=(
                Field(
                    name="name",
                    label=N_("Name"),
                    help=N_("In commands and tokens."),
                ),
                Field(name="description", label=N_("Description"), help=N_("Who that is.")),
                Field(
                    name="contact_name",
                    label=N_("Contact name"),
                    help=N_("Shown to those who are called, where an extension has no own name."),
                ),
                Field(
                    name="enabled",
                    label=N_("Enabled"),
                    help=N_("Off: all extensions of the client are off, and nobody is called."),
                    widget=Widget.CHECK,
                ),
            ),
        ),
        Section(
            name="limits",
            title=N_("Limits"),
            intro=N_("For all extensions of the client together, whatever these allow."),
            fields=(
                Field(
                    name="callbacks",
                    label=N_("Callbacks"),
                    help=N_("How many are made at most; empty is no limit."),
                    widget=Widget.RATE,
                ),
                Field(
                    name="concurrent_calls",
                    label=N_("Calls at a time"),
                    help=N_("How many go on at the same time at most; empty is no limit."),
                    widget=Widget.NUMBER,
                    unit=N_("calls"),
                ),
                Field(
                    name="blocked_countries",
                    label=N_("Blocked countries"),
                    help=N_("No call goes there: two capitals each, such as CU."),
                    widget=Widget.LINES,
                ),
                Field(
                    name="blocked_prefixes",
                    label=N_("Blocked prefixes"),
                    help=N_("No call goes to numbers that begin so, such as +1900."),
                    widget=Widget.NUMBERS,
                ),
                Field(
                    name="blocked_types",
                    label=N_("Blocked kinds of number"),
                    help=N_("No call goes to numbers of these kinds."),
                    widget=Widget.CHOICES,
                    options=NUMBER_TYPES,
                ),
            ),
        ),
    ),
    columns=(
        Column("name", N_("Name")),
        Column("description", N_("Description")),
        Column("contact_name", N_("Contact name")),
        Column("enabled", N_("Enabled"), switch=True),
    ),
    filters=(Filter("enabled", N_("Enabled"), (("true", N_("on")), ("false", N_("off")))),),
    template="client.html",
)
