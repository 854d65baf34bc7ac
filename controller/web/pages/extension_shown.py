"""The fields of an extension: what those who are called see (I), and what callers hear (S)."""

from __future__ import annotations

from typing import Final

from controller.prompts.catalogue import NAMES
from controller.web.pages import shown
from controller.web.pages.extension_basics import SECONDS
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.words import N_

NAME: Final = Section(
    name="name-shown",
    title=N_("Name"),
    intro=N_("The name that a destination sees beside the number, where its network shows names."),
    fields=(
        Field(
            name="caller_id_name_from",
            label=N_("Name shown"),
            help=N_("Where there is no name of the chosen kind, the contact name is shown."),
            widget=Widget.CHOICE,
            options=(
                ("server", N_("The client's contact name")),
                ("equipment", N_("The name that came with the caller's own call")),
                ("custom", N_("The extension's own name")),
            ),
        ),
        Field(
            name="caller_id_name",
            label=N_("Own name"),
            help=N_("At most 40 letters and digits; empty is the client's contact name."),
            default=N_("the contact name"),
            when="caller_id_name_from=custom",
        ),
    ),
)

NUMBER: Final = Section(
    name="number-shown",
    title=N_("Number"),
    intro=N_("What a destination sees on public calls; calls inside the platform show the caller."),
    fields=(
        Field(
            name="caller_id_number_from",
            label=N_("Number shown"),
            help=N_(
                "The caller's own number is shown only where it is not hidden and its channel is "
                "trusted with numbers; else one of the assigned ones is."
            ),
            widget=Widget.CHOICE,
            options=(
                ("server", N_("One of the assigned numbers")),
                ("equipment", N_("The caller's own number")),
                ("custom", N_("Always the same number, of your choice")),
            ),
        ),
        Field(
            name="caller_id_number",
            label=N_("The number that is always shown"),
            help=N_("A public number of the client's, or an access number of its extensions."),
            widget=Widget.TELEPHONE,
            suggestions="list-numbers",
            default=N_("none"),
            when="caller_id_number_from=custom",
        ),
        Field(
            name="caller_ids",
            label=N_("Assigned numbers"),
            help=N_("Public numbers of the client's that this extension may show, one on a line."),
            widget=Widget.NUMBERS,
            suggestions="list-numbers",
            default=N_("none"),
        ),
        Field(
            name="default_caller_id",
            label=N_("Default number"),
            help=N_("Shown where the channel that carries the call has no assigned number."),
            widget=Widget.TELEPHONE,
            suggestions="list-numbers",
            default=N_("the first that is assigned"),
        ),
        Field(
            name="caller_id_choice",
            label=N_("Of several numbers on one channel"),
            help=N_("Which of them is shown where the channel that carries the call has several."),
            widget=Widget.CHOICE,
            options=(
                ("random", N_("Another one each time, by chance")),
                ("sticky", N_("Always the same one for the same destination")),
            ),
        ),
        Field(
            name="hide_caller_id",
            label=N_("Do not send a CallerID"),
            help=N_("On: the destination sees Anonymous, and neither name nor number is sent."),
            widget=Widget.CHECK,
        ),
    ),
)

IDENTITY: Final = Section(
    name="identity",
    title=N_("Identity for carriers"),
    intro=N_("What a carrier may ask for besides; ask yours whether it wants either."),
    fields=(
        Field(
            name="p_asserted_identity",
            label=N_("Send P-Asserted-Identity"),
            help=N_("On: public calls carry the extension's number as an identity."),
            widget=Widget.CHECK,
        ),
        Field(
            name="p_preferred_identity",
            label=N_("P-Preferred-Identity"),
            help=N_("An address such as sip:+12025550100@example.com that public calls carry."),
            default=N_("none, so that it is not sent"),
        ),
    ),
)

#: CallerID management, all of it.
CALLERID: Final = (NAME, NUMBER, IDENTITY)

HEARD: Final = Section(
    name="heard",
    title=N_("What callers hear"),
    fields=(
        Field(
            name="warning_seconds",
            label=N_("Warns before the end"),
            help=N_("So long before the credit ends the caller alone hears a sound; 0 warns not."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="warning_sound",
            label=N_("Warning sound"),
            help=N_("What is heard then; a file of the switch or an uploaded sound."),
            widget=Widget.SOUND,
            default=N_("a tone"),
        ),
        Field(
            name="prompts",
            label=N_("Sentences replaced"),
            help=N_("A sound in place of a stock sentence; empty leaves the stock one."),
            widget=Widget.SOUNDS,
            options=tuple((name, shown.word(name)) for name in sorted(NAMES)),
            default=N_("all stock sentences"),
        ),
    ),
)
