"""The description of what comes and goes as CSV, of rates and of entries; and of finding a rate."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.model import Kind
from controller.policy.records import Entry
from controller.web.api import parts, shown
from controller.web.api.files import CSV
from controller.web.api.reading import JSON
from controller.web.api.resources import (
    ENTRIES,
    ENTRIES_EXPORT,
    ENTRIES_IMPORT,
    ENTRY_FILTERS,
    FIND_RATE,
    FIND_RATE_PARAMETERS,
    RATES_EXPORT,
    RATES_IMPORT,
    Position,
    names,
    parameter,
)
from controller.web.api.schemas import reference, schema

_RATE: Final = Kind.RATE.value
_ACCOUNT: Final = Kind.ACCOUNT.value


def paths() -> dict[str, Any]:
    """Give the paths, with their operations."""
    of_list = {
        "parameters": [parts.in_path(name, parameter(Kind.RATE, name)) for name in names(FIND_RATE)]
    }
    of_account = {"parameters": [parts.in_path("id", parameter(Kind.ACCOUNT, "id"))]}
    return {
        FIND_RATE: {**of_list, "get": _find()},
        RATES_IMPORT: {
            **of_list,
            "post": _import(
                "import_rates",
                "Add and change rates by a CSV file, if all of it is good. The first line names "
                "the columns: prefix and per_minute, and if wanted setup_fee, first_block, "
                "interval, since, until and description; amounts are of the currency's unit.",
                _RATE,
                404,
            ),
        },
        RATES_EXPORT: {
            **of_list,
            "get": _export("export_rates", "Give all rates as CSV, as it is imported.", _RATE),
        },
        ENTRIES: {**of_account, "get": _entries(), "post": _enter()},
        ENTRIES_EXPORT: {
            **of_account,
            "get": _export(
                "export_entries", "Give entries as CSV, in order.", _ACCOUNT, _filters()
            ),
        },
        ENTRIES_IMPORT: {
            "post": _import(
                "import_entries",
                "Add top-ups and corrections by a CSV file, if all of it is good. The first line "
                "names the columns: account (an id, 1001, or 1001/+12025550100), key and amount, "
                "and if wanted kind, order_number, notes and currency. The same file again adds "
                "nothing.",
                _ACCOUNT,
            )
        },
    }


def _find() -> dict[str, Any]:
    return parts.operation(
        "find_rate",
        "Say by which rate a call to a number is charged, and what it costs.",
        {200: parts.told(shown.FOUND_RATE)},
        404,
        tag=_RATE,
        parameters=[
            parts.parameter("query", name, schema(type_), required=name == "number")
            for name, type_ in FIND_RATE_PARAMETERS.items()
        ],
    )


def _import(name: str, summary: str, tag: str, *problems: int) -> dict[str, Any]:
    made = schema(bool)
    made["description"] = "Write nothing; say what would be done, and every bad line."
    return parts.operation(
        name,
        summary,
        {200: parts.told(shown.IMPORTED)},
        *(409, *problems),
        *parts.OF_BODIES,
        tag=tag,
        parameters=[parts.parameter("query", "dry_run", made)],
        body={"required": True, "content": {CSV: {"schema": {"type": "string"}}}},
    )


def _export(
    name: str, summary: str, tag: str, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    answers = {200: {"description": "The file.", "content": {CSV: {"schema": {"type": "string"}}}}}
    return parts.operation(name, summary, answers, 404, tag=tag, parameters=parameters)


def _filters() -> list[dict[str, Any]]:
    return [parts.parameter("query", name, schema(type_)) for name, type_ in ENTRY_FILTERS.items()]


def _entries() -> dict[str, Any]:
    return parts.operation(
        "list_entries",
        "List the entries of an account, in order.",
        {200: parts.told(shown.LINES, headers=parts.LINK_HEADER)},
        404,
        tag=_ACCOUNT,
        parameters=[*_filters(), *parts.paging(Position)],
    )


def _enter() -> dict[str, Any]:
    return parts.operation(
        "create_entry",
        "Add an entry to an account.",
        {
            201: parts.told(shown.LINE, "It was added.", parts.LOCATION_HEADER),
            200: parts.told(shown.LINE, "It was there already.", parts.LOCATION_HEADER),
        },
        *(404, 409),
        *parts.OF_BODIES,
        tag=_ACCOUNT,
        parameters=[parts.idempotency_key(Entry)],
        body=parts.body(reference(Entry), JSON),
    )
