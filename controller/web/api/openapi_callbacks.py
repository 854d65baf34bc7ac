"""The description of callbacks and stops: what of the API is over no record of the operator's."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.callback_shapes import CallbackInput, Id, StopInput
from controller.web.api import parts, shown
from controller.web.api.reading import JSON
from controller.web.api.resources import (
    CALLBACK,
    CALLBACK_FILTERS,
    CALLBACKS,
    EVERYWHERE,
    STOP,
    STOP_PATH,
    STOPS,
    Cursor,
)
from controller.web.api.schemas import reference, schema

#: The tags of these operations.
TAGS: Final = ("callback", "stop")


def paths() -> dict[str, Any]:
    """Give the paths, each with its operations."""
    return {
        CALLBACKS: {"get": _list(), "post": _ask()},
        CALLBACK: _item(),
        STOPS: {"get": _stops()},
        EVERYWHERE: _stop("_everywhere", "all callbacks", ()),
        STOP: {
            "parameters": [parts.in_path(name, wanted) for name, wanted in STOP_PATH.items()],
            **_stop("", "the callbacks of a client or an extension", (404,)),
        },
    }


def _list() -> dict[str, Any]:
    wanted = [
        parts.parameter("query", name, schema(type_)) for name, type_ in CALLBACK_FILTERS.items()
    ]
    for one in wanted:
        one["description"] = _FILTERS[one["name"]]
    return parts.operation(
        "list_callbacks",
        "List callbacks, and calls that got none, the newest first.",
        {200: parts.told(shown.CALLBACK_PAGE, headers=parts.LINK_HEADER)},
        tag="callback",
        parameters=[*wanted, *parts.paging(Cursor)],
    )


#: What the filters of the list mean.
_FILTERS: Final = {
    "extension": "Those of this extension.",
    "number": "Those to this number, and those that it asked for; E.164.",
    "state": "Those that are there.",
    "outcome": "Those that ended so, or were refused for that.",
    "source": "Those that were asked for so.",
    "since": "Those that were asked for then or later (RFC 3339).",
    "until": "Those that were asked for before (RFC 3339).",
}


def _ask() -> dict[str, Any]:
    return parts.operation(
        "ask_callback",
        "Ask for a callback. The rules are those for a trigger call: one that they refuse is kept "
        "with the state `refused`, and its reason as the outcome.",
        {
            201: parts.told(shown.CALLBACK, "It was kept.", parts.LOCATION_HEADER),
            200: parts.told(
                shown.CALLBACK,
                "It was there already: asked for with this key, or still open.",
                parts.LOCATION_HEADER,
            ),
        },
        *(404, 409),
        *parts.OF_BODIES,
        tag="callback",
        parameters=[parts.idempotency_key(CallbackInput)],
        body=parts.body(reference(CallbackInput), JSON),
    )


def _item() -> dict[str, Any]:
    return {
        "parameters": [parts.in_path("id", Id)],
        "get": parts.operation(
            "get_callback",
            "Show a callback, with its tries, the destinations that it called, its legs that are "
            "over and what they cost, and its transcript; of each call by which channels, what "
            "each shows, and why.",
            {200: parts.told(shown.WHOLE_CALLBACK)},
            404,
            tag="callback",
        ),
        "delete": parts.operation(
            "cancel_callback",
            "Cancel a callback that is pending.",
            {204: {"description": "It is cancelled."}},
            *(404, 409),
            tag="callback",
        ),
    }


def _stops() -> dict[str, Any]:
    return parts.operation(
        "list_stops",
        "List what is stopped.",
        {200: parts.told(shown.STOPS)},
        tag="stop",
    )


def _stop(name: str, what: str, more: tuple[int, ...]) -> dict[str, Any]:
    return {
        "put": parts.operation(
            f"stop{name}",
            f"Stop {what}: none is made until it is resumed, what is pending ends as `stopped`.",
            {
                201: parts.told(shown.STOP, "They are stopped from now on."),
                200: parts.told(shown.STOP, "They were stopped already, and are as is said now."),
            },
            *more,
            *parts.OF_BODIES,
            tag="stop",
            body=parts.body(reference(StopInput), JSON),
        ),
        "delete": parts.operation(
            f"resume{name}",
            f"Resume {what}.",
            {204: {"description": "They are not stopped any more."}},
            404,
            tag="stop",
        ),
    }
