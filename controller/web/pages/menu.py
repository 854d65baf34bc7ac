"""The menu: where everything is, and who sees it."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from controller.admin.model import Actor
from controller.policy.records import Role
from controller.web.pages.words import N_


class Entry(msgspec.Struct, frozen=True):
    """A line of the menu. `everyone`: clients see it too; else those who see all clients do.

    `admins`: administrators alone see it. `own`: clients alone do, and each its own: its name
    follows the path.
    """

    path: str
    label: str
    everyone: bool = True
    admins: bool = False
    own: bool = False


class Group(msgspec.Struct, frozen=True):
    """Lines that belong together."""

    label: str
    entries: tuple[Entry, ...]


MENU: Final = (
    Group(
        N_("Now"),
        (
            Entry("/live", N_("Live")),
            Entry("/callbacks", N_("Callbacks")),
            Entry("/calls", N_("Calls")),
            Entry("/figures", N_("Figures")),
        ),
    ),
    Group(
        N_("Service"),
        (
            Entry("/extensions", N_("Extensions")),
            Entry("/callerids", N_("Authorised CallerIDs")),
            Entry("/accounts", N_("Credit")),
            Entry("/sounds", N_("Sounds")),
            Entry("/explain", N_("Why?")),
            Entry("/clients/of/", N_("Your own details"), own=True),
        ),
    ),
    Group(
        N_("Protection"),
        (
            Entry("/lockouts", N_("Lock-outs")),
            Entry("/suspicions", N_("Suspicions")),
            Entry("/stops", N_("Stop switch")),
        ),
    ),
    Group(
        N_("Operator"),
        (
            Entry("/clients", N_("Clients"), everyone=False),
            Entry("/channels", N_("Channels"), everyone=False),
            Entry("/numbers", N_("Public numbers")),
            Entry("/price-lists", N_("Prices"), everyone=False),
            Entry("/nodes", N_("Nodes"), everyone=False),
            Entry("/users", N_("Users"), everyone=False, admins=True),
            Entry("/tokens", N_("API tokens"), everyone=False),
            Entry("/audit", N_("Changes"), everyone=False),
            Entry("/persons", N_("A person's records"), everyone=False, admins=True),
        ),
    ),
)


def menu(actor: Actor) -> list[Group]:
    """Give the menu of whoever asks."""
    found = []
    for group in MENU:
        entries = tuple(
            _own(entry, actor) if entry.own else entry
            for entry in group.entries
            if (entry.everyone or actor.client is None)
            and (not entry.admins or actor.role is Role.ADMIN)
            and (not entry.own or actor.client is not None)
        )
        if entries:
            found.append(Group(group.label, entries))
    return found


def _own(entry: Entry, actor: Actor) -> Entry:
    return msgspec.structs.replace(entry, path=entry.path + quote(actor.client or ""))
