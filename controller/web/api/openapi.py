"""The API's description of itself (OpenAPI 3.1), made of the table of resources and the Structs."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from flask import Flask, Response, request

from controller import __version__
from controller.admin.model import Actor, Kind
from controller.admin.shapes import INPUTS, PATCHES, VIEWS
from controller.web.api import (
    openapi_callbacks,
    openapi_calls,
    openapi_explain,
    openapi_files,
    openapi_lockouts,
    openapi_nodes,
    openapi_persons,
    openapi_sounds,
    openapi_suspicions,
    parts,
    shown,
)
from controller.web.api.reading import JSON, MERGE_PATCH, condition, query
from controller.web.api.resources import (
    AUDIT_FILTERS,
    BASE,
    COLLECTIONS,
    FLAT,
    Cursor,
    Position,
    filters,
    item_path,
    names,
    parameter,
    rule,
)
from controller.web.api.schemas import components, reference, schema

_PATH: Final = "/openapi.json"


class Description:
    """The description, made once and served as it is."""

    def __init__(self) -> None:
        self._text = _text()
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


@cache
def _text() -> bytes:
    return msgspec.json.encode(document())


def document() -> dict[str, Any]:
    """Make the description."""
    paths: dict[str, Any] = {}
    for kind in COLLECTIONS:
        paths[COLLECTIONS[kind]] = _collection(kind)
        paths[item_path(kind)] = _item(kind)
    for kind, path in FLAT.items():
        paths[path] = {"get": _list(kind, path, f"list_all_{kind.value}s")}
    paths |= openapi_callbacks.paths() | openapi_sounds.paths() | openapi_lockouts.paths()
    paths |= openapi_explain.paths() | openapi_files.paths() | openapi_calls.paths()
    paths |= openapi_suspicions.paths() | openapi_nodes.paths() | openapi_persons.paths()
    paths["/audit"] = {"get": _audit()}
    paths["/whoami"] = {"get": parts.operation("whoami", "Who asks.", {200: parts.told(Actor)})}
    paths[_PATH] = {"get": _own()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callbackd",
            "version": __version__,
            "description": "The configuration of the callback controller, and its callbacks. Each "
            "record has a version, which is its ETag; whoever changes one says which version he "
            "read.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": name}
            for name in (
                *(kind.value for kind in Kind),
                *openapi_callbacks.TAGS,
                *openapi_calls.TAGS,
                *openapi_lockouts.TAGS,
                *openapi_suspicions.TAGS,
                *openapi_nodes.TAGS,
                *openapi_persons.TAGS,
                *openapi_explain.TAGS,
                "general",
            )
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "headers": parts.headers(),
            "responses": parts.responses(),
            "schemas": components(),
        },
    }


# --- records -----------------------------------------------------------------------------------


def _collection(kind: Kind) -> dict[str, Any]:
    path = COLLECTIONS[kind]
    above = (
        {"parameters": [parts.in_path(name, parameter(kind, name)) for name in names(path)]}
        if names(path)
        else {}
    )
    made = shown.ISSUED if kind is Kind.TOKEN else VIEWS[kind]
    return {
        **above,
        "get": _list(kind, path, f"list_{kind.value}s"),
        "post": parts.operation(
            f"create_{kind.value}",
            f"Make a {kind.word}.",
            {201: parts.told(made, "It was made.", parts.LOCATION_HEADER | parts.ETAG_HEADER)},
            404,
            409,
            *parts.OF_BODIES,
            tag=kind.value,
            body=parts.body(reference(INPUTS[kind]), JSON),
        ),
    }


def _list(kind: Kind, path: str, name: str) -> dict[str, Any]:
    wanted = [
        parts.parameter("query", field, schema(type_))
        for field, type_ in filters(kind).items()
        if field not in names(path)
    ]
    return parts.operation(
        name,
        f"List {kind.word}s, in the order of their {'owners' if kind is Kind.ACCOUNT else 'keys'}.",
        {200: parts.told(shown.PAGES[kind], headers=parts.LINK_HEADER)},
        *((404,) if names(path) else ()),
        tag=kind.value,
        parameters=[*wanted, *parts.paging(Cursor)],
    )


def _item(kind: Kind) -> dict[str, Any]:
    there = {200: parts.told(VIEWS[kind], headers=parts.ETAG_HEADER)}
    unchanged = {304: {"description": "It is as it was.", "headers": parts.ETAG_HEADER}}
    name, word, tag = kind.value, kind.word, kind.value
    patch = parts.body(reference(PATCHES[kind]), JSON, MERGE_PATCH)
    return {
        "parameters": [
            parts.in_path(name, parameter(kind, name)) for name in names(item_path(kind))
        ],
        "get": parts.operation(
            f"get_{name}",
            f"Show a {word}.",
            there | unchanged,
            404,
            tag=tag,
            parameters=[parts.tags("If-None-Match", required=False)],
        ),
        "patch": parts.operation(
            f"change_{name}",
            f"Change a {word}: the fields that are named (RFC 7396); null brings a default back.",
            there,
            *(404, 409, 412, 428),
            *parts.OF_BODIES,
            tag=tag,
            parameters=[parts.tags("If-Match", required=True)],
            body=patch,
        ),
        "delete": parts.operation(
            f"delete_{name}",
            f"Remove a {word}.",
            {204: {"description": "It is no more."}},
            *(404, 409, 412),
            tag=tag,
            parameters=[parts.tags("If-Match", required=False)],
        ),
    }


# --- what is over no record --------------------------------------------------------------------


def _audit() -> dict[str, Any]:
    wanted = [
        parts.parameter("query", name, schema(type_)) for name, type_ in AUDIT_FILTERS.items()
    ]
    return parts.operation(
        "list_audit",
        "List what was changed, the newest first.",
        {200: parts.told(shown.AUDIT_PAGE, headers=parts.LINK_HEADER)},
        parameters=[*wanted, *parts.paging(Position)],
    )


def _own() -> dict[str, Any]:
    made = parts.operation(
        "openapi",
        "This description.",
        {
            200: {
                "description": "The description.",
                "headers": parts.ETAG_HEADER,
                "content": {JSON: {"schema": {"type": "object"}}},
            },
            304: {"description": "It is as it was.", "headers": parts.ETAG_HEADER},
        },
        parameters=[parts.tags("If-None-Match", required=False)],
    )
    made["security"] = []
    for status in (401, 403, 503):
        del made["responses"][str(status)]
    return made
