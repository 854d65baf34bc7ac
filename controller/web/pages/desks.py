"""What pages work with: the same desks as the API, with the same checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from controller.web.api.turns import Shares

if TYPE_CHECKING:
    from controller.admin.call_records import CallRecords
    from controller.admin.callbacks import Callbacks
    from controller.admin.directory import Directory
    from controller.admin.explaining import Explaining
    from controller.admin.figures import Figures
    from controller.admin.live import Live
    from controller.admin.lockouts import LockoutDesk
    from controller.admin.nodes import NodeDesk
    from controller.admin.people import People
    from controller.admin.persons import PersonDesk
    from controller.admin.searching import Searching
    from controller.admin.stopping import Stopping
    from controller.admin.suspicions import Suspecting
    from controller.web.api.records import Run


def _nobody(due: float) -> None:
    """Tell nobody that a callback is due: it is found a little later."""


def _unknown() -> dict[str, dict[str, str]]:
    """Know nothing of channels."""
    return {}


class Desks(msgspec.Struct, frozen=True):
    """All of them. `run` runs what blocks; `lockouts`, `explaining`, `persons` see to that.

    So does `live` where it hangs up, and `people` where it says so. `on_callback` is told when a
    callback is due that was asked for, seconds since 1970. `troubles` gives, by node that there is
    a link to, which channels cannot be used there, and why: `down` or `failing`; it is called where
    the event loop is.
    """

    directory: Directory
    callbacks: Callbacks
    calls: CallRecords
    stopping: Stopping
    suspecting: Suspecting
    lockouts: LockoutDesk
    explaining: Explaining
    nodes: NodeDesk
    live: Live
    figures: Figures
    searching: Searching
    people: People
    persons: PersonDesk
    run: Run
    on_callback: Callable[[float], None] = _nobody
    troubles: Callable[[], Mapping[str, Mapping[str, str]]] = _unknown
    #: Who charges in the place of our accounts (`credit.engine`), or empty.
    elsewhere: str = ""
    #: What the pages share with the API: files that are taken one at a time.
    shares: Shares = msgspec.field(default_factory=Shares)
