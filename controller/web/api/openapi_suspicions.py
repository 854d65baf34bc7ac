"""The description of what looks like fraud (G3)."""

from __future__ import annotations

from typing import Any, Final

from controller.web.api import parts, shown
from controller.web.api.resources import (
    SUSPICION,
    SUSPICION_FILTERS,
    SUSPICIONS,
    Cursor,
    SuspicionId,
)
from controller.web.api.schemas import schema

#: The tags of these operations.
TAGS: Final = ("suspicion",)

#: What the filters of the list mean.
_FILTERS: Final = {
    "open": "Those that nobody has released, or those that somebody has.",
    "pattern": "What was seen.",
    "extension": "Those of this extension; a number that rings through many is of none.",
}


def paths() -> dict[str, Any]:
    """Give the paths, each with its operations."""
    return {
        SUSPICIONS: {"get": _list()},
        SUSPICION: {"parameters": [parts.in_path("id", SuspicionId)], "delete": _release()},
    }


def _list() -> dict[str, Any]:
    wanted = [
        parts.parameter("query", name, schema(type_)) for name, type_ in SUSPICION_FILTERS.items()
    ]
    for one in wanted:
        one["description"] = _FILTERS[one["name"]]
    return parts.operation(
        "list_suspicions",
        "List what looks like fraud, the newest first.",
        {200: parts.told(shown.SUSPICION_PAGE, headers=parts.LINK_HEADER)},
        tag="suspicion",
        parameters=[*wanted, *parts.paging(Cursor)],
    )


def _release() -> dict[str, Any]:
    return parts.operation(
        "release_suspicion",
        "Release what looks like fraud: no call is blocked for it any more, and it does not come "
        "back by what was seen before. It stays in the list.",
        {204: {"description": "It is released."}},
        *(404, 409),
        tag="suspicion",
    )
