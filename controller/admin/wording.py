"""What is wrong with a value, in words for people: the types that a check speaks of are no words.

No I/O. The field stays first, as `policy.rules.plain` has it; so it is for who types and for who
reads the API's problems alike.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints

_EXPECTED: Final = re.compile(
    r"expected `([a-z |]+)`(?: of length)?(?: (<=|>=) (-?[0-9.]+))?(?:, got `([a-z]+)`)?\Z"
)
_ENUM: Final = re.compile(r"invalid enum value ('.*'|\".*\"|[^;]*?)(; .*)?\Z", re.DOTALL)
#: Types, as what is to be written.
_WRITE: Final = {
    "int": "write a whole number",
    "float": "write a number",
    "str": "write text",
    "bool": "write true or false",
    "array": "write a list",
    "object": "write names and their values",
}
#: The same, as what was written.
_GOT: Final = {
    "int": "a number",
    "float": "a number with a point",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "names and values",
    "null": "nothing (null)",
}
#: What is counted of things that have a length.
_COUNTED: Final = {"str": "characters", "array": "of them", "object": "of them"}


def worded(message: str, model: type[Any] | None = None) -> str:
    """Give what is wrong with a field in words; `model`: whose field it is."""
    field, colon, text = message.partition(": ")
    if not colon or " " in field:
        field, colon, text = "", "", message
    enum = _ENUM.match(text)
    if enum is not None:
        said = f"{enum[1]} is none that there is{enum[2] or _known(field, model)}"
        return f"{field}{colon}{said}"
    # What to write is said already where there is more.
    text, _, more = text.partition("; ")
    found = _EXPECTED.match(text)
    if found is None:
        return message
    return f"{field}{colon}{more or _said(*found.groups())}"


def _said(types: str, sign: str | None, bound: str | None, got: str | None) -> str:
    kind = next((name for name in types.split(" | ") if name in _WRITE), "")
    if not kind:
        return "is not written as it has to be"
    if bound is not None and kind in _COUNTED:
        most = f"write at {'most' if sign == '<=' else 'least'} {bound} {_COUNTED[kind]}"
        if kind == "str":
            return f"is too {'long' if sign == '<=' else 'short'}; {most}"
        return f"are too {'many' if sign == '<=' else 'few'}; {most}"
    if bound is not None:
        return f"{_WRITE[kind]}, at {'most' if sign == '<=' else 'least'} {bound}"
    return f"{_WRITE[kind]}, not {_GOT[got]}" if got in _GOT else _WRITE[kind]


def _known(field: str, model: type[Any] | None) -> str:
    """Give what there is to choose from, where the field is one of these."""
    if model is None:
        return "; look for a typing error"
    wanted = get_type_hints(model).get(re.split(r"[.\[]", field)[0])
    names = [one.value for kind in _enums(wanted) for one in kind]
    return f"; write one of: {', '.join(names)}" if names else "; look for a typing error"


def _enums(kind: object) -> list[type[StrEnum]]:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [kind]
    return [found for part in get_args(kind) for found in _enums(part)]
