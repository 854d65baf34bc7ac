"""The description of what is kept about one person (O7)."""

from __future__ import annotations

from typing import Any, Final

from controller.admin.persons import PersonErased, PersonExport
from controller.policy.fields import Number
from controller.web.api import parts
from controller.web.api.resources import PERSON, PERSON_ERASED
from controller.web.api.schemas import schema

#: The tags of these operations.
TAGS: Final = ("person",)


def paths() -> dict[str, Any]:
    """Give the path, with its operations."""
    wanted = [
        parts.parameter("query", name, schema(type_)) for name, type_ in PERSON_ERASED.items()
    ]
    return {
        PERSON: {
            "parameters": [parts.in_path("number", Number)],
            "get": parts.operation(
                "export_person",
                "Give all that is kept about a number: rows by table, and what names it in Redis "
                "(null: Redis is away). For administrators; who had it is in the audit log.",
                {200: parts.told(PersonExport)},
                404,
                tag="person",
            ),
            "delete": parts.operation(
                "erase_person",
                "Erase what is kept about a number. What has to stay (money, the audit log, "
                "callbacks of others) stays with a pseudonym in its place. For administrators; it "
                "cannot be undone.",
                {200: parts.told(PersonErased, "It is erased.")},
                *(404, 409),
                tag="person",
                parameters=wanted,
            ),
        }
    }
