"""How a call was to be placed, as it is kept with it (I9): documents, written once and shown.

Whoever shows a call shows the rest of it, whatever became of such a document: one that an older
release wrote, or that is damaged, is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from controller.routing.model import Plan

#: The longest hang-up cause that is kept; more is cut.
LONGEST_CAUSE: Final = 64
#: So many channels that are not used are kept with a call; an operator with more asks `explain`.
MOST_PASSED: Final = 50


def write_plan(plan: Plan) -> str:
    """Give a plan as it is kept: of very many channels that are not used, the first ones."""
    kept = msgspec.structs.replace(plan, passed=plan.passed[:MOST_PASSED])
    return msgspec.json.encode(kept).decode()


def read_plan(document: str | None) -> Plan | None:
    """Give a plan as it was kept, or None where there is none that can be read."""
    found: Plan | None = _read(document, Plan)
    return found


def write_causes(causes: Mapping[str, str]) -> str:
    """Give hang-up causes, by channel, as they are kept."""
    cut = {channel: cause[:LONGEST_CAUSE] for channel, cause in causes.items()}
    return msgspec.json.encode(cut).decode()


def read_causes(document: str | None) -> dict[str, str]:
    """Give hang-up causes, by channel, as they were kept; none where they cannot be read."""
    return _read(document, dict[str, str]) or {}


def _read(document: str | None, wanted: Any) -> Any:  # noqa: ANN401  (a type, and one of it)
    if document is None:
        return None
    try:
        return msgspec.json.decode(document, type=wanted)
    except (msgspec.MsgspecError, RecursionError):
        return None
