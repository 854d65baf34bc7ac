"""Everything that was changed, by whom and when: the audit log (O2)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

from flask import Flask, render_template, request

from controller.admin.audit import FILTERS, AuditKind
from controller.admin.model import Audited
from controller.web.pages import options
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.history import differences
from controller.web.pages.records import ON_PAGE

#: What can be done, for those who filter by it.
ACTIONS: Final = (
    "create", "change", "delete", "enter", "hang_up",
    "invite", "log_in", "log_out", "password", "totp", "export", "erase",
)  # fmt: skip
#: Where what was changed is: a page of its own, or one that has it among others.
_PAGES: Final = {
    AuditKind.CLIENT: "/clients/of/",
    AuditKind.PRICE_LIST: "/price-lists/of/",
    AuditKind.RATE: "/price-lists/rates/of/",
    AuditKind.CHANNEL: "/channels/of/",
    AuditKind.NUMBER: "/numbers/of/",
    AuditKind.EXTENSION: "/extensions/of/",
    AuditKind.CALLERID: "/callerids/of/",
    AuditKind.ACCOUNT: "/accounts/of/",
    AuditKind.SOUND: "/sounds/of/",
    AuditKind.TOKEN: "/tokens/of/",
    AuditKind.CALLBACK: "/callbacks/",
    AuditKind.USER: "/users/of/",
}


class ChangePages:
    """The page of them: `/audit`, the newest first."""

    def __init__(self, desks: Desks) -> None:
        self._desks = desks

    def register(self, app: Flask) -> None:
        """Add the view."""
        app.add_url_rule("/audit", "audit", self.list)

    def list(self) -> str:
        """Show some changes."""
        said = {name: request.args.get(name, "").strip() for name in FILTERS}
        asked = {name: value for name, value in said.items() if value}
        before = read_id(request.args.get("before", ""))
        page = self._desks.run(
            self._desks.directory.audit, actor(), asked, before=before, limit=ON_PAGE
        )
        return render_template(
            "audit.html",
            changes=[(one, differences(one), path_of(one)) for one in page.items],
            said=said,
            kinds=options.of(AuditKind),
            actions=ACTIONS,
            first=before is None,
            following="" if page.next is None else _path({**asked, "before": str(page.next)}),
            newest=_path(asked),
        )


def read_id(text: str) -> int | None:
    """Read where to go on; what is no number of a change stands for the beginning."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def path_of(change: Audited) -> str:
    """Give where what was changed is; "": it is gone, or has no page."""
    found = {kind.value: path for kind, path in _PAGES.items()}.get(change.kind, "")
    if not found or change.action == "delete":
        return ""
    return found + quote(change.key, safe="/+")


def _path(asked: dict[str, str]) -> str:
    return f"/audit?{urlencode(asked)}" if asked else "/audit"
