"""The description of explanations (I9)."""

from __future__ import annotations

from typing import Any, Final

from controller.web.api import parts, shown
from controller.web.api.resources import EXPLAIN, EXPLAIN_PARAMETERS
from controller.web.api.schemas import schema

#: The tags of these operations.
TAGS: Final = ("explain",)

_WHAT: Final[dict[str, tuple[str, type[Any]]]] = {
    "callerid": (
        "Say what a destination would see on each channel, and why.",
        shown.EXPLAINED_CALLERID,
    ),
    "route": (
        "Say over which channels a destination would be called, in which order, and why.",
        shown.EXPLAINED_ROUTE,
    ),
    "callback": (
        "Say whether a call to a DID would be called back, whom, when and how, and why.",
        shown.EXPLAINED_CALLBACK,
    ),
}

#: What the parameters mean, where that is no matter of course.
_PARAMETERS: Final = {
    "did": "The number that is rung: E.164, or as the trunks' country writes it.",
    "caller": "Who rings, as the trunk says it: E.164, or as its country writes it. Missing: hidden"
    " where a destination is asked about; where a callback is, `hidden` says that.",
    "hidden": "Whoever rings hides his number.",
    "name": "The name that comes with the trigger call.",
    "over": "The channel that the trigger call comes over; for the operator alone.",
    "at": "When; by default now (RFC 3339).",
}


def paths() -> dict[str, Any]:
    """Give the paths, each with its operation."""
    return {path: {"get": _explain(name)} for name, path in EXPLAIN.items()}


def _explain(name: str) -> dict[str, Any]:
    summary, answer = _WHAT[name]
    wanted = []
    for field, (type_, needed) in EXPLAIN_PARAMETERS[name].items():
        one = parts.parameter("query", field, schema(type_), required=needed)
        if field in _PARAMETERS:
            one["description"] = _PARAMETERS[field]
        wanted.append(one)
    return parts.operation(
        f"explain_{name}",
        f"{summary} Nothing is dialled, nothing is written.",
        {200: parts.told(answer)},
        404,
        tag="explain",
        parameters=wanted,
    )
