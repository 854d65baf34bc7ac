"""The schemas of the description: made of the Structs, and written as JSON Schema has it."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from controller.admin.callback_shapes import CallbackInput, StopInput
from controller.admin.model import Actor
from controller.admin.node_shapes import DrainInput
from controller.admin.persons import PersonErased, PersonExport
from controller.admin.shapes import INPUTS, PATCHES, VIEWS
from controller.policy.records import Entry
from controller.web.api import shown
from controller.web.api.problems import Problem
from controller.web.api.resources import COLLECTIONS, names

_REF: Final = "#/components/schemas/{name}"
#: All that goes over the line.
_STRUCTS: Final[tuple[Any, ...]] = (
    *INPUTS.values(),
    *PATCHES.values(),
    *VIEWS.values(),
    *shown.PAGES.values(),
    shown.ISSUED,
    Entry,
    shown.LINE,
    shown.LINES,
    shown.FOUND_RATE,
    shown.IMPORTED,
    shown.AUDITED,
    shown.AUDIT_PAGE,
    CallbackInput,
    shown.CALLBACK,
    shown.WHOLE_CALLBACK,
    shown.CALLBACK_PAGE,
    shown.CALL,
    shown.CALL_PAGE,
    StopInput,
    shown.STOP,
    shown.STOPS,
    shown.LOCKOUT,
    shown.LOCKOUT_PAGE,
    shown.SUSPICION,
    shown.SUSPICION_PAGE,
    DrainInput,
    shown.NODE,
    shown.NODE_PAGE,
    shown.CONTROLLER,
    shown.CONTROLLER_PAGE,
    PersonExport,
    PersonErased,
    shown.EXPLAINED_CALLERID,
    shown.EXPLAINED_ROUTE,
    shown.EXPLAINED_CALLBACK,
    Actor,
    Problem,
)
#: A class of characters with the letters and digits of all scripts, for which not all dialects have
#: a word. It is told by the ASCII that is not in it: that says too much rather than too little.
_WITH_WORDS: Final = re.compile(r"\[\\w[^]\\]*\]")


def components() -> dict[str, Any]:
    """Give the schemas of all that goes over the line, by name."""
    _, made = msgspec.json.schema_components(_STRUCTS, ref_template=_REF)
    schemas: dict[str, Any] = _ecma(made)
    for kind, path in COLLECTIONS.items():
        # What the path says may be left out of the body.
        _optional(schemas[INPUTS[kind].__name__], *names(path))
        for field in schemas[PATCHES[kind].__name__]["properties"].values():
            _mergeable(field)
    # A header may stand for it.
    _optional(schemas[Entry.__name__], "key")
    return schemas


def reference(struct: type[Any]) -> dict[str, Any]:
    """Give the reference to the schema of a Struct."""
    return {"$ref": _REF.format(name=struct.__name__)}


def schema(wanted: Any) -> dict[str, Any]:  # noqa: ANN401  (a type)
    """Give the schema of a parameter."""
    (made,), found = msgspec.json.schema_components((wanted,), ref_template="{name}")
    return dict(_ecma(found[made["$ref"]] if "$ref" in made else made))


def _optional(made: dict[str, Any], *fields: str) -> None:
    made["required"] = [name for name in made.get("required", ()) if name not in fields]


def _mergeable(field: dict[str, Any]) -> None:
    """Say that null removes one of an object (RFC 7396)."""
    for one in (field, *field.get("anyOf", ())):
        if isinstance(one.get("additionalProperties"), dict):
            one["additionalProperties"] = {"anyOf": [one["additionalProperties"], {"type": "null"}]}


def _ecma(made: Any) -> Any:  # noqa: ANN401
    """Write patterns as ECMA-262 does, which JSON Schema goes by; of Python's we use little."""
    if isinstance(made, dict):
        return {
            name: _pattern(value) if name == "pattern" and isinstance(value, str) else _ecma(value)
            for name, value in made.items()
        }
    return [_ecma(value) for value in made] if isinstance(made, (list, tuple)) else made


def _pattern(text: str) -> str:
    return _WITH_WORDS.sub(_without, text.replace(r"\Z", "$"))


def _without(found: re.Match[str]) -> str:
    codes = [code for code in range(128) if not re.fullmatch(found[0], chr(code))]
    return "[^" + "".join(f"\\x{code:02x}" for code in codes) + "]"
