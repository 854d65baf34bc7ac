"""The views that are over no record: ledgers of accounts, the audit log, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from flask import Flask, Response, request

from controller.admin import rights
from controller.admin.entries_csv import file_of
from controller.admin.model import Invalid, Kind
from controller.web.api import shown
from controller.web.api.files import Files, Imports
from controller.web.api.problems import bad_parameter
from controller.web.api.reading import keyed, micros, query
from controller.web.api.records import USUAL_ITEMS, Run, actor, next_link
from controller.web.api.resources import (
    AUDIT_FILTERS,
    BASE,
    ENTRIES,
    ENTRIES_EXPORT,
    ENTRIES_IMPORT,
    ENTRY_FILTERS,
    Limit,
    Position,
    key_of,
    rule,
)

if TYPE_CHECKING:
    from controller.admin.directory import Directory


class Ledgers:
    """Entries of accounts (M1, M8), the audit log, and the token's own."""

    def __init__(self, directory: Directory, run: Run, imports: Imports, files: Files) -> None:
        self._directory = directory
        self._run = run
        self._imports = imports
        self._files = files

    def register(self, app: Flask) -> None:
        """Add the views to an application."""
        for name, path, method, view in (
            ("entries.list", ENTRIES, "GET", self.entries),
            ("entries.create", ENTRIES, "POST", self.add_entry),
            ("entries.export", ENTRIES_EXPORT, "GET", self.give),
            ("entries.import", ENTRIES_IMPORT, "POST", self.take),
            ("audit.list", "/audit", "GET", self.audit),
            ("whoami", "/whoami", "GET", self.whoami),
        ):
            app.add_url_rule(rule(path), name, view, methods=[method])

    def entries(self, **path: str) -> Response:
        """Give a page of the entries of an account."""
        said = query(request, {**ENTRY_FILTERS, "after": Position, "limit": Limit})
        lines = self._run(
            self._directory.entries,
            actor(),
            key_of(Kind.ACCOUNT, path),
            after=said.get("after", 0),
            limit=said.get("limit", USUAL_ITEMS),
            **_filters(said),
        )
        return _page([shown.line(line) for line in lines.items], lines.next)

    def add_entry(self, **path: str) -> Response:
        """Add an entry to an account; the same one again changes nothing."""
        query(request, {})
        values = keyed(request)
        account = key_of(Kind.ACCOUNT, path)
        line, new = self._run(self._directory.add_entry, actor(), account, values)
        place = f"{BASE}{ENTRIES.format(id=quote(account))}?after={line.position - 1}&limit=1"
        return shown.answer(shown.line(line), 201 if new else 200, {"Location": place})

    def give(self, **path: str) -> Response:
        """Give entries of an account as a file."""
        filters = _filters(query(request, ENTRY_FILTERS))
        who, account = actor(), key_of(Kind.ACCOUNT, path)

        def pieces() -> Iterator[str]:
            item = self._directory.get(who, Kind.ACCOUNT, account)
            lines = self._directory.history(who, account, **filters)
            yield from file_of(lines, item.values["owner"], item.values["currency"])

        return self._files.give(pieces(), f"account-{account}.csv")

    def take(self) -> Response:
        """Add entries by a file."""
        who = actor()
        return self._imports.take(
            who,
            lambda: rights.may_enter(who),
            lambda opened, dry_run: self._directory.import_entries(who, opened, dry_run=dry_run),
        )

    def audit(self) -> Response:
        """Give a page of the audit log, the newest first."""
        said = query(request, {**AUDIT_FILTERS, "after": Position, "limit": Limit})
        after, limit = said.pop("after", None), said.pop("limit", USUAL_ITEMS)
        try:
            page = self._run(self._directory.audit, actor(), said, before=after, limit=limit)
        except Invalid as error:
            raise bad_parameter(str(error), error.field) from error
        return _page([shown.audited(change) for change in page.items], page.next)

    def whoami(self) -> Response:
        """Give who asks."""
        query(request, {})
        return shown.answer(msgspec.to_builtins(actor()))


def _filters(said: dict[str, Any]) -> dict[str, Any]:
    """Give what entries are filtered by, as the directory has it."""
    filters = {name: said[name] for name in ENTRY_FILTERS if name in said}
    return {
        name: micros(name, value) if name in ("since", "until") else value
        for name, value in filters.items()
    }


def _page(items: list[dict[str, Any]], after: int | None) -> Response:
    following = None if after is None else str(after)
    return shown.answer({"items": items, "next": following}, headers=next_link(following))
