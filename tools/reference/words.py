"""Types in words, and defaults as they are written."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import inspect

#: Units, by how the names of fields end.
_UNITS: Final = {"_seconds": "seconds", "_days": "days", "_ms": "milliseconds"}
_NUMBERS: Final = (inspect.IntType, inspect.FloatType)


def unit_of(name: str) -> str:
    """Give the unit that a field's name says, or nothing."""
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")


def in_words(wanted: Any) -> str:  # noqa: ANN401  (a type)
    """Say what may be written where a type is wanted, with its bounds."""
    return _said(inspect.type_info(wanted))


def inner(wanted: Any) -> Any:  # noqa: ANN401
    """Give what a type is without its description and without null, as `msgspec.inspect` has it."""
    return _bare(inspect.type_info(wanted))


def _bare(found: Any) -> Any:  # noqa: ANN401
    while True:
        if isinstance(found, inspect.Metadata):
            found = found.type
        elif isinstance(found, inspect.UnionType):
            found = next(one for one in found.types if not isinstance(one, inspect.NoneType))
        else:
            return found


def _said(found: Any) -> str:  # noqa: ANN401
    described = ""
    if isinstance(found, inspect.Metadata):
        described = str((found.extra_json_schema or {}).get("description", ""))
        found = found.type
    if isinstance(found, inspect.UnionType):
        left = [one for one in found.types if not isinstance(one, inspect.NoneType)]
        also = ", or nothing (null)" if len(left) < len(found.types) else ""
        return " or ".join(map(_said, left)) + also
    plain = _plain(found)
    return f"{plain}: {_inside(described)}" if described else plain


def _plain(found: Any) -> str:  # noqa: ANN401
    match found:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _number(found)
        case inspect.StrType():
            return _text(found)
        case inspect.EnumType(cls=words):
            return f"one of {', '.join(f'`{word.value}`' for word in words)}"
        case inspect.LiteralType():
            return f"one of {', '.join(f'`{value}`' for value in found.values)}"
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list{_lengths(found)}; each {_said(found.item_type)}"
        case inspect.DictType():
            names, values = _said(found.key_type), _said(found.value_type)
            return f"a table{_lengths(found)}; names are {names}; values are {values}"
        case inspect.StructType(fields=fields):
            parts = ", ".join(f"`{field.encode_name}`" for field in fields)
            kinds = dict.fromkeys(_said(field.type) for field in fields)
            return f"a table of {parts}; each {' or '.join(kinds)}"
    raise TypeError(f"no words for {found!r}")


def _number(found: Any) -> str:  # noqa: ANN401
    kind = "a whole number" if isinstance(found, inspect.IntType) else "a number"
    if found.ge is not None and found.le is not None:
        return f"{kind}, {_shown(found.ge)} to {_shown(found.le)}"
    bounds = [
        f"{word} {_shown(bound)}"
        for word, bound in (
            ("at least", found.ge),
            ("more than", found.gt),
            ("at most", found.le),
            ("less than", found.lt),
        )
        if bound is not None
    ]
    return ", ".join([kind, *bounds])


def _shown(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _text(found: inspect.StrType) -> str:
    if found.min_length and found.max_length:
        return f"text, {found.min_length} to {found.max_length} characters"
    if found.max_length:
        return f"text, at most {found.max_length} characters"
    return "text, not empty" if found.min_length else "text"


def _lengths(found: Any) -> str:  # noqa: ANN401
    least, most = found.min_length, found.max_length
    if least and most:
        return f" of {least} to {most}"
    if most:
        return f" of at most {most}"
    return f" of at least {least}" if least else ""


def _inside(described: str) -> str:
    """Give a description as it goes on after a colon."""
    text = described.removesuffix(".")
    return text[0].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def has_words(wanted: Any) -> bool:  # noqa: ANN401
    """Whether all that a type asks for is in its words: a pattern alone says nothing to people."""
    return _worded(inspect.type_info(wanted), described=False)


def _worded(found: Any, *, described: bool) -> bool:  # noqa: ANN401
    match found:
        case inspect.Metadata():
            known = bool((found.extra_json_schema or {}).get("description"))
            return _worded(found.type, described=described or known)
        case inspect.UnionType(types=types):
            return all(_worded(one, described=described) for one in types)
        case inspect.StrType(pattern=pattern):
            return described or pattern is None
        case inspect.VarTupleType() | inspect.ListType():
            return _worded(found.item_type, described=False)
        case inspect.DictType():
            parts = (found.key_type, found.value_type)
            return all(_worded(one, described=False) for one in parts)
        case inspect.StructType(fields=fields):
            return all(_worded(one.type, described=False) for one in fields)
    return True


def default_of(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401
    """Give the default of a field; `NODEFAULT` where there is none."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def written(value: Any) -> str:  # noqa: ANN401
    """Give a default as a person reads it."""
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if value is None or (isinstance(value, msgspec.Struct) and not _set(value)):
        return "none"
    if value in ("", (), {}):
        return "empty" if value == "" else "none"
    if isinstance(value, tuple):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value)}`"


def _set(value: msgspec.Struct) -> bool:
    return any(getattr(value, name) is not None for name in value.__struct_fields__)
