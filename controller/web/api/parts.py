"""The parts that the API's description is put together of: operations, answers, parameters."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from werkzeug.http import HTTP_STATUS_CODES

from controller.web.api.problems import PROBLEM_JSON, RETRY_SECONDS, Problem
from controller.web.api.reading import IDEMPOTENCY_KEY, JSON
from controller.web.api.resources import Limit, without_null
from controller.web.api.schemas import reference, schema

ETAG_HEADER: Final = {"ETag": {"$ref": "#/components/headers/ETag"}}
LINK_HEADER: Final = {"Link": {"$ref": "#/components/headers/Link"}}
LOCATION_HEADER: Final = {"Location": {"$ref": "#/components/headers/Location"}}

#: What is said of an answer that is no more than what was asked for.
SO_IT_IS: Final = "So it is."

#: What can come of any request that shows a token.
_ALWAYS: Final = (400, 401, 403, 429, 500, 503)
#: What can come of one with a body, besides.
OF_BODIES: Final = (413, 415, 422)

#: What a problem comes with besides its text.
_PROBLEM_HEADERS: Final = {
    401: {"WWW-Authenticate": "The scheme: Bearer."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": f"Seconds to wait: {RETRY_SECONDS}."},
}
_PROBLEMS: Final = {
    400: "The query, a header or the body cannot be read.",
    401: "No token, or none that is good (any more).",
    403: "The token's role does not allow it.",
    404: "There is no such record, or it is another client's.",
    409: "It contradicts what is there.",
    412: "The record was changed since it was read.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "A field cannot be so; `field` names it.",
    428: "If-Match is missing.",
    429: "Too many tokens that were not good came from there.",
    500: "A fault of ours; it is in the log.",
    503: "The database is away, or Redis where it is needed; or other sounds are being converted.",
}


def operation(
    name: str,
    summary: str,
    answers: dict[int, Any],
    *problems: int,
    tag: str = "general",
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Give an operation: what it answers, and the problems that it can have besides the usual."""
    known = {str(status): made for status, made in answers.items()}
    refused = {
        str(status): {"$ref": f"#/components/responses/{_name(status)}"}
        for status in sorted({*_ALWAYS, *problems})
    }
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
        "responses": known | refused,
    }


def told(
    struct: type[Any], description: str = SO_IT_IS, headers: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Give an answer that is a Struct."""
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        "content": {JSON: {"schema": reference(struct)}},
    }


def body(made: dict[str, Any], *types: str) -> dict[str, Any]:
    """Give a body of this schema, sent as one of these types."""
    return {"required": True, "content": {type_: {"schema": made} for type_ in types}}


def parameter(
    place: str, name: str, made: dict[str, Any], *, required: bool = False
) -> dict[str, Any]:
    """Give a parameter of this schema; `place` is path, query or header."""
    description = made.pop("description", None)
    return {
        "name": name,
        "in": place,
        "required": required,
        **({"description": description} if description else {}),
        "schema": made,
    }


def in_path(name: str, wanted: Any) -> dict[str, Any]:  # noqa: ANN401  (a type)
    """Give a parameter that is part of the path."""
    return parameter("path", name, schema(wanted), required=True)


def paging(cursor: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (a type)
    """Give the parameters of a list that comes in pages."""
    return [
        parameter("query", "after", schema(cursor)),
        parameter("query", "limit", schema(Limit) | {"default": 100}),
    ]


#: What those headers mean.
_TAGS: Final = {
    "If-Match": "The version that was read, in quotes as its ETag has it; * is whichever it is.",
    "If-None-Match": "The version that is known already: 304 where it is still that one.",
}


def tags(name: str, *, required: bool) -> dict[str, Any]:
    """Give a header that names versions by their tags: If-Match, If-None-Match."""
    made = {
        "description": _TAGS[name],
        "type": "string",
        "pattern": r'^(\*|(W/)?"[^"]*"(, ?(W/)?"[^"]*")*)$',
        "examples": ['"3"'],
    }
    return parameter("header", name, made, required=required)


def idempotency_key(struct: type[Any]) -> dict[str, Any]:
    """Give the header that may stand for the `key` of a body of this Struct."""
    fields = msgspec.structs.fields(struct)
    key = next(field.type for field in fields if field.name == "key")
    made = parameter("header", IDEMPOTENCY_KEY, schema(without_null(key)))
    made["description"] = "May stand for the `key` of the body; the same key again adds nothing."
    return made


def headers() -> dict[str, Any]:
    """Give the headers that answers refer to."""
    said = {
        "ETag": "The version, in quotes: for If-Match and If-None-Match.",
        "Location": "Where it is.",
        "Link": 'Where the list goes on, rel="next"; missing at its end.',
    }
    return {
        name: {
            "description": text,
            "schema": {"type": "string"},
            **({"required": True} if name != "Link" else {}),
        }
        for name, text in said.items()
    }


def responses() -> dict[str, Any]:
    """Give the problems that operations refer to."""
    return {_name(status): _problem(status) for status in _PROBLEMS}


def _name(status: int) -> str:
    return HTTP_STATUS_CODES[status].title().replace(" ", "")


def _problem(status: int) -> dict[str, Any]:
    headers = {
        name: {"description": text, "required": True, "schema": {"type": "string"}}
        for name, text in _PROBLEM_HEADERS.get(status, {}).items()
    }
    return {
        "description": _PROBLEMS[status],
        **({"headers": headers} if headers else {}),
        "content": {PROBLEM_JSON: {"schema": reference(Problem)}},
    }
