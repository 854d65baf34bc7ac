"""The description of legs that are over (M7, O5)."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.callback_shapes import Id
from controller.web.api import parts, shown
from controller.web.api.calls import JSON_LINES
from controller.web.api.files import CSV
from controller.web.api.resources import (
    CALL,
    CALL_FILTERS,
    CALLS,
    CALLS_EXPORT,
    Cursor,
    FileFormat,
    Order,
)
from controller.web.api.schemas import schema

#: The tags of these operations.
TAGS: Final = ("call",)

#: What the filters mean.
_FILTERS: Final = {
    "extension": "Those of this extension.",
    "caller": "Those of callbacks that this number asked for; E.164.",
    "number": "Those that called this number: E.164, or as it is dialled on the platform.",
    "side": "Return legs, or those to destinations.",
    "channel": "Those over this channel; for the operator alone.",
    "account": "Those that this account paid for.",
    "request": "Those of this callback.",
    "cause": "Those that ended so, as the switch says it.",
    "since": "Those that began then or later (RFC 3339).",
    "until": "Those that began before (RFC 3339).",
    "charged": "Those that somebody was charged for, or those that cost nobody anything.",
    "uncovered": "Those that cost more than was held and charged, or those that did not.",
}


def paths() -> dict[str, Any]:
    """Give the paths, each with its operations."""
    return {
        CALLS: {"get": _list()},
        CALLS_EXPORT: {"get": _export()},
        CALL: {
            "parameters": [parts.in_path("leg", Id)],
            "get": parts.operation(
                "get_call",
                "Show a leg that is over: how long it lasted, why it ended, what it cost.",
                {200: parts.told(shown.CALL)},
                404,
                tag="call",
            ),
        },
    }


def _filters(usual: str) -> list[dict[str, Any]]:
    made = [parts.parameter("query", name, schema(type_)) for name, type_ in CALL_FILTERS.items()]
    for one in made:
        one["description"] = _FILTERS[one["name"]]
    return [*made, parts.parameter("query", "order", schema(Order) | {"default": usual})]


def _list() -> dict[str, Any]:
    return parts.operation(
        "list_calls",
        "List legs that are over, in the order in which they began.",
        {200: parts.told(shown.CALL_PAGE, headers=parts.LINK_HEADER)},
        tag="call",
        parameters=[*_filters("newest"), *parts.paging(Cursor)],
    )


def _export() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    written_as = parts.parameter("query", "format", schema(FileFormat) | {"default": "csv"})
    return parts.operation(
        "export_calls",
        "Give all legs that are over, or some, as a file. In CSV amounts are of the currency's "
        "unit. The connection breaks where the file cannot be given to its end.",
        {200: {"description": "The file.", "content": {CSV: text, JSON_LINES: text}}},
        tag="call",
        parameters=[*_filters("oldest"), written_as],
    )
