"""The description of lock-outs (A3)."""

from __future__ import annotations

from typing import Any, Final

from controller.web.api import parts, shown
from controller.web.api.resources import LOCKOUT_FILTERS, LOCKOUT_PATHS, LOCKOUTS, Cursor
from controller.web.api.schemas import schema

#: The tags of these operations.
TAGS: Final = ("lockout",)

_WHAT: Final = {
    "number": "of an extension and a number",
    "extension": "of an extension, whatever number it is",
    "did": "of a DID",
}

#: What the filters of the list mean.
_FILTERS: Final = {
    "kind": "What is locked; `number` is an extension and a number.",
    "extension": "That of this extension, and those of it and its callers' numbers.",
    "locked": "Those that are locked now, or those that are not.",
}


def paths() -> dict[str, Any]:
    """Give the paths, each with its operations."""
    return {LOCKOUTS: {"get": _list()}} | {
        path: {
            "parameters": [parts.in_path(name, type_) for name, type_ in wanted.items()],
            "delete": _release(kind.value),
        }
        for kind, (path, wanted) in LOCKOUT_PATHS.items()
    }


def _list() -> dict[str, Any]:
    wanted = [
        parts.parameter("query", name, schema(type_)) for name, type_ in LOCKOUT_FILTERS.items()
    ]
    for one in wanted:
        one["description"] = _FILTERS[one["name"]]
    return parts.operation(
        "list_lockouts",
        "List what is locked after wrong passwords, and what counts towards a lock, in the order "
        "of their keys.",
        {200: parts.told(shown.LOCKOUT_PAGE, headers=parts.LINK_HEADER)},
        tag="lockout",
        parameters=[*wanted, *parts.paging(Cursor)],
    )


def _release(kind: str) -> dict[str, Any]:
    return parts.operation(
        f"release_{kind}",
        f"Release the lock {_WHAT[kind]}, and forget the wrong passwords that were counted. While "
        "Redis is away (503) it is released in this controller at once, elsewhere when Redis is "
        "back.",
        {204: {"description": "It is released."}},
        404,
        tag="lockout",
    )
