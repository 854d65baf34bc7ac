"""What is answered: records, pages, lines of ledgers and of the audit log, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from flask import Response
from msgspec import Meta

from controller.admin.model import Audited, Item, Kind, Line
from controller.admin.shapes import VIEWS
from controller.web.api.reading import JSON

When = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def when(microseconds: int) -> str:
    """Give a time, microseconds since 1970, as RFC 3339 writes it, in UTC."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _told(model: type[Any], name: str, time: str) -> type[msgspec.Struct]:
    """Make a Struct like another one whose time is written out."""
    fields = [
        (field.name, When if field.name == time else field.type)
        for field in msgspec.structs.fields(model)
    ]
    return msgspec.defstruct(name, fields, kw_only=True)


def _page_of(item: type[msgspec.Struct]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        f"{item.__name__}Page",
        [("items", list[item]), ("next", str | None)],  # type: ignore[valid-type]
        kw_only=True,
    )


LINE: Final = _told(Line, "EntryLine", "created")
AUDITED: Final = _told(Audited, "AuditedChange", "at")
#: A token that was just made: the only time that its secret is told.
ISSUED: Final = msgspec.defstruct(
    "IssuedToken", [("secret", str)], bases=(VIEWS[Kind.TOKEN],), kw_only=True
)
PAGES: Final = {kind: _page_of(view) for kind, view in VIEWS.items()}
LINES: Final = _page_of(LINE)
AUDIT_PAGE: Final = _page_of(AUDITED)


def record(item: Item) -> dict[str, Any]:
    """Give a record as it is shown."""
    return {
        **item.values,
        "version": item.version,
        "created": when(item.created),
        "changed": when(item.changed),
    }


def line(entry: Line) -> dict[str, Any]:
    """Give a line of a ledger as it is shown."""
    return {**msgspec.structs.asdict(entry), "created": when(entry.created)}


def audited(change: Audited) -> dict[str, Any]:
    """Give a line of the audit log as it is shown."""
    return {**msgspec.structs.asdict(change), "at": when(change.at)}


def etag(item: Item) -> str:
    """Give the tag of a record's version."""
    return f'"{item.version}"'


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """Give a value as an answer of JSON."""
    return Response(
        msgspec.json.encode(value), status=status, headers=headers or {}, content_type=JSON
    )
