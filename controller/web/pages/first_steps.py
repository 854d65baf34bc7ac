"""The steps of the first set-up, and what is asked in each."""

from __future__ import annotations

from typing import Final

from controller.admin.model import Kind
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.words import N_

#: What is made, in this order, and what is asked of each; the rest has its defaults.
STEPS: Final[dict[Kind, Section]] = {
    Kind.CHANNEL: Section(
        # A field is called so itself.
        name="the-channel",
        title=N_("The channel"),
        intro=N_(
            "A channel is a way to the public network: a trunk of your carrier, and a gateway of "
            "the same name in FreeSWITCH."
        ),
        fields=(
            Field(
                name="name",
                label=N_("Name"),
                help=N_("The gateway's in FreeSWITCH, such as pstn; it never changes."),
            ),
            Field(
                name="proxy",
                label=N_("Address of the carrier"),
                help=N_(
                    "Where FreeSWITCH sends its calls, such as sip.example.com; leave it empty if "
                    "the gateway is in FreeSWITCH already."
                ),
            ),
            Field(
                name="username",
                label=N_("User name there"),
                help=N_("Empty: the carrier knows the switch by its address."),
            ),
            Field(
                name="register",
                label=N_("Register"),
                help=N_("On: FreeSWITCH logs in there, as a telephone does."),
                widget=Widget.CHECK,
            ),
        ),
    ),
    Kind.NUMBER: Section(
        # A field is called so itself.
        name="the-number",
        title=N_("The public number"),
        intro=N_(
            "A number that your carrier gave you. Whoever is called sees it: calls show numbers "
            "that are known here, and no other."
        ),
        fields=(
            Field(
                name="number",
                label=N_("Number"),
                help=N_("With its country, such as +1 202 555 0100; it never changes."),
            ),
            Field(
                name="description",
                label=N_("Description"),
                help=N_("What it is for, in your words."),
            ),
        ),
    ),
    Kind.EXTENSION: Section(
        # A field is called so itself.
        name="the-extension",
        title=N_("The extension"),
        intro=N_(
            "What people ring: it refuses them, which costs nothing, and calls them back. All else "
            "about it is on its own page, later."
        ),
        fields=(
            Field(
                name="extension",
                label=N_("Extension"),
                help=N_("Its number inside your platform, 1 to 10 digits; it never changes."),
            ),
            Field(
                name="dids",
                label=N_("Access numbers (DIDs)"),
                help=N_("The numbers that people ring to be called back; at least one."),
                widget=Widget.NUMBERS,
            ),
            Field(
                name="country",
                label=N_("Country"),
                help=N_(
                    "Two capitals, such as US: numbers are read as they are dialled there, and "
                    "calls go there only, until you say more."
                ),
            ),
            Field(
                name="password",
                label=N_("Password"),
                help=N_(
                    "4 to 20 digits, asked for when somebody is called back. Without one, whoever "
                    "rings can call at your expense."
                ),
                widget=Widget.SECRET,
            ),
        ),
    ),
}
