"""The shapes of what the API takes and answers, at the end of its page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from controller.admin import (
    callback_shapes,
    explained,
    lockouts,
    model,
    node_shapes,
    persons,
    rates,
    shapes,
)
from controller.admin.csv_lines import Bad
from controller.admin.model import Kind
from controller.admin.shapes import INPUTS, MODELS, PATCHES, VIEWS
from controller.callerid import model as callerid_model
from controller.credit import call_record
from controller.credit import model as credit_model
from controller.policy.fields import Rate
from controller.policy.records import Entry
from controller.web.api.problems import Problem
from controller.web.api.schemas import components
from tools.reference import api_words
from tools.reference.page import Page, anchor_of, plain
from tools.reference.sentences import lead, of_fields, parted

_PREFIX: Final = "#/components/schemas/"
#: What each shape is made of, where it is no record of the operator's: its sentences are there.
_MADE_OF: Final[dict[str, type[Any]]] = {
    "Rate": Rate,
    "Uploaded": shapes.Uploaded,
    "Entry": Entry,
    "EntryLine": model.Line,
    "FoundRate": rates.FoundRate,
    "RateInEffect": rates.RateInEffect,
    "RateCost": rates.RateCost,
    "Bad": Bad,
    "AuditedChange": model.Audited,
    "CallbackInput": callback_shapes.CallbackInput,
    "Callback": callback_shapes.Callback,
    "WholeCallback": callback_shapes.WholeCallback,
    "CallbackTry": callback_shapes.Try,
    "CallPlan": callback_shapes.CallPlan,
    "CallWay": callback_shapes.CallWay,
    "CallPassed": callback_shapes.CallPassed,
    "CallbackDestination": callback_shapes.DestinationTry,
    "CallbackTranscriptEntry": callback_shapes.TranscriptEntry,
    "Call": call_record.CallRecord,
    "CallTotal": call_record.CallTotal,
    "Price": credit_model.Price,
    "Shown": callerid_model.Shown,
    "Tried": callerid_model.Tried,
    "StopInput": callback_shapes.StopInput,
    "Stop": callback_shapes.Stopped,
    "Lockout": lockouts.Lockout,
    "LockoutPage": lockouts.LockoutPage,
    "DrainInput": node_shapes.DrainInput,
    "Node": node_shapes.NodeShown,
    "Controller": node_shapes.ControllerShown,
    "PersonExport": persons.PersonExport,
    "PersonErased": persons.PersonErased,
    "ExplainedCallerId": explained.ExplainedCallerId,
    "ShownOn": explained.ShownOn,
    "ExplainedRoute": explained.ExplainedRoute,
    "ChannelOrder": explained.ChannelOrder,
    "TriedChannel": explained.TriedChannel,
    "PassedChannel": explained.PassedChannel,
    "ExplainedCallback": explained.ExplainedCallback,
    "Actor": model.Actor,
    "Problem": Problem,
}


@cache
def _schemas() -> Mapping[str, Any]:
    return components()


def add(made: Page, schemas: Mapping[str, Any]) -> None:
    """Add a heading for each shape that has fields; what is a record's setting stands elsewhere."""
    made.heading("Shapes", 2, "shapes")
    made.say(
        "What is answered, field by field. A field that is not said to be null is always there. "
        "Fields may be added in later releases: read those that you know."
    )
    views = {VIEWS[kind].__name__: kind for kind in Kind}
    written = {one.__name__ for kind in Kind for one in (INPUTS[kind], PATCHES[kind])}
    for name, schema in schemas.items():
        if "properties" not in schema or name in written or _is_plain_page(name, schema):
            continue
        made.heading(f"`{name}`", 3, anchor_of("shape", name))
        fields = schema["properties"]
        if name in views:
            kind = views[name]
            settings = {*MODELS[kind].__struct_fields__}
            made.say(f"The [settings](policy.md#{anchor_of(kind.value)}) of the {kind.word}, and:")
            fields = {field: said for field, said in fields.items() if field not in settings}
        elif name in _EXTENDS:
            known = schemas[_EXTENDS[name]]["properties"]
            made.say(f"All of [`{_EXTENDS[name]}`](#{anchor_of('shape', _EXTENDS[name])}), and:")
            fields = {field: said for field, said in fields.items() if field not in known}
        elif name in _MADE_OF:
            made.say(_spoken(lead(_MADE_OF[name])))
        made.say("\n".join(_fields(name, fields)))


#: What has all fields of another one.
_EXTENDS: Final = {"WholeCallback": "Callback", "IssuedToken": "Token"}


def _fields(name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    made_of = _MADE_OF.get(name)
    sentences = of_fields(made_of) if made_of is not None else {}
    for field, said in fields.items():
        described = said.get("description", "")
        specific = api_words.FIELDS.get(f"{name}.{field}")
        sentence = (
            specific
            or sentences.get(field)
            or described
            or api_words.of(_EXTENDS.get(name, name), field)
        )
        text = _spoken(" ".join(parted(sentence)[1].split())) if sentence else ""
        kind = in_words({key: value for key, value in said.items() if key != "description"})
        yield f"- `{field}`: {kind}{'. ' + text if text else ''}"


def _spoken(text: str) -> str:
    """Give a sentence of the code as one of the API: what is None there is null."""
    return plain(re.sub(r"\bNone\b", "null", text))


def _is_plain_page(name: str, schema: Mapping[str, Any]) -> bool:
    return name.endswith("Page") and list(schema["properties"]) == ["items", "next"]


def link(schema: Mapping[str, Any]) -> str:
    """Give the words for a reference to a shape."""
    name = schema["$ref"].removeprefix(_PREFIX)
    page = _items(name)
    if page is not None:
        return f"a page of {page}"
    return f"[`{name}`](#{anchor_of('shape', name)})"


def _items(name: str) -> str | None:
    schema = _schemas()[name]
    if "properties" not in schema or not _is_plain_page(name, schema):
        return None
    return link(schema["properties"]["items"]["items"])


def in_words(schema: Mapping[str, Any]) -> str:
    """Say what a schema of the description asks for."""
    if "$ref" in schema:
        found = _schemas()[schema["$ref"].removeprefix(_PREFIX)]
        return in_words(found) if "enum" in found else link(schema)
    if "anyOf" in schema:
        return " or ".join(in_words(one) for one in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{word}`" for word in schema["enum"])
    return _of_type(schema)


def _of_type(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "null":
            return "null"
        case "boolean":
            return "true or false"
        case "integer" | "number" as kind:
            return _number(schema, "a whole number" if kind == "integer" else "a number")
        case "string":
            if schema.get("format") == "date-time":
                return "a time (RFC 3339)"
            described = str(schema.get("description", "")).rstrip(".")
            return f"text: {plain(described)}" if described else "text"
        case "array":
            return f"a list; each {in_words(schema['items'])}" if "items" in schema else "a list"
        case "object":
            inside = schema.get("additionalProperties")
            values = f"; each {in_words(inside)}" if isinstance(inside, dict) and inside else ""
            return f"a table{values}"
    return "anything"


def _number(schema: Mapping[str, Any], kind: str) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least} to {most}"
    if least is not None:
        return f"{kind}, at least {least}"
    return f"{kind}, at most {most}" if most is not None else kind
