"""An extension's form in the sections that an operator thinks in, and its list.

A group is a card of the page, and an entry of its menu; the sections of it stand under headings.
"""

from __future__ import annotations

from typing import Final

import msgspec

from controller.admin.model import Kind
from controller.web.pages.extension_basics import BASICS, BEHAVIOUR
from controller.web.pages.extension_security import SECURITY
from controller.web.pages.extension_shown import CALLERID, HEARD
from controller.web.pages.forms import Section
from controller.web.pages.records import Column, Filter, Look
from controller.web.pages.words import N_


class Group(msgspec.Struct, frozen=True):
    """Sections that belong together; `name` is the anchor. One alone has no heading of its own."""

    name: str
    title: str
    sections: tuple[Section, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of its sections."""
        return tuple(section.name for section in self.sections)


GROUPS: Final = (
    Group("basics", N_("Basics"), (BASICS,)),
    Group("behaviour", N_("Callback number behaviour"), BEHAVIOUR),
    Group("security", N_("Service security"), SECURITY),
    Group("callerid", N_("CallerID management"), CALLERID),
    Group("sounds", N_("Sounds"), (HEARD,)),
)

EXTENSIONS: Final = Look(
    kind=Kind.EXTENSION,
    path="/extensions",
    one=N_("Extension"),
    many=N_("Extensions"),
    intro=N_("Each calls back whoever rings its access numbers, by its own rules."),
    sections=tuple(section for group in GROUPS for section in group.sections),
    columns=(
        Column("extension", N_("Number")),
        Column("description", N_("Description")),
        Column("client", N_("Client")),
        Column("dids", N_("Access numbers")),
        Column("enabled", N_("Enabled"), switch=True),
    ),
    filters=(
        Filter("client", N_("Client"), everyone=False),
        Filter("did", N_("Access number"), telephone=True),
        Filter("enabled", N_("Enabled"), (("true", N_("on")), ("false", N_("off")))),
    ),
    template="extension.html",
)
