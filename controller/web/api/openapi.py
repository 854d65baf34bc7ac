"""The API's description of itself (OpenAPI 3.1), made of the table of resources and the Structs."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec
from flask import Flask, Response, request
from werkzeug.http import HTTP_STATUS_CODES

from controller import __version__
from controller.admin.model import Actor, Kind
from controller.admin.shapes import INPUTS, PATCHES, VIEWS
from controller.policy.records import Entry
from controller.web.api import shown
from controller.web.api.ledgers import IDEMPOTENCY_KEY
from controller.web.api.problems import PROBLEM_JSON, RETRY_SECONDS, Problem
from controller.web.api.reading import JSON, MERGE_PATCH, condition, query
from controller.web.api.resources import (
    AUDIT_FILTERS,
    BASE,
    COLLECTIONS,
    ENTRIES,
    FLAT,
    Cursor,
    Limit,
    Position,
    filters,
    item_path,
    names,
    parameter,
    rule,
)
from controller.web.api.schemas import components, reference, schema

_PATH: Final = "/openapi.json"
_ETAG_HEADER: Final = {"ETag": {"$ref": "#/components/headers/ETag"}}
_LINK_HEADER: Final = {"Link": {"$ref": "#/components/headers/Link"}}
_LOCATION_HEADER: Final = {"Location": {"$ref": "#/components/headers/Location"}}

#: What can come of any request that shows a token.
_ALWAYS: Final = (400, 401, 403, 500, 503)
#: What can come of one with a body, besides.
_OF_BODIES: Final = (413, 415, 422)

#: What a problem comes with besides its text.
_PROBLEM_HEADERS: Final = {
    401: {"WWW-Authenticate": "The scheme: Bearer."},
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
    500: "A fault of ours; it is in the log.",
    503: "The database is away.",
}


class Description:
    """The description, made once and served as it is."""

    def __init__(self) -> None:
        self._text = msgspec.json.encode(document())
        self._tag = sha256(self._text).hexdigest()[:16]

    def register(self, app: Flask, name: str) -> None:
        """Add the view to an application, by this name."""
        app.add_url_rule(rule(_PATH), name, self.serve, methods=["GET"])

    def serve(self) -> Response:
        """Give the description."""
        query(request, {})
        headers = {"ETag": f'"{self._tag}"'}
        known = condition(request.headers.get("If-None-Match"), weak=True)
        if known is not None and known.has(self._tag):
            return Response(status=304, headers=headers)
        return Response(self._text, headers=headers, content_type=JSON)


def document() -> dict[str, Any]:
    """Make the description."""
    paths: dict[str, Any] = {}
    for kind in COLLECTIONS:
        paths[COLLECTIONS[kind]] = _collection(kind)
        paths[item_path(kind)] = _item(kind)
    for kind, path in FLAT.items():
        paths[path] = {"get": _list(kind, path, f"list_all_{kind.value}s")}
    paths[ENTRIES] = _entries()
    paths["/audit"] = {"get": _audit()}
    paths["/whoami"] = {"get": _operation("whoami", "Who asks.", {200: _told(Actor)})}
    paths[_PATH] = {"get": _own()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callbackd",
            "version": __version__,
            "description": "The configuration of the callback controller. Each record has a "
            "version, which is its ETag; whoever changes one says which version he read.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "tags": [{"name": kind.value} for kind in Kind] + [{"name": "general"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "headers": _headers(),
            "responses": {_name(status): _problem(status) for status in _PROBLEMS},
            "schemas": components(),
        },
    }


# --- records -----------------------------------------------------------------------------------


def _collection(kind: Kind) -> dict[str, Any]:
    path = COLLECTIONS[kind]
    above = {"parameters": [_in_path(kind, name) for name in names(path)]} if names(path) else {}
    made = shown.ISSUED if kind is Kind.TOKEN else VIEWS[kind]
    return {
        **above,
        "get": _list(kind, path, f"list_{kind.value}s"),
        "post": _operation(
            f"create_{kind.value}",
            f"Make a {kind.value}.",
            {201: _told(made, "It was made.", _LOCATION_HEADER | _ETAG_HEADER)},
            404,
            409,
            *_OF_BODIES,
            tag=kind.value,
            body=_body(reference(INPUTS[kind]), JSON),
        ),
    }


def _list(kind: Kind, path: str, name: str) -> dict[str, Any]:
    wanted = [
        _parameter("query", field, schema(type_))
        for field, type_ in filters(kind).items()
        if field not in names(path)
    ]
    return _operation(
        name,
        f"List {kind.value}s, in the order of their keys.",
        {200: _told(shown.PAGES[kind], headers=_LINK_HEADER)},
        *((404,) if names(path) else ()),
        tag=kind.value,
        parameters=[*wanted, *_paging(Cursor)],
    )


def _item(kind: Kind) -> dict[str, Any]:
    there = {200: _told(VIEWS[kind], headers=_ETAG_HEADER)}
    unchanged = {304: {"description": "It is as it was.", "headers": _ETAG_HEADER}}
    word, tag = kind.value, kind.value
    patch = _body(reference(PATCHES[kind]), JSON, MERGE_PATCH)
    return {
        "parameters": [_in_path(kind, name) for name in names(item_path(kind))],
        "get": _operation(
            f"get_{word}",
            f"Show a {word}.",
            there | unchanged,
            404,
            tag=tag,
            parameters=[_if("If-None-Match", required=False)],
        ),
        "patch": _operation(
            f"change_{word}",
            f"Change a {word}: the fields that are named (RFC 7396); null brings a default back.",
            there,
            *(404, 409, 412, 428),
            *_OF_BODIES,
            tag=tag,
            parameters=[_if("If-Match", required=True)],
            body=patch,
        ),
        "delete": _operation(
            f"delete_{word}",
            f"Remove a {word}.",
            {204: {"description": "It is no more."}},
            *(404, 409, 412),
            tag=tag,
            parameters=[_if("If-Match", required=False)],
        ),
    }


# --- what is over no record --------------------------------------------------------------------


def _entries() -> dict[str, Any]:
    tag = Kind.ACCOUNT.value
    key = schema(_type_of(Entry, "key"))
    header = _parameter("header", IDEMPOTENCY_KEY, key)
    header["description"] = "May stand for the `key` of the body; the same key again adds nothing."
    return {
        "parameters": [_in_path(Kind.ACCOUNT, "id")],
        "get": _operation(
            "list_entries",
            "List the entries of an account, in order.",
            {200: _told(shown.LINES, headers=_LINK_HEADER)},
            404,
            tag=tag,
            parameters=_paging(Position),
        ),
        "post": _operation(
            "create_entry",
            "Add an entry to an account.",
            {
                201: _told(shown.LINE, "It was added.", _LOCATION_HEADER),
                200: _told(shown.LINE, "It was there already.", _LOCATION_HEADER),
            },
            *(404, 409),
            *_OF_BODIES,
            tag=tag,
            parameters=[header],
            body=_body(reference(Entry), JSON),
        ),
    }


def _audit() -> dict[str, Any]:
    wanted = [_parameter("query", name, schema(type_)) for name, type_ in AUDIT_FILTERS.items()]
    return _operation(
        "list_audit",
        "List what was changed, the newest first.",
        {200: _told(shown.AUDIT_PAGE, headers=_LINK_HEADER)},
        parameters=[*wanted, *_paging(Position)],
    )


def _own() -> dict[str, Any]:
    made = _operation(
        "openapi",
        "This description.",
        {
            200: {
                "description": "The description.",
                "headers": _ETAG_HEADER,
                "content": {JSON: {"schema": {"type": "object"}}},
            },
            304: {"description": "It is as it was.", "headers": _ETAG_HEADER},
        },
        parameters=[_if("If-None-Match", required=False)],
    )
    made["security"] = []
    for status in (401, 403, 503):
        del made["responses"][str(status)]
    return made


# --- the parts ---------------------------------------------------------------------------------


def _operation(
    name: str,
    summary: str,
    answers: dict[int, Any],
    *problems: int,
    tag: str = "general",
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
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


def _told(
    struct: type[Any], description: str = "So it is.", headers: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        "content": {JSON: {"schema": reference(struct)}},
    }


def _body(made: dict[str, Any], *types: str) -> dict[str, Any]:
    return {"required": True, "content": {type_: {"schema": made} for type_ in types}}


def _parameter(
    place: str, name: str, made: dict[str, Any], *, required: bool = False
) -> dict[str, Any]:
    description = made.pop("description", None)
    return {
        "name": name,
        "in": place,
        "required": required,
        **({"description": description} if description else {}),
        "schema": made,
    }


def _in_path(kind: Kind, name: str) -> dict[str, Any]:
    return _parameter("path", name, schema(parameter(kind, name)), required=True)


def _paging(cursor: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (a type)
    return [
        _parameter("query", "after", schema(cursor)),
        _parameter("query", "limit", schema(Limit) | {"default": 100}),
    ]


def _if(name: str, *, required: bool) -> dict[str, Any]:
    made = {
        "type": "string",
        "pattern": r'^(\*|(W/)?"[^"]*"(, ?(W/)?"[^"]*")*)$',
        "examples": ['"3"'],
    }
    return _parameter("header", name, made, required=required)


def _type_of(struct: type[Any], name: str) -> Any:  # noqa: ANN401  (a type)
    return next(field.type for field in msgspec.structs.fields(struct) if field.name == name)


def _headers() -> dict[str, Any]:
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
